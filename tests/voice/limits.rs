//! Limits of calls.

use std::time::Duration;

use axbridge_voice::phone::{Ended, Script, Stage};
use serde_json::json;

use crate::house::{A_HZ, House, report, rings};

fn set_terms(house: &House, field: &str, value: u64) {
    let accounts = house.server.call("ListAccounts", json!({}));
    let account = accounts["Records"][0]["AccountId"].clone();
    house
        .server
        .call("UpdateAccount", json!({"AccountId": account, field: value}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_has_no_more_calls_at_once_than_it_may() {
    let house = House::start().await;
    set_terms(&house, "CallsMax", 1);
    house.bind(json!({}));
    let mut first = house.a_calls(Script::tone(A_HZ)).await;
    let incoming = rings(&house.b).await;
    assert!(first.reaches(Stage::Answered).await);
    let second = report(house.a_calls(Script::default()).await).await;
    assert!(
        matches!(second.ended, Ended::Refused(486 | 503)),
        "{:?}",
        second.ended
    );
    first.hang_up().await;
    report(first).await;
    report(incoming).await;
    let mut third = house.a_calls(Script::tone(A_HZ)).await;
    assert!(third.reaches(Stage::Answered).await, "there is room again");
    third.hang_up().await;
    report(third).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn talk_ends_when_the_accounts_time_is_up() {
    let house = House::start().await;
    set_terms(&house, "TalkSecondsMax", 2);
    let sub_id = house.bind(json!({}));
    let out = report(house.a_calls(Script::tone(A_HZ)).await).await;
    let incoming = report(rings(&house.b).await).await;
    assert_eq!(
        (out.ended, incoming.ended),
        (Ended::ByOther, Ended::ByOther)
    );
    assert!(
        out.talked >= Duration::from_millis(1_900),
        "{:?}",
        out.talked
    );
    let record = house.record(&sub_id).await;
    assert_eq!(record["ReleaseType"], 0, "the platform ended it: {record}");
}
