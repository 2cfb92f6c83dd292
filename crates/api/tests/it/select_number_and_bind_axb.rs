//! The main job: the platform selects an X and binds it.

use serde_json::{Value, json};

use crate::harness::{A, B, C, D, Setup, TestApp};

use axbridge_domain::account::AccountTerms;

const BEIJING: (&str, &str) = ("17000000010", "010");
const SHANGHAI: (&str, &str) = ("17000000021", "021");
const JINAN: (&str, &str) = ("17000000531", "0531");

#[tokio::test]
async fn without_b_it_makes_an_ax_that_anybody_reaches() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[BEIJING]).await;
    let mut result = test.bind(&client, &pool, A, None).await;
    let sub_id = result["SubId"].take();
    let sub_id = sub_id.as_str().expect("a SubId");
    assert!(
        sub_id.starts_with(&format!("S{}0010", test.in_s(0))),
        "{sub_id}"
    );
    assert_eq!(
        result,
        json!({
            "SubId": null, "PhoneNoX": "17000000010", "Status": 1, "PhoneNoXCityCode": "010",
            "PhoneNoA": A, "PhoneNoACityCode": "010",
        })
    );
    assert_eq!(
        test.ring("17000000010", B).await,
        ("Connect".to_owned(), A.to_owned())
    );
    assert_eq!(
        test.ring("17000000010", C).await,
        ("Connect".to_owned(), A.to_owned())
    );
}

#[tokio::test]
async fn with_b_it_makes_an_axb_that_the_two_reach_each_other_by() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[BEIJING]).await;
    let mut result = test.bind(&client, &pool, A, Some(B)).await;
    result["SubId"].take();
    assert_eq!(
        result,
        json!({
            "SubId": null, "PhoneNoX": "17000000010", "Status": 1, "PhoneNoXCityCode": "010",
            "PhoneNoA": A, "PhoneNoACityCode": "010", "PhoneNoB": B, "PhoneNoBCityCode": "021",
        })
    );
    assert_eq!(
        test.ring("17000000010", A).await,
        ("Connect".to_owned(), B.to_owned())
    );
    assert_eq!(
        test.ring("17000000010", B).await,
        ("Connect".to_owned(), A.to_owned())
    );
    assert_eq!(test.ring("17000000010", C).await.0, "NoBinding");
}

#[tokio::test]
async fn the_envelope_says_what_was_asked_and_echoes_the_region_of_the_signature() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[BEIJING]).await;
    let answer = client
        .call("SelectNumberAndBindAXB", test.wish(&pool, A))
        .await;
    let mut metadata = answer.body["ResponseMetadata"].clone();
    metadata["RequestId"].take();
    assert_eq!(
        metadata,
        json!({
            "RequestId": null, "Action": "SelectNumberAndBindAXB", "Version": "2022-01-01",
            "Service": "vms", "Region": "cn-beijing",
        })
    );
}

/// Which X a bind with these extra parameters gets in a pool with one number a city.
async fn chosen(a: &str, b: Option<&str>, extra: Value) -> String {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[JINAN, SHANGHAI, BEIJING]).await;
    let mut wish = test.wish(&pool, a);
    if let Some(b) = b {
        wish["PhoneNoB"] = b.into();
    }
    for (name, value) in extra.as_object().expect("an object") {
        wish[name] = value.clone();
    }
    let answer = client.call("SelectNumberAndBindAXB", wish).await;
    if answer.is_error() {
        return answer.code().to_owned();
    }
    answer.result()["PhoneNoX"].as_str().expect("X").to_owned()
}

#[tokio::test]
async fn the_city_of_a_is_wanted_unless_the_client_says_otherwise() {
    assert_eq!(chosen(A, Some(B), json!({})).await, BEIJING.0);
    assert_eq!(chosen(B, Some(A), json!({})).await, SHANGHAI.0);
    assert_eq!(chosen(D, None, json!({})).await, JINAN.0);
}

#[tokio::test]
async fn the_city_of_b_is_wanted_on_request_and_a_stands_in_for_an_absent_b() {
    for letter in ["B", "b"] {
        let by_b = json!({"CityCodeByPhoneNo": letter});
        assert_eq!(chosen(A, Some(B), by_b.clone()).await, SHANGHAI.0);
        assert_eq!(chosen(A, None, by_b).await, BEIJING.0);
    }
}

