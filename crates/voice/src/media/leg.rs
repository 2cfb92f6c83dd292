//! One side of a session on the relaying thread: whose packets are taken, what is sent and how it
//! is numbered.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant, SystemTime};

use mio::net::UdpSocket;

use super::live::Emitter;
use super::outgoing::Outgoing;
use super::playout::{Playout, Step, TICK};
use super::ports::Lease;
use super::reception::Reception;
use super::rtcp::{self, Report, ReportBlock};
use super::rtp::{HEADER_BYTES, Header};
use super::settings::{Accept, Keyed, MediaEvent, Remote, Side};
use super::statistics::{Counters, Refusal, Totals, add};
use super::telephone_event::{EVENT_BYTES, EventReader};
use crate::audio::{Codec, Digit, DtmfDetector, FRAME_SAMPLES};

/// A peer's reports are answered no more often than this.
const REPORT_EVERY: Duration = Duration::from_secs(2);

/// The same digit keyed both ways within this time is one digit: gateways often let the
/// beginning of a tone through before they turn it into an event.
const SAME_DIGIT: Duration = Duration::from_millis(500);

/// The sockets of one side and the ports they hold.
pub(crate) struct Sockets {
    pub(crate) rtp: UdpSocket,
    pub(crate) rtcp: UdpSocket,
    pub(crate) _lease: Lease,
}

/// One side.
pub(crate) struct Leg {
    pub(crate) side: Side,
    pub(crate) sockets: Sockets,
    pub(crate) remote: Option<Remote>,
    /// The address that was learned, and is kept.
    learned: Option<SocketAddr>,
    pub(crate) reception: Reception,
    pub(crate) outgoing: Outgoing,
    pub(crate) playout: Playout,
    /// When the next of our own packets is due, while there are any.
    pub(crate) due: Option<Instant>,
    /// Whether the thread will come back for it.
    pub(crate) alarm_set: bool,
    pub(crate) events: EventReader,
    pub(crate) detector: Option<Box<DtmfDetector>>,
    last_digit: Option<(Digit, Keyed, Instant)>,
    pub(crate) heard_at: Instant,
    silence_from: Instant,
    reported_at: Option<Instant>,
    pub(crate) counters: Arc<Counters>,
    totals: Arc<Totals>,
}

impl Leg {
    pub(crate) fn new(
        side: Side,
        sockets: Sockets,
        random: [u8; 10],
        counters: Arc<Counters>,
        totals: Arc<Totals>,
    ) -> Self {
        Self {
            side,
            sockets,
            remote: None,
            learned: None,
            reception: Reception::default(),
            outgoing: Outgoing::new(random),
            playout: Playout::default(),
            due: None,
            alarm_set: false,
            events: EventReader::default(),
            detector: None,
            last_digit: None,
            heard_at: Instant::now(),
            silence_from: Instant::now(),
            reported_at: None,
            counters,
            totals,
        }
    }

    /// Takes what a session description says. An address that was learned is kept as long as the
    /// description names the same one.
    pub(crate) fn set_remote(&mut self, remote: Remote, now: Instant) {
        let same = self
            .remote
            .as_ref()
            .is_some_and(|known| known.address == remote.address && known.accept == remote.accept);
        if !same {
            self.learned = None;
        }
        let heard_before = self
            .remote
            .as_ref()
            .is_some_and(|known| known.direction.receives());
        if !heard_before {
            self.hear_again(now);
        }
        self.remote = Some(remote);
    }

    /// Whether a packet may be this side's, by where it comes from. The address that was learned is
    /// kept, but the one that was described may always speak up: whoever came first may have been
    /// a late packet of the port's last call.
    pub(crate) fn admits(&self, from: SocketAddr) -> bool {
        let Some(remote) = &self.remote else {
            return false;
        };
        let is_expected = self
            .learned
            .is_none_or(|learned| from == learned || from == remote.address);
        let is_allowed = match &remote.accept {
            Accept::Exact => from == remote.address,
            Accept::LearnPort => from.ip() == remote.address.ip(),
            Accept::LearnAddress(networks) => contains(networks, from.ip()),
        };
        is_expected && is_allowed
    }

