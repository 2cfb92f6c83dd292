//! What a client cannot provoke at will: work that panics or takes too long, no
//! room, a body that never ends.

use std::net::Ipv4Addr;

use axbridge_app::chance::Chance;
use axbridge_app::clock::Clock;
use axbridge_app::records::CallSettings;
use axbridge_app::{App, AppSettings};
use axbridge_domain::account::AccountTerms;
use axbridge_domain::numbering::Numbering;
use axbridge_domain::phone::ServiceNumbers;
use axbridge_store::keyring::Keyring;
use axbridge_store::{Location, StoreOptions};
use axum::Router;
use axum::body::{Body, Bytes, HttpBody as _};
use http_body_util::{BodyExt as _, Empty};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;

use super::*;
use crate::actions;
use crate::gateway::{GatewaySettings, router};

fn an_id() -> RequestId {
    RequestId::new(0, Ipv4Addr::LOCALHOST, 1)
}

fn code(report: &Report) -> ErrorCode {
    report.outcome.as_ref().expect_err("a failure").code()
}

async fn serving(settings: GatewaySettings) -> (Router, TempDir) {
    let home = tempfile::tempdir().expect("a directory");
    let keys = Keyring::generate().expect("new keys");
    let app = App::open(AppSettings {
        location: Location::Directory(home.path().to_path_buf()),
        keys: Arc::new(Keyring::parse(&keys).expect("the keys just made")),
        store: StoreOptions::default(),
        numbering: Numbering::built_in(),
        service_numbers: ServiceNumbers::default(),
        default_terms: AccountTerms::default(),
        calls: CallSettings::default(),
        callbacks: axbridge_app::callbacks::CallbackSettings::default(),
        clock: Clock::system(),
        chance: Chance::system(),
    });
    let app = app.await.expect("the store opens");
    (router(app, settings), home)
}

async fn answer(router: &Router, request: Request) -> (u16, Value) {
    let response = router.clone().oneshot(request).await;
    let response = response.expect("the router never fails");
    let status = response.status().as_u16();
    assert_eq!(
        response.headers()["content-type"],
        crate::envelope::CONTENT_TYPE
    );
    let body = response.into_body().collect().await.expect("a body");
    let body = serde_json::from_slice(&body.to_bytes()).expect("JSON");
    (status, body)
}

fn post(body: Body) -> Request {
    let request = Request::builder().method("POST").uri("/?Action=UnbindAXB");
    request.body(body).expect("a request")
}

#[tokio::test]
async fn a_panic_is_answered_as_an_internal_error() {
    let action = actions::find("UnbindAXB");
    let work = async { panic!("a handler's bug") };
    let report = watched(work, Duration::from_secs(60), action, &an_id()).await;
    assert_eq!(code(&report), ErrorCode::InternalError);
    assert_eq!(report.action.map(|it| it.name), Some("UnbindAXB"));
}

#[tokio::test]
async fn work_that_takes_too_long_goes_on_while_its_client_is_told_to_repeat() {
    let (go_on, wait) = tokio::sync::oneshot::channel::<()>();
    let (done, finished) = tokio::sync::oneshot::channel::<()>();
    let work = async move {
        wait.await.expect("the test lets it go on");
        done.send(()).expect("the test waits");
        Report::of_failure(None, ApiError::missing_action())
    };
    let report = watched(work, Duration::ZERO, None, &an_id()).await;
    assert_eq!(code(&report), ErrorCode::ServiceUnavailable);
    go_on.send(()).expect("the work still waits");
    finished.await.expect("the work is finished");
}

#[tokio::test]
async fn a_request_that_finds_no_room_is_told_to_come_again() {
    let (router, _home) = serving(GatewaySettings {
        concurrent_requests_max: 0,
        ..GatewaySettings::default()
    })
    .await;
    let (status, body) = answer(&router, post(Body::empty())).await;
    assert_eq!(status, 503);
    let error = &body["ResponseMetadata"]["Error"];
    assert_eq!(error["Code"], "ServiceUnavailable");
}

#[tokio::test]
async fn a_body_that_does_not_end_in_time_is_answered_408() {
    let (router, _home) = serving(GatewaySettings {
        request_timeout: Duration::ZERO,
        ..GatewaySettings::default()
    })
    .await;
    let endless = Empty::<Bytes>::new().with_trailers(std::future::pending());
    let (status, body) = answer(&router, post(Body::new(endless))).await;
    assert_eq!(status, 408);
    let error = &body["ResponseMetadata"]["Error"];
    assert_eq!(error["Code"], "RequestTimeout");
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_whether_or_not_it_says_its_length() {
    let (router, _home) = serving(GatewaySettings {
        body_bytes_max: 10,
        ..GatewaySettings::default()
    })
    .await;
    let stated = Body::from("01234567890");
    let unstated = Body::new(Body::from("01234567890").map_frame(|frame| frame));
    assert_eq!(unstated.size_hint().lower(), 0);
    for body in [stated, unstated] {
        let (status, body) = answer(&router, post(body)).await;
        assert_eq!(status, 413);
        let error = &body["ResponseMetadata"]["Error"];
        assert_eq!(error["Code"], "PayloadTooLarge");
    }
    let (status, body) = answer(&router, post(Body::from("0123456789"))).await;
    assert_eq!(status, 401);
    assert_eq!(
        body["ResponseMetadata"]["Error"]["CodeN"],
        json!(100_003),
        "a body at the limit passes on to the next check"
    );
}