#[tokio::test]
async fn a_named_city_goes_before_the_city_of_a_number() {
    let wish = json!({"CityCode": "0531", "CityCodeByPhoneNo": "B"});
    assert_eq!(chosen(A, Some(B), wish).await, JINAN.0);
}

#[tokio::test]
async fn degrade_cities_are_tried_in_order_and_pnpc_is_the_provincial_capital() {
    let wish = json!({"CityCode": "020", "DegradeCityList": ["0755", "021", "010"]});
    assert_eq!(chosen(A, None, wish).await, SHANGHAI.0);
    // Qingdao is in Shandong, whose capital is Jinan.
    let wish = json!({"CityCode": "0532", "DegradeCityList": ["PNPC", "021"]});
    assert_eq!(chosen(A, None, wish).await, JINAN.0);
}

#[tokio::test]
async fn a_city_that_the_client_named_is_not_replaced_by_another() {
    assert_eq!(
        chosen(A, None, json!({"CityCode": "020"})).await,
        "NumberNotEnough"
    );
}

#[tokio::test]
async fn a_default_city_without_numbers_falls_back_to_the_whole_pool() {
    let x = chosen(C, None, json!({})).await;
    assert!(
        [BEIJING.0, SHANGHAI.0, JINAN.0].contains(&x.as_str()),
        "{x}"
    );
}

#[tokio::test]
async fn a_pool_that_forbids_the_fallback_refuses_instead() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[BEIJING]).await;
    let rules = json!({"NumberPoolNo": pool, "CityFallback": "none"});
    test.operator.ok("UpdatePoolSettings", rules).await;
    let answer = client
        .call("SelectNumberAndBindAXB", test.wish(&pool, C))
        .await;
    answer.expect_error("NumberNotEnough", "020");
}

#[tokio::test]
async fn a_refusal_counts_what_the_city_holds() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test
        .pool(&[BEIJING, ("17000000011", "010"), ("17000000012", "010")])
        .await;
    let disabled = json!({"NumberList": ["17000000012"], "EnableCode": 2});
    client.ok("EnableOrDisableNumber", disabled).await;
    for _ in 0..2 {
        test.bind(&client, &pool, A, Some(B)).await;
    }
    let mut wish = test.wish(&pool, A);
    wish["PhoneNoB"] = C.into();
    wish["CityCode"] = "010".into();
    let answer = client.call("SelectNumberAndBindAXB", wish).await;
    assert_eq!(
        answer.status, 200,
        "a business refusal travels with status 200"
    );
    answer.expect_error("NumberNotEnough", "3 numbers");
    answer.expect_error("NumberNotEnough", "1 disabled");
    answer.expect_error("NumberNotEnough", "2 held by A");
}

#[tokio::test]
async fn the_same_pair_gets_its_last_x_again() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let numbers: Vec<String> = (10..30).map(|tail| format!("170000000{tail}")).collect();
    let numbers: Vec<(&str, &str)> = numbers.iter().map(|x| (x.as_str(), "010")).collect();
    let pool = test.pool(&numbers).await;
    let first = test.bind(&client, &pool, A, Some(B)).await;
    let unbind = json!({"NumberPoolNo": pool, "SubId": first["SubId"]});
    client.ok("UnbindAXB", unbind).await;
    let again = test.bind(&client, &pool, A, Some(B)).await;
    assert_eq!(again["PhoneNoX"], first["PhoneNoX"]);
    assert_ne!(again["SubId"], first["SubId"]);
}

#[tokio::test]
async fn an_x_in_quarantine_is_given_to_nobody_else() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[BEIJING]).await;
    let first = test.bind(&client, &pool, A, Some(B)).await;
    let unbind = json!({"NumberPoolNo": pool, "SubId": first["SubId"]});
    client.ok("UnbindAXB", unbind).await;
    let mut wish = test.wish(&pool, A);
    wish["PhoneNoB"] = C.into();
    let answer = client.call("SelectNumberAndBindAXB", wish.clone()).await;
    answer.expect_error("NumberNotEnough", "1 in quarantine");
    test.move_clock_s(3600);
    wish["ExpireTime"] = test.in_s(3600).into();
    client.ok("SelectNumberAndBindAXB", wish).await;
}

