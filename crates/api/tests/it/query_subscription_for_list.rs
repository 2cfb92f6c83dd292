//! Listing bindings.

use serde_json::{Value, json};

use crate::harness::{A, B, C, Client, D, TestApp};

const X1: &str = "17000000010";
const X2: &str = "17000000011";

/// Three bindings: A–B on one X, C–D on another, both live; one of A–C that has ended.
async fn scene() -> (TestApp, Client, String, [String; 3]) {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test
        .pool(&[(X1, "010"), (X2, "010"), ("17000000012", "010")])
        .await;
    let mut ids = Vec::new();
    for (a, b, x, out_id) in [
        (A, B, X1, "first"),
        (C, D, X2, "second"),
        (A, C, "17000000012", "third"),
    ] {
        let mut wish = test.wish(&pool, a);
        wish["PhoneNoB"] = b.into();
        wish["PhoneNoX"] = x.into();
        wish["OutId"] = out_id.into();
        let bound = client.ok("BindAXB", wish).await;
        ids.push(bound["SubId"].as_str().expect("a SubId").to_owned());
        test.move_clock_s(1);
    }
    let third = json!({"NumberPoolNo": pool, "SubId": ids[2]});
    client.ok("UnbindAXB", third).await;
    let ids = ids.try_into().expect("three");
    (test, client, pool, ids)
}

fn found(list: &Value) -> Vec<&str> {
    let records = list["Records"].as_array().expect("records");
    let ids = records.iter().map(|record| record["SubId"].as_str());
    ids.map(|id| id.expect("a SubId")).collect()
}

#[tokio::test]
async fn every_filter_narrows_the_list_and_newest_come_first() {
    let (_test, client, pool, [first, second, third]) = scene().await;
    let all = [third.as_str(), second.as_str(), first.as_str()];
    let cases: [(Value, &[&str]); 13] = [
        (json!({}), &all),
        (json!({"NumberPoolNo": pool}), &all),
        (json!({"PhoneNoA": A}), &[&third, &first]),
        (json!({"PhoneNoB": B}), &[&first]),
        (json!({"PhoneNoX": X2}), &[&second]),
        (json!({"Number": C}), &[&third, &second]),
        (json!({"Number": X1}), &[&first]),
        (json!({"SubId": first}), &[&first]),
        (json!({"OutId": "second"}), &[&second]),
        (json!({"Status": 1}), &[&second, &first]),
        (json!({"Status": 0}), &[&third]),
        (json!({"Status": 2}), &[]),
        (json!({"PhoneNoA": A, "PhoneNoB": D}), &[]),
    ];
    for (filter, expected) in cases {
        let list = client.ok("QuerySubscriptionForList", filter.clone()).await;
        assert_eq!(found(&list), expected, "{filter}");
        assert_eq!(list["Total"], expected.len(), "{filter}");
    }
}

#[tokio::test]
async fn pages_have_a_default_and_a_bound() {
    let (_test, client, _pool, [first, second, _]) = scene().await;
    let page = json!({"Offset": 1, "Limit": 2});
    let list = client.ok("QuerySubscriptionForList", page).await;
    assert_eq!(found(&list), [&second, &first]);
    assert_eq!(
        (&list["Offset"], &list["Limit"], &list["Total"]),
        (&json!(1), &json!(2), &json!(3))
    );
    let list = client
        .ok("QuerySubscriptionForList", json!({"Limit": 0}))
        .await;
    assert_eq!(list["Limit"], 20, "zero stands for a limit left unset");
    let answer = client
        .call("QuerySubscriptionForList", json!({"Limit": 501}))
        .await;
    answer.expect_invalid("Limit");
}

#[tokio::test]
async fn times_are_text_for_json_bodies_and_numbers_for_forms() {
    let (test, client, pool, [first, ..]) = scene().await;
    let expires = test.in_s(3600 - 3);
    let list = client
        .ok("QuerySubscriptionForList", json!({"SubId": first}))
        .await;
    assert_eq!(list["Records"][0]["ExpireTime"], expires.to_string());
    let answer = client
        .form(
            "QuerySubscriptionForList",
            &format!("subId={first}&numberPoolNo={pool}"),
        )
        .await;
    assert_eq!(answer.result()["Records"][0]["ExpireTime"], expires);
}

#[tokio::test]
async fn records_have_the_fields_of_a_single_query_and_a_parent() {
    let (_test, client, _pool, [first, ..]) = scene().await;
    let list = client
        .ok("QuerySubscriptionForList", json!({"SubId": first}))
        .await;
    let record = &list["Records"][0];
    let single = client
        .ok("QuerySubscription", json!({"SubId": first}))
        .await;
    assert_eq!(record["ParentSubId"], "");
    for (name, value) in single.as_object().expect("an object") {
        if !name.ends_with("Time") {
            assert_eq!(&record[name], value, "{name}");
        }
    }
}
