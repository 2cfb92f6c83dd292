//! From a message to its body.

use axbridge_app::callbacks::message::{
    BindingMoment, LostRecording, Message, NumberNotice, RecordingNotice, RiskNotice,
};
use axbridge_domain::{
    binding::Binding,
    city::CityCode,
    inventory::NumberState,
    phone::{PhoneKind, PhoneNumber},
    time::Timestamp,
};
use serde_json::{Map, Value, json};

use super::calls::{record, status};
use crate::{actions::china_time, answer};

/// `serviceType` of privacy numbers.
pub(super) const PRIVACY_NUMBERS: i64 = 200;

/// The end of what has none, as `expiryTime` must not be empty.
const FOR_GOOD: &str = "2099-12-31 23:59:59";

/// The body of a message: a JSON object, UTF-8.
#[must_use]
pub fn render(message: &Message) -> Vec<u8> {
    let body = match message {
        Message::CallStatus { call, moment, at } => status(call, *moment, *at),
        Message::CallRecord { call, at } => record(call, *at),
        Message::Recording(notice) => recording(notice),
        Message::RecordingFailed(lost) => recording_failed(lost),
        Message::NumberStatus(notice) => number_status(notice),
        Message::Risk(notice) => risk(notice),
        Message::Binding {
            binding,
            change,
            at,
        } => binding_event(binding, *change, *at),
    };
    body.to_string().into_bytes()
}

/// A body in the making.
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    pub(super) fn new() -> Self {
        Self(Map::new())
    }

    pub(super) fn put(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.to_owned(), value.into());
    }

    pub(super) fn done(self) -> Value {
        Value::Object(self.0)
    }
}

/// A number in clear; empty without one.
pub(super) fn party(number: Option<PhoneNumber>) -> Value {
    number.map_or_else(|| json!(""), answer::number)
}

/// A client's text; empty without one.
pub(super) fn said(text: Option<&String>) -> Value {
    json!(text.map(String::as_str).unwrap_or_default())
}

/// Unix seconds as text.
pub(super) fn seconds(at: Timestamp) -> Value {
    json!(at.unix_s().to_string())
}

/// The two-digit code of a city's province; empty without a city.
pub(super) fn province(city: Option<CityCode>) -> Value {
    json!(
        city.map(axbridge_app::records::province_code)
            .unwrap_or_default()
    )
}

fn recording(notice: &RecordingNotice) -> Value {
    let mut body = Fields::new();
    body.put("accountId", notice.account.to_string());
    body.put("callId", notice.call.to_string());
    body.put("serviceType", PRIVACY_NUMBERS);
    body.put("audioRecordUrl", notice.mixed_url.clone());
    body.put("audioRecordLeftUrl", notice.left_url.clone());
    body.put("audioRecordRightUrl", notice.right_url.clone());
    body.put("messageType", 3);
    body.put("audioRecordModel", 1);
    body.put("userData", said(notice.user_data.as_ref()));
    body.done()
}

fn recording_failed(lost: &LostRecording) -> Value {
    let mut body = Fields::new();
    body.put("accountId", lost.account.to_string());
    body.put("callId", lost.call.to_string());
    body.put("serviceType", PRIVACY_NUMBERS);
    body.put("recordingEvent", "failed");
    body.put("eventTime", seconds(lost.at));
    body.put("reason", lost.why.clone());
    body.put("userData", said(lost.user_data.as_ref()));
    body.done()
}

fn number_status(notice: &NumberNotice) -> Value {
    let (status, reason) = match notice.state {
        NumberState::Enabled => (1, "enabled"),
        NumberState::UserDisabled => (2, "disabled by the account"),
        NumberState::PlatformDisabled => (3, "disabled by the platform"),
        NumberState::Deregistered => (4, "taken out of its pool"),
    };
    let mut body = Fields::new();
    body.put("accountId", notice.account.to_string());
    body.put("number", answer::number(notice.number));
    body.put("numberPoolNo", notice.pool.to_string());
    body.put("serviceType", PRIVACY_NUMBERS);
    body.put("subServiceType", notice.kind.code());
    body.put(
        "numberType",
        i64::from(notice.number.kind() == PhoneKind::Landline),
    );
    body.put("numberStatus", status);
    body.put("reason", reason);
    body.done()
}

fn risk(notice: &RiskNotice) -> Value {
    let (entry, made) = (&notice.entry, &notice.entry.made);
    let area = notice.city.map(CityCode::area);
    let expiry = if notice.frozen {
        entry.expires_at
    } else {
        notice.at
    };
    let expiry = if expiry == Timestamp::MAX {
        FOR_GOOD.to_owned()
    } else {
        china_time(expiry)
    };
    let mut body = Fields::new();
    body.put("accountId", made.account.to_string());
    body.put("businessLineId", made.account.to_string());
    body.put("serviceType", PRIVACY_NUMBERS);
    body.put("subServiceType", made.sub_service_type);
    body.put("city", area.map(|it| it.city_zh).unwrap_or_default());
    body.put("cityCode", answer::city(notice.city));
    body.put(
        "province",
        area.map(|it| it.province_zh).unwrap_or_default(),
    );
    body.put("provinceCode", province(notice.city));
    body.put(
        "controlType",
        if notice.frozen { "frozen" } else { "unFrozen" },
    );
    body.put("creatorId", made.made_by.clone());
    body.put("creatorName", made.made_by.clone());
    body.put("customerNumber", answer::number(made.number));
    body.put("startTime", china_time(entry.started_at));
    body.put("expiryTime", expiry);
    body.put("highRisk", 0);
    body.put("reasonId", "");
    body.put("remark", made.remark.clone());
    body.put("sourceId", made.id.to_string());
    body.put("status", if notice.frozen { 2 } else { 0 });
    body.put("treatmentId", made.freeze_time.code().to_string());
    body.put("treatmentName", made.freeze_time.name());
    body.put("ruleCode", "");
    body.put("ruleName", "");
    body.put("type", made.restriction.code());
    body.done()
}

fn binding_event(binding: &Binding, change: BindingMoment, at: Timestamp) -> Value {
    let terms = &binding.terms;
    let ends = binding.ended_at.unwrap_or(terms.expires_at);
    let mut body = Fields::new();
    body.put("accountId", binding.account.to_string());
    body.put("subscriptionId", binding.sub_id.to_string());
    body.put("eventTime", seconds(at));
    body.put("bindingEvent", change.name());
    body.put("numberPoolNo", binding.pool.to_string());
    body.put("phoneNoX", answer::number(binding.x));
    body.put("phoneNoXCityCode", answer::city(binding.x_city));
    body.put("phoneNoA", answer::number(terms.a));
    body.put("phoneNoB", party(terms.b));
    body.put("expireTime", seconds(ends));
    body.put("outId", said(terms.out_id.as_ref()));
    body.put("userData", said(terms.user_data.as_ref()));
    body.done()
}
