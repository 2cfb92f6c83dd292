//! A call as the query actions show it.

use axbridge_app::records::{CallView, province_code};
use axbridge_domain::city::CityCode;
use axbridge_domain::phone::PhoneNumber;
use axbridge_domain::time::Timestamp;
use serde_json::{Map, Value, json};

use super::pool_records::PRIVACY_NUMBERS;
use crate::action::{Field, FieldKind};
use crate::answer;

/// China, in which all numbers are.
const COUNTRY: &str = "CN";
/// A message about a call that is over (`MessageType`, vendor doc 6358/173360).
const CALL_RECORD: u8 = 2;
/// A record of a call and not of a short message (`CdrType`, vendor doc 6358/173382).
const VOICE: u8 = 1;

const fn text(name: &'static str, doc: &'static str) -> Field {
    Field::new(name, FieldKind::Text, doc)
}

const fn integer(name: &'static str, doc: &'static str) -> Field {
    Field::new(name, FieldKind::Integer, doc)
}

/// What the records of both query actions have.
macro_rules! shared_fields {
    ($($more:expr,)*) => {
        &[
            text("AccountId", "Whose call it is."),
            text("CallId", "The call."),
            integer("ServiceType", "200, privacy numbers."),
            integer("SubServiceType", "The kind of the pool, such as 201."),
            text("Caller", "Who called, in clear; empty when the number was withheld."),
            text("CallerCountryIsoCode", "`CN`; empty without a number."),
            text("CallerProvinceCode", "Two digits by GB/T 2260; empty when it is not known."),
            text("CallerCityCode", "Area code; empty when it is not known."),
            text("Callee", "Who was to ring, in clear; empty when nobody was."),
            text("CalleeCountryIsoCode", "`CN`; empty without a number."),
            text("CalleeProvinceCode", "As of the caller."),
            text("CalleeCityCode", "As of the caller."),
            integer("BeginCallTime", "When it arrived, in Unix milliseconds."),
            integer("EndTime", "When it ended, in Unix milliseconds."),
            integer("ReleaseType", "Who ended it: 0 the platform, 1 the caller, 2 the callee."),
            integer("CallDuration", "Whole seconds that the two were connected."),
            integer("CallResult", "How it came out: [call results](call-results.md)."),
            integer("AudioRecordFlag", "1: recorded, a track for each; 0: not."),
            integer("CdrCreateTime", "When the record was made, in Unix milliseconds."),
            text("UserData", "The binding's, as it was when the call arrived."),
            text("SubscriptionId", "The binding that decided it; empty when none did."),
            $($more,)*
        ]
    };
}

/// The fields of `QueryCallRecordMsg`.
pub(super) const FIELDS: &[Field] = shared_fields![
    integer("CallType", "0: for double calls."),
    text("CallerShowNumber", "Empty: for double calls."),
    text("CallerShowNumberPoolNo", "Empty: for double calls."),
    text("CalleeShowNumber", "Empty: for double calls."),
    text("CalleeShowNumberPoolNo", "Empty: for double calls."),
    integer("CallerDuration", "0: for double calls."),
];

/// The fields of `QueryCallRecordMsgV2`.
pub(super) const FIELDS_V2: &[Field] = shared_fields![
    integer(
        "RingTime",
        "When the callee's phone rang, in Unix milliseconds."
    )
    .or_absent(),
    integer("StartTime", "When it was answered, in Unix milliseconds.").or_absent(),
    text("NumberPoolNo", "The pool of X."),
    text("PhoneNoX", "The number that was dialled."),
    text("PhoneNoXCountryIsoCode", "`CN`."),
    text(
        "PhoneNoXProvinceCode",
        "Two digits by GB/T 2260; empty when X has no city."
    ),
    text("PhoneNoXCityCode", "Area code; empty when X has no city."),
    text("PhoneNoA", "A of the binding, in clear."),
    text("PhoneNoB", "B of the binding, in clear; empty for an AX."),
    text("PhoneNoY", "Empty: for AXYB."),
    text("PhoneNoE", "Empty: for AXNE."),
    text("OutId", "The binding's, as it was when the call arrived."),
    integer(
        "SecretCallType",
        "Which way: 1 A called, 2 B called, 3 anybody else."
    ),
    integer("CallDisplayType", "Of the binding.").or_absent(),
    integer("CdrType", "1, a call."),
    integer("MessageType", "2, a call record."),
    text(
        "VerifyVoiceCode",
        "The prompt that asked the caller; empty when none did."
    ),
    text("VerifyCorrectAnwser", "The digits that were right."),
    text("VerifyAnwser", "The digits that were keyed."),
    integer("VerifyResult", "1: they were right, 0: not.").or_absent(),
];

