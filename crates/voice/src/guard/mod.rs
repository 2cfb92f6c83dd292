//! The guard: what may come in at all, decided before anything is routed.
//!
//! The stack takes any message that it can parse; what RFC 3261 wants checked is checked here,
//! and so is where the message comes from. A source address is the socket's own: Via and
//! `received` are what the sender says, and can be forged. Strangers hear nothing, not even to
//! OPTIONS, so that a scanner cannot tell a guarded port from a closed one.
//!
//! Not here: who rings (the app), and what happens in a call that was let in (`crate::call`).

mod acl;
mod cause;
mod checks;
mod rate;
mod reply;
pub mod stack;

pub use acl::Acl;
pub use cause::{Cause, Counters};
pub use checks::{Facts, SUPPORTED_EXTENSIONS};
pub use rate::{Limiter, Rate, SOURCES_MAX, XS_MAX};
pub use reply::{ALLOWED_METHODS, Replies};

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;

use axbridge_domain::{
    phone::PhoneNumber,
    trunk::{Transport, Trunk},
};

use checks::Turned;

use crate::digest::{Asked, Challenger, Proof, Secret};
use crate::message::{self, Message, StartLine};

/// User-Agents of scanners, in lower case; a message whose User-Agent starts with one is dropped
/// if the operator asks for it. Off by default: the field is what the sender says, and a list
/// keeps out only those who do not mind being kept out.
pub const SCANNERS: [&str; 9] = [
    "friendly-scanner",
    "sipvicious",
    "sipcli",
    "sipsak",
    "sip-scan",
    "sundayddr",
    "vaxsipuseragent",
    "pplsip",
    "iwar",
];

/// A refusal that the sender hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The status code.
    pub status: u16,
    /// The reason phrase; it tells the operator of the trunk what to do.
    pub reason: &'static str,
    /// Header fields that go with the status.
    pub headers: Vec<(&'static str, String)>,
    /// Why, for the counters.
    pub cause: Cause,
}

impl Refusal {
    pub(crate) const fn new(status: u16, reason: &'static str, cause: Cause) -> Self {
        Self {
            status,
            reason,
            headers: Vec::new(),
            cause,
        }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// What is done with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    Accept {
        /// The trunk it came by.
        trunk: Arc<Trunk>,
        /// What was read.
        facts: Facts,
    },
    /// It is gone, and nobody hears anything.
    Drop(Cause),
    /// It is answered, and goes nowhere.
    Refuse(Refusal),
}

/// How much is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Messages from one address.
    pub messages: Rate,
    /// New calls from one address.
    pub calls: Rate,
    /// New calls to one X.
    pub calls_to_x: Rate,
    /// Requests from one address that belong to no call, such as OPTIONS. The stack keeps each
    /// for half a minute, so this bounds what a peer can make it keep.
    pub others: Rate,
    /// Whether [`SCANNERS`] are dropped.
    pub drop_scanners: bool,
}

impl Default for Limits {
    /// More than two cores can do from one trunk; people do not dial an X twenty times a second.
    fn default() -> Self {
        Self {
            messages: Rate {
                per_s: 20_000,
                burst: 40_000,
            },
            calls: Rate {
                per_s: 1_000,
                burst: 2_000,
            },
            calls_to_x: Rate {
                per_s: 20,
                burst: 100,
            },
            others: Rate {
                per_s: 50,
                burst: 200,
            },
            drop_scanners: false,
        }
    }
}

/// Judges every message that comes in. One for the whole voice plane.
#[derive(Debug)]
pub struct Guard {
    acl: RwLock<Arc<Acl>>,
    limits: Limits,
    rates: Mutex<Rates>,
    counters: Counters,
    replies: Replies,
    challenger: Option<Challenger>,
    started: Instant,
}

/// A message as it came.
struct Came<'a> {
    bytes: &'a [u8],
    source: IpAddr,
    transport: Transport,
    now_ms: u64,
}

#[derive(Debug)]
struct Rates {
    messages: Limiter<IpAddr>,
    others: Limiter<IpAddr>,
    calls: Limiter<IpAddr>,
    calls_to_x: Limiter<PhoneNumber>,
}

