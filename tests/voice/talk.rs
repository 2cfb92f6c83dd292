//! Calls that become talk.

use axbridge_voice::phone::{Ended, Script, Stage};
use serde_json::json;

use crate::house::{A, A_HZ, B, B_HZ, HEARD, House, STRANGER, X, report, rings, until_heard};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_and_b_reach_each_other_and_both_see_x() {
    let house = House::start().await;
    house.bind(json!({}));
    for (from, caller_hz, caller, callee, callee_hz, rung) in [
        (A, A_HZ, &house.a, &house.b, B_HZ, B),
        (B, B_HZ, &house.b, &house.a, A_HZ, A),
    ] {
        let script = Script::tone(caller_hz);
        let mut out = caller.call(house.server.sip(), from, X, script).await;
        let incoming = rings(callee).await;
        assert_eq!((incoming.dialled(), incoming.caller_shown()), (rung, X));
        assert!(out.reaches(Stage::Answered).await);
        until_heard(&out, callee_hz).await;
        until_heard(&incoming, caller_hz).await;
        out.hang_up().await;
        let (out, incoming) = (report(out).await, report(incoming).await);
        assert_eq!((out.ended, incoming.ended), (Ended::HungUp, Ended::ByOther));
        assert!(out.heard.tone(callee_hz) >= HEARD);
        assert!(out.heard.tone(caller_hz) < HEARD, "nobody hears himself");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_reaches_the_a_of_an_ax() {
    let house = House::start().await;
    let sub_id = house.bind(json!({"PhoneNoA": B, "PhoneNoB": null}));
    let script = Script::tone(A_HZ);
    let mut out = house.a.call(house.server.sip(), STRANGER, X, script).await;
    let incoming = rings(&house.b).await;
    assert_eq!((incoming.dialled(), incoming.caller_shown()), (B, X));
    assert!(out.reaches(Stage::Answered).await);
    incoming.hang_up().await;
    assert_eq!(report(out).await.ended, Ended::ByOther);
    assert_eq!(report(incoming).await.ended, Ended::HungUp);
    let record = house.record(&sub_id).await;
    assert_eq!(record["CallResult"], 1, "{record}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn digits_cross_to_the_other_side() {
    let house = House::start().await;
    house.bind(json!({}));
    let after = std::time::Duration::from_millis(500);
    let out = house
        .a_calls(Script::default().keying("13579#", after, after))
        .await;
    let incoming = rings(&house.b).await;
    while incoming.heard().await.expect("they talk").digits.len() < 6 {
        tokio::time::sleep(crate::house::POLL).await;
    }
    out.hang_up().await;
    assert_eq!(report(incoming).await.heard.digits, "13579#");
    assert_eq!(report(out).await.ended, Ended::HungUp);
}
