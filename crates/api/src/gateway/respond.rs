//! The last step: the answer on the wire, the line in the log, the count.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

use super::Gateway;
use super::dispatch::Report;
use crate::decode::Routing;
use crate::envelope::{self, CONTENT_TYPE, ResponseMeta};
use crate::error::{ApiError, ErrorCode};
use crate::request_id::{REQUEST_ID_HEADER, RequestId};

/// The outcome's name in metrics and log when there was no error.
const SUCCESS: &str = "Success";

/// The action's name in metrics and log when it is none of the table: what a
/// stranger writes must not become a label.
const UNKNOWN: &str = "unknown";

/// A request that is over but for its answer.
pub(super) struct Answered {
    pub(super) request_id: RequestId,
    pub(super) routing: Routing,
    pub(super) took: Duration,
    pub(super) report: Report,
}

/// Logs and counts a request, and writes its answer.
pub(super) fn respond(gateway: &Gateway, answered: Answered) -> Response {
    note(gateway, &answered);
    let Answered {
        request_id,
        routing,
        report,
        ..
    } = answered;
    let meta = ResponseMeta {
        request_id,
        action: routing.action,
        version: routing.version,
        region: report.region,
    };
    let business_status = gateway.settings.business_error_status;
    let (status, body) = match &report.outcome {
        Ok(result) => (200, envelope::success(&meta, result)),
        Err(error) => (
            error.http_status(business_status),
            envelope::failure(&meta, error),
        ),
    };
    let mut response = json(status, body);
    if let Ok(id) = HeaderValue::from_str(meta.request_id.as_str()) {
        response.headers_mut().insert(REQUEST_ID_HEADER, id);
    }
    if status == 405 {
        let allowed = HeaderValue::from_static("GET, POST");
        response.headers_mut().insert(header::ALLOW, allowed);
    }
    response
}

/// A response with a JSON body.
pub(super) fn json(status: u16, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let content_type = HeaderValue::from_static(CONTENT_TYPE);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, content_type);
    response
}

fn note(gateway: &Gateway, answered: &Answered) {
    let report = &answered.report;
    let action = report.action.map_or(UNKNOWN, |action| action.name);
    let outcome = match &report.outcome {
        Ok(_) => SUCCESS,
        Err(error) => error.code().name(),
    };
    gateway
        .app
        .metrics()
        .answered(action, outcome, answered.took);
    let account = report.account.map(|account| account.number());
    // To the microsecond: more digits only make lines long.
    let ms = answered.took.as_micros() as f64 / 1000.0;
    let request_id = answered.request_id.as_str();
    let log = report.outcome.as_ref().err().and_then(ApiError::log);
    match report.outcome.as_ref().err().map(ApiError::code) {
        Some(ErrorCode::InternalError) => {
            tracing::error!(request_id, action, account, outcome, ms, log, "request");
        }
        Some(ErrorCode::ServiceUnavailable) => {
            tracing::warn!(request_id, action, account, outcome, ms, log, "request");
        }
        _ => tracing::info!(request_id, action, account, outcome, ms, log, "request"),
    }
}
