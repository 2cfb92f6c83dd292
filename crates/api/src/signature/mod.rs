//! The request signature: one verifier for every official client, and the
//! signer for our own.
//!
//! The clients agree on the algorithm (HMAC-SHA256 over a canonical request,
//! keys derived by date, region and service) and differ in what they sign: some
//! leave out the host, some the body's hash header, some list their headers in
//! no order, and presigned links come in four dialects. One set of rules takes
//! them all: headers stand in the order `SignedHeaders` gives them, `host` is
//! not required, the body is always hashed as it came, and where clients
//! canonicalise differently each way is tried.
//!
//! A gateway calls [`parse`], then [`Presented::check_time`], looks up the
//! access key, then [`verify`]. Pure over values: no clock, no key store.
//!
//! Not here: which access keys exist, and what they may do.

mod canonical;
mod key;
mod presented;
mod sign;
mod time;

use axum::http::HeaderMap;
use thiserror::Error;

pub use canonical::{canonical_request_sha256, verify, verify_with_key};
pub use key::SigningKey;
pub use presented::{Mode, Presented, Scope, parse};
pub use sign::{ClientRequest, Credentials, SignedHeaders, sign};

/// The one algorithm there is.
pub const ALGORITHM: &str = "HMAC-SHA256";

/// The service that requests are signed for.
pub const SERVICE: &str = "vms";

/// Services a credential scope may name: ours, and the name that client
/// packages before version 2022-01-01 signed with on the same host.
pub const ACCEPTED_SERVICES: [&str; 2] = [SERVICE, "volc_secret_number"];

/// How far `X-Date` may be off, in seconds, either way, when the request brings
/// no `X-Expires` (vendor doc 6469/1126803).
pub const DEFAULT_WINDOW_S: i64 = 900;

/// The longest life, in seconds, that `X-Expires` can give a signature.
pub const MAX_EXPIRES_S: i64 = 7 * 24 * 3600;

/// What of a request the signature speaks about.
#[derive(Clone, Copy)]
pub struct RequestParts<'a> {
    /// The HTTP method.
    pub method: &'a str,
    /// The path as it came, still percent-encoded.
    pub path: &'a str,
    /// The query as it came, without `?`, empty when there is none.
    pub raw_query: &'a str,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// `:authority`, or the `Host` header, as it came.
    pub host: Option<&'a str>,
    /// The body as it came.
    pub body: &'a [u8],
}

/// Why a request was not accepted as signed by its access key. The texts are
/// made for the client to read: they hold no secret and nothing of the body.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum AuthError {
    /// Neither an `Authorization` header nor a presigned query.
    #[error("the request carries neither an Authorization header nor a presigned query")]
    MissingAuthenticationToken,
    /// The `Authorization` header, or the presigned query, cannot be read.
    #[error("{0}")]
    InvalidAuthorization(&'static str),
    /// The credential is not `<access key>/<YYYYMMDD>/<region>/<service>/request`.
    #[error("{0}")]
    InvalidCredential(&'static str),
    /// There is a credential but no signature.
    #[error("add the signature")]
    MissingSignature,
    /// There is no `X-Date`.
    #[error("send the time of signing as X-Date, in UTC, like 20250603T112142Z")]
    MissingTimestamp,
    /// `X-Date` cannot be read, differs from the credential's date, or lies
    /// outside the window.
    #[error("{0}")]
    InvalidTimestamp(&'static str),
    /// The credential scope names a service that is not served here.
    #[error("sign for the service vms")]
    ServiceNotFound {
        /// The service that the scope names.
        service: String,
    },
    /// The signature is not the one that this request and secret give.
    #[error("{0}")]
    SignatureDoesNotMatch(&'static str),
}

#[cfg(test)]
mod tests;