    /// Keeps the address of a good packet; tells whether it was the first.
    pub(crate) fn learn(&mut self, from: SocketAddr) -> bool {
        self.learned.replace(from).is_none()
    }

    /// Where packets are sent.
    fn destination(&self) -> Option<SocketAddr> {
        let remote = self.remote.as_ref()?;
        if !remote.direction.sends() {
            return None;
        }
        let described = || match &remote.accept {
            Accept::LearnAddress(networks) if !contains(networks, remote.address.ip()) => None,
            _ => Some(remote.address),
        };
        let address = self.learned.or_else(described)?;
        let possible = !address.ip().is_unspecified() && address.port() != 0;
        possible.then_some(address)
    }

    /// Sends a packet; what the system does not take is counted and forgotten.
    pub(crate) fn send(&self, packet: &[u8]) {
        let Some(to) = self.destination() else {
            return;
        };
        let payload = packet.len().saturating_sub(HEADER_BYTES) as u64;
        let sent = self.sockets.rtp.send_to(packet, to).is_ok();
        for counters in [&*self.counters, &self.totals.traffic] {
            if sent {
                add(&counters.packets_out, 1);
                add(&counters.bytes_out, payload);
            } else {
                add(&counters.unsent, 1);
            }
        }
    }

    pub(crate) fn refuse(&self, cause: Refusal) {
        self.counters.refuse(cause);
        self.totals.traffic.refuse(cause);
    }

    /// Counts a packet that was taken.
    pub(crate) fn count(&mut self, payload_bytes: usize) {
        for counters in [&*self.counters, &self.totals.traffic] {
            add(&counters.packets_in, 1);
            add(&counters.bytes_in, payload_bytes as u64);
        }
        let jitter = u64::from(self.reception.jitter());
        self.counters.jitter.store(jitter, Relaxed);
        let lost = self.reception.lost();
        let before = self.counters.lost.swap(lost, Relaxed);
        // Losses of all calls only grow: one that turns out late is not taken back there.
        add(&self.totals.traffic.lost, lost.saturating_sub(before));
    }

    /// What is done when the next of our own packets is due.
    pub(crate) fn tick(&mut self, now: Instant, emitter: &Emitter) {
        let Some(due) = self.due else {
            return;
        };
        let event_type = self
            .remote
            .as_ref()
            .and_then(|remote| remote.event_payload_type);
        let (step, ended) = self.playout.next(event_type.is_some());
        if let Some(id) = ended {
            let (side, whole) = (self.side, true);
            emitter.emit(MediaEvent::PlayEnded { side, id, whole });
        }
        match (step, event_type) {
            (Step::Sound(frame), _) => self.send_frame(&frame, now),
            (Step::Event(event, first), Some(payload_type)) => {
                // All packets of an event carry the time of its beginning (RFC 4733 §2.5.1.2).
                let timestamp = if first {
                    self.outgoing.resume_at(now)
                } else {
                    self.outgoing.timestamp_of_last()
                };
                let header = self
                    .outgoing
                    .own_packet(payload_type, timestamp, first, now);
                let mut packet = [0; HEADER_BYTES + EVENT_BYTES];
                packet[..HEADER_BYTES].copy_from_slice(&header.to_bytes());
                packet[HEADER_BYTES..].copy_from_slice(&event.to_bytes());
                self.send(&packet);
            }
            (Step::Event(..) | Step::Pause, _) => self.outgoing.own_ends(),
            (Step::Done, _) => {
                self.outgoing.own_ends();
                self.due = None;
                return;
            }
        }
        // From the time it was due, so that lateness does not add up.
        self.due = Some(due + TICK);
    }

    fn send_frame(&mut self, frame: &[i16; FRAME_SAMPLES], now: Instant) {
        let Some(remote) = &self.remote else {
            return;
        };
        let (codec, payload_type) = (remote.codec, remote.payload_type);
        let header = self.outgoing.own_frame(payload_type, now);
        let mut packet = [0; HEADER_BYTES + FRAME_SAMPLES];
        packet[..HEADER_BYTES].copy_from_slice(&header.to_bytes());
        for (byte, &sample) in packet[HEADER_BYTES..].iter_mut().zip(frame) {
            *byte = codec.encode(sample);
        }
        self.send(&packet);
    }

