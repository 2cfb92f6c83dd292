//! Taking numbers out of use and back.

use serde_json::json;

use crate::harness::{A, B, TestApp};

const X: &str = "17000000010";
const OTHER: &str = "17000000011";

#[tokio::test]
async fn a_disabled_number_takes_no_calls_until_it_is_enabled() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[(X, "010")]).await;
    test.bind(&client, &pool, A, Some(B)).await;
    let switch = |code| json!({"NumberList": [X], "EnableCode": code});
    let answer = client.ok("EnableOrDisableNumber", switch(2)).await;
    assert_eq!(answer, json!({}));
    assert_eq!(test.ring(X, A).await.0, "NumberDisabled");
    let list = client.ok("NumberList", json!({"Number": X})).await;
    assert_eq!(list["Records"][0]["NumberStatusCode"], 2);
    client.ok("EnableOrDisableNumber", switch(1)).await;
    assert_eq!(test.ring(X, A).await.0, "Connect");
}

#[tokio::test]
async fn what_the_operator_disabled_only_the_operator_enables() {
    let test = TestApp::start().await;
    let client = test.application().await;
    test.pool(&[(X, "010")]).await;
    let switch = |code| json!({"Number": X, "EnableCode": code});
    test.operator.ok("EnableOrDisableNumber", switch(2)).await;
    let list = client.ok("NumberList", json!({"Number": X})).await;
    assert_eq!(list["Records"][0]["NumberStatusCode"], 3);
    let answer = client.call("EnableOrDisableNumber", switch(1)).await;
    answer.expect_invalid("NumberList");
    test.operator.ok("EnableOrDisableNumber", switch(1)).await;
    let list = client.ok("NumberList", json!({"Number": X})).await;
    assert_eq!(list["Records"][0]["NumberStatusCode"], 1);
}

#[tokio::test]
async fn it_changes_all_of_the_numbers_or_none() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let stranger = test.other_account().await;
    test.pool(&[(X, "010")]).await;
    test.pool_of(stranger.account, &[(OTHER, "010")]).await;
    let request = json!({"NumberList": [X, OTHER], "EnableCode": 2});
    let answer = client.call("EnableOrDisableNumber", request).await;
    answer.expect_invalid("NumberList");
    assert!(
        !answer.message().contains(OTHER),
        "numbers stay masked in errors"
    );
    let list = client.ok("NumberList", json!({"Number": X})).await;
    assert_eq!(list["Records"][0]["NumberStatusCode"], 1);
}

#[tokio::test]
async fn the_numbers_are_named_by_number() {
    let test = TestApp::start().await;
    let client = test.application().await;
    test.pool(&[(X, "010")]).await;
    let answer = client
        .call("EnableOrDisableNumber", json!({"EnableCode": 2}))
        .await;
    answer.expect_missing("NumberList");
    for name in ["IdList", "Id"] {
        let request = json!({"EnableCode": 2, name: "7"});
        let answer = client.call("EnableOrDisableNumber", request).await;
        answer.expect_invalid(name);
    }
    for code in [json!(3), json!("on")] {
        let request = json!({"NumberList": [X], "EnableCode": code});
        let answer = client.call("EnableOrDisableNumber", request).await;
        answer.expect_invalid("EnableCode");
    }
    let answer = client
        .call("EnableOrDisableNumber", json!({"NumberList": [X]}))
        .await;
    answer.expect_missing("EnableCode");
    let numbers: Vec<String> = (0..101).map(|tail| format!("17000000{tail:03}")).collect();
    let request = json!({"NumberList": numbers, "EnableCode": 2});
    let answer = client.call("EnableOrDisableNumber", request).await;
    answer.expect_invalid("NumberList");
}
