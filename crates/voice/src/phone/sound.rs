//! The sound of one call: a socket, a packet every 20 ms, an ear.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    net::UdpSocket,
    sync::watch,
    time::{Instant, MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use super::{
    ear::{Ear, Heard},
    held,
    script::{Say, Script},
};
use crate::{
    audio::{Codec, Digit, FRAME_SAMPLES},
    media::{
        rtp::{DATAGRAM_BYTES_MAX, Header},
        telephone_event::TelephoneEvent,
    },
    sdp,
};

const FRAME: Duration = Duration::from_millis(20);
/// Packets of one digit, and how many of them say that it is over (RFC 4733 §2.5.1.4).
const DIGIT_PACKETS: u16 = 8;
const DIGIT_END_PACKETS: u16 = 3;
/// The payload type that the phone names for digits.
const EVENT_PAYLOAD_TYPE: u8 = 101;

/// Where the other side wants sound, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Far {
    pub(super) address: SocketAddr,
    pub(super) codec: Codec,
    pub(super) events: Option<u8>,
    pub(super) listens: bool,
}

/// The sound of a call, until it is dropped.
pub(super) struct Sound {
    port: SocketAddr,
    far: watch::Sender<Option<Far>>,
    may_speak: watch::Sender<bool>,
    ear: Arc<Mutex<Ear>>,
    stop: CancellationToken,
}

impl Sound {
    /// Opens a socket for sound; nothing is sent until the far side is known.
    pub(super) async fn open(host: IpAddr, script: &Script) -> std::io::Result<Self> {
        let socket = UdpSocket::bind(SocketAddr::new(host, 0)).await?;
        let port = socket.local_addr()?;
        let (far, far_changes) = watch::channel(None);
        let (may_speak, speak_changes) = watch::channel(false);
        let ear = Arc::new(Mutex::new(Ear::default()));
        let stop = CancellationToken::new();
        let mouth = Mouth {
            script: script.clone(),
            far: far_changes,
            may_speak: speak_changes,
            at: 0,
            sequence: port.port(),
            timestamp: u32::from(port.port()) << 8,
            ssrc: u32::from(port.port()).rotate_left(16) ^ 0x5ac3_1f07,
            begun: None,
            keyed: 0,
            keying: None,
        };
        tokio::spawn(run(socket, mouth, ear.clone(), stop.clone()));
        Ok(Self {
            port,
            far,
            may_speak,
            ear,
            stop,
        })
    }

    /// Our description: what we speak and where.
    pub(super) fn describe(&self, codecs: &[u8], direction: &str) -> String {
        let ip = self.port.ip();
        let family = if ip.is_ipv4() { "IP4" } else { "IP6" };
        let formats: Vec<String> = codecs.iter().map(u8::to_string).collect();
        let maps: String = codecs
            .iter()
            .filter_map(|it| Codec::of_payload_type(*it))
            .map(|it| format!("a=rtpmap:{} {}/8000\r\n", it.payload_type(), it.name()))
            .collect();
        format!(
            "v=0\r\no=phone 1 1 IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n\
             m=audio {} RTP/AVP {} {EVENT_PAYLOAD_TYPE}\r\n{maps}\
             a=rtpmap:{EVENT_PAYLOAD_TYPE} telephone-event/8000\r\n\
             a=fmtp:{EVENT_PAYLOAD_TYPE} 0-16\r\na=ptime:20\r\na={direction}\r\n",
            self.port.port(),
            formats.join(" "),
        )
    }

    /// Takes the other side's description; false when there is nothing in it to speak on.
    pub(super) fn take(&self, description: &[u8], codecs: &[u8]) -> bool {
        let far = far_of(description, codecs);
        if far.is_some() {
            self.far.send_replace(far);
        }
        far.is_some()
    }

    /// Lets the script's sound be heard; digits are keyed whenever sound flows.
    pub(super) fn speak(&self) {
        self.may_speak.send_replace(true);
    }

    /// What was heard so far.
    pub(super) fn heard(&self) -> Heard {
        held(&self.ear).heard.clone()
    }
}

impl Drop for Sound {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Which way the answer to a description goes.
pub(super) fn answer_direction(description: &[u8]) -> &'static str {
    let session = sdp::Session::parse(description);
    let media = session.ok().and_then(|it| it.media.into_iter().next());
    media.map_or("sendrecv", |media| media.direction.reversed().name())
}

fn far_of(description: &[u8], codecs: &[u8]) -> Option<Far> {
    let session = sdp::Session::parse(description).ok()?;
    let media = session
        .media
        .into_iter()
        .find(sdp::Media::is_usable_audio)?;
    let offered = |it: &&u8| media.codecs.iter().any(|(_, known)| known == *it);
    let codec = codecs.iter().find(offered).copied();
    Some(Far {
        address: media
            .remote
            .unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0))),
        codec: Codec::of_payload_type(codec?)?,
        events: media.telephone_event,
        listens: media.direction.receives() && media.remote.is_some(),
    })
}

