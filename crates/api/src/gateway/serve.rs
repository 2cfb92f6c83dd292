//! The outer half of the gateway: takes a request off the wire within its
//! bounds, has it carried out, and sees to it that there is an answer whatever
//! happens.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axbridge_app::recordings::LINK_PATH;
use axum::extract::{Request, State};
use axum::http::Method;
use axum::http::header;
use axum::http::request::Parts;
use axum::response::Response;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinError;

use super::body::TakenBody;
use super::dispatch::{self, Report};
use super::respond::{Answered, respond};
use super::{Gateway, links, probes};
use crate::action::Action;
use crate::decode::{Routing, routing};
use crate::error::{ApiError, ErrorCode};
use crate::request_id::RequestId;

/// A request that arrived whole.
pub(super) struct Received {
    pub(super) parts: Parts,
    pub(super) body: TakenBody,
    pub(super) routing: Routing,
}

impl Received {
    pub(super) fn content_type(&self) -> Option<&str> {
        let value = self.parts.headers.get(header::CONTENT_TYPE)?;
        value.to_str().ok()
    }

    /// The action that the query names, if it is one of the table.
    pub(super) fn action(&self) -> Option<&'static Action> {
        dispatch::action_of(self.routing.action.as_deref())
    }
}

/// Serves one request of the API's port.
pub(super) async fn serve(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    let (method, path) = (request.method(), request.uri().path());
    if let Some(answer) = probes::serve_public(&gateway.app, method, path).await {
        return answer;
    }
    if path.starts_with(LINK_PATH) {
        return links::serve(&gateway, &request.into_parts().0).await;
    }
    let request_id = gateway.next_request_id();
    let routing = routing(request.uri().query().unwrap_or_default());
    let mut began = Instant::now();
    let received = take(&gateway, request, routing.clone()).await;
    let report = match received {
        Ok((received, permit)) => {
            began = Instant::now();
            carry_out(gateway.clone(), received, permit, &request_id).await
        }
        Err(error) => Report::of_failure(dispatch::action_of(routing.action.as_deref()), error),
    };
    let answered = Answered {
        request_id,
        routing,
        took: began.elapsed(),
        report,
    };
    respond(&gateway, answered)
}

/// Reads a request, if there is room for it and it is within its bounds.
async fn take(
    gateway: &Gateway,
    request: Request,
    routing: Routing,
) -> Result<(Received, OwnedSemaphorePermit), ApiError> {
    let (parts, body) = request.into_parts();
    if parts.uri.path() != "/" {
        return Err(ApiError::new(ErrorCode::NotFound).with_detail("actions go to the path /"));
    }
    if !matches!(parts.method, Method::GET | Method::POST) {
        return Err(ApiError::method_not_allowed(parts.method.as_str()));
    }
    let full = || ApiError::unavailable("as many requests as may have arrived");
    // Looked at before the body for speed; counted after it, so that a body that arrives slowly
    // takes no place.
    if gateway.arrived.available_permits() == 0 {
        return Err(full());
    }
    let body = gateway.bodies.take(body).await?;
    let permit = gateway.arrived.clone().try_acquire_owned();
    let permit = permit.map_err(|_| full())?;
    let received = Received {
        parts,
        body,
        routing,
    };
    Ok((received, permit))
}

async fn carry_out(
    gateway: Arc<Gateway>,
    received: Received,
    permit: OwnedSemaphorePermit,
    request_id: &RequestId,
) -> Report {
    let action = received.action();
    let limit = gateway.settings.request_timeout;
    let work = async move { dispatch::execute(&gateway, &received, permit).await };
    watched(work, limit, action, request_id).await
}

/// Does the work in a task of its own: it is finished even when the client goes
/// away or the time is up, and a panic takes nothing else with it.
async fn watched(
    work: impl Future<Output = Report> + Send + 'static,
    limit: Duration,
    action: Option<&'static Action>,
    request_id: &RequestId,
) -> Report {
    match tokio::time::timeout(limit, tokio::spawn(work)).await {
        Ok(Ok(report)) => report,
        Ok(Err(fault)) => Report::of_failure(action, died(&fault, request_id)),
        Err(_) => Report::of_failure(action, late()),
    }
}

fn died(fault: &JoinError, request_id: &RequestId) -> ApiError {
    // The panic's own text went to standard error by the hook.
    tracing::error!(%request_id, is_panic = fault.is_panic(), "a request's task died");
    ApiError::internal("the request's task died")
}

fn late() -> ApiError {
    ApiError::unavailable("no answer within the request timeout").with_detail(
        "the request may still be carried out: repeat it with the same ClientToken to learn its \
         outcome",
    )
}

#[cfg(test)]
mod tests;
