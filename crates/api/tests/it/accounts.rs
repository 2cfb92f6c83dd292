//! What accounts may do.

use serde_json::json;

use crate::harness::{A, B, TestApp};

#[tokio::test]
async fn terms_are_shown_and_changed_one_by_one() {
    let test = TestApp::start().await;
    let other = test.other_account().await;
    let id = other.account.to_string();
    let change = json!({"AccountId": id, "LiveBindingsMax": 9, "PoolsMax": "3",
                        "TalkSecondsMax": 600});
    let shown = test.operator.ok("UpdateAccount", change).await;
    let expected = json!({
        "AccountId": id, "AccountName": "another", "MayShowRealNumbers": false,
        "LiveBindingsMax": 9, "NumbersMax": 0, "PoolsMax": 3,
        "CallsMax": 0, "TalkSecondsMax": 600, "CreateTime": test.in_s(0),
    });
    assert_eq!(shown, expected);
    let list = test.operator.ok("ListAccounts", json!({})).await;
    assert_eq!(list["Total"], 2);
    let records = list["Records"].as_array().expect("records");
    assert!(records.contains(&expected));

    let change = json!({"AccountId": id, "LiveBindingsMax": 0, "MayShowRealNumbers": "true"});
    let shown = test.operator.ok("UpdateAccount", change).await;
    assert_eq!(shown["LiveBindingsMax"], 0);
    assert_eq!(shown["MayShowRealNumbers"], true);
    assert_eq!(shown["PoolsMax"], 3);
}

#[tokio::test]
async fn a_quota_below_what_is_in_use_ends_nothing() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test
        .pool(&[("17000000010", "010"), ("17000000011", "010")])
        .await;
    test.bind(&client, &pool, A, None).await;
    test.bind(&client, &pool, B, None).await;
    let tight = json!({"AccountId": client.account.to_string(), "LiveBindingsMax": 1});
    test.operator.ok("UpdateAccount", tight).await;
    assert_eq!(test.ring("17000000010", "13700000000").await.0, "Connect");
    assert_eq!(test.ring("17000000011", "13700000000").await.0, "Connect");
    let answer = client
        .call("SelectNumberAndBindAXB", test.wish(&pool, "13700000001"))
        .await;
    answer.expect_error("QuotaExceeded", "");
}

#[tokio::test]
async fn unknown_accounts_are_named() {
    let test = TestApp::start().await;
    let nobody = json!({"AccountId": "9999999999", "PoolsMax": 1});
    let answer = test.operator.call("UpdateAccount", nobody).await;
    answer.expect_invalid("AccountId");
}

#[tokio::test]
async fn accounts_and_keys_are_for_operators() {
    let test = TestApp::start().await;
    let client = test.application().await;
    for action in [
        "ListAccounts",
        "UpdateAccount",
        "CreateAccessKey",
        "ListAccessKeys",
        "DisableAccessKey",
    ] {
        let answer = client.call(action, json!({})).await;
        answer.expect_error("AccessDenied", action);
        assert_eq!(answer.status, 403);
    }
}