async fn run(socket: UdpSocket, mut mouth: Mouth, ear: Arc<Mutex<Ear>>, stop: CancellationToken) {
    let mut buffer = [0; DATAGRAM_BYTES_MAX];
    let mut frames = interval(FRAME);
    frames.set_missed_tick_behavior(MissedTickBehavior::Burst);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            received = socket.recv_from(&mut buffer) => {
                if let Ok((length, _)) = received {
                    held(&ear).hear(&buffer[..length], EVENT_PAYLOAD_TYPE);
                }
            }
            _ = frames.tick() => {
                if let Some((datagram, address)) = mouth.next() {
                    // Sound that is lost is lost.
                    let _ = socket.send_to(&datagram, address).await;
                }
            }
        }
    }
}

/// Makes the packets that are sent.
struct Mouth {
    script: Script,
    far: watch::Receiver<Option<Far>>,
    may_speak: watch::Receiver<bool>,
    /// Where in its tone it is, in samples.
    at: usize,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
    /// When sound began to flow.
    begun: Option<Instant>,
    /// Digits that are done.
    keyed: usize,
    /// The digit that is being keyed: which, at what timestamp, how many packets of it.
    keying: Option<(Digit, u32, u16)>,
}

impl Mouth {
    /// The packet of this frame, if one is due.
    fn next(&mut self) -> Option<(Vec<u8>, SocketAddr)> {
        let far = (*self.far.borrow())?;
        self.timestamp = self.timestamp.wrapping_add(FRAME_SAMPLES as u32);
        let begun = *self.begun.get_or_insert_with(Instant::now);
        if !far.listens {
            return None;
        }
        if self.keying.is_none() {
            self.begin_digit(begun);
        }
        let (payload_type, timestamp, payload) = match (self.keying, far.events) {
            (Some((digit, since, packets)), Some(events)) if !self.script.digits_as_sound => {
                (events, since, self.event(digit, packets))
            }
            (Some((digit, _, packets)), _) => {
                let tone = digit.tone(FRAME * u32::from(DIGIT_PACKETS));
                self.advance_digit(packets);
                let from = usize::from(packets) * FRAME_SAMPLES;
                (
                    far.codec.payload_type(),
                    self.timestamp,
                    encode(&tone.samples()[from..], far.codec),
                )
            }
            (None, _) => (
                far.codec.payload_type(),
                self.timestamp,
                self.frame(far.codec)?,
            ),
        };
        let header = Header {
            marker: false,
            payload_type,
            sequence: self.sequence,
            timestamp,
            ssrc: self.ssrc,
        };
        self.sequence = self.sequence.wrapping_add(1);
        Some(([&header.to_bytes()[..], &payload].concat(), far.address))
    }

    fn begin_digit(&mut self, begun: Instant) {
        let Some((when, key)) = self.script.digits.get(self.keyed) else {
            return;
        };
        if begun.elapsed() < *when {
            return;
        }
        self.keyed += 1;
        self.keying = Digit::from_char(*key).map(|digit| (digit, self.timestamp, 0));
    }

    fn event(&mut self, digit: Digit, packets: u16) -> Vec<u8> {
        self.advance_digit(packets);
        let is_end = packets + DIGIT_END_PACKETS >= DIGIT_PACKETS;
        let told = (packets + 1).min(DIGIT_PACKETS - DIGIT_END_PACKETS + 1);
        let event = TelephoneEvent::of(digit, told * FRAME_SAMPLES as u16, is_end);
        event.to_bytes().to_vec()
    }

    fn advance_digit(&mut self, packets: u16) {
        self.keying = match self.keying {
            Some((digit, since, _)) if packets + 1 < DIGIT_PACKETS => {
                Some((digit, since, packets + 1))
            }
            _ => None,
        };
    }

    /// A frame of what the script says; `None` when it says nothing.
    fn frame(&mut self, codec: Codec) -> Option<Vec<u8>> {
        let may_speak = *self.may_speak.borrow();
        match self.script.say {
            Say::Nothing => None,
            Say::Tone(frequency_hz) if may_speak => {
                let samples = tone_from(self.at, frequency_hz);
                self.at += FRAME_SAMPLES;
                Some(encode(&samples, codec))
            }
            Say::Tone(_) | Say::Silence => Some(encode(&[0; FRAME_SAMPLES], codec)),
        }
    }
}

/// A frame of a steady tone that has lasted `at` samples.
fn tone_from(at: usize, frequency_hz: f32) -> Vec<i16> {
    const LEVEL: f32 = 8000.0;
    let sample = |index: usize| {
        let second = ((at + index) % (crate::audio::SAMPLE_RATE_HZ as usize * 100)) as f32
            / crate::audio::SAMPLE_RATE_HZ as f32;
        ((std::f32::consts::TAU * frequency_hz * second).sin() * LEVEL) as i16
    };
    (0..FRAME_SAMPLES).map(sample).collect()
}

fn encode(samples: &[i16], codec: Codec) -> Vec<u8> {
    let frame = samples.iter().take(FRAME_SAMPLES);
    frame.map(|sample| codec.encode(*sample)).collect()
}
