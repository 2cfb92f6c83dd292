//! Phones made of a socket, and an engine on a host of its own, so that tests may run beside each
//! other without sharing a port.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use axbridge_voice::audio::{Codec, tone_share};
use axbridge_voice::media::rtp::{HEADER_BYTES, Header, Packet};
use axbridge_voice::media::{
    Accept, Direction, Engine, EngineSettings, MediaEvent, Remote, Session, SessionSettings, Side,
};
use tokio::sync::mpsc::Receiver;

/// Nothing takes longer than this, on a machine however busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The event payload type of every phone here.
pub(crate) const EVENTS: u8 = 101;

/// A host of the loopback network that no other test of this machine uses.
pub(crate) fn host() -> IpAddr {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = std::process::id().wrapping_mul(64) + NEXT.fetch_add(1, Relaxed);
    let [_, a, b, c] = number.to_be_bytes();
    // 127.0.0.x belongs to everybody else, and no host ends in 0 or 255.
    IpAddr::V4(Ipv4Addr::new(127, 1 + a % 254, b, 1 + c % 254))
}

pub(crate) fn engine() -> Engine {
    engine_with(host(), 10_000..=10_099)
}

pub(crate) fn engine_with(address: IpAddr, ports: std::ops::RangeInclusive<u16>) -> Engine {
    let settings = EngineSettings {
        bind_address: address,
        public_address: None,
        ports,
        threads: 1,
    };
    Engine::start(settings).expect("an engine")
}

/// One telephone: a socket, a codec, and the numbers of its stream.
pub(crate) struct Phone {
    pub(crate) socket: UdpSocket,
    pub(crate) codec: Codec,
    pub(crate) next: Header,
    phase: f32,
    to: SocketAddr,
}

impl Phone {
    /// A phone on a host of its own that sends to `to`.
    pub(crate) fn new(codec: Codec, to: SocketAddr) -> Self {
        Self::on(host(), codec, to)
    }

    pub(crate) fn on(host: IpAddr, codec: Codec, to: SocketAddr) -> Self {
        let socket = UdpSocket::bind((host, 0)).expect("a socket");
        socket
            .set_read_timeout(Some(Duration::from_millis(20)))
            .expect("a time limit");
        let next = Header {
            marker: false,
            payload_type: codec.payload_type(),
            sequence: 65_500,
            timestamp: u32::MAX - 3000,
            ssrc: 0x0a0b_0c0d,
        };
        Self {
            socket,
            codec,
            next,
            phase: 0.0,
            to,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.socket.local_addr().expect("an address")
    }

    /// What a session is told about this phone.
    pub(crate) fn remote(&self) -> Remote {
        Remote {
            address: self.address(),
            codec: self.codec,
            payload_type: self.codec.payload_type(),
            event_payload_type: Some(EVENTS),
            accept: Accept::LearnPort,
            direction: Direction::SendReceive,
        }
    }

    /// The next 20 ms of a tone, as a packet.
    pub(crate) fn packet(&mut self, hz: f32) -> Vec<u8> {
        let samples: Vec<i16> = (0..160)
            .map(|_| {
                self.phase = (self.phase + hz / 8000.0).fract();
                ((self.phase * std::f32::consts::TAU).sin() * 8000.0) as i16
            })
            .collect();
        self.packet_of(&samples)
    }

    pub(crate) fn packet_of(&mut self, samples: &[i16]) -> Vec<u8> {
        let mut packet = self.next.to_bytes().to_vec();
        packet.extend(samples.iter().map(|&sample| self.codec.encode(sample)));
        self.next.sequence = self.next.sequence.wrapping_add(1);
        self.next.timestamp = self.next.timestamp.wrapping_add(samples.len() as u32);
        packet
    }

    pub(crate) fn send(&self, packet: &[u8]) {
        self.socket.send_to(packet, self.to).expect("sent");
    }

    pub(crate) fn say(&mut self, hz: f32) {
        let packet = self.packet(hz);
        self.send(&packet);
    }

    /// The next packet, if one comes within 20 ms.
    pub(crate) fn hear(&self) -> Option<(Header, Vec<u8>)> {
        let mut buffer = [0; 2048];
        let length = self.socket.recv(&mut buffer).ok()?;
        let packet = Packet::parse(&buffer[..length]).expect("what we are sent is RTP");
        assert_eq!(packet.start, HEADER_BYTES, "nothing but our own header");
        Some((packet.header, packet.payload(&buffer[..length]).to_vec()))
    }

    /// The next packet of sound, as samples.
    pub(crate) fn hear_sound(&self) -> Option<Vec<i16>> {
        let (header, payload) = self.hear()?;
        (header.payload_type == self.codec.payload_type()).then(|| {
            payload
                .iter()
                .map(|&byte| self.codec.decode(byte))
                .collect()
        })
    }
}

/// A session between two phones, bridged.
pub(crate) struct Call {
    pub(crate) session: Session,
    pub(crate) events: Receiver<MediaEvent>,
    pub(crate) caller: Phone,
    pub(crate) callee: Phone,
}

pub(crate) fn call(engine: &Engine) -> Call {
    call_between(engine, Codec::Pcma, Codec::Pcma)
}

pub(crate) fn call_between(engine: &Engine, caller: Codec, callee: Codec) -> Call {
    let (session, events) = engine.open(SessionSettings::default()).expect("a session");
    let caller = Phone::new(caller, session.local(Side::Caller));
    let callee = Phone::new(callee, session.local(Side::Callee));
    session.set_remote(Side::Caller, caller.remote());
    session.set_remote(Side::Callee, callee.remote());
    session.bridge(true);
    Call {
        session,
        events,
        caller,
        callee,
    }
}

/// Whether sound is this tone and hardly anything else.
pub(crate) fn is_tone(samples: &[i16], hz: f32) -> bool {
    tone_share(samples, hz) > 0.9
}

/// Does something again and again until it holds.
#[track_caller]
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "{what} never came to be");
        std::thread::sleep(Duration::from_millis(2));
    }
}

impl Call {
    /// Both speak until each has heard so many packets in a row of the other's tone.
    #[track_caller]
    pub(crate) fn talk(&mut self, caller_hz: f32, callee_hz: f32, packets: usize) {
        let (mut by_callee, mut by_caller) = (Vec::new(), Vec::new());
        until("a talk both ways", || {
            self.caller.say(caller_hz);
            self.callee.say(callee_hz);
            by_callee.extend(self.callee.hear_sound());
            by_caller.extend(self.caller.hear_sound());
            by_callee.len() >= packets && by_caller.len() >= packets
        });
        let judged = |heard: &[Vec<i16>], hz| heard[1..].iter().all(|sound| is_tone(sound, hz));
        assert!(
            judged(&by_callee, caller_hz),
            "the callee heard something else"
        );
        assert!(
            judged(&by_caller, callee_hz),
            "the caller heard something else"
        );
    }

    /// The next event.
    #[track_caller]
    pub(crate) fn event(&mut self) -> MediaEvent {
        next_event(&mut self.events)
    }
}

#[track_caller]
pub(crate) fn next_event(events: &mut Receiver<MediaEvent>) -> MediaEvent {
    let mut found = None;
    until("an event", || {
        found = events.try_recv().ok();
        found.is_some()
    });
    found.expect("it came")
}