#[tokio::test]
async fn a_dry_run_checks_everything_and_binds_nothing() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[BEIJING]).await;
    let mut wish = test.wish(&pool, A);
    wish["DryRun"] = true.into();
    let answer = client.call("SelectNumberAndBindAXB", wish.clone()).await;
    answer.expect_error(
        "DryRunOperation",
        "The request is validated by a dryrun operation.",
    );
    assert_eq!(answer.status, 400);
    let listed = client.ok("QuerySubscriptionForList", json!({})).await;
    assert_eq!(listed["Total"], 0);
    wish["CityCode"] = "020".into();
    let answer = client.call("SelectNumberAndBindAXB", wish).await;
    answer.expect_error("NumberNotEnough", "020");
}

#[tokio::test]
async fn ax_and_axb_share_an_x_unless_one_of_them_says_no() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[BEIJING]).await;
    test.bind(&client, &pool, A, None).await;
    test.bind(&client, &pool, B, Some(C)).await;
    let mut wish = test.wish(&pool, B);
    wish["PhoneNoB"] = D.into();
    wish["AxConflictAxbFlag"] = "1".into();
    let answer = client.call("SelectNumberAndBindAXB", wish).await;
    answer.expect_error("NumberNotEnough", "1 excluded by AxConflictAxbFlag");
}

#[tokio::test]
async fn an_expiry_must_lie_more_than_a_minute_ahead_and_before_2038() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[BEIJING]).await;
    let mut wish = test.wish(&pool, A);
    wish["DryRun"] = true.into();
    for (expire_time, accepted) in [
        (test.in_s(60), false),
        (test.in_s(61), true),
        (2_145_887_999, true),
        (2_145_888_000, false),
        (test.in_s(3600) * 1000, false),
    ] {
        wish["ExpireTime"] = expire_time.into();
        let answer = client.call("SelectNumberAndBindAXB", wish.clone()).await;
        if accepted {
            answer.expect_error("DryRunOperation", "");
        } else {
            answer.expect_invalid("ExpireTime");
        }
    }
    wish["ExpireTime"] = test.in_s(60).into();
    let answer = client.call("SelectNumberAndBindAXB", wish).await;
    answer.expect_error("InvalidParameter", "ExpireTime must be 1 minute later");
}

#[tokio::test]
async fn a_binding_ends_at_its_expire_time_without_anybody_coming_by() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[BEIJING]).await;
    test.bind(&client, &pool, A, Some(B)).await;
    test.move_clock_s(3599);
    assert_eq!(test.ring(BEIJING.0, A).await.0, "Connect");
    test.move_clock_s(1);
    assert_eq!(test.ring(BEIJING.0, A).await.0, "Ended");
}

#[tokio::test]
async fn real_numbers_are_shown_only_by_accounts_that_may() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[BEIJING]).await;
    let mut wish = test.wish(&pool, A);
    wish["CallDisplayType"] = 2.into();
    let answer = client.call("SelectNumberAndBindAXB", wish.clone()).await;
    answer.expect_invalid("CallDisplayType");
    wish["PhoneNoB"] = B.into();
    let answer = client.call("SelectNumberAndBindAXB", wish.clone()).await;
    answer.expect_error("OperationDenied", "real numbers");
    let allow = json!({"AccountId": client.account.to_string(), "MayShowRealNumbers": true});
    test.operator.ok("UpdateAccount", allow).await;
    let bound = client.ok("SelectNumberAndBindAXB", wish).await;
    let query = json!({"NumberPoolNo": pool, "SubId": bound["SubId"]});
    let shown = client.ok("QuerySubscription", query).await;
    assert_eq!(shown["CallDisplayType"], 2);
}

