//! A server that is asked to stop while people talk.

use std::time::Duration;

use axbridge_voice::phone::{Ended, Script, Stage};
use serde_json::json;

use crate::house::{A_HZ, B_HZ, House, report, rings, until_heard};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_talk_goes_on_while_new_calls_are_turned_away() {
    let mut house = House::start().await;
    house.bind(json!({}));
    let mut out = house.a_calls(Script::tone(A_HZ)).await;
    let incoming = rings(&house.b).await;
    assert!(out.reaches(Stage::Answered).await);
    house.server.terminate();
    let sip = house.server.sip();
    let turned_away = async || {
        let mut call = house
            .a
            .call(sip, crate::house::A, crate::house::X, Script::default())
            .await;
        if call.reaches(Stage::Answered).await {
            call.hang_up().await;
        }
        report(call).await.ended == Ended::Refused(503)
    };
    // The signal takes a moment to arrive; a call that gets through before is hung up.
    let waiting = tokio::time::timeout(Duration::from_secs(20), async {
        while !turned_away().await {}
    });
    waiting.await.expect("new calls are turned away");
    until_heard(&out, B_HZ).await;
    out.hang_up().await;
    assert_eq!(report(out).await.ended, Ended::HungUp);
    report(incoming).await;
    assert!(house.server.ended().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_talks_for_too_long_is_hung_up() {
    let mut house = House::with(&[("VOICE__DRAIN_S", "1")]).await;
    house.bind(json!({}));
    let mut out = house.a_calls(Script::tone(A_HZ)).await;
    let incoming = rings(&house.b).await;
    assert!(out.reaches(Stage::Answered).await);
    house.server.terminate();
    assert_eq!(report(out).await.ended, Ended::ByOther);
    assert_eq!(report(incoming).await.ended, Ended::ByOther);
    assert!(house.server.ended().await.success());
}