/// The fields of a record of `ListCalls`, in which calls that are not over lack what only the end
/// brings.
pub(super) const LISTED_FIELDS: &[Field] = &[
    text("AccountId", "Whose call it is."),
    text("CallId", "The call."),
    text("State", "`begun`, `ringing`, `talking` or `ended`."),
    text(
        "SubscriptionId",
        "The binding that decided it; empty when none did.",
    ),
    text("PhoneNoX", "The number that was dialled."),
    text(
        "Caller",
        "Who called, in clear; empty when the number was withheld.",
    ),
    text(
        "Callee",
        "Who was to ring, in clear; empty when nobody was.",
    ),
    integer(
        "SecretCallType",
        "Which way: 1 A called, 2 B called, 3 anybody else.",
    ),
    integer("BeginCallTime", "When it arrived, in Unix milliseconds."),
    integer(
        "RingTime",
        "When the callee's phone rang, in Unix milliseconds.",
    )
    .or_absent(),
    integer("StartTime", "When it was answered, in Unix milliseconds.").or_absent(),
    integer("EndTime", "When it ended, in Unix milliseconds.").or_absent(),
    integer("CallDuration", "Whole seconds that the two were connected."),
    integer(
        "CallResult",
        "How it came out: [call results](call-results.md).",
    )
    .or_absent(),
    text("CallResultName", "The same as a word.").or_absent(),
    integer(
        "ReleaseType",
        "Who ended it: 0 the platform, 1 the caller, 2 the callee.",
    )
    .or_absent(),
    text("OutId", "The binding's, as it was when the call arrived."),
    text("Trunk", "The trunk it came by."),
    text("Node", "The node that carried it."),
];

/// The record of a call that is over for `QueryCallRecordMsg`.
pub(super) fn shown(view: &CallView) -> Value {
    let mut record = shared(view);
    let empty = |name: &str| (name.to_owned(), json!(""));
    record.insert("CallType".to_owned(), json!(0));
    record.insert("CallerDuration".to_owned(), json!(0));
    record.extend([
        empty("CallerShowNumber"),
        empty("CallerShowNumberPoolNo"),
        empty("CalleeShowNumber"),
        empty("CalleeShowNumberPoolNo"),
    ]);
    Value::Object(record)
}

/// The record of a call that is over for `QueryCallRecordMsgV2`.
pub(super) fn shown_v2(view: &CallView) -> Value {
    let mut record = shared(view);
    let call = &view.call;
    let binding = call.binding.as_ref();
    let verification = call.end.as_ref().and_then(|end| end.verification.as_ref());
    put_moment(&mut record, "RingTime", call.ringing_at);
    put_moment(&mut record, "StartTime", call.answered_at);
    let mut put = |name: &str, value: Value| {
        record.insert(name.to_owned(), value);
    };
    put("NumberPoolNo", json!(call.pool.to_string()));
    put("PhoneNoX", answer::number(call.x));
    put("PhoneNoXCountryIsoCode", json!(COUNTRY));
    put("PhoneNoXProvinceCode", province(call.x_city));
    put("PhoneNoXCityCode", answer::city(call.x_city));
    put("PhoneNoA", number(binding.map(|binding| binding.a)));
    put("PhoneNoB", number(binding.and_then(|binding| binding.b)));
    put("PhoneNoY", json!(""));
    put("PhoneNoE", json!(""));
    put("OutId", said(binding.and_then(|it| it.out_id.as_ref())));
    put("SecretCallType", json!(call.direction.code()));
    if let Some(binding) = binding {
        put("CallDisplayType", json!(binding.display.code()));
    }
    put("CdrType", json!(VOICE));
    put("MessageType", json!(CALL_RECORD));
    put(
        "VerifyVoiceCode",
        said(verification.map(|it| &it.voice_code)),
    );
    put(
        "VerifyCorrectAnwser",
        said(verification.map(|it| &it.correct)),
    );
    put("VerifyAnwser", said(verification.map(|it| &it.answer)));
    if let Some(verification) = verification {
        put("VerifyResult", json!(u8::from(verification.passed)));
    }
    Value::Object(record)
}

