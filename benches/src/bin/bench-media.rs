//! What relaying and recording cost: so many calls at once on loopback, 50 packets a second each
//! way, the load made in the same process but on threads of its own, so that the time of the
//! engine's threads on a processor can be told apart from everything else.
//!
//! `bench-media CALLS SECONDS relay|transcode|record THREADS` prints one line of JSON.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use axbridge_benches::memory::resident_bytes;
use axbridge_benches::sound::{Heard, party, talk};
use axbridge_voice::media::{
    Accept, Codec, Direction, Engine, EngineSettings, MediaEvent, RecordingTarget, Remote, Session,
    SessionSettings, Side,
};
use tokio::sync::mpsc::Receiver;

/// Where each party's host is, and the engine.
const CALLERS: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 7, 1));
const CALLEES: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 7, 2));
const ENGINE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 7, 3));

/// The names of the engine's threads begin so.
const RELAYING: &str = "media-";
const WRITING: &str = "record";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [calls, seconds, mode, threads] = arguments.as_slice() else {
        bail!("bench-media CALLS SECONDS relay|transcode|record THREADS");
    };
    let (calls, seconds): (usize, u64) = (calls.parse()?, seconds.parse()?);
    let (transcode, record) = match mode.as_str() {
        "relay" => (false, false),
        "transcode" => (true, false),
        "record" => (false, true),
        other => bail!("relay, transcode or record, not {other:?}"),
    };
    let engine = Engine::start(EngineSettings {
        bind_address: ENGINE,
        public_address: None,
        ports: 10_000..=60_000,
        threads: threads.parse()?,
    })?;
    let before = resident_bytes().unwrap_or_default();
    let load = Load::new(&engine, calls, transcode)?;
    let directory = tempfile::tempdir().context("no directory for recordings")?;
    if record {
        load.record(directory.path())?;
    }
    let measured = load.run(Duration::from_secs(seconds))?;
    let after = resident_bytes().unwrap_or_default();
    let recorded = load.finish(record)?;
    let heard = &measured.heard;
    let cpu = |name: &str| measured.cpu(name) / heard.wall.as_secs_f64();
    let (relaying, writing) = (cpu(RELAYING), cpu(WRITING));
    let line = serde_json::json!({
        "calls": calls,
        "mode": mode,
        "threads": threads,
        "seconds": heard.wall.as_secs_f64(),
        "sent": heard.sent,
        "received": heard.received,
        "lost": heard.sent - heard.received,
        "latency_mean_ms": heard.latency_mean_ms(),
        "latency_p99_ms": heard.latency_ms(0.99),
        "latency_p999_ms": heard.latency_ms(0.999),
        "relaying_share": relaying,
        "writing_share": writing,
        "calls_per_core": calls as f64 / (relaying + writing),
        "recorded": recorded,
        "kib_per_call": after.saturating_sub(before) / 1024 / calls.max(1) as u64,
    });
    println!("{line}");
    Ok(())
}

struct Load {
    sessions: Vec<Session>,
    events: Vec<Receiver<MediaEvent>>,
    callers: UdpSocket,
    callees: UdpSocket,
}

impl Load {
    fn new(engine: &Engine, calls: usize, transcode: bool) -> Result<Self> {
        let (callers, callees) = (party(CALLERS)?, party(CALLEES)?);
        let callee_codec = if transcode { Codec::Pcmu } else { Codec::Pcma };
        let (mut sessions, mut events) = (Vec::new(), Vec::new());
        for _ in 0..calls {
            let (session, receiver) = engine.open(SessionSettings {
                silence: Some(Duration::from_secs(60)),
            })?;
            session.set_remote(Side::Caller, remote(callers.local_addr()?, Codec::Pcma));
            session.set_remote(Side::Callee, remote(callees.local_addr()?, callee_codec));
            session.bridge(true);
            sessions.push(session);
            events.push(receiver);
        }
        Ok(Self {
            sessions,
            events,
            callers,
            callees,
        })
    }

    fn record(&self, directory: &Path) -> Result<()> {
        for (index, session) in self.sessions.iter().enumerate() {
            session.record(RecordingTarget::new(directory, format!("call-{index}"))?);
        }
        Ok(())
    }

    /// Talks on all calls, both ways.
    fn run(&self, time: Duration) -> Result<Measured> {
        let sockets = [&self.callers, &self.callees];
        let to: Vec<[SocketAddr; 2]> = self
            .sessions
            .iter()
            .map(|session| Side::BOTH.map(|side| session.local(side)))
            .collect();
        let mut times = Vec::new();
        let heard = talk(sockets, &to, Duration::ZERO, time, || {
            times.push(thread_times())
        })?;
        let cpu = match times.as_slice() {
            [before, after] => spent(before, after),
            _ => Vec::new(),
        };
        Ok(Measured { heard, cpu })
    }

    /// Ends all calls; returns how many recordings there are.
    fn finish(self, recorded: bool) -> Result<usize> {
        drop(self.sessions);
        let mut files = 0;
        for mut events in self.events {
            while let Some(event) = events.blocking_recv() {
                match event {
                    MediaEvent::RecordingFinished(_) => files += 1,
                    MediaEvent::RecordingFailed { why } => bail!("{why}"),
                    _ => {}
                }
            }
        }
        ensure!(!recorded || files > 0, "nothing was recorded");
        Ok(files)
    }
}

fn remote(address: SocketAddr, codec: Codec) -> Remote {
    Remote {
        address,
        codec,
        payload_type: codec.payload_type(),
        event_payload_type: Some(101),
        accept: Accept::LearnPort,
        direction: Direction::SendReceive,
    }
}

struct Measured {
    heard: Heard,
    cpu: Vec<(String, f64)>,
}

impl Measured {
    /// Seconds that the threads whose names begin so have spent on a processor.
    fn cpu(&self, name: &str) -> f64 {
        let of_name = self
            .cpu
            .iter()
            .filter(|(thread, _)| thread.starts_with(name));
        of_name.map(|(_, seconds)| seconds).sum()
    }
}

/// The time that each thread of this process has spent on a processor, in nanoseconds: its id,
/// its name and the first word of its `schedstat`.
fn thread_times() -> Vec<(String, String, u64)> {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else {
        return Vec::new();
    };
    let one = |path: &Path| {
        let name = std::fs::read_to_string(path.join("comm")).ok()?;
        let spent = std::fs::read_to_string(path.join("schedstat")).ok()?;
        let spent = spent.split_whitespace().next()?.parse().ok()?;
        Some((path.display().to_string(), name.trim().to_owned(), spent))
    };
    threads
        .flatten()
        .filter_map(|entry| one(&entry.path()))
        .collect()
}

fn spent(before: &[(String, String, u64)], after: &[(String, String, u64)]) -> Vec<(String, f64)> {
    let earlier = |id: &str| {
        let found = before.iter().find(|(other, ..)| other == id);
        found.map_or(0, |&(_, _, spent)| spent)
    };
    after
        .iter()
        .map(|(id, name, spent)| (name.clone(), (spent - earlier(id)) as f64 / 1e9))
        .collect()
}
