//! Rows of calls from before what people said and keyed was sealed.

use super::*;
use crate::model::{CallBinding, CallEnd, CallRecord, NewCall, Verification};
use axbridge_domain::call::{CallId, CallResult, Direction, ReleasedBy};

async fn only_call(store: &SqliteStore, call: CallId) -> CallRecord {
    let found = store.calls_by_ids(None, &[call]).await;
    found.expect("readable").pop().expect("it is there")
}

#[tokio::test]
async fn a_call_of_before_is_read_as_it_was() {
    let directory = tempfile::tempdir().expect("a directory");
    let keys = fresh_keys();
    let store = open(directory.path(), &keys, at(0)).await;
    fill(&store, PoolRules::default()).await;
    let placement = Placement::Named(x(0));
    let bound = store.bind(command(party(1), Some(party(2)), placement, 1), at(0));
    let binding = newly_bound(bound.await.expect("works"));
    let mut snapshot = CallBinding::from(&binding);
    snapshot.user_data = Some("order 7".to_owned());
    let call = NewCall {
        id: CallId::bound(binding.sub_id, 1),
        account: ACCOUNT,
        x: x(0),
        binding: Some(snapshot),
        caller: Some(party(1)),
        callee: Some(party(2)),
        direction: Direction::AToB,
        record: false,
        trunk: "carrier".to_owned(),
        node: "one".to_owned(),
    };
    store.begin_call(call.clone(), at(1)).await.expect("begun");
    let end = CallEnd {
        result: CallResult::Connected,
        released_by: ReleasedBy::Caller,
        verification: Some(Verification {
            voice_code: "ask".to_owned(),
            correct: "4711".to_owned(),
            answer: "4712".to_owned(),
            passed: true,
        }),
    };
    assert!(store.end_call(call.id, end, at(2)).await.expect("ended"));
    let sealed = only_call(&store, call.id).await;
    store.close().await;

    let as_before = "UPDATE call SET user_data = 'order 7', verify_voice = 'ask', \
         verify_correct = '4711', verify_answer = '4712', verify_passed = 1, \
         sealed_user_data = NULL, sealed_verification = NULL";
    behind(directory.path())
        .execute_batch(as_before)
        .expect("changed");
    let store = open(directory.path(), &keys, at(3)).await;
    assert_eq!(only_call(&store, call.id).await, sealed);
}
