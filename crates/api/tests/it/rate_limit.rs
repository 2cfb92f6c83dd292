//! Requests that come too fast.

use axbridge_api::gateway::{GatewaySettings, OverRate};
use serde_json::json;

use crate::harness::{Answer, Client, Setup, TestApp};

async fn start(over_rate: OverRate, business_error_status: u16) -> TestApp {
    let gateway = GatewaySettings {
        requests_per_key_per_s: Some(1),
        over_rate,
        business_error_status,
        ..GatewaySettings::default()
    };
    TestApp::start_with(Setup {
        gateway,
        ..Setup::default()
    })
    .await
}

/// Sends until the limit is met, which on any machine is long before the bound of this loop.
async fn refusal(client: &Client) -> Answer {
    for _ in 0..10_000 {
        let answer = client.call("NumberPoolList", json!({})).await;
        if answer.is_error() {
            return answer;
        }
    }
    panic!("10000 requests in as many seconds");
}

#[tokio::test]
async fn too_many_requests_of_a_key_are_refused_as_the_setting_says() {
    for (over_rate, business_error_status, code, status) in [
        (OverRate::OverQpsLimit, 200, "OverQpsLimit", 200),
        (OverRate::OverQpsLimit, 400, "OverQpsLimit", 400),
        (OverRate::FlowLimitExceeded, 200, "FlowLimitExceeded", 429),
    ] {
        let test = start(over_rate, business_error_status).await;
        let answer = refusal(&test.operator).await;
        answer.expect_error(code, "");
        assert_eq!(answer.status, status);
    }
}

#[tokio::test]
async fn one_keys_haste_is_not_anothers() {
    let test = start(OverRate::OverQpsLimit, 200).await;
    refusal(&test.operator).await;
    let client = test.application().await;
    client.ok("NumberPoolList", json!({})).await;
}

#[tokio::test]
async fn requests_with_a_wrong_secret_do_not_count_against_the_key() {
    let test = start(OverRate::OverQpsLimit, 200).await;
    let client = test.application().await;
    let mut impostor = client.clone();
    impostor.secret = "wrong".to_owned();
    for _ in 0..50 {
        let answer = impostor.call("NumberPoolList", json!({})).await;
        answer.expect_error("SignatureDoesNotMatch", "");
    }
    client.ok("NumberPoolList", json!({})).await;
}
