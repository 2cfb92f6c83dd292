//! Bodies about calls.

use axbridge_app::records::{CallMoment, CallView};
use axbridge_domain::{binding::DisplayType, city::CityCode, phone::PhoneNumber, time::Timestamp};
use serde_json::{Value, json};

use super::body::{Fields, PRIVACY_NUMBERS, party, province, said, seconds};
use crate::answer;

/// Where all numbers are.
const COUNTRY: &str = "CN";

/// A moment of a call.
pub(super) fn status(view: &CallView, moment: CallMoment, at: Timestamp) -> Value {
    let call = &view.call;
    let binding = call.binding.as_ref();
    let expected: Vec<u8> = CallMoment::expected(call)
        .iter()
        .map(|moment| moment.code())
        .collect();
    let mut body = Fields::new();
    body.put("accountId", call.account.to_string());
    body.put("callId", call.id.to_string());
    body.put("serviceType", PRIVACY_NUMBERS);
    body.put("caller", party(call.caller));
    body.put("callee", party(call.callee));
    body.put("eventTime", seconds(at));
    body.put("eventType", moment.code());
    body.put("allEventType", expected);
    body.put("phoneNoX", answer::number(call.x));
    body.put("phoneNoA", party(binding.map(|it| it.a)));
    body.put("phoneNoB", party(binding.and_then(|it| it.b)));
    body.put("subscriptionId", subscription(view));
    body.put("messageType", 1);
    body.put(
        "userData",
        said(binding.and_then(|it| it.user_data.as_ref())),
    );
    body.done()
}

/// The record of a call.
pub(super) fn record(view: &CallView, at: Timestamp) -> Value {
    let call = &view.call;
    let binding = call.binding.as_ref();
    let mut body = Fields::new();
    body.put("accountId", call.account.to_string());
    body.put("callId", call.id.to_string());
    body.put("serviceType", PRIVACY_NUMBERS);
    body.put("subServiceType", call.kind.code());
    body.put("numberPoolNo", call.pool.to_string());
    put_place(&mut body, "caller", call.caller, view.caller_city);
    put_place(&mut body, "callee", call.callee, view.callee_city);
    body.put("beginCallTime", call.begun_at.unix_ms());
    for (name, moment) in [
        ("ringTime", call.ringing_at),
        ("startTime", call.answered_at),
    ] {
        if let Some(moment) = moment {
            body.put(name, moment.unix_ms());
        }
    }
    body.put("endTime", call.ended_at.unwrap_or(at).unix_ms());
    let end = call.end.as_ref();
    body.put("releaseType", end.map_or(0, |end| end.released_by.code()));
    body.put("callDuration", call.talk_ms() / 1000);
    body.put("callResult", end.map_or(0, |end| end.result.code()));
    body.put("audioRecordFlag", u8::from(call.record));
    body.put("cdrCreateTime", at.unix_ms());
    if let Some(verification) = end.and_then(|end| end.verification.as_ref()) {
        body.put("verifyVoiceCode", verification.voice_code.clone());
        body.put("verifyCorrectAnwser", verification.correct.clone());
        body.put("verifyAnwser", verification.answer.clone());
        body.put("verifyResult", u8::from(verification.passed));
    }
    body.put("subscriptionId", subscription(view));
    put_place(&mut body, "phoneNoX", Some(call.x), call.x_city);
    body.put("phoneNoA", party(binding.map(|it| it.a)));
    body.put("phoneNoB", party(binding.and_then(|it| it.b)));
    body.put("secretCallType", call.direction.code());
    body.put("messageType", 2);
    let display = binding.map_or(DisplayType::BothSeeX, |it| it.display);
    body.put("callDisplayType", display.code());
    body.put("cdrType", 1);
    body.put(
        "userData",
        said(binding.and_then(|it| it.user_data.as_ref())),
    );
    body.put("outId", said(binding.and_then(|it| it.out_id.as_ref())));
    body.done()
}

fn subscription(view: &CallView) -> Value {
    let binding = view.call.binding.as_ref();
    json!(binding.map(|it| it.sub_id.to_string()).unwrap_or_default())
}

/// A number with its country, province and city.
fn put_place(body: &mut Fields, name: &str, number: Option<PhoneNumber>, city: Option<CityCode>) {
    let country = number.map(|_| COUNTRY).unwrap_or_default();
    body.put(name, party(number));
    body.put(&format!("{name}CountryIsoCode"), country);
    body.put(&format!("{name}ProvinceCode"), province(city));
    body.put(&format!("{name}CityCode"), answer::city(city));
}
