//! What asks for no signature: probes, metrics, the API's description.

use axum::{Router, body::Body, http::Request};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::harness::{A, TestApp};

async fn fetch(router: &Router, method: &str, path: &str) -> (u16, String) {
    let request = Request::builder().method(method).uri(path);
    let request = request.body(Body::empty()).expect("a request");
    let response = router.clone().oneshot(request).await.expect("an answer");
    let (head, body) = response.into_parts();
    let bytes = body.collect().await.expect("a whole body").to_bytes();
    let text = String::from_utf8(bytes.to_vec()).expect("UTF-8");
    (head.status.as_u16(), text)
}

#[tokio::test]
async fn probes_answer_on_both_ports() {
    let test = TestApp::start().await;
    for router in [&test.router, &test.operator_port] {
        for path in ["/healthz", "/readyz"] {
            let (status, body) = fetch(router, "GET", path).await;
            assert_eq!(status, 200, "{path} {body}");
        }
    }
}

#[tokio::test]
async fn a_store_that_cannot_work_is_alive_but_not_ready() {
    let test = TestApp::start().await;
    test.app.close().await;
    let (status, _) = fetch(&test.operator_port, "GET", "/healthz").await;
    assert_eq!(status, 200);
    let (status, body) = fetch(&test.operator_port, "GET", "/readyz").await;
    assert_eq!(status, 503, "{body}");
}

#[tokio::test]
async fn metrics_count_requests_by_action_and_outcome_and_name_nobody() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[("17000000010", "010")]).await;
    test.bind(&client, &pool, A, None).await;
    let again = client
        .call("SelectNumberAndBindAXB", test.wish(&pool, A))
        .await;
    again.expect_error("NumberNotEnough", "");
    client.call("Surprise%7Bevil%3D%221%22%7D", json!({})).await;
    let (status, text) = fetch(&test.operator_port, "GET", "/metrics").await;
    assert_eq!(status, 200);
    let counted = |parts: &[&str]| {
        text.lines()
            .any(|line| parts.iter().all(|part| line.contains(part)))
    };
    assert!(
        counted(&["SelectNumberAndBindAXB", "Success", " 1"]),
        "{text}"
    );
    assert!(
        counted(&["SelectNumberAndBindAXB", "NumberNotEnough", " 1"]),
        "{text}"
    );
    assert!(counted(&["unknown", "InvalidAction", " 1"]), "{text}");
    assert!(counted(&["number_not_enough", " 1"]), "{text}");
    for secret in [A, "17000000010", "Surprise", &client.access_key, &pool] {
        assert!(!text.contains(secret), "{secret} is in the metrics");
    }
}

#[tokio::test]
async fn metrics_are_not_on_the_clients_port() {
    let test = TestApp::start().await;
    let (status, body) = fetch(&test.router, "GET", "/metrics").await;
    assert_eq!(status, 404);
    let body: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(body["ResponseMetadata"]["Error"]["Code"], "NotFound");
}

#[tokio::test]
async fn the_openapi_document_is_served() {
    let test = TestApp::start().await;
    let (status, text) = fetch(&test.router, "GET", "/openapi.json").await;
    assert_eq!(status, 200);
    let document: Value = serde_json::from_str(&text).expect("JSON");
    let version = document["openapi"].as_str().expect("a version");
    assert!(version.starts_with("3.1"), "{version}");
    for action in axbridge_api::actions::ACTIONS {
        assert!(text.contains(action.name), "{}", action.name);
    }
}

#[tokio::test]
async fn the_operators_port_is_only_read() {
    let test = TestApp::start().await;
    let (status, _) = fetch(&test.operator_port, "POST", "/metrics").await;
    assert_eq!(status, 405);
    let (status, _) = fetch(&test.operator_port, "GET", "/nothing").await;
    assert_eq!(status, 404);
}
