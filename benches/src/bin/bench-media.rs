//! What relaying and recording cost: so many calls at once on loopback, 50 packets a second each
//! way, the load made in the same process but on threads of its own, so that the time of the
//! engine's threads on a processor can be told apart from everything else.
//!
//! `bench-media CALLS SECONDS relay|transcode|record THREADS` prints one line of JSON.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use axbridge_benches::memory::resident_bytes;
use axbridge_voice::media::rtp::{HEADER_BYTES, Header};
use axbridge_voice::media::{
    Accept, Codec, Direction, Engine, EngineSettings, MediaEvent, RecordingTarget, Remote, Session,
    SessionSettings, Side,
};
use tokio::sync::mpsc::Receiver;

/// Time between the packets of one side.
const FRAME: Duration = Duration::from_millis(20);

/// Where each party's host is, and the engine.
const CALLERS: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 7, 1));
const CALLEES: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 7, 2));
const ENGINE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 7, 3));

/// All callers share a socket, and all callees: it must hold what comes while its thread waits
/// for a processor.
const BUFFER_BYTES: usize = 16 * 1024 * 1024;

/// Packets are on their way for no longer than this, or lost.
const LATE: Duration = Duration::from_secs(1);

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
    let cpu = |name: &str| measured.cpu(name) / measured.wall.as_secs_f64();
    let (relaying, writing) = (cpu(RELAYING), cpu(WRITING));
    let line = serde_json::json!({
        "calls": calls,
        "mode": mode,
        "threads": threads,
        "seconds": measured.wall.as_secs_f64(),
        "sent": measured.sent,
        "received": measured.received,
        "lost": measured.sent - measured.received,
        "latency_mean_ms": measured.latency_mean_ms(),
        "latency_p99_ms": measured.latency_ms(0.99),
        "latency_p999_ms": measured.latency_ms(0.999),
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
        let over = AtomicBool::new(false);
        let began = Instant::now();
        let sockets = [&self.callers, &self.callees];
        let to: Vec<[SocketAddr; 2]> = self
            .sessions
            .iter()
            .map(|session| Side::BOTH.map(|side| session.local(side)))
            .collect();
        let (mut measured, cpu_before) = (Measured::default(), thread_times());
        std::thread::scope(|scope| -> Result<()> {
            let over = &over;
            let hearing = sockets.map(|socket| scope.spawn(move || hear(socket, began, over)));
            measured.sent = talk(sockets, &to, began, time)?;
            measured.wall = began.elapsed();
            measured.cpu = spent(&cpu_before, &thread_times());
            std::thread::sleep(LATE);
            over.store(true, Relaxed);
            for thread in hearing {
                let Ok(heard) = thread.join() else {
                    bail!("a thread that hears has ended");
                };
                measured.received += heard.len() as u64;
                measured.latencies_us.extend(heard);
            }
            Ok(())
        })?;
        measured.latencies_us.sort_unstable();
        Ok(measured)
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

fn party(host: IpAddr) -> Result<UdpSocket> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None)?;
    socket.set_recv_buffer_size(BUFFER_BYTES)?;
    socket.bind(&SocketAddr::new(host, 0).into())?;
    let socket = UdpSocket::from(socket);
    socket.set_read_timeout(Some(Duration::from_millis(100)))?;
    Ok(socket)
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

/// Sends 50 packets a second on each side of each call, spread evenly over the 20 ms. Each packet
/// says in the sequence number and timestamp when it was sent.
fn talk(
    sockets: [&UdpSocket; 2],
    to: &[[SocketAddr; 2]],
    began: Instant,
    time: Duration,
) -> Result<u64> {
    let frames = time.as_millis() / FRAME.as_millis();
    let mut sent = 0;
    let mut packet = [0xd5; HEADER_BYTES + 160];
    for frame in 0..frames as u32 {
        for (call, sides) in to.iter().enumerate() {
            let due = FRAME * frame + FRAME * call as u32 / to.len() as u32;
            let ahead = due.saturating_sub(began.elapsed());
            // A sleep takes longer than asked for; what is late goes out at once.
            if ahead > Duration::from_millis(1) {
                std::thread::sleep(ahead);
            }
            for (side, &address) in sides.iter().enumerate() {
                let header = Header {
                    marker: frame == 0,
                    payload_type: Codec::Pcma.payload_type(),
                    sequence: frame as u16,
                    timestamp: frame * 160,
                    ssrc: call as u32 * 2 + side as u32,
                };
                packet[..HEADER_BYTES].copy_from_slice(&header.to_bytes());
                // The time of sending travels as sound; the laws change it, so it is sent as bits
                // of two levels that survive them.
                let micros = began.elapsed().as_micros() as u32;
                for bit in 0..32 {
                    packet[HEADER_BYTES + bit] = if micros >> bit & 1 == 1 { 0xaa } else { 0x2a };
                }
                sockets[side].send_to(&packet, address)?;
                sent += 1;
            }
        }
    }
    Ok(sent)
}

/// Hears packets until it is over; returns how long each was on its way, in microseconds.
fn hear(socket: &UdpSocket, began: Instant, over: &AtomicBool) -> Vec<u32> {
    let mut latencies = Vec::new();
    let mut buffer = [0; 2048];
    while !over.load(Relaxed) {
        let Ok(length) = socket.recv(&mut buffer) else {
            continue;
        };
        if length < HEADER_BYTES + 32 {
            continue;
        }
        let now = began.elapsed().as_micros() as u32;
        let mut sent = 0_u32;
        for bit in 0..32 {
            // The highest bit is the sign in both laws.
            sent |= u32::from(buffer[HEADER_BYTES + bit] >> 7) << bit;
        }
        latencies.push(now.saturating_sub(sent));
    }
    latencies
}

#[derive(Default)]
struct Measured {
    wall: Duration,
    sent: u64,
    received: u64,
    cpu: Vec<(String, f64)>,
    latencies_us: Vec<u32>,
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

    fn latency_mean_ms(&self) -> f64 {
        let sum: u64 = self.latencies_us.iter().map(|&us| u64::from(us)).sum();
        sum as f64 / self.latencies_us.len().max(1) as f64 / 1000.0
    }

    fn latency_ms(&self, share: f64) -> f64 {
        let last = self.latencies_us.len().saturating_sub(1);
        let index = (last as f64 * share) as usize;
        let us = self.latencies_us.get(index).copied().unwrap_or_default();
        f64::from(us) / 1000.0
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
