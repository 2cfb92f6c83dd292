//! Signing of our own requests (command line, demo, benchmarks), by the same
//! canonicalisation that verifies everybody's.

use std::fmt;

use super::canonical::{canonical_request, push_header, usual_query};
use super::key::sha256_hex;
use super::time::format_x_date;
use super::{ALGORITHM, Scope, SigningKey};

const SIGNED_HEADERS: &str = "host;x-content-sha256;x-date";

/// A request that is about to be sent.
#[derive(Clone, Copy)]
pub struct ClientRequest<'a> {
    /// The HTTP method.
    pub method: &'a str,
    /// The path, percent-encoded.
    pub path: &'a str,
    /// The query as it will be sent, percent-encoded, without `?`.
    pub raw_query: &'a str,
    /// The `Host` header as it will be sent: with the port unless it is the
    /// scheme's own.
    pub host: &'a str,
    /// The body as it will be sent.
    pub body: &'a [u8],
}

/// Who signs, and for where.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    /// The access key.
    pub access_key: &'a str,
    /// Its secret, as the text that was issued.
    pub secret: &'a [u8],
    /// The region, such as `cn-beijing`; a server echoes it.
    pub region: &'a str,
    /// The service, [`super::SERVICE`].
    pub service: &'a str,
}

impl fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key", &self.access_key)
            .field("region", &self.region)
            .field("service", &self.service)
            .finish_non_exhaustive()
    }
}

/// The headers to add to a request, besides `Host`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedHeaders {
    /// `X-Date`.
    pub x_date: String,
    /// `X-Content-Sha256`.
    pub x_content_sha256: String,
    /// `Authorization`.
    pub authorization: String,
}

impl SignedHeaders {
    /// The headers as name and value.
    #[must_use]
    pub fn as_pairs(&self) -> [(&'static str, &str); 3] {
        [
            ("X-Date", &self.x_date),
            ("X-Content-Sha256", &self.x_content_sha256),
            ("Authorization", &self.authorization),
        ]
    }
}

/// Signs a request in header mode: host, body hash and date, as the vendor's
/// current pages show it (vendor doc 6358/1722692).
#[must_use]
pub fn sign(
    request: &ClientRequest<'_>,
    credentials: &Credentials<'_>,
    now_unix_s: i64,
) -> SignedHeaders {
    let x_date = format_x_date(now_unix_s);
    let x_content_sha256 = sha256_hex(request.body);
    let mut headers = Vec::new();
    push_header(&mut headers, "host", request.host.trim().as_bytes());
    push_header(
        &mut headers,
        "x-content-sha256",
        x_content_sha256.as_bytes(),
    );
    push_header(&mut headers, "x-date", x_date.as_bytes());
    let canonical = canonical_request(
        request.method,
        request.path,
        &usual_query(request.raw_query),
        &headers,
        SIGNED_HEADERS,
        &x_content_sha256,
    );
    let scope = Scope {
        date: x_date.chars().take(8).collect(),
        region: credentials.region.to_owned(),
        service: credentials.service.to_owned(),
    };
    let key = SigningKey::derive(
        credentials.secret,
        &scope.date,
        &scope.region,
        &scope.service,
    );
    let signature = key.signature(&string_to_sign(&x_date, &scope, &canonical));
    let authorization = format!(
        "{ALGORITHM} Credential={}/{}, SignedHeaders={SIGNED_HEADERS}, Signature={signature}",
        credentials.access_key,
        scope_text(&scope),
    );
    SignedHeaders {
        x_date,
        x_content_sha256,
        authorization,
    }
}

/// The text that the signing key signs.
pub(super) fn string_to_sign(x_date: &str, scope: &Scope, canonical: &[u8]) -> String {
    format!(
        "{ALGORITHM}\n{x_date}\n{}\n{}",
        scope_text(scope),
        sha256_hex(canonical)
    )
}

fn scope_text(scope: &Scope) -> String {
    format!("{}/{}/{}/request", scope.date, scope.region, scope.service)
}
