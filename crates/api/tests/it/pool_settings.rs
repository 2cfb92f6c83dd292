//! How a pool chooses and reuses its numbers.

use serde_json::json;

use crate::harness::{A, B, C, TestApp};

const X: &str = "17000000010";

#[tokio::test]
async fn what_is_left_out_stays_and_the_answer_shows_what_is_in_force() {
    let test = TestApp::start().await;
    let pool = test.pool(&[]).await;
    let shown = test
        .operator
        .ok("UpdatePoolSettings", json!({"NumberPoolNo": pool}))
        .await;
    assert_eq!(
        shown,
        json!({
            "NumberPoolNo": pool, "Policy": "protect", "CityFallback": "any",
            "QuarantineSeconds": 86400, "QuarantineMinSeconds": 3600,
            "BindingsPerNumberMax": 5000,
        })
    );
    let change = json!({"NumberPoolNo": pool, "Policy": "PACK", "BindingsPerNumberMax": 7});
    let shown = test.operator.ok("UpdatePoolSettings", change).await;
    assert_eq!(
        shown,
        json!({
            "NumberPoolNo": pool, "Policy": "pack", "CityFallback": "any",
            "QuarantineSeconds": 86400, "QuarantineMinSeconds": 3600, "BindingsPerNumberMax": 7,
        })
    );
}

#[tokio::test]
async fn a_shorter_quarantine_lowers_its_minimum_too() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[(X, "010")]).await;
    let none = json!({"NumberPoolNo": pool, "QuarantineSeconds": 0});
    let shown = test.operator.ok("UpdatePoolSettings", none).await;
    assert_eq!(shown["QuarantineMinSeconds"], 0);

    let bound = test.bind(&client, &pool, A, Some(B)).await;
    let binding = json!({"NumberPoolNo": pool, "SubId": bound["SubId"]});
    client.ok("UnbindAXB", binding).await;
    let next = test.bind(&client, &pool, A, Some(C)).await;
    assert_eq!(next["PhoneNoX"], X);
}

#[tokio::test]
async fn values_out_of_bounds_are_named_and_change_nothing() {
    let test = TestApp::start().await;
    let pool = test.pool(&[]).await;
    for (name, value) in [
        ("Policy", json!("best")),
        ("CityFallback", json!("maybe")),
        ("QuarantineSeconds", json!(-1)),
        ("QuarantineSeconds", json!(604_801)),
        ("QuarantineMinSeconds", json!(86_401)),
        ("BindingsPerNumberMax", json!(4_294_967_296_i64)),
    ] {
        let mut change = json!({"NumberPoolNo": pool});
        change[name] = value;
        let answer = test.operator.call("UpdatePoolSettings", change).await;
        answer.expect_invalid(name);
    }
    let shown = test
        .operator
        .ok("UpdatePoolSettings", json!({"NumberPoolNo": pool}))
        .await;
    assert_eq!(shown["Policy"], "protect");
    assert_eq!(shown["QuarantineSeconds"], 86400);
}

#[tokio::test]
async fn the_pack_policy_fills_the_first_number_first() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let numbers: Vec<String> = (10..30).map(|tail| format!("170000000{tail}")).collect();
    let numbers: Vec<(&str, &str)> = numbers.iter().map(|x| (x.as_str(), "010")).collect();
    let pool = test.pool(&numbers).await;
    let pack = json!({"NumberPoolNo": pool, "Policy": "pack"});
    test.operator.ok("UpdatePoolSettings", pack).await;
    for (a, b) in [
        ("13700000001", "13700000002"),
        ("13700000003", "13700000004"),
    ] {
        let bound = test.bind(&client, &pool, a, Some(b)).await;
        assert_eq!(bound["PhoneNoX"], X);
    }
}

#[tokio::test]
async fn unknown_pools_are_named() {
    let test = TestApp::start().await;
    let nowhere = json!({"NumberPoolNo": "NP000000000000000001"});
    let answer = test.operator.call("UpdatePoolSettings", nowhere).await;
    answer.expect_invalid("NumberPoolNo");
}
