//! Who may speak: signatures, dates, keys, as the gateway judges them.

use axum::{body::Body, http::Request};

use crate::harness::{Client, Message, TestApp, unsigned};

fn message() -> Message {
    Message::post("NumberPoolList", "application/json", "{}")
}

/// What is done to a signed request.
type Spoil = fn(&mut Request<Body>);

/// A signed request, then spoilt.
fn spoilt(client: &Client, spoil: impl FnOnce(&mut Request<Body>)) -> Request<Body> {
    let mut request = client.sign(&message());
    spoil(&mut request);
    request
}

fn set(request: &mut Request<Body>, name: &'static str, value: &str) {
    let value = value.parse().expect("a header value");
    request.headers_mut().insert(name, value);
}

fn authorization(request: &Request<Body>) -> String {
    let value = &request.headers()["authorization"];
    value.to_str().expect("text").to_owned()
}

#[tokio::test]
async fn each_way_to_sign_wrongly_has_its_own_code() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let cases: [(&str, u16, Spoil); 12] = [
        ("MissingAuthenticationToken", 401, |request| {
            request.headers_mut().remove("authorization");
        }),
        ("InvalidAuthorization", 400, |request| {
            set(request, "authorization", "Basic dXNlcjpwYXNz");
        }),
        ("InvalidAuthorization", 400, |request| {
            set(
                request,
                "authorization",
                "HMAC-SHA512 Credential=a/20250603/b/vms/request",
            );
        }),
        ("InvalidCredential", 400, |request| {
            let spoilt = authorization(request).replace("/vms/request", "/request");
            set(request, "authorization", &spoilt);
        }),
        ("MissingSignature", 401, |request| {
            let spoilt = authorization(request);
            let cut = spoilt.find(", Signature=").expect("a signature");
            set(request, "authorization", &spoilt[..cut]);
        }),
        ("MissingRequestInfo", 400, |request| {
            request.headers_mut().remove("x-date");
        }),
        ("InvalidTimestamp", 400, |request| {
            set(request, "x-date", "2025-06-03 11:21:42");
        }),
        ("InvalidTimestamp", 400, |request| {
            set(request, "x-date", "20250604T112142Z");
        }),
        ("ServiceNotFound", 404, |request| {
            let spoilt = authorization(request).replace("/vms/", "/ecs/");
            set(request, "authorization", &spoilt);
        }),
        ("SignatureDoesNotMatch", 401, |request| {
            *request.body_mut() = Body::from("{\"Limit\":1}");
        }),
        ("SignatureDoesNotMatch", 401, |request| {
            set(request, "host", "elsewhere.example.com");
        }),
        ("InvalidSecretToken", 401, |request| {
            set(request, "x-security-token", "STS2something");
        }),
    ];
    for (index, (code, status, spoil)) in cases.into_iter().enumerate() {
        let answer = client.send_as_is(spoilt(&client, spoil)).await;
        assert_eq!(answer.code(), code, "case {index}: {}", answer.body);
        assert_eq!(answer.status, status, "case {index}");
        let number = &answer.body["ResponseMetadata"]["Error"]["CodeN"];
        assert!(
            number.is_u64(),
            "case {index}: gateway errors carry a CodeN"
        );
    }
    client.send(message()).await.into_result();
}

#[tokio::test]
async fn unknown_keys_and_wrong_secrets_are_told_apart() {
    let test = TestApp::start().await;
    let mut client = test.application().await;
    client.secret.push('x');
    let answer = client.send(message()).await;
    answer.expect_error(
        "SignatureDoesNotMatch",
        "does not match the signature you provided",
    );
    client.access_key = "AKLTnobody".to_owned();
    let answer = client.send(message()).await;
    answer.expect_error("InvalidAccessKey", "The accesskey [AKLTnobody]");
    assert_eq!(answer.status, 401);
}

#[tokio::test]
async fn a_signature_is_good_for_fifteen_minutes_either_way() {
    let test = TestApp::start().await;
    let client = test.application().await;
    for (seconds, accepted) in [(900, true), (901, false), (-900, true), (-901, false)] {
        let request = client.sign(&message());
        test.move_clock_s(seconds);
        let answer = client.send_as_is(request).await;
        test.move_clock_s(-seconds);
        if accepted {
            answer.into_result();
        } else {
            answer.expect_error("InvalidTimestamp", "");
        }
    }
}

#[tokio::test]
async fn keys_in_headers_of_their_own_authenticate_nobody() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let mut request = unsigned(&message());
    set(&mut request, "AccessKey", &client.access_key);
    set(&mut request, "SecretKey", &client.secret);
    let answer = client.send_as_is(request).await;
    answer.expect_error("MissingAuthenticationToken", "");
}

#[tokio::test]
async fn the_action_that_was_signed_is_the_action_that_is_done() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let other = Message {
        query: "Action=NumberList&Version=2022-01-01".to_owned(),
        ..message()
    };
    let signed = client.sign(&message());
    let mut request = unsigned(&other);
    *request.headers_mut() = signed.headers().clone();
    let answer = client.send_as_is(request).await;
    answer.expect_error("SignatureDoesNotMatch", "");
}

#[tokio::test]
async fn no_error_says_a_secret_back() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let mut impostor = client.clone();
    impostor.secret = "a-wrong-secret".to_owned();
    let answer = impostor.send(message()).await;
    let said = answer.body.to_string();
    assert!(!said.contains("a-wrong-secret") && !said.contains(&client.secret));
}