    /// Sends a packet of the other side, whose payload lies behind room for our header and is in
    /// `codec`.
    pub(crate) fn send_relayed(
        &mut self,
        packet: &mut [u8],
        header: Header,
        (extended, restarted): (u64, bool),
        codec: Codec,
        now: Instant,
    ) {
        let Some(remote) = &self.remote else {
            return;
        };
        let header = Header {
            payload_type: remote.payload_type,
            ..header
        };
        codec.convert(remote.codec, &mut packet[HEADER_BYTES..]);
        self.send_numbered(packet, header, (extended, restarted), now);
    }

    /// Sends a packet of the other side as it is, under our numbers.
    pub(crate) fn send_numbered(
        &mut self,
        packet: &mut [u8],
        header: Header,
        (extended, restarted): (u64, bool),
        now: Instant,
    ) {
        if let Some(header) = self.outgoing.relayed(header, extended, restarted, now) {
            packet[..HEADER_BYTES].copy_from_slice(&header.to_bytes());
            self.send(packet);
        }
    }

    /// Tells a digit, unless it was told already as it came the other way.
    pub(crate) fn tell_digit(
        &mut self,
        digit: Digit,
        keyed: Keyed,
        now: Instant,
        emitter: &Emitter,
    ) {
        let echo = self.last_digit.is_some_and(|(last, how, at)| {
            last == digit && how != keyed && now.duration_since(at) < SAME_DIGIT
        });
        if !echo {
            self.last_digit = Some((digit, keyed, now));
            let side = self.side;
            emitter.emit(MediaEvent::Digit { side, digit, keyed });
        }
    }

    /// Notes that the side has been heard.
    pub(crate) fn hear_again(&mut self, now: Instant) {
        self.heard_at = now;
        self.silence_from = now;
    }

    /// Tells of silence, each time that it has lasted so long once more.
    pub(crate) fn watch_silence(&mut self, limit: Duration, now: Instant, emitter: &Emitter) {
        let expected = self
            .remote
            .as_ref()
            .is_some_and(|remote| remote.direction.receives());
        if !expected {
            self.hear_again(now);
            return;
        }
        let silent = now.duration_since(self.heard_at);
        if now.duration_since(self.silence_from) >= limit {
            self.silence_from = now;
            let ms = u64::try_from(silent.as_millis()).unwrap_or(u64::MAX);
            let side = self.side;
            emitter.emit(MediaEvent::Silent { side, ms });
        }
    }

    /// Answers a peer's report with ours.
    pub(crate) fn answer_report(&mut self, datagram: &[u8], from: SocketAddr, now: Instant) {
        let ours = match (self.learned, &self.remote) {
            (Some(learned), _) => from.ip() == learned.ip(),
            (None, Some(_)) => self.admits(SocketAddr::new(from.ip(), from.port() & !1)),
            (None, None) => false,
        };
        if !ours {
            return self.refuse(Refusal::Source);
        }
        let Ok(heard) = rtcp::parse(datagram) else {
            return self.refuse(Refusal::Malformed);
        };
        let soon = self
            .reported_at
            .is_some_and(|at| now.duration_since(at) < REPORT_EVERY);
        if soon {
            return;
        }
        self.reported_at = Some(now);
        let last_sender_report = heard.last_sender_report.unwrap_or(0);
        let counted = self.counters.read();
        let block = |(ssrc, highest)| ReportBlock {
            ssrc,
            lost: u32::try_from(counted.lost).unwrap_or(u32::MAX),
            highest,
            jitter: self.reception.jitter() >> 4,
            last_sender_report,
        };
        // Counts of reports are modulo 2³², as their fields are.
        let (packets, bytes) = (counted.packets_out as u32, counted.bytes_out as u32);
        let report = Report {
            ssrc: self.outgoing.ssrc(),
            sent: (packets > 0).then(|| (self.outgoing.timestamp_at(now), packets, bytes)),
            heard: self.reception.source().map(block),
        };
        let _ = self
            .sockets
            .rtcp
            .send_to(&report.to_bytes(SystemTime::now()), from);
    }
}

fn contains(networks: &[ipnet::IpNet], ip: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(&ip))
}
