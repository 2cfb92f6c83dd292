//! Calls that nobody takes.

use std::time::Duration;

use axbridge_voice::phone::{Answer, Ended, Script, Stage};
use serde_json::json;

use crate::house::{A, A_HZ, House, STRANGER, X, report, rings};

/// An announcement is longer than this.
const SPOKEN: Duration = Duration::from_millis(500);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_on_an_axb_hears_why_and_rings_nobody() {
    let house = House::start().await;
    house.bind(json!({}));
    let out = house
        .a
        .call(house.server.sip(), STRANGER, X, Script::default())
        .await;
    let out = report(out).await;
    assert_eq!(out.ended, Ended::Refused(404));
    assert!(out.heard.loud() > SPOKEN, "{:?}", out.heard.loud());
    let record = house.record_where(json!({"PhoneNoX": X})).await;
    assert_eq!(record["CallResult"], 13, "{record}");
    assert_eq!(
        house.b.messages().len(),
        0,
        "B's carrier hears nothing of it"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ended_binding_is_refused_at_once_and_with_other_words() {
    let house = House::start().await;
    let sub_id = house.bind(json!({}));
    house.server.call(
        "UnbindAXB",
        json!({"NumberPoolNo": house.pool, "SubId": sub_id}),
    );
    let out = report(house.a_calls(Script::default()).await).await;
    assert_eq!(out.ended, Ended::Refused(404));
    let stranger = house
        .a
        .call(house.server.sip(), STRANGER, X, Script::default())
        .await;
    let stranger = report(stranger).await;
    assert!(out.heard.loud() > SPOKEN);
    assert_ne!(out.heard.loud(), stranger.heard.loud());
    assert_eq!(house.b.messages().len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_x_that_nobody_has_and_a_host_that_is_no_trunk_reach_nothing() {
    let house = House::start().await;
    let out = house
        .a
        .call(house.server.sip(), A, "17000000099", Script::default())
        .await;
    assert!(matches!(report(out).await.ended, Ended::Refused(_)));
    let outsider = crate::house::phone("127.0.0.4").await;
    let soon = Script {
        give_up_after: Some(Duration::from_secs(1)),
        ..Script::default()
    };
    house.bind(json!({}));
    let out = outsider.call(house.server.sip(), A, X, soon).await;
    let mut waiting = out;
    assert!(
        !tokio::time::timeout(Duration::from_secs(2), waiting.reaches(Stage::Ringing))
            .await
            .unwrap_or(false)
    );
    assert!(
        outsider.messages().iter().all(|message| message.sent),
        "silence"
    );
    assert_eq!(house.b.messages().len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn busy_and_declined_reach_the_caller() {
    for (status, result) in [(486, 8), (603, 9)] {
        let house = House::start().await;
        let sub_id = house.bind(json!({}));
        let refusing = Answer::Refuse(status, Duration::from_millis(100));
        house.b.answer_others(Script::default().answering(refusing));
        let out = report(house.a_calls(Script::default()).await).await;
        assert!(
            matches!(out.ended, Ended::Refused(400..700)),
            "{:?}",
            out.ended
        );
        let incoming = report(rings(&house.b).await).await;
        assert_eq!(incoming.ended, Ended::Refused(status));
        let record = house.record(&sub_id).await;
        assert_eq!(record["CallResult"], result, "{record}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_gives_up_stops_the_ringing() {
    let house = House::start().await;
    let sub_id = house.bind(json!({}));
    house
        .b
        .answer_others(Script::default().answering(Answer::Never));
    let mut out = house.a_calls(Script::tone(A_HZ)).await;
    let incoming = rings(&house.b).await;
    assert!(out.reaches(Stage::Ringing).await);
    out.hang_up().await;
    assert_eq!(report(out).await.ended, Ended::GivenUp);
    assert_eq!(report(incoming).await.ended, Ended::Cancelled);
    let record = house.record(&sub_id).await;
    assert_ne!(record["CallResult"], 1, "{record}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_cannot_answer_the_question_rings_nobody() {
    let house = House::start().await;
    house.bind(json!({"VerifyFlag": 1}));
    let every = Duration::from_millis(400);
    let guessing = Script::default().keying(&"7".repeat(200), every, every);
    let out = report(house.a_calls(guessing).await).await;
    assert!(
        matches!(out.ended, Ended::Refused(_) | Ended::ByOther),
        "{:?}",
        out.ended
    );
    assert!(out.heard.loud() > SPOKEN);
    assert_eq!(house.b.messages().len(), 0);
}
