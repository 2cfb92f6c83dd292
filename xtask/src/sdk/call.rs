//! One real call before the suites begin, so that they have a record, a recording and its text to
//! ask for. `axbridge phone` is carrier, caller and callee.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::server::{Server, text};
use crate::guard::{POLL_INTERVAL, free_port};

const A: &str = "13700009001";
const B: &str = "18605319001";
const X: &str = "17000009000";
/// What the binding of the call carries.
const USER_DATA: &str = "a call for the suites";

/// How long the record, the recording and its text may take to be there.
const PATIENCE: Duration = Duration::from_secs(60);

/// Makes the call and waits until everything is there. Gives its id, its account, A, B and X with
/// commas between them.
pub(super) fn make(server: &Server) -> Result<String> {
    let pool = server.ask(&["pool", "create", "--name", "calls"])?;
    let pool = text(&pool, "NumberPoolNo")?;
    let numbers = server.folder().join("call-number.csv");
    std::fs::write(&numbers, format!("number,city_code\n{X},010\n"))
        .context("could not write the number")?;
    let numbers = numbers.to_string_lossy().into_owned();
    server.ask(&["number", "import", "--pool", &pool, &numbers])?;
    let phone = format!("127.0.0.1:{}", free_port()?);
    server.ask(&["trunk", "add", "phone", "--peer", &phone])?;
    let bound = server.ask(&[
        "call",
        "SelectNumberAndBindAXB",
        "--number-pool-no",
        &pool,
        "--phone-no-a",
        A,
        "--phone-no-b",
        B,
        "--expire-time=+1h",
        "--user-data",
        USER_DATA,
    ])?;
    let sub_id = text(&bound, "SubId")?;
    server.ask(&[
        "phone", "call", "--from", A, "--to", X, "--bind", &phone, "--for", "2s", "--answer",
        "100ms",
    ])?;
    let call = until("the call's record", || {
        let found = server.ask(&["cdr", "list", "--sub-id", &sub_id])?;
        let ended = found["Records"].get(0).filter(|it| it["State"] == "ended");
        Ok(ended.cloned())
    })?;
    let id = text(&call, "CallId")?;
    let account = text(&call, "AccountId")?;
    until("the text of its recording", || {
        let action = "QueryAudioRecordToTextFileUrlV2";
        let found = server.ask(&["call", action, "--call-id-list", &id])?;
        let record = found["Records"].get(0);
        Ok(record.filter(|it| it["Status"] == "ready").cloned())
    })?;
    Ok([&id, &account, A, B, X].join(","))
}

/// Asks until there is an answer.
fn until(what: &str, ask: impl Fn() -> Result<Option<Value>>) -> Result<Value> {
    let started = Instant::now();
    loop {
        if let Some(found) = ask()? {
            return Ok(found);
        }
        ensure!(started.elapsed() < PATIENCE, "waited too long for {what}");
        sleep(POLL_INTERVAL);
    }
}
