//! What risk control and lost recordings tell, by the checked-in schemas.

use axbridge_app::{
    callbacks::EventFilter,
    calls::{Admission, Arrival, CallEnd},
    risk::FreezeRequest,
};
use axbridge_domain::{
    account::AccountId,
    call::{CallResult, ReleasedBy},
    phone::PhoneNumber,
    risk::{FreezeTime, Restriction},
};
use serde_json::{Value, json};

use crate::{
    calls::{check, house_and_receiver},
    house::House,
};

fn request(number: PhoneNumber, restriction: Restriction) -> FreezeRequest {
    FreezeRequest {
        account: AccountId::DEFAULT,
        number,
        restriction,
        freeze_time: FreezeTime::Days30,
        service_type: 200,
        sub_service_type: 201,
        remark: "complaints".to_owned(),
        made_by: "AK1".to_owned(),
    }
}

/// A call by A that is refused; its result.
async fn refused_call(house: &House, index: u64) -> CallResult {
    let binding = house.bind(index).await;
    let b = binding.terms.b.expect("an AXB");
    let frozen = house.app.freeze(request(b, Restriction::BCalledByA)).await;
    frozen.expect("it is frozen");
    let arrival = Arrival {
        x: binding.x,
        caller: Some(binding.terms.a),
        extension: None,
        trunk: "test".to_owned(),
    };
    let (_, result) = house.refuses(&arrival).await;
    let freed = house
        .app
        .unfreeze(AccountId::DEFAULT, b, Restriction::BCalledByA);
    assert!(freed.await.expect("it is freed"));
    result
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_number_is_told_of_as_are_the_calls_that_it_forbids_and_its_freeing() {
    let (house, receiver) = house_and_receiver().await;
    let result = refused_call(&house, 0).await;
    assert_eq!(result, CallResult::AToBCalleeRestricted);
    house.all_delivered().await;
    let taken = check(&receiver);
    let risk: Vec<&Value> = taken
        .iter()
        .filter(|one| one.body.get("controlType").is_some())
        .map(|one| &one.body)
        .collect();
    let [frozen, freed] = risk[..] else {
        panic!("{risk:?}");
    };
    for (body, word, status) in [(frozen, "frozen", 2), (freed, "unFrozen", 0)] {
        assert_eq!(body["controlType"], word);
        assert_eq!(body["status"], status);
        assert_eq!(body["customerNumber"], "13900000000");
        assert_eq!(
            (&body["type"], &body["treatmentId"]),
            (&json!(7), &json!("12"))
        );
    }
    assert_eq!(frozen["sourceId"], freed["sourceId"]);
    let record = taken.iter().find(|one| one.body["messageType"] == json!(2));
    let record = &record.expect("a record").body;
    assert_eq!(
        (&record["callResult"], &record["releaseType"]),
        (&json!(23), &json!(0))
    );
    let log = house.app.event_log(EventFilter::default(), 50).await;
    let log = log.expect("a log");
    assert!(log.iter().all(|row| row.deliveries.len() == 1), "{log:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recording_that_is_lost_is_told_of_with_the_reason() {
    let (house, receiver) = house_and_receiver().await;
    let binding = house.bind(1).await;
    let arrival = Arrival {
        x: binding.x,
        caller: Some(binding.terms.a),
        extension: None,
        trunk: "test".to_owned(),
    };
    let Ok(Admission::Connect(plan)) = house.app.admit_call(&arrival).await else {
        panic!("it is refused");
    };
    house.app.call_answered(plan.call).await.expect("noted");
    let end = CallEnd {
        result: CallResult::Connected,
        released_by: ReleasedBy::Caller,
        verification: None,
    };
    house.app.call_ended(plan.call, end).await.expect("noted");
    let lost = house.app.recording_failed(plan.call, "the disk is full");
    lost.await.expect("noted");
    house.all_delivered().await;
    let taken = check(&receiver);
    let mut told = taken.iter();
    let told = told.find(|one| one.body.get("recordingEvent").is_some());
    let told = told.expect("a message");
    assert_eq!(told.body["recordingEvent"], "failed");
    assert_eq!(told.body["reason"], "the disk is full");
    assert_eq!(told.body["callId"], plan.call.to_string());
    assert_eq!(told.body["userData"], "pair 1");
    assert!(told.body.get("messageType").is_none());
}
