//! Asking how a pool's numbers stand for a bind.

use serde_json::{Value, json};

use crate::harness::{A, B, C, TestApp};

fn place(city: &str, counts: &[(&str, u64)]) -> Value {
    let mut place = json!({
        "City": city, "Total": 0, "Eligible": 0, "Disabled": 0, "AtCap": 0, "KindConflict": 0,
        "HeldByA": 0, "HeldByB": 0, "HeldByAx": 0, "Quarantined": 0,
    });
    for (name, count) in counts {
        place[name] = (*count).into();
    }
    place
}

#[tokio::test]
async fn it_counts_every_place_under_the_first_reason_and_binds_nothing() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let numbers: Vec<String> = (10..15).map(|tail| format!("170000000{tail}")).collect();
    let pairs: Vec<(&str, &str)> = numbers.iter().map(|x| (x.as_str(), "010")).collect();
    let pool = test.pool(&pairs).await;
    let bind = async |a: &str, b: &str, x: &str| {
        let mut wish = test.wish(&pool, a);
        wish["PhoneNoB"] = b.into();
        wish["PhoneNoX"] = x.into();
        client.ok("BindAXB", wish).await["SubId"].take()
    };
    bind(A, C, &numbers[0]).await;
    bind(B, C, &numbers[1]).await;
    let ended = bind(A, C, &numbers[2]).await;
    let ended = json!({"NumberPoolNo": pool, "SubId": ended});
    client.ok("UnbindAXB", ended).await;
    let disable = json!({"Number": numbers[3], "EnableCode": 2});
    client.ok("EnableOrDisableNumber", disable).await;

    let mut wish = test.wish(&pool, A);
    wish["PhoneNoB"] = B.into();
    wish["DegradeCityList"] = json!(["021"]);
    let explained = test.operator.ok("ExplainSelection", wish).await;
    let counts = [
        ("Total", 5),
        ("Eligible", 1),
        ("Disabled", 1),
        ("HeldByA", 1),
        ("HeldByB", 1),
        ("Quarantined", 1),
    ];
    assert_eq!(
        explained,
        json!({
            "Eligible": true,
            "Places": [place("010", &counts), place("021", &[]), place("*", &counts)],
        })
    );
    let list = client
        .ok("QuerySubscriptionForList", json!({"Status": 1}))
        .await;
    assert_eq!(list["Total"], 2);
}

#[tokio::test]
async fn it_agrees_with_the_bind_that_follows() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[("17000000010", "010")]).await;
    let mut wish = test.wish(&pool, A);
    wish["CityCode"] = "010".into();
    let before = test.operator.ok("ExplainSelection", wish.clone()).await;
    assert_eq!(before["Eligible"], true);
    client.ok("SelectNumberAndBindAXB", wish.clone()).await;
    let after = test.operator.ok("ExplainSelection", wish.clone()).await;
    assert_eq!(after["Eligible"], false);
    assert_eq!(after["Places"][0]["HeldByAx"], 1);
    let answer = client.call("SelectNumberAndBindAXB", wish).await;
    answer.expect_error("NumberNotEnough", "1 held by another AX");
}

#[tokio::test]
async fn an_operator_explains_the_pools_of_every_account() {
    let test = TestApp::start().await;
    let other = test.other_account().await;
    let pool = test.pool_of(other.account, &[("17000000010", "010")]).await;
    let wish = test.wish(&pool, A);
    let explained = test.operator.ok("ExplainSelection", wish.clone()).await;
    assert_eq!(explained["Eligible"], true);
    let answer = other.call("ExplainSelection", wish).await;
    answer.expect_error("AccessDenied", "ExplainSelection");
}
