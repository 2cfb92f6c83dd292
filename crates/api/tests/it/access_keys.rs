//! Making, listing and disabling access keys.

use axbridge_store::model::Role;
use serde_json::json;

use crate::harness::TestApp;

#[tokio::test]
async fn a_new_key_signs_requests_and_its_secret_is_shown_once() {
    let test = TestApp::start().await;
    let made = test
        .operator
        .ok("CreateAccessKey", json!({"Description": "订单服务"}))
        .await;
    assert_eq!(made["Role"], "application");
    assert_eq!(made["AccountId"], test.operator.account.to_string());
    let id = made["AccessKeyId"].as_str().expect("an id");
    let secret = made["SecretAccessKey"].as_str().expect("a secret");
    let mut client = test.operator.clone();
    client.access_key = id.to_owned();
    client.secret = secret.to_owned();
    client.ok("NumberPoolList", json!({})).await;

    let list = test.operator.ok("ListAccessKeys", json!({})).await;
    assert!(!list.to_string().contains(secret));
    let records = list["Records"].as_array().expect("records");
    let record = records.iter().find(|record| record["AccessKeyId"] == id);
    assert_eq!(
        record,
        Some(&json!({
            "AccessKeyId": id, "AccountId": test.operator.account.to_string(),
            "Role": "application", "Description": "订单服务", "CreateTime": test.in_s(0),
            "Disabled": false,
        }))
    );
}

#[tokio::test]
async fn a_key_can_come_with_an_account_of_its_own() {
    let test = TestApp::start().await;
    let made = test
        .operator
        .ok(
            "CreateAccessKey",
            json!({"AccountName": "tenant", "Role": "Operator"}),
        )
        .await;
    assert_eq!(made["Role"], "operator");
    assert_ne!(made["AccountId"], test.operator.account.to_string());
    let of_account = json!({"AccountId": made["AccountId"]});
    let list = test.operator.ok("ListAccessKeys", of_account).await;
    assert_eq!(list["Total"], 1);
    let second = json!({"AccountId": made["AccountId"]});
    let second = test.operator.ok("CreateAccessKey", second).await;
    assert_eq!(second["AccountId"], made["AccountId"]);
}

#[tokio::test]
async fn what_cannot_be_is_named() {
    let test = TestApp::start().await;
    let account = test.operator.account.to_string();
    for (request, name) in [
        (
            json!({"AccountId": account, "AccountName": "x"}),
            "AccountName",
        ),
        (json!({"AccountId": "9999999999"}), "AccountId"),
        (json!({"AccountId": "7"}), "AccountId"),
        (json!({"Role": "king"}), "Role"),
        (json!({"Description": "x".repeat(65)}), "Description"),
        (json!({"AccountName": "x".repeat(65)}), "AccountName"),
    ] {
        let answer = test.operator.call("CreateAccessKey", request).await;
        answer.expect_invalid(name);
    }
    let answer = test
        .operator
        .call("DisableAccessKey", json!({"AccessKeyId": "nobody"}))
        .await;
    answer.expect_invalid("AccessKeyId");
}

#[tokio::test]
async fn a_disabled_key_signs_nothing_any_more() {
    let test = TestApp::start().await;
    let client = test.application().await;
    client.ok("NumberPoolList", json!({})).await;
    let disable = json!({"AccessKeyId": client.access_key});
    let answer = test.operator.ok("DisableAccessKey", disable).await;
    assert_eq!(answer, json!({"Success": true}));
    let answer = client.call("NumberPoolList", json!({})).await;
    answer.expect_error("InvalidAccessKey", &client.access_key);
    assert_eq!(answer.status, 401);
    let list = test.operator.ok("ListAccessKeys", json!({})).await;
    let records = list["Records"].as_array().expect("records");
    let record = records
        .iter()
        .find(|record| record["AccessKeyId"] == client.access_key);
    let record = record.expect("it is listed still");
    assert_eq!(
        (&record["Disabled"], &record["DisableTime"]),
        (&json!(true), &json!(test.in_s(0)))
    );
}

#[tokio::test]
async fn the_last_operator_key_stays() {
    let test = TestApp::start().await;
    let disable = json!({"AccessKeyId": test.operator.access_key});
    let answer = test
        .operator
        .call("DisableAccessKey", disable.clone())
        .await;
    answer.expect_error("OperationDenied", "last operator key");
    let another = test.client(test.operator.account, Role::Operator).await;
    another.ok("DisableAccessKey", disable).await;
}
