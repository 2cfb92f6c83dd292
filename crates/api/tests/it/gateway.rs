//! What the gateway does with requests before any action sees them.

use axbridge_api::gateway::GatewaySettings;
use serde_json::{Value, json};
use std::time::Duration;

use crate::harness::{A, Message, Setup, TestApp, unsigned};

fn list(query: &str) -> Message {
    Message {
        query: query.to_owned(),
        ..Message::post("NumberPoolList", "application/json", "{}")
    }
}

#[tokio::test]
async fn action_and_version_stand_in_the_query() {
    let test = TestApp::start().await;
    let client = test.application().await;
    for (query, code) in [
        ("", "MissingAction"),
        ("Version=2022-01-01", "MissingAction"),
        ("Action=&Version=2022-01-01", "MissingAction"),
        ("Action=NumberPoolList", "InvalidAction"),
        ("Action=NumberPoolList&Version=2021-01-01", "InvalidAction"),
        ("Action=NoSuchAction&Version=2022-01-01", "InvalidAction"),
        ("Action=%00&Version=2022-01-01", "InvalidAction"),
        ("Action=%FF&Version=2022-01-01", "InvalidAction"),
    ] {
        let answer = client.send(list(query)).await;
        assert_eq!(answer.code(), code, "{query} {}", answer.body);
        assert_eq!(answer.status, 400, "{query}");
    }
    let in_body = Message {
        query: String::new(),
        body: br#"{"Action":"NumberPoolList","Version":"2022-01-01"}"#.to_vec(),
        ..list("")
    };
    let answer = client.send(in_body).await;
    answer.expect_error("MissingAction", "query");
}

#[tokio::test]
async fn an_action_named_twice_is_refused_unless_both_agree() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let twice = "Action=NumberPoolList&Action=UnbindAXB&Version=2022-01-01";
    let answer = client.send(list(twice)).await;
    assert!(answer.is_error());
    assert_eq!(answer.status, 400);
}

#[tokio::test]
async fn action_names_match_in_any_case() {
    let test = TestApp::start().await;
    let client = test.application().await;
    for action in ["numberpoollist", "NUMBERPOOLLIST", "numberPoolList"] {
        client.ok(action, json!({})).await;
    }
}

#[tokio::test]
async fn other_paths_and_methods_answer_the_envelope_too() {
    let test = TestApp::start().await;
    let client = test.application().await;
    for path in ["/x", "/vms", "//", "/index.html", "/%2e%2e/etc/passwd"] {
        let message = Message {
            path,
            ..list("Action=NumberPoolList&Version=2022-01-01")
        };
        let answer = client.send(message).await;
        answer.expect_error("NotFound", "/");
        assert_eq!(answer.status, 404, "{path}");
    }
    for method in [
        "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "PROPFIND",
    ] {
        let message = Message {
            method,
            ..list("Action=NumberPoolList&Version=2022-01-01")
        };
        let answer = client.send(message).await;
        assert_eq!(answer.status, 405, "{method}");
        if !answer.body.is_null() {
            answer.expect_error("MethodNotAllowed", method);
        }
    }
}

#[tokio::test]
async fn get_and_post_serve_every_action() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[("17000000010", "010")]).await;
    let query = format!(
        "PhoneNoA={A}&NumberPoolNo={pool}&ExpireTime={}",
        test.in_s(3600)
    );
    let answer = client.get("SelectNumberAndBindAXB", &query).await;
    assert_eq!(answer.result()["PhoneNoX"], "17000000010");
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_whole() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let padded = |bytes: usize| {
        let mut message = list("Action=NumberPoolList&Version=2022-01-01");
        message.body = format!("{{\"Pad\":\"{}\"}}", "x".repeat(bytes - 10)).into_bytes();
        message
    };
    assert_eq!(padded(256 * 1024).body.len(), 256 * 1024);
    client.send(padded(256 * 1024)).await.into_result();
    let answer = client.send(padded(256 * 1024 + 1)).await;
    answer.expect_error("PayloadTooLarge", "262144");
    assert_eq!(answer.status, 413);
}

