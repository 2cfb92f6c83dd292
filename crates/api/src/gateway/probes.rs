//! What asks for no signature: whether the server is alive and ready, what it
//! counts, what its API is.

use std::sync::Arc;

use axbridge_app::App;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, header};
use axum::response::Response;
use serde_json::json;

use super::respond::json;
use crate::openapi;

/// The content type of `/metrics`.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Answers a probe of the API's port; `None` when the request is none.
pub(super) async fn serve_public(app: &App, method: &Method, path: &str) -> Option<Response> {
    if !reads(method) {
        return None;
    }
    match path {
        "/openapi.json" => Some(json(200, openapi::text())),
        _ => health(app, path).await,
    }
}

/// Serves the operator's port.
pub(super) async fn serve_operator(State(app): State<Arc<App>>, request: Request) -> Response {
    if !reads(request.method()) {
        return status(405, "this port is read with GET");
    }
    let path = request.uri().path();
    if let Some(answer) = health(&app, path).await {
        return answer;
    }
    match path {
        "/metrics" => metrics(&app).await,
        _ => status(404, "this port has /metrics, /healthz and /readyz"),
    }
}

fn reads(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

async fn health(app: &App, path: &str) -> Option<Response> {
    match path {
        "/healthz" => Some(status(200, "ok")),
        "/readyz" => Some(match app.ready().await {
            Ok(()) => status(200, "ready"),
            Err(error) => {
                tracing::warn!(%error, "not ready");
                status(503, "the store cannot work; the log says why")
            }
        }),
        _ => None,
    }
}

async fn metrics(app: &App) -> Response {
    match app.metrics_text().await {
        Ok(text) => {
            let mut response = Response::new(text.into());
            let content_type = HeaderValue::from_static(OPEN_METRICS);
            response
                .headers_mut()
                .insert(header::CONTENT_TYPE, content_type);
            response
        }
        Err(error) => {
            tracing::error!(%error, "metrics cannot be written");
            status(500, "the metrics cannot be written; the log says why")
        }
    }
}

fn status(code: u16, text: &str) -> Response {
    json(code, json!({"Status": text}).to_string())
}
