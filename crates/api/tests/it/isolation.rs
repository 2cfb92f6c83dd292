//! Accounts see and touch nothing of each other.

use serde_json::json;

use crate::harness::{A, B, TestApp};

const X: &str = "17000000010";

#[tokio::test]
async fn a_stranger_neither_sees_nor_changes_what_is_another_accounts() {
    let test = TestApp::start().await;
    let owner = test.application().await;
    let stranger = test.other_account().await;
    let pool = test.pool(&[(X, "010"), ("17000000011", "010")]).await;
    let bound = test.bind(&owner, &pool, A, Some(B)).await;
    let binding = json!({"NumberPoolNo": pool, "SubId": bound["SubId"]});

    for action in [
        "QuerySubscriptionForList",
        "NumberPoolList",
        "NumberList",
        "NumberListScroll",
    ] {
        let list = stranger.ok(action, json!({})).await;
        assert_eq!(list["Total"], 0, "{action}");
        assert_eq!(list["Records"], json!([]), "{action}");
        let of_pool = json!({"NumberPoolNo": pool, "Number": X});
        let list = stranger.ok(action, of_pool).await;
        assert_eq!(list["Total"], 0, "{action}");
    }
    let mut update = binding.clone();
    update["UpdateType"] = "updateUserData".into();
    update["UserData"] = "mine".into();
    let mut upgrade = binding.clone();
    upgrade["PhoneNoB"] = "13700000001".into();
    for (action, request) in [
        ("QuerySubscription", binding.clone()),
        ("UnbindAXB", binding.clone()),
        ("UnbindAXBV2", binding.clone()),
        ("UpdateAXB", update),
        ("UpgradeAXToAXB", upgrade),
    ] {
        let answer = stranger.call(action, request).await;
        answer.expect_error("SubscriptionEmpty", "");
    }
    let mut named = test.wish(&pool, A);
    named["PhoneNoX"] = X.into();
    for (action, request, parameter) in [
        (
            "SelectNumberAndBindAXB",
            test.wish(&pool, A),
            "NumberPoolNo",
        ),
        ("BindAXB", named, "NumberPoolNo"),
        (
            "UpdateNumberPool",
            json!({"NumberPoolNo": pool, "Name": "mine"}),
            "NumberPoolNo",
        ),
        (
            "UpdateNumberPoolV2",
            json!({"NumberPoolNo": pool, "Name": "mine"}),
            "NumberPoolNo",
        ),
        (
            "SelectNumber",
            json!({"NumberPoolNo": pool}),
            "NumberPoolNo",
        ),
        (
            "EnableOrDisableNumber",
            json!({"Number": X, "EnableCode": 2}),
            "NumberList",
        ),
    ] {
        let answer = stranger.call(action, request).await;
        answer.expect_invalid(parameter);
    }
    let theirs = json!({"QueryAccountId": owner.account.to_string()});
    let answer = stranger.call("NumberPoolList", theirs).await;
    answer.expect_error("OperationDenied", "QueryAccountId");

    let x = bound["PhoneNoX"].as_str().expect("X");
    assert_eq!(test.ring(x, A).await.1, B);
    let shown = owner.ok("QuerySubscription", binding).await;
    assert_eq!(shown["Status"], 1);
}

#[tokio::test]
async fn an_operator_binds_on_its_own_account_and_manages_all() {
    let test = TestApp::start().await;
    let other = test.other_account().await;
    let own = test.pool(&[(X, "010")]).await;
    let theirs = test.pool_of(other.account, &[("17000000011", "010")]).await;
    test.bind(&test.operator, &own, A, None).await;
    let answer = test
        .operator
        .call("SelectNumberAndBindAXB", test.wish(&theirs, A))
        .await;
    answer.expect_invalid("NumberPoolNo");
    let pools = test.operator.ok("NumberPoolList", json!({})).await;
    assert_eq!(pools["Total"], 2);
    let numbers = test.operator.ok("NumberList", json!({})).await;
    assert_eq!(numbers["Total"], 2);
    let of_other = json!({"QueryAccountId": other.account.to_string()});
    let pools = test.operator.ok("NumberPoolList", of_other).await;
    assert_eq!(pools["Total"], 1);
    let rename = json!({"NumberPoolNo": theirs, "Name": "renamed"});
    test.operator.ok("UpdateNumberPool", rename).await;
    let pools = other.ok("NumberPoolList", json!({})).await;
    assert_eq!(pools["Records"][0]["NumberPoolName"], "renamed");
}

#[tokio::test]
async fn the_same_people_may_be_bound_in_two_accounts() {
    let test = TestApp::start().await;
    let one = test.application().await;
    let two = test.other_account().await;
    let ones = test.pool(&[(X, "010")]).await;
    let twos = test.pool_of(two.account, &[("17000000011", "010")]).await;
    test.bind(&one, &ones, A, Some(B)).await;
    test.bind(&two, &twos, A, Some(B)).await;
    let list = two
        .ok("QuerySubscriptionForList", json!({"Number": A}))
        .await;
    assert_eq!(list["Total"], 1);
}