/// A record of `ListCalls`.
pub(super) fn listed(view: &CallView) -> Value {
    let call = &view.call;
    let binding = call.binding.as_ref();
    let mut record = Map::new();
    let mut put = |name: &str, value: Value| {
        record.insert(name.to_owned(), value);
    };
    put("AccountId", json!(call.account.to_string()));
    put("CallId", json!(call.id.to_string()));
    put("State", json!(view.state()));
    put("SubscriptionId", subscription(view));
    put("PhoneNoX", answer::number(call.x));
    put("Caller", number(call.caller));
    put("Callee", number(call.callee));
    put("SecretCallType", json!(call.direction.code()));
    put("CallDuration", json!(view.talk_s()));
    put("OutId", said(binding.and_then(|it| it.out_id.as_ref())));
    put("Trunk", json!(call.trunk));
    put("Node", json!(call.node));
    if let Some(end) = &call.end {
        put("CallResult", json!(end.result.code()));
        put("CallResultName", json!(end.result.name()));
        put("ReleaseType", json!(end.released_by.code()));
    }
    put_moment(&mut record, "BeginCallTime", Some(call.begun_at));
    put_moment(&mut record, "RingTime", call.ringing_at);
    put_moment(&mut record, "StartTime", call.answered_at);
    put_moment(&mut record, "EndTime", call.ended_at);
    Value::Object(record)
}

fn shared(view: &CallView) -> Map<String, Value> {
    let call = &view.call;
    let binding = call.binding.as_ref();
    let mut record = Map::new();
    let mut put = |name: &str, value: Value| {
        record.insert(name.to_owned(), value);
    };
    put("AccountId", json!(call.account.to_string()));
    put("CallId", json!(call.id.to_string()));
    put("ServiceType", json!(PRIVACY_NUMBERS));
    put("SubServiceType", json!(call.kind.code()));
    put("Caller", number(call.caller));
    put("CallerCountryIsoCode", country(call.caller));
    put("CallerProvinceCode", province(view.caller_city));
    put("CallerCityCode", answer::city(view.caller_city));
    put("Callee", number(call.callee));
    put("CalleeCountryIsoCode", country(call.callee));
    put("CalleeProvinceCode", province(view.callee_city));
    put("CalleeCityCode", answer::city(view.callee_city));
    put("CallDuration", json!(view.talk_s()));
    put("AudioRecordFlag", json!(u8::from(call.record)));
    put(
        "UserData",
        said(binding.and_then(|it| it.user_data.as_ref())),
    );
    put("SubscriptionId", subscription(view));
    if let Some(end) = &call.end {
        put("CallResult", json!(end.result.code()));
        put("ReleaseType", json!(end.released_by.code()));
    }
    put_moment(&mut record, "BeginCallTime", Some(call.begun_at));
    put_moment(&mut record, "EndTime", call.ended_at);
    put_moment(&mut record, "CdrCreateTime", call.ended_at);
    record
}

fn put_moment(record: &mut Map<String, Value>, name: &str, at: Option<Timestamp>) {
    if let Some(at) = at {
        record.insert(name.to_owned(), json!(at.unix_ms()));
    }
}

fn subscription(view: &CallView) -> Value {
    let binding = view.call.binding.as_ref();
    binding.map_or_else(|| json!(""), |binding| json!(binding.sub_id.to_string()))
}

fn number(number: Option<PhoneNumber>) -> Value {
    number.map_or_else(|| json!(""), answer::number)
}

fn country(number: Option<PhoneNumber>) -> Value {
    json!(number.map_or("", |_| COUNTRY))
}

fn province(city: Option<CityCode>) -> Value {
    json!(city.map(province_code).unwrap_or_default())
}

fn said(text: Option<&String>) -> Value {
    json!(text.map(String::as_str).unwrap_or_default())
}
