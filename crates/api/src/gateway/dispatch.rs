//! From a request that arrived whole to the answer of an action.

use axbridge_app::model::Role;
use axbridge_domain::account::AccountId;
use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;

use super::Gateway;
use super::authenticate::{self, Authenticated};
use super::serve::Received;
use crate::action::{Action, Permission, VERSION};
use crate::actions;
use crate::arguments::Arguments;
use crate::call::{Call, CallError};
use crate::decode::Params;
use crate::error::ApiError;
use crate::shares::{Full, Place};

/// How a request came out, with what was learnt about it on the way.
pub(super) struct Report {
    /// The action, if the query names one of the table, allowed or not.
    pub(super) action: Option<&'static Action>,
    /// The account, once the signature held.
    pub(super) account: Option<AccountId>,
    /// The region that the credential names, proven or not.
    pub(super) region: Option<String>,
    /// The `Result`, or why there is none.
    pub(super) outcome: Result<Value, ApiError>,
}

impl Report {
    /// The report of a request that failed before anything else was learnt.
    pub(super) fn of_failure(action: Option<&'static Action>, error: ApiError) -> Self {
        Self {
            action,
            account: None,
            region: None,
            outcome: Err(error),
        }
    }
}

/// Carries out a request. The permit is held until it is done, whether or not
/// anybody still waits for the answer.
pub(super) async fn execute(
    gateway: &Gateway,
    received: &Received,
    permit: OwnedSemaphorePermit,
) -> Report {
    let mut report = Report::of_failure(received.action(), ApiError::missing_action());
    if received.routing.action.is_some() {
        report.outcome = admitted(gateway, received, &mut report).await;
    }
    drop(permit);
    report
}

async fn admitted(
    gateway: &Gateway,
    received: &Received,
    report: &mut Report,
) -> Result<Value, ApiError> {
    let presented = authenticate::read(received)?;
    report.region = Some(presented.scope.region.clone());
    let authenticated = authenticate::check(gateway, received, &presented).await?;
    let caller = &authenticated.caller;
    report.account = Some(caller.account);
    let action = report
        .action
        .filter(|_| received.routing.version.as_deref() == Some(VERSION))
        .ok_or_else(ApiError::invalid_action)?;
    if action.permission == Permission::Operator && caller.role != Role::Operator {
        return Err(ApiError::access_denied(action.name)
            .with_detail("this action needs an access key with the operator role"));
    }
    gateway.rates.check(&caller.access_key)?;
    let _place = place(gateway, caller.account)?;
    let params = decode(received, &authenticated)?;
    let called = call(gateway, action, &authenticated, &params).await;
    called.map_err(|error| {
        if let CallError::App(refusal) = &error {
            gateway.app.metrics().refused(refusal);
        }
        error.into()
    })
}

/// A place among the requests in work, held until this one is done.
fn place(gateway: &Gateway, account: AccountId) -> Result<Place<AccountId>, ApiError> {
    gateway.room.take(account).map_err(|full| match full {
        Full::Everywhere => ApiError::unavailable("as many requests as may are in work"),
        Full::ForThisTaker => gateway
            .rates
            .over("wait for answers before sending more: too many requests are in work"),
    })
}

/// A body that the signature does not cover could be anybody's: nothing is read
/// from it.
fn decode(received: &Received, authenticated: &Authenticated) -> Result<Params, ApiError> {
    let query = received.parts.uri.query().unwrap_or_default();
    let body: &[u8] = match authenticated.signs_body {
        true => &received.body,
        false => b"",
    };
    Ok(Params::decode(query, received.content_type(), body)?)
}

async fn call(
    gateway: &Gateway,
    action: &'static Action,
    authenticated: &Authenticated,
    params: &Params,
) -> Result<Value, CallError> {
    let app = &gateway.app;
    let call = Call {
        app,
        action,
        caller: &authenticated.caller,
        params,
        arguments: Arguments::read(action, params, app.service_numbers())?,
    };
    (action.handler)(&call).await
}

/// The action that a name stands for.
pub(super) fn action_of(name: Option<&str>) -> Option<&'static Action> {
    name.and_then(actions::find)
}
