//! The voice plane of one node: the SIP stack, the media engine and a task for each call.
//!
//! Not here: what a call does ([`crate::call`]), settings files (the server).

mod books;
mod clips;
mod counts;
mod decide;
mod metrics;
mod pace;
mod readings;
mod recordings;
mod runner;
mod settings;
mod sound;
mod trunks;
mod voice_code;

use std::{
    fmt,
    net::SocketAddr,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use axbridge_app::App;
use axbridge_domain::{call::CallResult, phone::PhoneNumber, trunk::TrunkName};
use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;

use self::{
    clips::Clips,
    counts::{Counts, Place},
    metrics::Metrics,
    pace::Pace,
    runner::{Facts, Runner},
    trunks::{Known, Trunks},
};
pub use self::{
    metrics::SET_UP_BOUNDS_MS,
    settings::{
        CALLS_MAX_DEFAULT, CALLS_PER_X_MAX_DEFAULT, SILENCE_MS_MAX_DEFAULT, TALK_MS_MAX_DEFAULT,
        VoiceSettings,
    },
};
use crate::{
    audio::AnnouncementError,
    guard::{Acl, Cause, Guard},
    identity::{Caller, dialled_number},
    media::{Engine, EngineStatistics, MediaError},
    message::{self, Message, StartLine},
    sdp::Codec,
    stack::{Arrived, Stack, StackError, StackHolds, TlsError, Transport},
};

/// How long calls that were told to end may take over it, in milliseconds.
const GOODBYE_MS_MAX: u64 = 5_000;
/// `Max-Forwards` where a caller names none (RFC 3261 §8.1.1.6).
const MAX_FORWARDS: u8 = 70;

/// What all calls of a node share.
struct Shared {
    app: Arc<App>,
    settings: VoiceSettings,
    stack: Stack,
    engine: Engine,
    guard: Arc<Guard>,
    trunks: Arc<Trunks>,
    counts: Counts,
    clips: Clips,
    metrics: Metrics,
    /// When calls write.
    pace: Arc<Pace>,
    /// Every call is to end now.
    hang_up: CancellationToken,
    /// The chores are to end.
    stop: CancellationToken,
}

impl Shared {
    /// Our address for peers by that transport.
    fn address_for(&self, transport: Transport) -> Option<SocketAddr> {
        let addresses = self.stack.addresses();
        let mut fitting = addresses.iter().filter(|(it, _)| *it == transport);
        fitting.next().map(|(_, address)| *address)
    }
}

/// The codecs of a trunk.
fn codecs(known: &Known) -> Vec<Codec> {
    known
        .trunk
        .codecs
        .iter()
        .map(|codec| Codec::from(*codec))
        .collect()
}

/// The plane could not start.
#[derive(Debug, thiserror::Error)]
pub enum VoiceError {
    /// SIP.
    #[error(transparent)]
    Sip(#[from] StackError),
    /// Sound.
    #[error(transparent)]
    Sound(#[from] MediaError),
    /// Announcements.
    #[error(transparent)]
    Announcements(#[from] AnnouncementError),
    /// The recordings' place.
    #[error("cannot use {path} for recordings: {source}; give a directory that can be written")]
    Spool {
        /// Where.
        path: std::path::PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Nothing to listen on.
    #[error("the voice plane needs an address to listen for SIP on, such as 0.0.0.0:5060")]
    NoAddress,
}

/// What the plane is doing and has done.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct VoiceStatistics {
    /// Calls now.
    pub calls: usize,
    /// Calls that arrived since the start.
    pub arrived: u64,
    /// Those that this node had no room for.
    pub turned_away: u64,
    /// Calls that ended, by result.
    pub ended: Vec<(CallResult, u64)>,
    /// Legs on each trunk now.
    pub by_trunk: Vec<(TrunkName, u32)>,
    /// The peers of the trunks, and whether each answers.
    pub peers: Vec<(TrunkName, String, bool)>,
    /// Calls by the time to the first sign of the callee; bounds in [`SET_UP_BOUNDS_MS`], the last
    /// is beyond them.
    pub set_up: Vec<u64>,
    /// The sum of those times, in milliseconds.
    pub set_up_ms: u64,
    /// The mean jitter of finished calls, in milliseconds.
    pub jitter_ms: f64,
    /// Messages that the guard turned away, by cause.
    pub turned_by_guard: Vec<(Cause, u64)>,
    /// What the SIP stack holds.
    pub stack: StackHolds,
    /// The media engine.
    pub media: EngineStatistics,
}

/// The voice plane of one node.
pub struct VoicePlane {
    shared: Arc<Shared>,
}

impl fmt::Debug for VoicePlane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VoicePlane")
            .field("addresses", &self.addresses())
            .finish_non_exhaustive()
    }
}

impl VoicePlane {
    /// Binds its addresses and takes calls.
    ///
    /// # Errors
    /// [`VoiceError`].
    pub async fn start(app: Arc<App>, settings: VoiceSettings) -> Result<Self, VoiceError> {
        if settings.listen.is_empty() {
            return Err(VoiceError::NoAddress);
        }
        std::fs::create_dir_all(&settings.spool).map_err(|source| VoiceError::Spool {
            path: settings.spool.clone(),
            source,
        })?;
        finish_recordings(&settings.spool).await;
        let clips = Clips::load(&settings)?;
        let engine = Engine::start(settings.media.clone())?;
        let guard = Arc::new(Guard::new(Acl::default(), settings.guard));
        let counts = Counts::default();
        let trunks = Trunks::load(app.clone(), guard.clone(), counts.clone()).await;
        let (stack, arrivals) = Stack::start(
            &settings.listen,
            settings.sip_times,
            guard.clone(),
            settings.tls.clone(),
        )
        .await?;
        let shared = Arc::new(Shared {
            app,
            settings,
            stack: stack.clone(),
            engine,
            guard,
            trunks: trunks.clone(),
            counts,
            clips,
            metrics: Metrics::new(),
            pace: Arc::default(),
            hang_up: CancellationToken::new(),
            stop: CancellationToken::new(),
        });
        if let Err(error) = shared.app.keep_node().await {
            tracing::warn!(%error, "the store did not take this node's sign of life");
        }
        let stopped = shared.stop.clone().cancelled_owned();
        tokio::spawn(shared.app.clone().keep_node_until(stopped));
        tokio::spawn(trunks.keep(stack, shared.stop.clone()));
        tokio::spawn(take_calls(shared.clone(), arrivals));
        let readings = readings::Readings::of(&shared);
        shared.app.metrics().add_source(readings);
        Ok(Self { shared })
    }

    /// Where peers reach it.
    #[must_use]
    pub fn addresses(&self) -> Vec<(Transport, SocketAddr)> {
        self.shared.stack.addresses()
    }

    /// What it is doing and has done.
    #[must_use]
    pub fn statistics(&self) -> VoiceStatistics {
        statistics(&self.shared)
    }

    /// Asks a peer whether it is there (OPTIONS); the status it answers. Over TLS its certificate
    /// must bear the name.
    ///
    /// # Errors
    /// Why there was no answer.
    pub async fn ask(
        &self,
        transport: Transport,
        peer: SocketAddr,
        certificate_name: &str,
    ) -> Result<u16, String> {
        let stack = &self.shared.stack;
        let asked = stack.ask_options(transport, peer, certificate_name).await;
        asked.map_err(|fault| fault.to_string())
    }

    /// Whether SIP is spoken over TLS here.
    #[must_use]
    pub fn speaks_tls(&self) -> bool {
        self.shared.settings.tls.is_some()
    }

    /// Reads certificates and keys anew, for connections made from now on; connections that stand
    /// go on. If a file cannot be used, everything stays as it was.
    ///
    /// # Errors
    /// Which file, and why.
    pub fn reload_tls(&self) -> Result<(), TlsError> {
        match &self.shared.settings.tls {
            Some(material) => material.reload(),
            None => Ok(()),
        }
    }

    /// Takes no new calls (503), waits up to `limit` for those that talk, then hangs up the rest.
    /// Returns how many had to be hung up.
    pub async fn drain(&self, limit: Duration) -> usize {
        self.shared.stack.close();
        self.until_idle(limit).await;
        let left = self.shared.counts.calls();
        self.shared.hang_up.cancel();
        self.until_idle(Duration::from_millis(GOODBYE_MS_MAX)).await;
        left
    }

    async fn until_idle(&self, limit: Duration) {
        /// How often the calls are counted, in milliseconds.
        const LOOK_MS: u64 = 20;
        let end = Instant::now() + limit;
        while self.shared.counts.calls() > 0 && Instant::now() < end {
            tokio::time::sleep(Duration::from_millis(LOOK_MS)).await;
        }
    }

    /// Stops at once: calls that are left are not hung up in order.
    pub async fn stop(&self) {
        let shared = self.shared.clone();
        shared.stop.cancel();
        shared.stack.stop();
        // The engine waits for its threads, which must not hold up the runtime.
        let stopped = tokio::task::spawn_blocking(move || shared.engine.stop()).await;
        if let Err(error) = stopped {
            tracing::error!(%error, "the media engine did not stop");
        }
    }
}

impl Drop for VoicePlane {
    fn drop(&mut self) {
        self.shared.stop.cancel();
        self.shared.hang_up.cancel();
        self.shared.stack.stop();
    }
}

/// Finishes the recordings that a crash cut off, before the first call writes new ones.
async fn finish_recordings(spool: &std::path::Path) {
    let spool = spool.to_owned();
    match tokio::task::spawn_blocking(move || crate::media::repair(&spool)).await {
        Ok(Ok(finished)) if finished.is_empty() => {}
        Ok(Ok(finished)) => {
            tracing::info!(recordings = finished.len(), "finished what a crash cut off");
        }
        Ok(Err(error)) => tracing::warn!(%error, "recordings of the last run stay unfinished"),
        Err(error) => tracing::error!(%error, "recordings of the last run stay unfinished"),
    }
}

fn statistics(shared: &Shared) -> VoiceStatistics {
    let (set_up, set_up_ms) = shared.metrics.set_up_times();
    VoiceStatistics {
        calls: shared.counts.calls(),
        arrived: shared.metrics.arrived.load(Relaxed),
        turned_away: shared.metrics.turned_away.load(Relaxed),
        ended: shared.metrics.by_result(),
        by_trunk: shared.counts.by_trunk(),
        peers: shared.trunks.peers(),
        set_up,
        set_up_ms,
        jitter_ms: shared.metrics.mean_jitter_ms(),
        turned_by_guard: shared.guard.counters().all().collect(),
        stack: shared.stack.holds(),
        media: shared.engine.statistics(),
    }
}

async fn take_calls(shared: Arc<Shared>, mut arrivals: mpsc::Receiver<Arrived>) {
    loop {
        let arrived = tokio::select! {
            () = shared.stop.cancelled() => return,
            arrived = arrivals.recv() => arrived,
        };
        let Some(arrived) = arrived else { return };
        take_call(&shared, arrived);
    }
}

/// Reads a new call and gives it its task.
fn take_call(shared: &Arc<Shared>, arrived: Arrived) {
    shared.metrics.arrived.fetch_add(1, Relaxed);
    let most = u32::try_from(shared.settings.calls_max).unwrap_or(u32::MAX);
    let Some(ticket) = shared.counts.take(Place::Node, Some(most)) else {
        shared.metrics.turned_away.fetch_add(1, Relaxed);
        return arrived.leg.refuse(503, Vec::new());
    };
    let Some(inbound) = shared.trunks.by_name(&arrived.trunk) else {
        return arrived.leg.refuse(403, Vec::new());
    };
    if !inbound.trunk.inbound {
        return arrived.leg.refuse(403, Vec::new());
    }
    let Some(read) = read(&arrived.message, &inbound) else {
        return arrived.leg.refuse(404, Vec::new());
    };
    let mut dice = [0; 8];
    if aws_lc_rs::rand::fill(&mut dice).is_err() {
        tracing::error!("the system's random source gave nothing; no call can be taken");
        return arrived.leg.refuse(503, Vec::new());
    }
    let facts = Facts {
        x: read.x,
        caller: read.caller,
        inbound,
        max_forwards: read.max_forwards,
        dice: u64::from_le_bytes(dice),
        ticket,
    };
    tokio::spawn(Runner::run(shared.clone(), arrived, facts));
}

struct Read {
    x: PhoneNumber,
    caller: Caller,
    max_forwards: u8,
}

/// What an INVITE says, as the trunk writes it.
fn read(bytes: &[u8], inbound: &Known) -> Option<Read> {
    let halves = message::halves(bytes).ok()?;
    let message = Message::read(&halves).ok()?;
    let StartLine::Request { uri, .. } = message.start else {
        return None;
    };
    let uri = message::Uri::parse(uri).ok()?;
    let to = message.first("To").unwrap_or_default();
    let hops = message
        .first("Max-Forwards")
        .and_then(message::decimal)
        .and_then(|hops| u8::try_from(hops).ok())
        .unwrap_or(MAX_FORWARDS);
    Some(Read {
        x: dialled_number(inbound.trunk.dialled_in, &uri, to)?,
        caller: Caller::read(&message, inbound.trunk.caller_id_header),
        max_forwards: hops.saturating_sub(1),
    })
}
