//! Making, changing and listing number pools.

use axbridge_domain::account::AccountTerms;
use serde_json::{Value, json};

use crate::harness::{A, Setup, TestApp};

fn pool_request(name: &str) -> Value {
    json!({"Name": name, "ServiceType": 200, "SubServiceType": 201})
}

#[tokio::test]
async fn a_new_pool_has_a_number_and_shows_in_the_list() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let mut request = pool_request("双十一");
    request["Scene"] = "快递".into();
    let made = client.ok("CreateNumberPool", request).await;
    let pool_no = made["NumberPoolNo"].as_str().expect("a number");
    assert_eq!((pool_no.len(), &pool_no[..2]), (20, "NP"));
    assert_eq!(
        made,
        json!({
            "Name": "双十一", "NumberPoolNo": pool_no, "ServiceType": 200, "SubServiceType": 201,
        })
    );
    let list = client.ok("NumberPoolList", json!({})).await;
    assert_eq!(
        list,
        json!({
            "Records": [{
                "NumberPoolName": "双十一", "NumberPoolNo": pool_no, "ServiceType": 200,
                "ServiceTypeName": "privacy numbers", "SubServiceType": 201,
                "SubServiceTypeName": "AXB", "NumberCount": 0, "Scene": "快递",
                "AccountId": client.account.to_string(), "Policy": "protect",
                "CityFallback": "any", "QuarantineSeconds": 86400,
                "QuarantineMinSeconds": 3600, "BindingsPerNumberMax": 5000,
            }],
            "Limit": 20, "Offset": 0, "Total": 1,
        })
    );
}

#[tokio::test]
async fn services_that_are_not_served_are_refused() {
    let test = TestApp::start().await;
    let client = test.application().await;
    for (service, sub_service, code) in [
        (json!(100), json!(101), "UnsupportedOperation"),
        (json!("100"), json!(201), "UnsupportedOperation"),
        (json!(200), json!(205), "UnsupportedOperation"),
        (json!(200), json!(999), "UnsupportedOperation"),
        (json!(300), json!(201), "InvalidParameter"),
        (json!(0), json!(201), "MissingParameter"),
    ] {
        let request = json!({"Name": "p", "ServiceType": service, "SubServiceType": sub_service});
        let answer = client.call("CreateNumberPool", request).await;
        assert_eq!(answer.code(), code, "{}", answer.body);
    }
    for kind in [201, 202, 203, 204, 206] {
        let request = json!({"Name": "p", "ServiceType": 200, "SubServiceType": kind});
        client.ok("CreateNumberPool", request).await;
    }
}

#[tokio::test]
async fn the_name_has_one_to_thirty_two_characters() {
    let test = TestApp::start().await;
    let client = test.application().await;
    client
        .ok("CreateNumberPool", pool_request(&"池".repeat(32)))
        .await;
    for (name, is_missing) in [("池".repeat(33), false), (String::new(), true)] {
        let answer = client.call("CreateNumberPool", pool_request(&name)).await;
        if is_missing {
            answer.expect_missing("Name");
        } else {
            answer.expect_invalid("Name");
        }
    }
}

#[tokio::test]
async fn a_pool_is_renamed_by_either_form() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[]).await;
    let rename = |name: &str| json!({"NumberPoolNo": pool, "Name": name});
    let answer = client.ok("UpdateNumberPool", rename("one")).await;
    assert_eq!(answer, json!(true));
    let answer = client.ok("UpdateNumberPoolV2", rename("two")).await;
    assert_eq!(answer, json!({"Success": true}));
    let list = client
        .ok("NumberPoolList", json!({"NumberPoolName": "tw"}))
        .await;
    assert_eq!(list["Records"][0]["NumberPoolNo"], pool);
}

#[tokio::test]
async fn the_kind_stays_while_bindings_live() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[("17000000010", "010")]).await;
    let bound = test.bind(&client, &pool, A, None).await;
    let change = json!({"NumberPoolNo": pool, "Name": "shop", "SubServiceType": 202});
    let answer = client.call("UpdateNumberPool", change.clone()).await;
    answer.expect_error("OperationDenied", "live bindings");
    let binding = json!({"NumberPoolNo": pool, "SubId": bound["SubId"]});
    client.ok("UnbindAXB", binding).await;
    client.ok("UpdateNumberPool", change).await;
    let answer = client
        .call("SelectNumberAndBindAXB", test.wish(&pool, A))
        .await;
    answer.expect_invalid("NumberPoolNo");
    answer.expect_error("InvalidParameter", "AXN");
}

#[tokio::test]
async fn lists_are_filtered_and_paged() {
    let test = TestApp::start().await;
    let client = test.application().await;
    for (name, kind) in [("east", 201), ("west", 201), ("north", 202)] {
        let request = json!({"Name": name, "ServiceType": 200, "SubServiceType": kind});
        client.ok("CreateNumberPool", request).await;
    }
    for (filter, total) in [
        (json!({}), 3),
        (json!({"NumberPoolName": "st"}), 2),
        (json!({"SubServiceType": 202}), 1),
        (json!({"SubServiceType": "202"}), 1),
        (json!({"SubServiceType": 102}), 0),
        (json!({"ServiceType": 200}), 3),
        (json!({"ServiceType": 100}), 0),
        (json!({"ServiceType": 0, "SubServiceType": 0}), 3),
        (json!({"QueryAccountId": client.account.to_string()}), 3),
    ] {
        let list = client.ok("NumberPoolList", filter.clone()).await;
        assert_eq!(list["Total"], total, "{filter}");
    }
    let page = json!({"Offset": 2, "Limit": 2});
    let list = client.ok("NumberPoolList", page).await;
    assert_eq!(list["Records"].as_array().map(Vec::len), Some(1));
    assert_eq!(list["Total"], 3);
}

#[tokio::test]
async fn an_account_makes_no_more_pools_than_its_quota() {
    let terms = AccountTerms {
        pools_max: Some(1),
        ..AccountTerms::default()
    };
    let test = TestApp::start_with(Setup {
        terms,
        ..Setup::default()
    })
    .await;
    let client = test.application().await;
    client.ok("CreateNumberPool", pool_request("one")).await;
    let answer = client.call("CreateNumberPool", pool_request("two")).await;
    answer.expect_error("QuotaExceeded", "has exceeded the quota.");
    assert_eq!(answer.status, 400);
}

#[tokio::test]
async fn only_an_operator_makes_a_pool_for_another_account() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let other = test.other_account().await;
    let mut request = pool_request("theirs");
    request["AccountId"] = other.account.to_string().into();
    let answer = client.call("CreateNumberPool", request.clone()).await;
    answer.expect_error("OperationDenied", "AccountId");
    test.operator.ok("CreateNumberPool", request).await;
    let list = other.ok("NumberPoolList", json!({})).await;
    assert_eq!(list["Records"][0]["NumberPoolName"], "theirs");

    let nobody =
        json!({"Name": "p", "ServiceType": 200, "SubServiceType": 201, "AccountId": "9999999999"});
    let answer = test.operator.call("CreateNumberPool", nobody).await;
    answer.expect_invalid("AccountId");
}
