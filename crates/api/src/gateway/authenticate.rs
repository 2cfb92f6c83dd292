//! Who signs a request.

use axum::http::header;

use super::Gateway;
use super::serve::Received;
use crate::call::Caller;
use crate::error::ApiError;
use crate::signature::{self, Presented, RequestParts};

/// A request whose signature held.
pub(super) struct Authenticated {
    /// Who signed it.
    pub(super) caller: Caller,
    /// Whether the body is part of what was signed.
    pub(super) signs_body: bool,
}

/// Reads what a request says about its signature. Nothing is believed yet.
///
/// # Errors
/// The gateway code for what cannot be read.
pub(super) fn read(received: &Received) -> Result<Presented, ApiError> {
    Ok(signature::parse(&parts(received))?)
}

/// Checks the signature.
///
/// # Errors
/// The gateway code for what does not hold.
pub(super) async fn check(
    gateway: &Gateway,
    received: &Received,
    presented: &Presented,
) -> Result<Authenticated, ApiError> {
    let now_unix_s = gateway.app.clock().now().unix_s();
    presented.check_time(now_unix_s, gateway.settings.clock_skew_s)?;
    // Told apart from a wrong secret because the vendor does so, and its clients act on it.
    let key = gateway.app.active_key(&presented.access_key).await?;
    let Some(key) = key else {
        return Err(ApiError::invalid_access_key(&presented.access_key));
    };
    if presented
        .security_token
        .as_deref()
        .is_some_and(|token| !token.is_empty())
    {
        return Err(ApiError::invalid_secret_token(
            "this server issues no temporary credentials",
        ));
    }
    let derived = gateway.signing_keys.get(&key, &presented.scope);
    signature::verify_with_key(&parts(received), presented, &derived.key)?;
    gateway.signing_keys.keep(derived);
    Ok(Authenticated {
        caller: Caller {
            access_key: key.id.clone(),
            account: key.account,
            role: key.role,
        },
        signs_body: presented.signs_body(),
    })
}

fn parts(received: &Received) -> RequestParts<'_> {
    let uri = &received.parts.uri;
    let in_header = received.parts.headers.get(header::HOST);
    // HTTP/2 requests have no Host header. Where a proxy's request has both, clients sign the
    // header that they set.
    let host = in_header
        .and_then(|host| host.to_str().ok())
        .or_else(|| uri.authority().map(|authority| authority.as_str()));
    RequestParts {
        method: received.parts.method.as_str(),
        path: uri.path(),
        raw_query: uri.query().unwrap_or_default(),
        headers: &received.parts.headers,
        host,
        body: &received.body,
    }
}
