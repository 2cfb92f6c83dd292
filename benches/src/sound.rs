//! Sound as a load: packets of 20 ms on both sides of many calls at once, and how long each was on
//! its way. All callers share a socket, and all callees.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use axbridge_voice::media::Codec;
use axbridge_voice::media::rtp::{HEADER_BYTES, Header};

/// Time between the packets of one side.
pub const FRAME: Duration = Duration::from_millis(20);

/// A socket must hold what comes while its thread waits for a processor.
const BUFFER_BYTES: usize = 16 * 1024 * 1024;

/// Packets are on their way for no longer than this, or lost.
const LATE: Duration = Duration::from_secs(1);

/// A socket for one party of every call.
///
/// # Errors
/// When there is none.
pub fn party(host: IpAddr) -> Result<UdpSocket> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None)?;
    socket.set_recv_buffer_size(BUFFER_BYTES)?;
    socket.bind(&SocketAddr::new(host, 0).into())?;
    let socket = UdpSocket::from(socket);
    socket.set_read_timeout(Some(Duration::from_millis(100)))?;
    Ok(socket)
}

/// What came of a talk.
#[derive(Debug, Default)]
pub struct Heard {
    /// How long it lasted.
    pub wall: Duration,
    /// Packets sent.
    pub sent: u64,
    /// Packets that arrived at the other side.
    pub received: u64,
    latencies_us: Vec<u32>,
}

impl Heard {
    /// The mean time on the way, in milliseconds.
    #[must_use]
    pub fn latency_mean_ms(&self) -> f64 {
        let sum: u64 = self.latencies_us.iter().map(|&us| u64::from(us)).sum();
        sum as f64 / self.latencies_us.len().max(1) as f64 / 1000.0
    }

    /// The time on the way that this share of the packets stayed below, in milliseconds.
    #[must_use]
    pub fn latency_ms(&self, share: f64) -> f64 {
        let last = self.latencies_us.len().saturating_sub(1);
        let index = (last as f64 * share) as usize;
        let us = self.latencies_us.get(index).copied().unwrap_or_default();
        f64::from(us) / 1000.0
    }
}

/// Talks on all calls, both ways: `to` is where the caller's and the callee's packets of each call
/// go. Calls `meanwhile` once the first `warm_up` is over and again at the end of the talk.
///
/// # Errors
/// When a packet cannot be sent.
pub fn talk(
    sockets: [&UdpSocket; 2],
    to: &[[SocketAddr; 2]],
    warm_up: Duration,
    time: Duration,
    mut meanwhile: impl FnMut(),
) -> Result<Heard> {
    let over = AtomicBool::new(false);
    let began = Instant::now();
    let mut heard = Heard::default();
    std::thread::scope(|scope| -> Result<()> {
        let over = &over;
        let hearing = sockets.map(|socket| scope.spawn(move || hear(socket, began, over)));
        let sending = scope.spawn(move || say(sockets, to, began, warm_up + time));
        std::thread::sleep(warm_up);
        meanwhile();
        let Ok(sent) = sending.join() else {
            bail!("the thread that talks has ended");
        };
        meanwhile();
        heard.wall = began.elapsed();
        std::thread::sleep(LATE);
        over.store(true, Relaxed);
        heard.sent = sent?;
        for thread in hearing {
            let Ok(latencies) = thread.join() else {
                bail!("a thread that hears has ended");
            };
            heard.received += latencies.len() as u64;
            heard.latencies_us.extend(latencies);
        }
        Ok(())
    })?;
    heard.latencies_us.sort_unstable();
    Ok(heard)
}

/// Sends 50 packets a second on each side of each call, spread evenly over the 20 ms. Each packet
/// says in its sound when it was sent.
fn say(
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
                // The laws change sound, so the time is sent as bits of two levels that survive.
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
