//! The engine: its threads, its ports, and how sessions come to be.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use aws_lc_rs::rand;
use mio::net::UdpSocket;
use tokio::sync::mpsc;

use super::leg::{Leg, Sockets};
use super::live::{Emitter, Live};
use super::ports::Ports;
use super::recording::{Disk, RealDisk, Recorder};
use super::session::Session;
use super::settings::{EngineSettings, MediaError, MediaEvent, SessionSettings, Side};
use super::statistics::{Counters, EngineStatistics, Totals};
use super::worker::{Message, Post, Worker};

/// Events of a session that wait to be read.
const EVENTS_MAX: usize = 1024;

/// More threads than this are not started; two already relay more than a thousand calls.
const THREADS_MAX: usize = 64;

/// Relays, plays, records and listens, on threads of its own.
#[derive(Debug)]
pub struct Engine {
    settings: EngineSettings,
    ports: Arc<Ports>,
    posts: Vec<Post>,
    next_session: AtomicUsize,
    totals: Arc<Totals>,
    stopped: AtomicBool,
    threads: Mutex<(Vec<JoinHandle<()>>, Recorder)>,
}

impl Engine {
    /// Starts the threads.
    ///
    /// # Errors
    /// If the range of ports holds no call, the address is none of this machine's, or the system
    /// gives no thread.
    pub fn start(settings: EngineSettings) -> Result<Self, MediaError> {
        Self::start_on(settings, Arc::new(RealDisk))
    }

    pub(crate) fn start_on(
        settings: EngineSettings,
        disk: Arc<dyn Disk>,
    ) -> Result<Self, MediaError> {
        let ports = Arc::new(Ports::new(settings.ports.clone()));
        if ports.pairs() < Side::BOTH.len() {
            return Err(MediaError::NoPorts(settings.ports));
        }
        // An address that is not ours is told now, not at the first call.
        let address = settings.bind_address;
        if let Err(source) = std::net::UdpSocket::bind((address, 0)) {
            return Err(MediaError::Address { address, source });
        }
        let totals = Arc::new(Totals::default());
        let recorder = Recorder::start(disk, Arc::clone(&totals))?;
        let (mut posts, mut threads) = (Vec::new(), Vec::new());
        for index in 0..settings.threads.clamp(1, THREADS_MAX) {
            let (worker, post) = Worker::new(recorder.line(), Arc::clone(&totals))?;
            let thread = std::thread::Builder::new()
                .name(format!("media-{index}"))
                .spawn(move || worker.run())?;
            posts.push(post);
            threads.push(thread);
        }
        Ok(Self {
            settings,
            ports,
            posts,
            next_session: AtomicUsize::new(1),
            totals,
            stopped: AtomicBool::new(false),
            threads: Mutex::new((threads, recorder)),
        })
    }

    /// Opens a session: takes ports for both sides. What happens in it comes out of the receiver.
    ///
    /// # Errors
    /// If no port is free, or the engine has stopped.
    pub fn open(
        &self,
        settings: SessionSettings,
    ) -> Result<(Session, mpsc::Receiver<MediaEvent>), MediaError> {
        if self.stopped.load(Relaxed) {
            return Err(MediaError::Stopped);
        }
        let mut sides = [self.sockets()?, self.sockets()?];
        let counters = [(); 2].map(|()| Arc::new(Counters::default()));
        let public = self
            .settings
            .public_address
            .unwrap_or(self.settings.bind_address);
        let mut local = [SocketAddr::new(public, 0); 2];
        for (address, sockets) in local.iter_mut().zip(&sides) {
            address.set_port(sockets.rtp.local_addr()?.port());
        }
        let id = self.next_session.fetch_add(1, Relaxed);
        let post = self.posts[id % self.posts.len()].clone();
        post.register(id, &mut sides)?;
        let (sender, receiver) = mpsc::channel(EVENTS_MAX);
        let [caller, callee] = sides;
        let leg = |side: Side, sockets| -> Result<Leg, MediaError> {
            let mut random = [0; 10];
            rand::fill(&mut random)
                .map_err(|_| io::Error::other("the random source gave nothing"))?;
            let counters = Arc::clone(&counters[side.index()]);
            Ok(Leg::new(
                side,
                sockets,
                random,
                counters,
                Arc::clone(&self.totals),
            ))
        };
        let now = Instant::now();
        let live = Live {
            legs: [leg(Side::Caller, caller)?, leg(Side::Callee, callee)?],
            emitter: Emitter {
                sender: sender.clone(),
                totals: Arc::clone(&self.totals),
            },
            silence: settings.silence,
            bridged: false,
            tape: None,
            opened: now,
            chores_done: 0,
        };
        if !post.send(Message::Open(id, Box::new(live))) {
            return Err(MediaError::Stopped);
        }
        let session = Session {
            id,
            post,
            local,
            counters,
            next_play: AtomicU64::new(1),
            events: sender,
        };
        Ok((session, receiver))
    }

    /// The next free pair of ports, bound. A port that somebody else has taken is stepped over.
    fn sockets(&self) -> Result<Sockets, MediaError> {
        let address = self.settings.bind_address;
        for _ in 0..self.ports.pairs() {
            let Some(lease) = self.ports.take() else {
                break;
            };
            let bind = |port| UdpSocket::bind(SocketAddr::new(address, port));
            match bind(lease.rtp()).and_then(|rtp| Ok((rtp, bind(lease.rtcp())?))) {
                Ok((rtp, rtcp)) => {
                    return Ok(Sockets {
                        rtp,
                        rtcp,
                        _lease: lease,
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                Err(source) => return Err(MediaError::Address { address, source }),
            }
        }
        Err(MediaError::PortsUsedUp(self.ports.range().clone()))
    }

    /// What the engine is doing and has done.
    pub fn statistics(&self) -> EngineStatistics {
        let totals = &self.totals;
        EngineStatistics {
            sessions: totals.sessions.load(Relaxed),
            port_pairs_in_use: self.ports.in_use(),
            port_pairs: self.ports.pairs(),
            traffic: totals.traffic.read(),
            events_dropped: totals.events_dropped.load(Relaxed),
            recordings_begun: totals.recordings_begun.load(Relaxed),
            recordings_finished: totals.recordings_finished.load(Relaxed),
            recordings_failed: totals.recordings_failed.load(Relaxed),
        }
    }

    /// Closes all sessions, finishes their recordings and waits for that.
    pub fn stop(&self) {
        self.stopped.store(true, Relaxed);
        for post in &self.posts {
            post.send(Message::Stop);
        }
        // The lock guards handles that are taken out one by one.
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        for thread in threads.0.drain(..) {
            let _ = thread.join();
        }
        threads.1.stop();
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop();
    }
}
