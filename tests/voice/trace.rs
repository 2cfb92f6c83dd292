//! One call is found in the log by its id: both legs, nothing of others, no number.

use std::process::Command;

use axbridge_tests::{
    leaks::assert_no_leak,
    program::{clean, program},
};
use axbridge_voice::phone::{CallReport, Script, Stage};
use serde_json::json;

use crate::house::{A, A_HZ, B, House, STRANGER, X, report, rings};

const LEVEL: &str = "info,axbridge_voice=debug,axbridge::sip=trace";

async fn talk(house: &House) -> (CallReport, CallReport) {
    let mut out = house.a_calls(Script::tone(A_HZ)).await;
    let incoming = rings(&house.b).await;
    assert!(out.reaches(Stage::Answered).await);
    out.hang_up().await;
    (report(out).await, report(incoming).await)
}

fn trace(call: &str, house: &House) -> Command {
    let mut command = clean(program());
    command.args(["trace", call]);
    command.arg(house.folder.path().join("logs/err"));
    command
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_call_is_followed_by_its_id() {
    for format in ["text", "json"] {
        let house = House::with(&[("LOG__LEVEL", LEVEL), ("LOG__FORMAT", format)]).await;
        let sub_id = house.bind(json!({}));
        let (out, incoming) = talk(&house).await;
        let record = house.record(&sub_id).await;
        let call = record["CallId"].as_str().expect("an id").to_owned();
        let (other, _) = talk(&house).await;
        // What is said last is written a moment later.
        let started = std::time::Instant::now();
        while house.server.read("err").matches(&other.call_id).count() < 8 {
            assert!(started.elapsed() < crate::house::PATIENCE);
            tokio::time::sleep(crate::house::POLL).await;
        }
        for asked in [&call, &out.call_id, &incoming.call_id] {
            let done = trace(asked, &house).output().expect("it runs");
            let said = String::from_utf8_lossy(&done.stdout).into_owned();
            assert!(done.status.success(), "{asked}: {done:?}");
            assert!(said.contains(&out.call_id) && said.contains(&incoming.call_id));
            for message in [
                "INVITE sip:",
                "180 Ringing",
                "200 OK",
                "ACK sip:",
                "BYE sip:",
            ] {
                assert!(
                    said.matches(message).count() >= 2,
                    "{message} of each leg: {said}"
                );
            }
            assert!(!said.contains(&other.call_id), "nothing of another call");
            assert_no_leak(said.as_bytes(), &[A, B, X, STRANGER], "the trace");
        }
        let unknown = trace("S0004_0000000000000000", &house)
            .output()
            .expect("it runs");
        assert!(!unknown.status.success());
        assert!(String::from_utf8_lossy(&unknown.stderr).contains(LEVEL));
    }
}
