//! The client side of the API: signs with the same code that verifies, over
//! HTTP like anybody else.

mod answer;
mod target;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axbridge_api::signature::{self, ClientRequest, Credentials, SignedHeaders};
use reqwest::Url;
use serde_json::Value;

pub(crate) use answer::CallError;
pub(crate) use target::Target;

use crate::failure::Failure;

/// The API version of every action.
pub(crate) const VERSION: &str = "2022-01-01";

/// The region to sign for: any is accepted, and the answer echoes it.
pub(crate) const REGION: &str = "cn-beijing";

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// A client of one server with one key.
pub(crate) struct Client {
    http: reqwest::Client,
    url: Url,
    target: Target,
}

impl Client {
    /// A client of this server.
    pub(crate) fn new(target: Target) -> Result<Self, Failure> {
        let url = parse_endpoint(&target.endpoint)?;
        // A proxy from the environment must not come between local commands and
        // a local server.
        let mut builder = reqwest::Client::builder()
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(ANSWER_TIMEOUT);
        if let Some(path) = &target.ca_file {
            let pem = std::fs::read(path).map_err(crate::failure::about(path))?;
            let certificates = reqwest::Certificate::from_pem_bundle(&pem)
                .map_err(|_| Failure::new(format!("{} is no PEM file", path.display())))?;
            builder = builder.tls_certs_merge(certificates);
        }
        let http = builder
            .build()
            .map_err(|error| Failure::new(format!("no HTTP client can be made: {error}")))?;
        Ok(Self { http, url, target })
    }

    /// The server and key this client uses.
    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    /// The `Host` header of its requests.
    pub(crate) fn host(&self) -> String {
        host_of(&self.url)
    }

    /// Calls an action with a JSON object of parameters and gives its `Result`.
    pub(crate) async fn call(&self, action: &str, parameters: &Value) -> Result<Value, CallError> {
        let body = parameters.to_string().into_bytes();
        let signed = self.sign(action, &body);
        let mut url = self.url.clone();
        url.set_query(Some(&query_of(action)));
        let mut request = self
            .http
            .post(url)
            .header("Content-Type", "application/json; charset=UTF-8");
        for (name, value) in signed.as_pairs() {
            request = request.header(name, value);
        }
        let sent = request.body(body).send().await;
        let response = sent.map_err(|error| CallError::unreachable(&self.target, &error))?;
        answer::Answer::read(&self.target, response).await?.result()
    }

    /// The headers that sign a request with this body, made now.
    pub(crate) fn sign(&self, action: &str, body: &[u8]) -> SignedHeaders {
        let request = ClientRequest {
            method: "POST",
            path: "/",
            raw_query: &query_of(action),
            host: &host_of(&self.url),
            body,
        };
        let credentials = Credentials {
            access_key: &self.target.access_key,
            secret: self.target.secret.0.as_bytes(),
            region: REGION,
            service: signature::SERVICE,
        };
        signature::sign(&request, &credentials, unix_now_s())
    }
}

fn query_of(action: &str) -> String {
    let letters = action.chars().filter(char::is_ascii_alphanumeric);
    format!("Action={}&Version={VERSION}", letters.collect::<String>())
}

/// The `Host` header as HTTP clients send it: the port only when it is not the
/// scheme's own.
fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

fn parse_endpoint(text: &str) -> Result<Url, Failure> {
    let wrong = || {
        Failure::usage(format!("`{text}` is no endpoint"))
            .hint("write it like http://127.0.0.1:8080 or https://vms.example.com")
    };
    let url = Url::parse(text).map_err(|_| wrong())?;
    let usual = ["http", "https"].contains(&url.scheme()) && url.has_host();
    let bare = url.path() == "/" && url.query().is_none() && url.username().is_empty();
    if usual && bare { Ok(url) } else { Err(wrong()) }
}

/// Seconds since 1970, by this machine's clock.
pub(crate) fn unix_now_s() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(since.unwrap_or_default().as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_scheme_and_a_host() {
        for good in [
            "http://127.0.0.1:8080",
            "https://vms.example.com/",
            "http://[::1]:80",
        ] {
            assert!(parse_endpoint(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "127.0.0.1:8080",
            "ftp://x",
            "http://",
            "http://x/path",
            "http://u@x",
        ] {
            assert!(parse_endpoint(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_host_carries_its_port_only_when_unusual() {
        for (url, host) in [
            ("http://127.0.0.1:8080", "127.0.0.1:8080"),
            ("http://example.com:80", "example.com"),
            ("https://example.com", "example.com"),
            ("http://[::1]:8080", "[::1]:8080"),
        ] {
            assert_eq!(host_of(&parse_endpoint(url).expect("good")), host);
        }
    }
}
