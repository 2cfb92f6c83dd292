//! What axbridge needs before calls, and what they left in its books.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use axbridge_tests::signed_client::{Reply, SignedClient};
use serde_json::{Value, json};

use super::arguments::Arguments;

/// How long the bindings hold, in seconds.
const HOLD_S: u64 = 6 * 3600;

/// Numbers of the pool: the guard lets in twenty new calls a second for each.
const NUMBERS: u64 = 500;

const FIRST_X: u64 = 17_000_000_000;
const FIRST_A: u64 = 13_700_000_000;
const FIRST_B: u64 = 13_800_000_000;

/// Records asked for at once.
const PAGE: usize = 500;

struct Books(SignedClient);

impl Books {
    fn ask(&mut self, action: &str, parameters: &Value) -> Result<Value> {
        match self.0.call(action, parameters) {
            Reply::Done(result) => Ok(result),
            other => bail!("{action}: {other:?}"),
        }
    }
}

fn books(arguments: &Arguments) -> Result<Books> {
    let data = Path::new(arguments.text("data")?);
    Ok(Books(SignedClient::of_operator(data)))
}

/// Makes the trunks, a pool and the bindings.
pub(crate) fn prepare(arguments: &Arguments) -> Result<Value> {
    let mut books = books(arguments)?;
    let (pairs, record): (u64, u8) = (arguments.get("pairs")?, arguments.get("record")?);
    for (name, field, prefix) in [("caller", "caller", "137"), ("callee", "callee", "138")] {
        let peer: SocketAddr = arguments.get(field)?;
        let trunk = json!({
            "TrunkName": name, "Peers": [peer.to_string()], "PrefixRules": [prefix],
            "KeepAliveSeconds": 0,
        });
        books.ask("CreateTrunk", &trunk)?;
    }
    let pool = json!({"Name": "bench", "ServiceType": 200, "SubServiceType": 201});
    let pool = books.ask("CreateNumberPool", &pool)?["NumberPoolNo"].clone();
    let csv: String = (FIRST_X..FIRST_X + NUMBERS)
        .map(|x| format!("{x},010\n"))
        .collect();
    books.ask("ImportNumbers", &json!({"NumberPoolNo": pool, "Csv": csv}))?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let mut lines = String::new();
    for pair in 0..pairs {
        let (a, b) = (FIRST_A + pair, FIRST_B + pair);
        let wish = json!({
            "NumberPoolNo": pool, "PhoneNoA": a.to_string(), "PhoneNoB": b.to_string(),
            "ExpireTime": now + HOLD_S, "AudioRecordFlag": record, "RandomFlag": 1,
        });
        let bound = books.ask("SelectNumberAndBindAXB", &wish)?;
        let x = bound["PhoneNoX"].as_str().context("no X")?;
        lines.push_str(&format!("{a} {x} {b}\n"));
    }
    std::fs::write(arguments.text("file")?, lines).context("could not write the bindings")?;
    Ok(json!({ "pairs": pairs }))
}

/// Counts the records: all, those that ended, and those of calls that were connected.
pub(crate) fn records(arguments: &Arguments) -> Result<Value> {
    let mut books = books(arguments)?;
    let (mut all, mut ended, mut connected) = (0, 0, 0);
    loop {
        let asked = json!({"Limit": PAGE, "Offset": all});
        let found = books.ask("ListCalls", &asked)?;
        let records = found["Records"].as_array().context("no list")?;
        for record in records {
            let is_over = record["State"] == "ended";
            ended += usize::from(is_over);
            connected += usize::from(is_over && !record["StartTime"].is_null());
        }
        all += records.len();
        if records.len() < PAGE {
            break;
        }
    }
    Ok(json!({"records": all, "ended": ended, "connected": connected}))
}