#[tokio::test]
async fn an_account_binds_no_more_than_its_quota() {
    let terms = AccountTerms {
        live_bindings_max: Some(1),
        ..AccountTerms::default()
    };
    let test = TestApp::start_with(Setup {
        terms,
        ..Setup::default()
    })
    .await;
    let client = test.application().await;
    let pool = test.pool(&[BEIJING, SHANGHAI]).await;
    let bound = test.bind(&client, &pool, A, None).await;
    let answer = client
        .call("SelectNumberAndBindAXB", test.wish(&pool, B))
        .await;
    answer.expect_error("QuotaExceeded", "has exceeded the quota.");
    let unbind = json!({"NumberPoolNo": pool, "SubId": bound["SubId"]});
    client.ok("UnbindAXB", unbind).await;
    test.bind(&client, &pool, B, None).await;
}

#[tokio::test]
async fn service_numbers_are_parties_only_when_the_operator_registered_them() {
    let test = TestApp::start_with(Setup {
        service_numbers: vec!["4008001234"],
        ..Setup::default()
    })
    .await;
    let client = test.application().await;
    let pool = test.pool(&[BEIJING]).await;
    let mut wish = test.wish(&pool, "95588");
    let answer = client.call("SelectNumberAndBindAXB", wish.clone()).await;
    answer.expect_invalid("PhoneNoA");
    answer.expect_error("InvalidParameter", "register");
    wish["PhoneNoA"] = "4008001234".into();
    let bound = client.ok("SelectNumberAndBindAXB", wish).await;
    assert_eq!(bound["PhoneNoA"], "4008001234");
    assert_eq!(
        bound["PhoneNoACityCode"], "",
        "a service number has no city"
    );
}

#[tokio::test]
async fn wishes_that_no_number_fits_are_named() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[BEIJING]).await;
    for (name, value) in [
        ("PhoneNoA", json!("021-31075869")),
        ("PhoneNoA", json!("137****0001")),
        ("PhoneNoB", json!(A)),
        ("NumberPoolNo", json!("NP000000000000000001")),
        ("NumberPoolNo", json!("pool")),
        ("CityCode", json!("999")),
        ("CityCodeByPhoneNo", json!("C")),
        (
            "DegradeCityList",
            json!(["010", "021", "020", "0531", "0755", "022"]),
        ),
        ("DegradeCityList", json!(["Beijing"])),
        ("RandomFlag", json!(2)),
        ("AxConflictAxbFlag", json!(2)),
        ("AudioRecordFlag", json!(2)),
        ("VerifyFlag", json!(2)),
        ("CallDisplayType", json!(5)),
        ("UserData", json!("好".repeat(2049))),
        ("OutId", json!("x".repeat(129))),
        ("ClientToken", json!("x".repeat(65))),
    ] {
        let mut wish = test.wish(&pool, A);
        wish[name] = value;
        let answer = client.call("SelectNumberAndBindAXB", wish).await;
        answer.expect_invalid(name);
    }
}

#[tokio::test]
async fn long_chinese_and_emoji_texts_come_back_as_they_went_in() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[BEIJING]).await;
    let user_data = "订单🚚".repeat(500);
    let mut wish = test.wish(&pool, A);
    wish["UserData"] = user_data.clone().into();
    wish["OutId"] = "订单-№1".into();
    let bound = client.ok("SelectNumberAndBindAXB", wish).await;
    let query = json!({"NumberPoolNo": pool, "SubId": bound["SubId"]});
    let shown = client.ok("QuerySubscription", query).await;
    assert_eq!(shown["UserData"], user_data);
    assert_eq!(shown["OutId"], "订单-№1");
}

#[tokio::test]
async fn many_at_once_never_share_a_number_they_may_not_share() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let numbers: Vec<String> = (10..42).map(|tail| format!("170000000{tail}")).collect();
    let numbers: Vec<(&str, &str)> = numbers.iter().map(|x| (x.as_str(), "010")).collect();
    let pool = test.pool(&numbers).await;
    let mut binds = Vec::new();
    for tail in 0..32 {
        let mut wish = test.wish(&pool, &format!("137000001{tail:02}"));
        wish["PhoneNoB"] = B.into();
        let client = client.clone();
        binds.push(tokio::spawn(async move {
            client.ok("SelectNumberAndBindAXB", wish).await["PhoneNoX"].take()
        }));
    }
    let mut chosen = std::collections::HashSet::new();
    for bind in binds {
        let x = bind.await.expect("an answer");
        assert!(chosen.insert(x.to_string()), "B cannot have {x} twice");
    }
    assert_eq!(chosen.len(), 32);
}
