//! One try of one message: HTTPS POST, any 2xx is success.
//!
//! Redirects are not followed, proxies of the environment not used, and of the answer's body no
//! more is read than lets the connection be used again.

use std::{error::Error as _, net::IpAddr, sync::Arc, time::Duration};

use axbridge_store::delivery::NOTE_CHARS_MAX;
use reqwest::{
    Certificate, Client, Response, Url,
    header::{CONTENT_TYPE, HeaderValue, USER_AGENT},
    redirect,
};

use super::{
    resolve::{Guard, NoAllowedAddress},
    settings::CallbackSettings,
    signature::{auth_code, signed_url},
};

/// The header that tells one message from its repetitions.
pub const EVENT_ID_HEADER: &str = "x-axbridge-event-id";

/// The most bytes of an answer's body that are read.
pub const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// How long the rest of an answer may take once its status is known.
const ANSWER_REST: Duration = Duration::from_millis(500);

/// How long an idle connection is kept.
const IDLE_CONNECTION: Duration = Duration::from_secs(30);

const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("axbridge/", env!("CARGO_PKG_VERSION")));
const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// Why a URL will not do for a receiver.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlRefusal {
    /// It is none.
    #[error("write it as https://host/path")]
    Malformed,
    /// It is plain HTTP.
    #[error("it must be https; the operator can allow http for a host with callbacks.http_hosts")]
    NotHttps,
    /// It holds a user and password.
    #[error("it must not hold a user name or password; receivers know callbacks by their authCode")]
    Credentials,
    /// It is an address that is not public.
    #[error("{NoAllowedAddress}")]
    Address,
}

/// What is sent.
#[derive(Debug, Clone)]
pub struct Letter<'a> {
    /// Where to.
    pub url: &'a str,
    /// The token that signs it.
    pub token: &'a str,
    /// What tells it from others.
    pub event_id: &'a str,
    /// What it says, JSON.
    pub body: &'a [u8],
    /// Unix seconds.
    pub unix_s: i64,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The beginning of the body.
    pub body: Vec<u8>,
}

/// Sends to receivers that share a set of trusted certificate authorities.
#[derive(Clone)]
pub struct Sender {
    client: Client,
    guard: Guard,
    http_hosts: Arc<[String]>,
    timeout: Duration,
}

impl Sender {
    /// One that trusts the given authority alone, or those of the system.
    ///
    /// # Errors
    /// What is wrong with the certificate.
    pub fn new(settings: &CallbackSettings, ca_pem: Option<&str>) -> Result<Self, String> {
        let guard = Guard::new(&settings.allowed_ranges, Arc::clone(&settings.lookup));
        let mut builder = Client::builder()
            .dns_resolver(guard.clone())
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .http1_only()
            .referer(false)
            .connect_timeout(settings.timeout)
            .pool_idle_timeout(IDLE_CONNECTION)
            .pool_max_idle_per_host(settings.concurrency);
        if let Some(pem) = ca_pem {
            let authorities = Certificate::from_pem_bundle(pem.as_bytes())
                .map_err(|error| with_causes(&error))?;
            if authorities.is_empty() {
                return Err("it holds no certificate in PEM form".to_owned());
            }
            builder = builder.tls_certs_only(authorities);
        }
        Ok(Self {
            client: builder.build().map_err(|error| with_causes(&error))?,
            guard,
            http_hosts: settings.http_hosts.clone().into(),
            timeout: settings.timeout,
        })
    }

    /// Whether callbacks may go to this URL, as far as can be told without looking up its name.
    ///
    /// # Errors
    /// [`UrlRefusal`].
    pub fn check_url(&self, text: &str) -> Result<(), UrlRefusal> {
        let url = Url::parse(text).map_err(|_| UrlRefusal::Malformed)?;
        let host = url.host_str().ok_or(UrlRefusal::Malformed)?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        match url.scheme() {
            "https" => {}
            "http" if self.http_hosts.iter().any(|known| known == host) => {}
            "http" => return Err(UrlRefusal::NotHttps),
            _ => return Err(UrlRefusal::Malformed),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(UrlRefusal::Credentials);
        }
        // An address in the URL is connected to without being looked up.
        match host.parse::<IpAddr>() {
            Ok(address) if !self.guard.allows(address) => Err(UrlRefusal::Address),
            _ => Ok(()),
        }
    }

    /// The URL that a letter goes to, with its signature.
    #[must_use]
    pub fn url_of(letter: &Letter<'_>) -> String {
        let timestamp = letter.unix_s.to_string();
        let code = auth_code(&timestamp, letter.body, letter.token);
        signed_url(letter.url, &timestamp, &code)
    }

    /// Sends a letter once. The body of the answer is read with `with_body` only, or as far as it
    /// comes at once.
    ///
    /// # Errors
    /// Why there was no answer, in a few words that name no number.
    pub async fn send(&self, letter: &Letter<'_>) -> Result<Answer, String> {
        self.check_url(letter.url)
            .map_err(|refusal| format!("the URL is refused: {refusal}"))?;
        let request = self
            .client
            .post(Self::url_of(letter))
            .header(CONTENT_TYPE, JSON)
            .header(USER_AGENT, AGENT)
            .header(EVENT_ID_HEADER, letter.event_id)
            .body(letter.body.to_vec());
        let answered = tokio::time::timeout(self.timeout, request.send()).await;
        let response = answered
            .map_err(|_| format!("no answer within {} ms", self.timeout.as_millis()))?
            .map_err(|error| with_causes(&error.without_url()))?;
        let status = response.status().as_u16();
        Ok(Answer {
            status,
            body: beginning(response).await,
        })
    }
}

/// The beginning of an answer's body. A body that is read to its end leaves the connection for the
/// next message; one that is long or slow is not waited for.
async fn beginning(mut response: Response) -> Vec<u8> {
    let mut body = Vec::new();
    let read = async {
        while let Ok(Some(chunk)) = response.chunk().await {
            let room = ANSWER_BYTES_MAX - body.len();
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if body.len() == ANSWER_BYTES_MAX {
                return;
            }
        }
    };
    // The status is known, so what is missing of the body is no failure.
    let _ = tokio::time::timeout(ANSWER_REST, read).await;
    body
}

/// An error with what is behind it, short enough to be kept.
fn with_causes(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let part = error.to_string();
        if !text.contains(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        cause = error.source();
    }
    text.chars().take(NOTE_CHARS_MAX).collect()
}
