//! Looking one binding up.

use serde_json::json;

use crate::harness::{A, B, TestApp};

const X: &str = "17000000010";

#[tokio::test]
async fn it_shows_all_that_was_asked_for() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[(X, "010")]).await;
    let mut wish = test.wish(&pool, A);
    wish["PhoneNoB"] = B.into();
    wish["AudioRecordFlag"] = 0.into();
    wish["UserData"] = "data".into();
    wish["OutId"] = "out".into();
    let bound = client.ok("SelectNumberAndBindAXB", wish).await;
    let query = json!({"NumberPoolNo": pool, "SubId": bound["SubId"]});
    let shown = client.ok("QuerySubscription", query).await;
    for (name, value) in [
        ("SubId", bound["SubId"].clone()),
        ("PhoneNoA", json!(A)),
        ("PhoneNoB", json!(B)),
        ("PhoneNoX", json!(X)),
        ("Status", json!(1)),
        ("RecordFlag", json!(0)),
        ("EnableTime", json!(test.in_s(0))),
        ("ExpireTime", json!(test.in_s(3600))),
        ("CallDisplayType", json!(1)),
        ("UserData", json!("data")),
        ("OutId", json!("out")),
    ] {
        assert_eq!(shown[name], value, "{name}");
    }
}

#[tokio::test]
async fn a_longest_talk_is_taken_within_its_bounds_and_shown() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[(X, "010")]).await;
    let mut wish = test.wish(&pool, A);
    for wrong in [59, 86_401, -1] {
        wish["TalkSecondsMax"] = json!(wrong);
        let answer = client.call("SelectNumberAndBindAXB", wish.clone()).await;
        answer.expect_error("InvalidParameter", "TalkSecondsMax");
    }
    for (asked, shown) in [(json!("600"), json!(600)), (json!(0), json!(null))] {
        wish["TalkSecondsMax"] = asked;
        let bound = client.ok("SelectNumberAndBindAXB", wish.clone()).await;
        let query = json!({"SubId": bound["SubId"]});
        let found = client.ok("QuerySubscription", query).await;
        assert_eq!(found["TalkSecondsMax"], shown);
        let unbind = json!({"NumberPoolNo": pool, "SubId": bound["SubId"]});
        client.ok("UnbindAXB", unbind).await;
    }
}

#[tokio::test]
async fn the_pool_may_be_left_out_but_must_fit_when_it_is_given() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[(X, "010")]).await;
    let elsewhere = test.pool(&[]).await;
    let bound = test.bind(&client, &pool, A, None).await;
    let found = client
        .ok("QuerySubscription", json!({"SubId": bound["SubId"]}))
        .await;
    assert_eq!(found["PhoneNoX"], X);
    let query = json!({"NumberPoolNo": elsewhere, "SubId": bound["SubId"]});
    let answer = client.call("QuerySubscription", query).await;
    answer.expect_error("SubscriptionEmpty", "");
}

#[tokio::test]
async fn an_expired_binding_shows_status_zero() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[(X, "010")]).await;
    let bound = test.bind(&client, &pool, A, None).await;
    test.move_clock_s(3600);
    let shown = client
        .ok("QuerySubscription", json!({"SubId": bound["SubId"]}))
        .await;
    assert_eq!(shown["Status"], 0);
}
