//! What `axbridge cdr export` prints after real calls.

use std::time::Duration;

use axbridge_voice::phone::{Answer, Script};
use serde_json::json;

use crate::house::{A, B, House, STRANGER, X, report};

/// The cells of a line of CSV without quotes.
fn cells(line: &str) -> Vec<&str> {
    assert!(!line.contains('"'), "{line}");
    line.split(',').collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_is_exported_once_in_both_forms() {
    let house = House::start().await;
    let sub_id = house.bind(json!({"OutId": "order-7"}));
    let brief = Script::default().answering(Answer::AtOnce);
    house.b.answer_others(brief);
    let short = Script::default().for_time(Duration::from_millis(1_200));
    report(house.a_calls(short).await).await;
    let sip = house.server.sip();
    let stranger = house.a.call(sip, STRANGER, X, Script::default()).await;
    report(stranger).await;
    house.record(&sub_id).await;
    house.record_where(json!({"Number": STRANGER})).await;

    let records = house.exported();
    assert_eq!(records.len(), 2);
    // Newest first.
    let [refused, talked] = [&records[0], &records[1]];
    assert_eq!(
        (&talked["Caller"], &talked["Callee"]),
        (&json!(A), &json!(B))
    );
    assert_eq!(talked["PhoneNoX"], X);
    assert_eq!(talked["SubscriptionId"], *sub_id);
    assert_eq!(talked["OutId"], "order-7");
    assert_eq!(
        (&talked["CallResult"], &talked["Trunk"]),
        (&json!(1), &json!("carrier-a"))
    );
    assert_eq!(talked["State"], "ended");
    assert!(talked["CallDuration"].as_i64() >= Some(1), "{talked}");
    assert_eq!(
        (&refused["Caller"], &refused["CallResult"]),
        (&json!(STRANGER), &json!(13))
    );

    let csv = house.server.command(&["cdr", "export"]);
    let lines: Vec<Vec<&str>> = csv.lines().map(cells).collect();
    let [names, first, second] = &lines[..] else {
        panic!("{csv}");
    };
    for (line, record) in [(first, refused), (second, talked)] {
        assert_eq!(line.len(), names.len());
        for (name, cell) in names.iter().zip(line) {
            let said = match &record[*name] {
                serde_json::Value::Null => String::new(),
                serde_json::Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            assert_eq!(*cell, said, "{name}");
        }
    }

    let of_stranger = ["cdr", "export", "--number", STRANGER];
    assert_eq!(house.server.command(&of_stranger).lines().count(), 2);
    let of_nobody = ["cdr", "export", "--number", "13700000099"];
    assert_eq!(house.server.command(&of_nobody).lines().count(), 1);
}
