//! What a call tells, from its start to its record, by the checked-in schemas.

use std::collections::HashMap;

use axbridge_api::callbacks::misfits;
use axbridge_app::calls::{Admission, Arrival, CallEnd};
use axbridge_domain::call::{CallResult, ReleasedBy};
use serde_json::{Value, json};

use crate::{
    authority::Authority,
    house::{House, quick, x},
    receiver::{Mood, Receiver, Taken},
};

/// The schema in the repository for a message.
fn schema_of(taken: &Taken) -> Value {
    let kind = match taken.body["messageType"].as_i64() {
        Some(1) => "call_status",
        Some(2) => "call_record",
        Some(3) => "recording",
        _ if taken.body.get("bindingEvent").is_some() => "binding",
        _ if taken.body.get("controlType").is_some() => "risk",
        _ if taken.body.get("recordingEvent").is_some() => "recording_failed",
        _ => "number_status",
    };
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reference/callbacks");
    let text = std::fs::read_to_string(format!("{folder}/{kind}.schema.json"));
    serde_json::from_str(&text.expect("it is checked in")).expect("JSON")
}

pub(crate) fn check(receiver: &Receiver) -> Vec<Taken> {
    let (firsts, _) = receiver.first_takings();
    for taken in &firsts {
        let wrong = misfits(&schema_of(taken), &taken.body);
        assert_eq!(wrong, Vec::<String>::new(), "{:#}", taken.body);
    }
    receiver.assert_order();
    firsts
}

pub(crate) async fn house_and_receiver() -> (House, Receiver) {
    let authority = Authority::new();
    let receiver = Receiver::start("127.0.0.1", authority.acceptor(&["localhost"])).await;
    let house = House::open(quick()).await;
    let url = receiver.url("localhost");
    house.subscribe(&url, Some(authority.pem())).await;
    (house, receiver)
}

/// Each call's messages: event types of status, then 0 for the record.
fn stories(taken: &[Taken]) -> HashMap<String, Vec<i64>> {
    let mut stories: HashMap<String, Vec<i64>> = HashMap::new();
    for one in taken.iter().filter(|one| one.body.get("callId").is_some()) {
        let step = one.body["eventType"].as_i64().unwrap_or(0);
        stories.entry(one.subject()).or_default().push(step);
    }
    stories
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_tells_its_four_moments_and_its_record_in_order_past_a_bad_receiver() {
    let (house, receiver) = house_and_receiver().await;
    receiver.behave(|number| match number % 3 {
        0 => Mood::Refuse(502),
        1 => Mood::Reset,
        _ => Mood::Take,
    });
    let mut calls = Vec::new();
    for index in 0..6 {
        let binding = house.bind(index).await;
        let arrival = Arrival {
            x: binding.x,
            caller: Some(binding.terms.a),
            extension: None,
            trunk: "test".to_owned(),
        };
        let admitted = house.app.admit_call(&arrival).await.expect("it is decided");
        let Admission::Connect(plan) = admitted else {
            panic!("{admitted:?}");
        };
        house.app.call_ringing(plan.call).await.expect("noted");
        house.app.call_answered(plan.call).await.expect("noted");
        let end = CallEnd {
            result: CallResult::Connected,
            released_by: ReleasedBy::Callee,
            verification: None,
        };
        house.app.call_ended(plan.call, end).await.expect("noted");
        calls.push(plan.call.to_string());
    }
    house.all_delivered().await;
    let taken = check(&receiver);
    let stories = stories(&taken);
    for call in &calls {
        assert_eq!(stories[call], [1, 2, 3, 4, 0], "{call}");
    }
    let record = taken
        .iter()
        .find(|one| one.body["messageType"] == json!(2))
        .expect("a record");
    assert_eq!(record.body["callResult"], 1);
    assert_eq!(record.body["releaseType"], 2);
    assert_eq!(record.body["secretCallType"], 1);
    assert_eq!(record.body["caller"], record.body["phoneNoA"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_without_a_binding_and_changes_of_numbers_fit_their_schemas() {
    let (house, receiver) = house_and_receiver().await;
    let arrival = Arrival {
        x: x(0, 3),
        caller: None,
        extension: None,
        trunk: "test".to_owned(),
    };
    let (call, _) = house.refuses(&arrival).await;
    let account = axbridge_domain::account::AccountId::DEFAULT;
    for enabled in [false, true] {
        let set = house
            .app
            .set_numbers_enabled(account, &[x(0, 5)], enabled, false)
            .await;
        set.expect("it is set");
    }
    house.live_and_die(0).await;
    house.all_delivered().await;
    let taken = check(&receiver);
    let record = taken.iter().find(|one| one.body["messageType"] == json!(2));
    let record = &record.expect("a record").body;
    assert_eq!(
        (&record["callResult"], &record["subscriptionId"]),
        (&json!(13), &json!(""))
    );
    let statuses: Vec<&Value> = taken
        .iter()
        .filter(|one| one.body.get("number").is_some())
        .map(|one| &one.body["numberStatus"])
        .collect();
    assert_eq!(statuses, [&json!(2), &json!(1)]);
    assert_eq!(stories(&taken)[&call.to_string()], [1, 4, 0]);
}
