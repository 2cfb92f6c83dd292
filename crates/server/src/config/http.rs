//! The listener of the API.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::within;

/// Section `http`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Http {
    /// Where to listen.
    pub(crate) listen: SocketAddr,
    /// The URL that clients use; empty when it follows from `listen`.
    pub(crate) endpoint: String,
    tls_certificate: String,
    tls_key: String,
    /// The largest body, in bytes.
    pub(crate) body_bytes_max: usize,
    header_timeout_s: u64,
    request_timeout_s: u64,
    /// The most requests in work at once.
    pub(crate) concurrent_requests_max: usize,
    /// The most connections at once.
    pub(crate) connections_max: usize,
    drain_s: u64,
}

/// The two files of TLS.
#[derive(Clone, Debug)]
pub(crate) struct TlsFiles {
    /// The certificate chain, PEM.
    pub(crate) certificate: PathBuf,
    /// Its private key, PEM.
    pub(crate) key: PathBuf,
}

impl Http {
    pub(super) fn check(&self) -> Result<(), String> {
        if self.tls_certificate.is_empty() != self.tls_key.is_empty() {
            return Err("http.tls_certificate and http.tls_key go together".to_owned());
        }
        let prefixes = ["http://", "https://"];
        let is_url = prefixes.iter().any(|it| self.endpoint.starts_with(it));
        if !self.endpoint.is_empty() && !is_url {
            return Err("http.endpoint begins with http:// or https://".to_owned());
        }
        let body = u64::try_from(self.body_bytes_max).unwrap_or(u64::MAX);
        within("http.body_bytes_max", body, 1024, 64 * 1024 * 1024)?;
        let requests = u64::try_from(self.concurrent_requests_max).unwrap_or(u64::MAX);
        within("http.concurrent_requests_max", requests, 1, 1_000_000)?;
        let connections = u64::try_from(self.connections_max).unwrap_or(u64::MAX);
        within("http.connections_max", connections, 1, 1_000_000)?;
        within("http.header_timeout_s", self.header_timeout_s, 1, 3600)?;
        within("http.request_timeout_s", self.request_timeout_s, 1, 3600)?;
        within("http.drain_s", self.drain_s, 0, 3600)
    }

    /// The certificate, if the API is HTTPS.
    pub(crate) fn tls(&self) -> Option<TlsFiles> {
        (!self.tls_certificate.is_empty()).then(|| TlsFiles {
            certificate: PathBuf::from(&self.tls_certificate),
            key: PathBuf::from(&self.tls_key),
        })
    }

    /// How long a request's head may take.
    pub(crate) fn header_timeout(&self) -> Duration {
        Duration::from_secs(self.header_timeout_s)
    }

    /// How long a request may take.
    pub(crate) fn request_timeout(&self) -> Duration {
        Duration::from_secs(self.request_timeout_s)
    }

    /// How long a stop may take.
    pub(crate) fn drain(&self) -> Duration {
        Duration::from_secs(self.drain_s)
    }

    /// The URL that clients use, when the listener has got `address`.
    pub(crate) fn endpoint_at(&self, address: SocketAddr) -> String {
        if !self.endpoint.is_empty() {
            return self.endpoint.trim_end_matches('/').to_owned();
        }
        let scheme = if self.tls_certificate.is_empty() {
            "http"
        } else {
            "https"
        };
        format!("{scheme}://{}", reachable(address))
    }
}

/// An address that listens everywhere is reached on this machine at loopback.
pub(crate) fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => std::net::Ipv4Addr::LOCALHOST.into(),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => std::net::Ipv6Addr::LOCALHOST.into(),
        other => other.ip(),
    };
    SocketAddr::new(ip, address.port())
}