impl Guard {
    /// A guard for these trunks.
    #[must_use]
    pub fn new(acl: Acl, limits: Limits) -> Self {
        Self {
            acl: RwLock::new(Arc::new(acl)),
            limits,
            rates: Mutex::new(Rates {
                messages: Limiter::new(limits.messages, SOURCES_MAX),
                others: Limiter::new(limits.others, SOURCES_MAX),
                calls: Limiter::new(limits.calls, SOURCES_MAX),
                calls_to_x: Limiter::new(limits.calls_to_x, XS_MAX),
            }),
            counters: Counters::default(),
            replies: Replies::default(),
            challenger: Challenger::new(),
            started: Instant::now(),
        }
    }

    /// The guard's own clock, for [`Guard::judge`] where nobody tells another.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Whether the address belongs to a trunk.
    #[must_use]
    pub fn knows(&self, source: IpAddr) -> bool {
        self.acl().trunk(source).is_some()
    }

    pub(crate) fn count(&self, cause: Cause) {
        self.counters.count(cause);
    }

    /// Puts other trunks in place; calls in progress go on.
    pub fn set_acl(&self, acl: Acl) {
        *self.acl.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(acl);
    }

    /// The trunks as they are now.
    #[must_use]
    pub fn acl(&self) -> Arc<Acl> {
        Arc::clone(&self.acl.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What was turned away so far.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Judges a message as it came from the socket. `now_ms` is any clock that goes forward.
    pub fn judge(
        &self,
        bytes: &[u8],
        source: SocketAddr,
        transport: Transport,
        now_ms: u64,
    ) -> Verdict {
        self.judge_with_reply(bytes, source, transport, now_ms).0
    }

    /// As [`Guard::judge`], and the answer to send if it is refused and can be answered.
    pub fn judge_with_reply(
        &self,
        bytes: &[u8],
        source: SocketAddr,
        transport: Transport,
        now_ms: u64,
    ) -> (Verdict, Option<Vec<u8>>) {
        let came = Came {
            bytes,
            source: source.ip(),
            transport,
            now_ms,
        };
        let (verdict, reply) = self.decide(&came);
        match &verdict {
            Verdict::Accept { .. } => {}
            Verdict::Drop(cause) | Verdict::Refuse(Refusal { cause, .. }) => {
                self.counters.count(*cause)
            }
        }
        (verdict, reply)
    }

    fn decide(&self, came: &Came<'_>) -> (Verdict, Option<Vec<u8>>) {
        let acl = self.acl();
        let Some(trunk) = acl.trunk(came.source) else {
            return (Verdict::Drop(Cause::Stranger), None);
        };
        if !self.rates().messages.take(came.source, came.now_ms) {
            return (Verdict::Drop(Cause::Flood), None);
        }
        let halves = match message::halves(came.bytes) {
            Ok(halves) => halves,
            Err(flaw) => return (Verdict::Drop(checks::cause_of(flaw)), None),
        };
        let message = match Message::read(&halves) {
            Ok(message) => message,
            Err(flaw) => return (Verdict::Drop(checks::cause_of(flaw)), None),
        };
        let judged = self
            .check(&message, &halves, trunk, came)
            .and_then(|facts| self.prove(&message, &acl, came, facts));
        match judged {
            Ok(facts) => {
                let trunk = Arc::clone(trunk);
                (Verdict::Accept { trunk, facts }, None)
            }
            Err(Turned::Away(cause)) => (Verdict::Drop(cause), None),
            Err(Turned::Down(refusal)) => {
                // An authenticating trunk may be anybody: only its challenge is heard.
                let hears = acl.challenged(came.source).is_none() || self.is_for_proven(&refusal);
                // An answer to an answer would go on for ever (§8.1.3, §8.2).
                match self.replies.to(&message, &refusal).filter(|_| hears) {
                    Some(reply) => (Verdict::Refuse(refusal), Some(reply)),
                    None => (Verdict::Drop(refusal.cause), None),
                }
            }
        }
    }

    fn check(
        &self,
        message: &Message<'_>,
        halves: &message::Halves<'_>,
        trunk: &Trunk,
        came: &Came<'_>,
    ) -> Result<Facts, Turned> {
        if self.limits.drop_scanners && is_scanner(message) {
            return Err(Turned::Away(Cause::Scanner));
        }
        checks::whole_message(message, halves.is_utf8, came.transport, trunk)
    }

    /// Whoever must prove who they are does; then the rates of calls count. Only what starts a
    /// call is challenged: a request of a dialog shows by its tags that it belongs to a call that
    /// was proven, and whoever asks anything else without credentials hears nothing, because such
    /// a trunk may be anybody.
    fn prove(
        &self,
        message: &Message<'_>,
        acl: &Acl,
        came: &Came<'_>,
        facts: Facts,
    ) -> Result<Facts, Turned> {
        let asks = facts.is_of_no_call || facts.new_call_to.is_some();
        if let Some((trunk, password)) = acl.challenged(came.source).filter(|_| asks) {
            let challenge = |stale, cause| Err(self.challenge(trunk, came, stale, cause));
            match self.proof(message, trunk, password, came) {
                Proof::Right => {}
                Proof::Missing | Proof::Wrong if facts.is_of_no_call => {
                    return Err(Turned::Away(Cause::Challenged));
                }
                Proof::Missing => return challenge(false, Cause::Challenged),
                Proof::Stale => return challenge(true, Cause::Challenged),
                Proof::Wrong => return challenge(false, Cause::Credentials),
            }
        }
        self.within_rates(facts, came)
    }

    /// Whether a refusal may be heard by somebody who has proven nothing, or was made only after
    /// they had.
    fn is_for_proven(&self, refusal: &Refusal) -> bool {
        matches!(
            refusal.cause,
            Cause::Challenged | Cause::Credentials | Cause::CallRate | Cause::XRate
        )
    }

    fn proof(
        &self,
        message: &Message<'_>,
        trunk: &Trunk,
        password: Option<&str>,
        came: &Came<'_>,
    ) -> Proof {
        let (Some(challenger), Some(password), StartLine::Request { method, uri, .. }) =
            (&self.challenger, password, message.start)
        else {
            return Proof::Wrong;
        };
        let asked = Asked {
            method,
            uri,
            bytes: came.bytes,
            source: came.source,
        };
        let values = message.all("Authorization");
        let secret = Secret {
            user: &trunk.inbound_user,
            password,
            algorithms: &trunk.inbound_algorithms,
        };
        challenger.judge(values, secret, asked, came.now_ms)
    }

    fn challenge(&self, trunk: &Trunk, came: &Came<'_>, stale: bool, cause: Cause) -> Turned {
        let Some(challenger) = &self.challenger else {
            return Turned::Away(cause);
        };
        let mut refusal = Refusal::new(401, "Unauthorized", cause);
        let algorithms = &trunk.inbound_algorithms;
        for value in challenger.challenge(algorithms, came.source, stale, came.now_ms) {
            refusal = refusal.with("WWW-Authenticate", value);
        }
        refusal.into()
    }

    fn within_rates(&self, facts: Facts, came: &Came<'_>) -> Result<Facts, Turned> {
        let (source, now_ms) = (came.source, came.now_ms);
        if let Some(x) = facts.new_call_to {
            let mut rates = self.rates();
            if !rates.calls.take(source, now_ms) {
                // 503 tells a carrier to try its next route (RFC 3261 §21.5.4).
                let refusal = Refusal::new(503, "Too Many New Calls", Cause::CallRate);
                return Err(refusal.with("Retry-After", "1").into());
            }
            if !rates.calls_to_x.take(x, now_ms) {
                // 480 is about this number alone; 503 would take the whole trunk out.
                let refusal = Refusal::new(480, "Too Many Calls To This Number", Cause::XRate);
                return Err(refusal.into());
            }
        }
        if facts.is_of_no_call && !self.rates().others.take(source, now_ms) {
            return Err(Turned::Away(Cause::Flood));
        }
        Ok(facts)
    }

    fn rates(&self) -> std::sync::MutexGuard<'_, Rates> {
        self.rates.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_scanner(message: &Message<'_>) -> bool {
    let agent = message
        .first("User-Agent")
        .unwrap_or_default()
        .to_ascii_lowercase();
    SCANNERS.iter().any(|scanner| agent.starts_with(scanner))
}