#[tokio::test]
async fn bodies_that_cannot_be_read_are_explained() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let form = "application/x-www-form-urlencoded";
    let many: String = (0..600).map(|index| format!("p{index}=1&")).collect();
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(50), "]".repeat(50));
    let cases: [(&'static str, Vec<u8>); 9] = [
        ("application/json", b"{".to_vec()),
        ("application/json", b"[]".to_vec()),
        ("application/json", b"\"text\"".to_vec()),
        ("application/json", b"{\"a\":\"\xFF\"}".to_vec()),
        ("application/json", b"{\"Limit\":1,\"limit\":2}".to_vec()),
        ("application/json", deep.into_bytes()),
        (form, b"Limit=%FF".to_vec()),
        (form, many.into_bytes()),
        ("multipart/form-data; boundary=x", b"--x--".to_vec()),
    ];
    for (content_type, body) in cases {
        let message = Message {
            content_type: Some(content_type),
            body: body.clone(),
            ..list("Action=NumberPoolList&Version=2022-01-01")
        };
        let answer = client.send(message).await;
        let body = String::from_utf8_lossy(&body);
        assert_eq!(answer.code(), "InvalidParameter", "{body} {}", answer.body);
        assert_eq!(answer.status, 400, "{body}");
    }
}

#[tokio::test]
async fn three_hundred_unknown_parameters_are_ignored() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let many: String = (0..300).map(|index| format!("Unknown{index}=1&")).collect();
    client
        .form("NumberPoolList", &format!("{many}Limit=7"))
        .await
        .into_result();
    client
        .get("NumberPoolList", &format!("{many}Limit=7"))
        .await
        .into_result();
}

#[tokio::test]
async fn a_request_id_is_new_every_time() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let mut seen = std::collections::HashSet::new();
    for _ in 0..100 {
        let answer = client.call("NumberPoolList", json!({})).await;
        let id = answer.body["ResponseMetadata"]["RequestId"].to_string();
        assert!(id.starts_with("\"20250603192142"), "{id}");
        assert!(seen.insert(id));
    }
}

#[tokio::test]
async fn a_body_that_never_arrives_is_not_waited_for() {
    let gateway = GatewaySettings {
        request_timeout: Duration::from_millis(1),
        ..GatewaySettings::default()
    };
    let test = TestApp::start_with(Setup {
        gateway,
        ..Setup::default()
    })
    .await;
    let client = test.application().await;
    let message = list("Action=NumberPoolList&Version=2022-01-01");
    let answer = client.send_without_end(&message).await;
    answer.expect_error("RequestTimeout", "");
    assert_eq!(answer.status, 408);
}

#[tokio::test]
async fn more_requests_than_there_is_room_for_are_turned_away() {
    let gateway = GatewaySettings {
        concurrent_requests_max: 0,
        ..GatewaySettings::default()
    };
    let test = TestApp::start_with(Setup {
        gateway,
        ..Setup::default()
    })
    .await;
    let answer = test.operator.call("NumberPoolList", json!({})).await;
    answer.expect_error("ServiceUnavailable", "temporary failure");
    assert_eq!(answer.status, 503);
}

#[tokio::test]
async fn business_errors_travel_with_the_status_of_the_setting() {
    for (setting, status) in [(200, 200), (400, 400)] {
        let gateway = GatewaySettings {
            business_error_status: setting,
            ..GatewaySettings::default()
        };
        let test = TestApp::start_with(Setup {
            gateway,
            ..Setup::default()
        })
        .await;
        let unbind = json!({"NumberPoolNo": "NP000000000000000001", "SubId": "S1"});
        let answer = test.operator.call("UnbindAXB", unbind).await;
        answer.expect_error("SubscriptionEmpty", "");
        assert_eq!(answer.status, status);
        let error = &answer.body["ResponseMetadata"]["Error"];
        assert_eq!(error.get("CodeN"), None::<&Value>);
    }
}

#[tokio::test]
async fn strangers_learn_nothing_about_actions() {
    let test = TestApp::start().await;
    for action in ["NumberPoolList", "CreateAccessKey", "NoSuchAction"] {
        let message = list(&format!("Action={action}&Version=2022-01-01"));
        let answer = test.operator.send_as_is(unsigned(&message)).await;
        answer.expect_error("MissingAuthenticationToken", "");
    }
}
