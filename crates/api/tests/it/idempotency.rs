//! Repeating a request safely.

use serde_json::json;

use crate::harness::{A, B, C, TestApp};

const NUMBERS: [(&str, &str); 3] = [
    ("17000000010", "010"),
    ("17000000011", "010"),
    ("17000000012", "010"),
];

#[tokio::test]
async fn a_repeated_request_gives_the_same_answer_and_one_binding() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&NUMBERS).await;
    let mut wish = test.wish(&pool, A);
    wish["PhoneNoB"] = B.into();
    wish["ClientToken"] = "order-7".into();
    let first = client.ok("SelectNumberAndBindAXB", wish.clone()).await;
    for _ in 0..3 {
        let again = client.ok("SelectNumberAndBindAXB", wish.clone()).await;
        assert_eq!(again, first);
    }
    let list = client.ok("QuerySubscriptionForList", json!({})).await;
    assert_eq!(list["Total"], 1);
}

#[tokio::test]
async fn client_token_and_idempotent_id_are_one_key_in_whatever_form_they_come() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&NUMBERS).await;
    let mut wish = test.wish(&pool, A);
    wish["ClientToken"] = "order-7".into();
    let first = client.ok("SelectNumberAndBindAXB", wish).await;
    let form = format!(
        "phoneNoA={A}&numberPoolNo={pool}&expireTime={}&idempotentId=order-7",
        test.in_s(3600)
    );
    let again = client.form("SelectNumberAndBindAXB", &form).await;
    assert_eq!(again.result(), &first);

    let mut wish = test.wish(&pool, A);
    wish["ClientToken"] = "one".into();
    wish["IdempotentId"] = "another".into();
    let answer = client.call("SelectNumberAndBindAXB", wish).await;
    answer.expect_invalid("IdempotentId");
}

#[tokio::test]
async fn other_parameters_under_the_same_key_are_refused() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&NUMBERS).await;
    let mut wish = test.wish(&pool, A);
    wish["ClientToken"] = "order-7".into();
    client.ok("SelectNumberAndBindAXB", wish.clone()).await;
    for (name, value) in [
        ("PhoneNoA", json!(C)),
        ("PhoneNoB", json!(B)),
        ("UserData", json!("other")),
        ("RandomFlag", json!(1)),
    ] {
        let mut other = wish.clone();
        other[name] = value;
        let answer = client.call("SelectNumberAndBindAXB", other).await;
        answer.expect_error(
            "IdempotentParameterMismatch",
            "Parameters mismatch the previous request with a same ClientToken.",
        );
        assert_eq!(answer.status, 400);
    }
}

#[tokio::test]
async fn a_key_is_of_one_account_and_one_action() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let other = test.other_account().await;
    let pool = test.pool(&NUMBERS).await;
    let others_pool = test.pool_of(other.account, &[("17000000050", "010")]).await;
    let mut wish = test.wish(&pool, A);
    wish["ClientToken"] = "order-7".into();
    let first = client.ok("SelectNumberAndBindAXB", wish.clone()).await;
    let mut others = test.wish(&others_pool, A);
    others["ClientToken"] = "order-7".into();
    let second = other.ok("SelectNumberAndBindAXB", others).await;
    assert_ne!(second["SubId"], first["SubId"]);
    let free = NUMBERS.iter().find(|(x, _)| *x != first["PhoneNoX"]);
    wish["PhoneNoX"] = free.expect("a free number").0.into();
    wish["PhoneNoA"] = C.into();
    let third = client.ok("BindAXB", wish).await;
    assert_ne!(third["SubId"], first["SubId"]);
}

#[tokio::test]
async fn a_retry_is_answered_as_before_even_after_the_binding_was_changed_or_ended() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&NUMBERS).await;
    let mut wish = test.wish(&pool, A);
    wish["ClientToken"] = "order-7".into();
    let first = client.ok("SelectNumberAndBindAXB", wish.clone()).await;
    let binding = json!({"NumberPoolNo": pool, "SubId": first["SubId"]});
    client.ok("UnbindAXB", binding).await;
    let again = client.ok("SelectNumberAndBindAXB", wish).await;
    assert_eq!(again["SubId"], first["SubId"]);
    assert_eq!(again["PhoneNoX"], first["PhoneNoX"]);
}

#[tokio::test]
async fn a_retry_is_answered_as_before_even_when_its_expire_time_has_come_too_near() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&NUMBERS).await;
    let mut wish = test.wish(&pool, A);
    wish["ExpireTime"] = test.in_s(61).into();
    wish["ClientToken"] = "order-7".into();
    let first = client.ok("SelectNumberAndBindAXB", wish.clone()).await;
    for _ in 0..2 {
        // The second time even the binding's own end has passed.
        test.clock.move_by_ms(50_000);
        let again = client.ok("SelectNumberAndBindAXB", wish.clone()).await;
        assert_eq!(again, first);
    }
    let mut other = wish.clone();
    other["PhoneNoB"] = B.into();
    let answer = client.call("SelectNumberAndBindAXB", other).await;
    answer.expect_error("IdempotentParameterMismatch", "Parameters mismatch");
    wish["ClientToken"] = "order-8".into();
    let answer = client.call("SelectNumberAndBindAXB", wish).await;
    answer.expect_invalid("ExpireTime");
}

#[tokio::test]
async fn a_refused_request_does_not_use_the_key_up() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[]).await;
    let mut wish = test.wish(&pool, A);
    wish["ClientToken"] = "order-7".into();
    let answer = client.call("SelectNumberAndBindAXB", wish.clone()).await;
    answer.expect_error("NumberNotEnough", "");
    test.import(&pool, &NUMBERS).await;
    client.ok("SelectNumberAndBindAXB", wish).await;
}

#[tokio::test]
async fn the_same_request_sent_many_times_at_once_binds_once() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&NUMBERS).await;
    let mut wish = test.wish(&pool, A);
    wish["PhoneNoB"] = B.into();
    wish["ClientToken"] = "order-7".into();
    let sends: Vec<_> = (0..16)
        .map(|_| {
            let (client, wish) = (client.clone(), wish.clone());
            tokio::spawn(async move { client.call("SelectNumberAndBindAXB", wish).await })
        })
        .collect();
    let mut ids = std::collections::HashSet::new();
    for send in sends {
        let answer = send.await.expect("an answer");
        if answer.is_error() {
            answer.expect_error("OperationDenied", "being processed");
        } else {
            ids.insert(answer.result()["SubId"].to_string());
        }
    }
    assert_eq!(ids.len(), 1);
    let list = client.ok("QuerySubscriptionForList", json!({})).await;
    assert_eq!(list["Total"], 1);
}

#[tokio::test]
async fn an_upgrade_can_be_repeated_safely_too() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&NUMBERS).await;
    let ax = test.bind(&client, &pool, A, None).await;
    let upgrade = json!({
        "NumberPoolNo": pool, "SubId": ax["SubId"], "PhoneNoB": B, "ClientToken": "up-7",
    });
    let first = client.ok("UpgradeAXToAXB", upgrade.clone()).await;
    let again = client.ok("UpgradeAXToAXB", upgrade).await;
    assert_eq!(again, first);
}
