//! The voice plane of this node: its start, its end, and what the application may ask of it.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axbridge_app::App;
use axbridge_app::voice::{PeerAnswer, PeerAnswers, VoiceFace};
use axbridge_domain::trunk::{Host, Peer, Transport, Trunk};
use axbridge_voice::audio::{Clip, ClipLimits, Codec};
use axbridge_voice::plane::VoicePlane;
use tokio::runtime::Runtime;

use crate::config::Settings;
use crate::failure::Failure;

/// How long a peer's name may take to be looked up.
const LOOKUP: Duration = Duration::from_secs(3);
/// How long a peer may take to answer OPTIONS.
const ANSWER: Duration = Duration::from_secs(4);

/// Makes a prompt of a WAV or MP3 file.
pub(super) fn read_prompt(file: &[u8]) -> Result<Vec<u8>, String> {
    let clip = Clip::read(file, ClipLimits::default()).map_err(|error| error.to_string())?;
    let samples = clip.samples().iter();
    Ok(samples.map(|sample| Codec::Pcma.encode(*sample)).collect())
}

/// Takes the trunks of the settings. One that this node could not call is refused.
pub(super) fn fix_trunks(app: &App, settings: &Settings) -> Result<(), Failure> {
    let voice = &settings.voice;
    let described = voice.trunks().map_err(Failure::usage)?;
    let fixed = app
        .fix_trunks(described)
        .map_err(|error| Failure::usage(format!("voice.trunks: {error}")))?;
    if !voice.is_on() {
        return Ok(());
    }
    let listens = voice.listens().map_err(Failure::usage)?;
    for record in fixed {
        let unspoken = |peer: &&Peer| listens.iter().all(|it| it.transport != peer.transport);
        if let Some(peer) = record.trunk.peers.iter().find(unspoken) {
            let (name, transport) = (&record.trunk.name, peer.transport.name());
            return Err(Failure::usage(format!(
                "voice.trunks: {name} is called over {transport} at {peer}, which this node does \
                 not speak"
            ))
            .hint(format!(
                "add {transport}:ADDRESS:PORT to voice.sip, or name another transport"
            )));
        }
    }
    Ok(())
}

/// The voice plane and the threads that drive it, which are its own: messages of a call go from task
/// to task, cheapest on one thread, and wait for no request of the API.
pub(super) struct Voice {
    pub(super) plane: Arc<VoicePlane>,
    /// Ends last: a store's connection that a call opened lives on these threads.
    _threads: Threads,
}

/// A runtime that may be dropped by a task of another.
struct Threads(Option<Runtime>);

impl Threads {
    fn start(count: usize) -> Result<Self, Failure> {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let builder = builder.worker_threads(count).thread_name("sip");
        let runtime = builder
            .enable_all()
            .build()
            .map_err(|error| Failure::new(format!("the threads of SIP cannot start: {error}")))?;
        Ok(Self(Some(runtime)))
    }

    /// Runs it on these threads, with all that it spawns.
    async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Failure> {
        let stopped = || Failure::new("the threads of SIP have stopped");
        let runtime = self.0.as_ref().ok_or_else(stopped)?;
        let work = runtime.spawn(work);
        work.await
            .map_err(|error| Failure::new(format!("the voice plane stopped early: {error}")))
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Starts the voice plane, if this node is to have one.
pub(super) async fn start(app: &Arc<App>, settings: &Settings) -> Result<Option<Voice>, Failure> {
    if !settings.voice.is_on() {
        return Ok(None);
    }
    let plane = settings
        .voice
        .plane(settings.recordings.spool_in(&settings.store.data));
    let plane = plane.map_err(Failure::usage)?;
    let threads = Threads::start(settings.voice.sip_threads())?;
    let started = threads.run(VoicePlane::start(app.clone(), plane)).await?;
    let plane = started.map_err(|error| {
        Failure::new(format!("the voice plane cannot start: {error}"))
            .hint("look at voice.sip, voice.rtp_address and voice.rtp_ports: addresses must be of this machine, ports free")
    })?;
    let plane = Arc::new(plane);
    app.set_voice(Arc::new(Face(plane.clone())));
    Ok(Some(Voice {
        plane,
        _threads: threads,
    }))
}

/// The plane as the application sees it.
struct Face(Arc<VoicePlane>);

impl VoiceFace for Face {
    fn speaks(&self, transport: Transport) -> bool {
        let addresses = self.0.addresses();
        addresses.iter().any(|(spoken, _)| *spoken == transport)
    }

    fn test_trunk<'a>(&'a self, trunk: &'a Trunk) -> PeerAnswers<'a> {
        Box::pin(async move {
            // All at once: a trunk has several peers, and a request has its time.
            let asked = trunk.peers.iter().map(|peer| self.ask(trunk, peer));
            futures_util::future::join_all(asked).await
        })
    }
}

impl Face {
    async fn ask(&self, trunk: &Trunk, peer: &Peer) -> PeerAnswer {
        let begun = Instant::now();
        let name = trunk.certificate_name(&peer.host);
        let status = peer_answer(peer, async |address| {
            self.0.ask(peer.transport, address, &name).await
        })
        .await;
        PeerAnswer {
            peer: peer.address(),
            status,
            ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        }
    }
}

/// What a peer answers when it is asked at its first address, or why there was no answer in time.
pub(crate) async fn peer_answer(
    peer: &Peer,
    ask: impl AsyncFnOnce(SocketAddr) -> Result<u16, String>,
) -> Result<u16, String> {
    let address = address_of(peer).await?;
    let answer = tokio::time::timeout(ANSWER, ask(address)).await;
    answer.unwrap_or_else(|_| Err(format!("no answer within {} s", ANSWER.as_secs())))
}

/// The first address of a peer.
async fn address_of(peer: &Peer) -> Result<SocketAddr, String> {
    let name = match &peer.host {
        Host::Address(ip) => return Ok(SocketAddr::new(*ip, peer.port_or_default())),
        Host::Name(name) => name,
    };
    let lookup = tokio::net::lookup_host((name.as_str(), peer.port_or_default()));
    match tokio::time::timeout(LOOKUP, lookup).await {
        Ok(Ok(mut found)) => found
            .next()
            .ok_or_else(|| "the name has no address".to_owned()),
        Ok(Err(error)) => Err(format!("the name cannot be looked up: {error}")),
        Err(_) => Err("the name could not be looked up in time".to_owned()),
    }
}
