//! Every body that is written fits its schema.

use axbridge_app::{
    callbacks::message::{BindingMoment, Message},
    calls::Verification,
    records::CallMoment,
};
use axbridge_domain::{account::AccountId, delivery::EventKind, time::Timestamp};
use serde_json::{Value, json};

use super::*;

const NOW: Timestamp = Timestamp::from_unix_ms(1_800_000_000_123);

fn written(message: &Message) -> Value {
    serde_json::from_slice(&render(message)).expect("JSON")
}

fn of(kind: EventKind) -> Message {
    sample(kind, AccountId::DEFAULT, NOW).expect("a sample")
}

fn check(kind: EventKind, message: &Message) -> Value {
    let body = written(message);
    let schema = schema_json(body_of(kind).expect("a body"));
    assert_eq!(misfits(&schema, &body), Vec::<String>::new(), "{body:#}");
    body
}

#[test]
fn every_kind_has_a_body_and_its_sample_fits_the_schema() {
    for kind in EventKind::ALL {
        check(kind, &of(kind));
    }
    assert_eq!(BODIES.len(), EventKind::ALL.len());
}

#[test]
fn the_checker_notices_what_does_not_fit() {
    let schema = schema_json(body_of(EventKind::CallStatus).expect("a body"));
    let body = written(&of(EventKind::CallStatus));
    for (name, value) in [
        ("eventTime", json!(1_800_000_000)),
        ("eventTime", json!("soon")),
        ("eventType", json!("4")),
        ("eventType", json!(5)),
        ("allEventType", json!(["1"])),
        ("accountId", json!(7)),
        ("surprise", json!("")),
    ] {
        let mut wrong = body.clone();
        wrong[name] = value;
        assert_eq!(misfits(&schema, &wrong).len(), 1, "{name}");
    }
    let mut short = body;
    short.as_object_mut().expect("an object").remove("callId");
    assert_eq!(misfits(&schema, &short), ["callId is missing"]);
}

#[test]
fn a_status_tells_seconds_as_text_and_which_events_will_come() {
    let Message::CallStatus { call, at, .. } = of(EventKind::CallStatus) else {
        panic!("a status");
    };
    for moment in CallMoment::ALL {
        let message = Message::CallStatus {
            call: call.clone(),
            moment,
            at,
        };
        let body = check(EventKind::CallStatus, &message);
        assert_eq!(body["eventTime"], "1800000000");
        assert_eq!(body["eventType"], moment.code());
        assert_eq!(body["allEventType"], json!([1, 2, 3, 4]));
        assert_eq!(body["messageType"], 1);
    }
}

#[test]
fn a_record_tells_milliseconds_and_the_vendors_spelling() {
    let Message::CallRecord { mut call, at } = of(EventKind::CallRecord) else {
        panic!("a record");
    };
    let end = call.call.end.as_mut().expect("it ended");
    end.verification = Some(Verification {
        voice_code: "ask.wav".to_owned(),
        correct: "42".to_owned(),
        answer: "41".to_owned(),
        passed: false,
    });
    let body = check(EventKind::CallRecord, &Message::CallRecord { call, at });
    assert_eq!(body["endTime"], 1_800_000_000_123_i64);
    assert_eq!(body["beginCallTime"], 1_799_999_940_123_i64);
    assert_eq!(body["callDuration"], 55);
    assert_eq!(body["verifyCorrectAnwser"], "42");
    assert_eq!(body["verifyAnwser"], "41");
    assert_eq!(body["verifyResult"], 0);
    assert_eq!(body["audioRecordFlag"], 1);
    assert_eq!(
        (&body["messageType"], &body["cdrType"]),
        (&json!(2), &json!(1))
    );
}

#[test]
fn a_call_without_a_binding_has_an_empty_subscription_and_no_times_that_were_not() {
    use axbridge_domain::call::{CallId, CallResult, Direction, ReleasedBy};
    let Message::CallRecord { mut call, at } = of(EventKind::CallRecord) else {
        panic!("a record");
    };
    let record = &mut call.call;
    record.id = CallId::unbound(record.x, 7);
    record.binding = None;
    (record.caller, record.callee) = (None, None);
    (record.ringing_at, record.answered_at) = (None, None);
    record.direction = Direction::Other;
    let end = record.end.as_mut().expect("it ended");
    (end.result, end.released_by) = (CallResult::NoBinding, ReleasedBy::Platform);
    let record = Message::CallRecord {
        call: call.clone(),
        at,
    };
    let body = check(EventKind::CallRecord, &record);
    for empty in [
        "subscriptionId",
        "phoneNoA",
        "phoneNoB",
        "caller",
        "callee",
        "userData",
    ] {
        assert_eq!(body[empty], "", "{empty}");
    }
    assert_eq!(body["callId"], "S0000_0000000000000007");
    assert_eq!(
        (&body["callResult"], &body["callDuration"]),
        (&json!(13), &json!(0))
    );
    assert!(body.get("ringTime").is_none() && body.get("startTime").is_none());
    let moment = CallMoment::Started;
    let status = Message::CallStatus { call, moment, at };
    let body = check(EventKind::CallStatus, &status);
    assert_eq!(body["allEventType"], json!([1, 4]));
}

#[test]
fn a_freeze_for_good_still_names_an_end() {
    let Message::Risk(mut notice) = of(EventKind::Risk) else {
        panic!("a freeze");
    };
    notice.entry.expires_at = Timestamp::MAX;
    let body = check(EventKind::Risk, &Message::Risk(notice.clone()));
    assert_eq!(body["expiryTime"], "2099-12-31 23:59:59");
    assert_eq!(body["startTime"], "2027-01-15 16:00:00");
    assert_eq!(
        (&body["controlType"], &body["status"]),
        (&json!("frozen"), &json!(2))
    );
    notice.frozen = false;
    let body = check(EventKind::Risk, &Message::Risk(notice));
    assert_eq!(body["expiryTime"], "2027-01-15 16:00:00");
    assert_eq!(
        (&body["controlType"], &body["status"]),
        (&json!("unFrozen"), &json!(0))
    );
}

#[test]
fn each_change_of_a_binding_has_its_word() {
    let Message::Binding { binding, at, .. } = of(EventKind::Binding) else {
        panic!("a binding");
    };
    for change in BindingMoment::ALL {
        let message = Message::Binding {
            binding: binding.clone(),
            change,
            at,
        };
        let body = check(EventKind::Binding, &message);
        assert_eq!(body["bindingEvent"], change.name());
        assert_eq!(body["subscriptionId"], binding.sub_id.to_string());
    }
}
