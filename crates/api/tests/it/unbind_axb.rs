//! Ending a binding.

use serde_json::json;

use crate::harness::{A, B, TestApp};

const X: &str = "17000000010";

#[tokio::test]
async fn an_unbound_binding_routes_no_call_and_stays_queryable() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[(X, "010")]).await;
    let bound = test.bind(&client, &pool, A, Some(B)).await;
    let binding = json!({"NumberPoolNo": pool, "SubId": bound["SubId"]});
    assert_eq!(client.ok("UnbindAXB", binding.clone()).await, json!(true));
    assert_eq!(test.ring(X, B).await.0, "Ended");
    let shown = client.ok("QuerySubscription", binding).await;
    assert_eq!(shown["Status"], 0);
}

#[tokio::test]
async fn the_newer_form_answers_an_object() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[(X, "010")]).await;
    let bound = test.bind(&client, &pool, A, Some(B)).await;
    let binding = json!({"NumberPoolNo": pool, "SubId": bound["SubId"]});
    let result = client.ok("UnbindAXBV2", binding).await;
    assert_eq!(result, json!({"Success": true}));
}

#[tokio::test]
async fn unknown_ended_foreign_and_misplaced_bindings_are_all_empty() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let stranger = test.other_account().await;
    let pool = test.pool(&[(X, "010")]).await;
    let elsewhere = test.pool(&[]).await;
    let strangers_pool = test.pool_of(stranger.account, &[]).await;
    let bound = test.bind(&client, &pool, A, Some(B)).await;

    for (who, pool, sub_id) in [
        (&client, &pool, json!("S17489497020010abcdef0")),
        (&client, &pool, json!("S1760945125168448b6w66orfqsi0")),
        (&client, &elsewhere, bound["SubId"].clone()),
        (&stranger, &pool, bound["SubId"].clone()),
        (&stranger, &strangers_pool, bound["SubId"].clone()),
    ] {
        let binding = json!({"NumberPoolNo": pool, "SubId": sub_id});
        let answer = who.call("UnbindAXB", binding).await;
        answer.expect_error("SubscriptionEmpty", "");
        assert_eq!(answer.status, 200);
    }
    assert_eq!(test.ring(X, B).await.0, "Connect");

    let binding = json!({"NumberPoolNo": pool, "SubId": bound["SubId"]});
    client.ok("UnbindAXB", binding.clone()).await;
    let twice = client.call("UnbindAXB", binding).await;
    twice.expect_error("SubscriptionEmpty", "");
}

#[tokio::test]
async fn an_expired_binding_cannot_be_unbound() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[(X, "010")]).await;
    let bound = test.bind(&client, &pool, A, Some(B)).await;
    test.move_clock_s(3600);
    let binding = json!({"NumberPoolNo": pool, "SubId": bound["SubId"]});
    let answer = client.call("UnbindAXB", binding).await;
    answer.expect_error("SubscriptionEmpty", "");
}
