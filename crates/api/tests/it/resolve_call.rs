//! Asking who would ring.

use serde_json::json;

use crate::harness::{A, B, C, TestApp};

const X: &str = "17000000010";

#[tokio::test]
async fn each_outcome_says_what_is_known() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let account = client.account.to_string();
    let pool = test.pool(&[(X, "010")]).await;
    let resolve = async |caller: &str| {
        let query = json!({"PhoneNoX": X, "Caller": caller});
        test.operator.ok("ResolveCall", query).await
    };
    let free = resolve(A).await;
    assert_eq!(free["Outcome"], "NoBinding");
    assert_eq!(free["AccountId"], account);
    assert!(free["Announcement"].is_string());

    let bound = test.bind(&client, &pool, A, Some(B)).await;
    assert_eq!(
        resolve(B).await,
        json!({
            "Outcome": "Connect", "Callee": A, "CalleeShowNumber": X, "SubId": bound["SubId"],
            "AccountId": account,
        })
    );
    let stranger = resolve(C).await;
    assert_eq!(stranger["Outcome"], "NoBinding");

    let binding = json!({"NumberPoolNo": pool, "SubId": bound["SubId"]});
    client.ok("UnbindAXB", binding).await;
    let ended = resolve(B).await;
    assert_eq!(ended["Outcome"], "Ended");
    assert_eq!(ended["SubId"], bound["SubId"]);
    assert!(ended.get("Callee").is_none());

    let unknown = json!({"PhoneNoX": "17000000099", "Caller": A});
    let unknown = test.operator.ok("ResolveCall", unknown).await;
    assert_eq!(unknown["Outcome"], "UnknownNumber");
    assert!(unknown.get("AccountId").is_none());
}

#[tokio::test]
async fn a_withheld_number_reaches_the_ax_and_no_axb() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[(X, "010")]).await;
    let withheld = json!({"PhoneNoX": X});
    test.bind(&client, &pool, A, Some(B)).await;
    let route = test.operator.ok("ResolveCall", withheld.clone()).await;
    assert_eq!(route["Outcome"], "NoBinding");
    test.bind(&client, &pool, C, None).await;
    let route = test.operator.ok("ResolveCall", withheld).await;
    assert_eq!(
        (&route["Outcome"], &route["Callee"]),
        (&json!("Connect"), &json!(C))
    );
    // The pair's own routes go before the AX.
    assert_eq!(test.ring(X, A).await.1, B);
}

#[tokio::test]
async fn the_callee_sees_x_or_what_the_binding_shows() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let allow = json!({"AccountId": client.account.to_string(), "MayShowRealNumbers": true});
    test.operator.ok("UpdateAccount", allow).await;
    for (display, x, shows_b_to_a, shows_a_to_b) in [
        (1, "17000000021", false, false),
        (2, "17000000022", true, false),
        (3, "17000000023", false, true),
        (4, "17000000024", true, true),
    ] {
        let pool = test.pool(&[(x, "010")]).await;
        let mut wish = test.wish(&pool, A);
        wish["PhoneNoB"] = B.into();
        wish["CallDisplayType"] = display.into();
        client.ok("SelectNumberAndBindAXB", wish).await;
        for (caller, shown) in [
            (B, if shows_b_to_a { B } else { x }),
            (A, if shows_a_to_b { A } else { x }),
        ] {
            let query = json!({"PhoneNoX": x, "Caller": caller});
            let route = test.operator.ok("ResolveCall", query).await;
            assert_eq!(route["CalleeShowNumber"], shown, "{display} {route}");
        }
    }
}

#[tokio::test]
async fn an_extension_is_one_to_four_digits() {
    let test = TestApp::start().await;
    test.pool(&[(X, "010")]).await;
    for (extension, accepted) in [("8001", true), ("0", true), ("80015", false), ("8x", false)] {
        let query = json!({"PhoneNoX": X, "Caller": A, "Extension": extension});
        let answer = test.operator.call("ResolveCall", query).await;
        if accepted {
            assert_eq!(answer.result()["Outcome"], "NoBinding");
        } else {
            answer.expect_invalid("Extension");
        }
    }
}
