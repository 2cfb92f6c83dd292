//! Ports, the certificate, and the server that may be running.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

use super::Finding;
use crate::cli::Hidden;
use crate::client::{Client, Target};
use crate::config::Settings;
use crate::failure::Failure;
use crate::operator_file::{self, OperatorFile};
use crate::wire::check_certificate;
use axbridge_voice::stack::certificate_expiry;

const PROBE_TIMEOUT: Duration = Duration::from_secs(3);

/// A server that answers.
pub(super) struct Server {
    /// How it is reached.
    pub(super) file: OperatorFile,
    /// Whether its store can do work.
    pub(super) is_ready: bool,
}

/// The server of the data directory, if one is running.
pub(super) async fn running_server(data: &Path) -> Option<Server> {
    let file = operator_file::read(data).ok().flatten()?;
    let health = probe(&format!("{}/readyz", file.endpoint)).await?;
    Some(Server {
        file,
        is_ready: health == 200,
    })
}

/// A client of a running server, as its operator.
pub(super) fn client_of(server: &Server) -> Result<Client, Failure> {
    Client::new(Target {
        endpoint: server.file.endpoint.clone(),
        access_key: server.file.access_key_id.clone(),
        secret: Hidden(server.file.secret_access_key.clone()),
        ca_file: None,
    })
}

/// The status of a page; `None` when nobody answers.
async fn probe(url: &str) -> Option<u16> {
    let client = reqwest::Client::builder().no_proxy();
    // Whose certificate it is matters to clients; here only whether it answers.
    let client = client
        .timeout(PROBE_TIMEOUT)
        .tls_danger_accept_invalid_certs(true);
    let answer = client.build().ok()?.get(url).send().await.ok()?;
    Some(answer.status().as_u16())
}

/// Whether the ports are free, or served by the running server.
pub(super) async fn ports(settings: &Settings, server: Option<&Server>) -> Vec<Finding> {
    let mut findings = vec![port("API port", settings.http.listen, server)];
    if let Some(listen) = settings.operator.listen {
        findings.push(port("operator port", listen, server));
    }
    findings
}

fn port(check: &'static str, address: SocketAddr, server: Option<&Server>) -> Finding {
    match (TcpListener::bind(address), server) {
        (Ok(_), None) => Finding::ok(check, format!("{address} is free")),
        (Ok(_), Some(server)) => {
            let says = format!(
                "{address} is free; the running server is at {}",
                server.file.endpoint
            );
            Finding::ok(check, says)
        }
        (Err(_), Some(server)) if serves(server, address) => {
            Finding::ok(check, format!("{address} is served by axbridge"))
        }
        (Err(error), _) => Finding::fail(check, format!("{address}: {error}"))
            .hint("stop what listens there, or name another port"),
    }
}

fn serves(server: &Server, address: SocketAddr) -> bool {
    let port = format!(":{}", address.port());
    let urls = [
        Some(&server.file.endpoint),
        server.file.operator_endpoint.as_ref(),
    ];
    urls.into_iter().flatten().any(|url| url.ends_with(&port))
}

/// Whether the certificate can be used, if there is to be one.
pub(super) async fn certificate(settings: &Settings) -> Option<Finding> {
    let files = settings.http.tls()?;
    Some(match check_certificate(&settings.http).await {
        Ok(()) => match certificate_expiry(&files.certificate) {
            Ok(expires_at) => super::voice::expiry("certificate", expires_at),
            Err(error) => Finding::fail("certificate", error.to_string()),
        },
        Err(failure) => Finding::of("certificate", &failure),
    })
}
