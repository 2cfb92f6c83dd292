//! What recorded calls leave.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use axbridge_voice::phone::{Script, Stage};
use serde_json::json;

use crate::house::{
    A_HZ, B_HZ, House, PATIENCE, POLL, Server, file, report, rings, seconds_of, until_heard,
};

/// How long each of the tones is in a file.
fn tones(path: &Path) -> [Duration; 2] {
    seconds_of(path, [A_HZ, B_HZ])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_caller_is_on_the_left_and_the_callee_on_the_right() {
    let house = House::with(&[("VOICE__RECORDING_NOTICE", "false")]).await;
    house.bind(json!({"AudioRecordFlag": 1}));
    let mut out = house.a_calls(Script::tone(A_HZ)).await;
    let incoming = rings(&house.b).await;
    assert!(out.reaches(Stage::Answered).await);
    until_heard(&out, B_HZ).await;
    until_heard(&incoming, A_HZ).await;
    out.hang_up().await;
    report(out).await;
    report(incoming).await;
    let [a_left, b_left] = tones(&file(&house, "-left.wav").await);
    let [a_right, b_right] = tones(&file(&house, "-right.wav").await);
    let heard = Duration::from_millis(250);
    assert!(
        a_left >= heard && b_right >= heard,
        "{a_left:?} {b_right:?}"
    );
    assert_eq!((b_left, a_right), (Duration::ZERO, Duration::ZERO));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_leaves_what_was_recorded_and_ends_the_record() {
    let mut house = House::with(&[("VOICE__RECORDING_NOTICE", "false")]).await;
    let sub_id = house.bind(json!({"AudioRecordFlag": 1}));
    let mut out = house.a_calls(Script::tone(A_HZ)).await;
    let incoming = rings(&house.b).await;
    assert!(out.reaches(Stage::Answered).await);
    let long = Duration::from_secs(3);
    let started = Instant::now();
    while incoming
        .heard()
        .await
        .is_some_and(|heard| heard.tone(A_HZ) < long)
    {
        assert!(started.elapsed() < PATIENCE);
        tokio::time::sleep(POLL).await;
    }
    house.server.kill();
    let (data, logs) = (
        house.server.data.clone(),
        house.folder.path().join("logs-2"),
    );
    let off = [("VOICE__RECORDING_NOTICE", "false")];
    house.server = Server::start(&data, &logs, &off);
    let [a_left, _] = tones(&file(&house, "-left.wav").await);
    assert!(a_left >= long - Duration::from_millis(1_500), "{a_left:?}");
    let record = house.record(&sub_id).await;
    assert_eq!(record["CallResult"], 20, "{record}");
}
