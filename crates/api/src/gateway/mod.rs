//! The gateway: from an HTTP request to one call of an action and back to the
//! envelope.
//!
//! A request passes in this order: path, method, the body within its bounds, room
//! for one more; then who signs, which action, may they, how fast, their share
//! of the room; then the parameters by the table; then the handler. What fails answers the JSON envelope, whatever it
//! is. Listening, TLS and timeouts of the connection are the server's.

mod authenticate;
mod body;
mod dispatch;
mod links;
mod probes;
mod rate;
mod respond;
mod serve;
mod signing_keys;

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axbridge_app::App;
use axbridge_app::chance::Chance;
use axbridge_domain::account::AccountId;
use axbridge_domain::limits;
use axum::Router;
use tokio::sync::Semaphore;

use crate::request_id::RequestId;
use crate::signature::DEFAULT_WINDOW_S;

use self::body::Bodies;
use self::rate::RateLimits;
use self::signing_keys::SigningKeys;
use crate::shares::Shares;

/// The largest body by default, in bytes.
pub const BODY_BYTES_MAX_DEFAULT: usize = 256 * 1024;

/// Requests in work at once by default.
pub const CONCURRENT_REQUESTS_MAX_DEFAULT: usize = 1024;

/// How long a request may take by default.
pub const REQUEST_TIMEOUT_DEFAULT: Duration = Duration::from_secs(30);

/// Requests that arrived whole, for each one that may be in work: what waits for
/// its signature to be checked is short work, and refusing it too early would
/// refuse it without knowing whose it is.
const ARRIVED_FOR_EACH_IN_WORK: usize = 4;

/// What a request over the rate limit hears.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OverRate {
    /// The business code, which travels like all of them.
    #[default]
    OverQpsLimit,
    /// The gateway's code, with status 429.
    FlowLimitExceeded,
}

/// How the gateway treats its clients.
#[derive(Clone, Debug)]
pub struct GatewaySettings {
    /// The HTTP status of business errors, 200 or 400.
    pub business_error_status: u16,
    /// The most requests of one access key in a second, in bursts of up to as
    /// many; `None` (or zero) for no limit.
    pub requests_per_key_per_s: Option<u32>,
    /// What a request over that limit hears.
    pub over_rate: OverRate,
    /// The largest body, in bytes.
    pub body_bytes_max: usize,
    /// How far the time of a signature may be off, in seconds, either way.
    pub clock_skew_s: i64,
    /// The most requests in work at once; one more is refused. An account alone
    /// gets half of that, two a third each, so that others find room.
    pub concurrent_requests_max: usize,
    /// How long a body may take to arrive, and then how long the answer may
    /// take.
    pub request_timeout: Duration,
}

impl Default for GatewaySettings {
    fn default() -> Self {
        Self {
            business_error_status: 200,
            requests_per_key_per_s: Some(limits::REQUESTS_PER_ACCOUNT_PER_S_DEFAULT),
            over_rate: OverRate::default(),
            body_bytes_max: BODY_BYTES_MAX_DEFAULT,
            clock_skew_s: DEFAULT_WINDOW_S,
            concurrent_requests_max: CONCURRENT_REQUESTS_MAX_DEFAULT,
            request_timeout: REQUEST_TIMEOUT_DEFAULT,
        }
    }
}

/// The API: actions at `/`, and `/healthz`, `/readyz`, `/openapi.json`, which
/// ask for no signature; files of recordings by links that are signed
/// themselves.
pub fn router(app: Arc<App>, settings: GatewaySettings) -> Router {
    let gateway = Gateway {
        rates: RateLimits::new(settings.requests_per_key_per_s, settings.over_rate),
        arrived: Arc::new(Semaphore::new(
            settings
                .concurrent_requests_max
                .saturating_mul(ARRIVED_FOR_EACH_IN_WORK)
                .min(Semaphore::MAX_PERMITS),
        )),
        room: Shares::new(settings.concurrent_requests_max),
        bodies: Bodies::new(settings.body_bytes_max, settings.request_timeout),
        signing_keys: SigningKeys::new(),
        downloads: Arc::new(Semaphore::new(links::DOWNLOADS_MAX)),
        ids: RequestIds::new(),
        app,
        settings,
    };
    Router::new()
        .fallback(serve::serve)
        .with_state(Arc::new(gateway))
}

/// The operator's port: `/metrics`, `/healthz`, `/readyz`. It asks for no
/// signature, so it must not be reachable by clients.
pub fn operator_router(app: Arc<App>) -> Router {
    Router::new()
        .fallback(probes::serve_operator)
        .with_state(app)
}

/// What every request needs.
struct Gateway {
    app: Arc<App>,
    settings: GatewaySettings,
    rates: RateLimits,
    /// Requests that arrived whole and are not answered.
    arrived: Arc<Semaphore>,
    /// Those of them that are known to be an account's, and in work.
    room: Shares<AccountId>,
    bodies: Bodies,
    signing_keys: SigningKeys,
    /// Files that are being sent.
    downloads: Arc<Semaphore>,
    ids: RequestIds,
}

impl Gateway {
    fn next_request_id(&self) -> RequestId {
        let now_unix_ms = self.app.clock().now().unix_ms();
        self.ids.next(now_unix_ms)
    }
}

/// Gives request ids that stay apart: in place of an address each process has
/// three random bytes, and its requests are counted on from a random start.
struct RequestIds {
    node: Ipv4Addr,
    count: AtomicU32,
}

impl RequestIds {
    fn new() -> Self {
        // Without a secure random source ids are only less apart; nothing relies on them.
        let [a, b, c, d, e, f, g, _] = Chance::system().u64().unwrap_or_default().to_le_bytes();
        Self {
            node: Ipv4Addr::new(10, a, b, c),
            count: AtomicU32::new(u32::from_le_bytes([d, e, f, g])),
        }
    }

    fn next(&self, now_unix_ms: i64) -> RequestId {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        RequestId::new(now_unix_ms, self.node, count)
    }
}
