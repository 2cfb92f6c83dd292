//! Binding an X that the client names.

use serde_json::json;

use crate::harness::{A, B, C, D, TestApp};

const X: &str = "17000000010";

#[tokio::test]
async fn a_named_x_is_bound_and_routes() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[(X, "010"), ("17000000011", "010")]).await;
    let mut wish = test.wish(&pool, A);
    wish["PhoneNoB"] = B.into();
    wish["PhoneNoX"] = X.into();
    let mut bound = client.ok("BindAXB", wish).await;
    bound["SubId"].take();
    assert_eq!(
        bound,
        json!({
            "SubId": null, "PhoneNoX": X, "Status": 1, "PhoneNoXCityCode": "010",
            "PhoneNoA": A, "PhoneNoACityCode": "010", "PhoneNoB": B, "PhoneNoBCityCode": "021",
        })
    );
    assert_eq!(test.ring(X, B).await, ("Connect".to_owned(), A.to_owned()));
}

#[tokio::test]
async fn x_is_required() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[(X, "010")]).await;
    let answer = client.call("BindAXB", test.wish(&pool, A)).await;
    answer.expect_missing("PhoneNoX");
}

#[tokio::test]
async fn each_reason_that_x_cannot_be_taken_has_its_own_code() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[(X, "010"), ("17000000011", "010")]).await;
    let bind = async |a: &str, b: &str, x: &str| {
        let mut wish = test.wish(&pool, a);
        wish["PhoneNoB"] = b.into();
        wish["PhoneNoX"] = x.into();
        client.call("BindAXB", wish).await
    };
    bind(A, B, "17000000099")
        .await
        .expect_error("IllegalPhoneNoX", "");

    let disable = json!({"NumberList": ["17000000011"], "EnableCode": 2});
    client.ok("EnableOrDisableNumber", disable).await;
    bind(A, B, "17000000011")
        .await
        .expect_error("BlockNumber", "");

    let first = bind(A, B, X).await.into_result();
    let sub_id = first["SubId"].as_str().expect("a SubId");
    bind(A, B, X)
        .await
        .expect_error("ConflictWithExisting", sub_id);
    bind(B, C, X)
        .await
        .expect_error("ConflictWithExisting", sub_id);
    bind(C, D, X).await.into_result();

    let unbind = json!({"NumberPoolNo": pool, "SubId": sub_id});
    client.ok("UnbindAXB", unbind).await;
    let moments_later = bind(A, "13700000005", X).await;
    moments_later.expect_error("PhoneNoXOccupied", "");

    let cap = json!({"NumberPoolNo": pool, "BindingsPerNumberMax": 1});
    test.operator.ok("UpdatePoolSettings", cap).await;
    bind("13700000006", "13700000007", X)
        .await
        .expect_error("ExceedMaxBindCount", "");
}

#[tokio::test]
async fn a_second_ax_on_one_x_clashes() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[(X, "010")]).await;
    let mut wish = test.wish(&pool, A);
    wish["PhoneNoX"] = X.into();
    client.ok("BindAXB", wish.clone()).await;
    wish["PhoneNoA"] = B.into();
    let answer = client.call("BindAXB", wish).await;
    answer.expect_error("ConflictWithExisting", "");
}

#[tokio::test]
async fn x_differs_from_a_and_b() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[(X, "010")]).await;
    let mut wish = test.wish(&pool, X);
    wish["PhoneNoX"] = X.into();
    client
        .call("BindAXB", wish.clone())
        .await
        .expect_invalid("PhoneNoX");
    wish["PhoneNoA"] = A.into();
    wish["PhoneNoB"] = A.into();
    client
        .call("BindAXB", wish)
        .await
        .expect_invalid("PhoneNoB");
}
