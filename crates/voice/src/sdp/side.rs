//! Our half of one leg's offers and answers.

use std::fmt::Write;
use std::net::SocketAddr;

use super::{Agreed, Codec, Direction, Media, NoAgreement, Session};

/// The payload type under which we offer telephone events; the one that nearly everybody uses.
const EVENT_TYPE: u8 = 101;

/// The codecs, before anybody says otherwise.
const CODECS: [Codec; 2] = [Codec::Pcma, Codec::Pcmu];

/// What we want to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The codecs, the liked ones first. To spare transcoding, the other leg's codec comes first.
    pub codecs: Vec<Codec>,
    /// Which way, seen from us.
    pub direction: Direction,
}

impl Default for Wanted {
    fn default() -> Self {
        Self {
            codecs: CODECS.to_vec(),
            direction: Direction::SendRecv,
        }
    }
}

/// One stream of the session as it stands. Streams are never taken away, only switched off
/// (RFC 3264 §8).
#[derive(Debug, Clone, PartialEq, Eq)]
enum Stream {
    /// The sound.
    Audio,
    /// What we refused or never used, repeated with port 0.
    Off {
        kind: String,
        protocol: String,
        formats: Vec<String>,
    },
}

impl Stream {
    fn off(media: &Media) -> Self {
        Self::Off {
            kind: media.kind.clone(),
            protocol: media.protocol.clone(),
            formats: media.formats.clone(),
        }
    }
}

/// Our half of one leg. Give each call's legs different, unguessable session ids.
#[derive(Debug, Clone)]
pub struct Side {
    session_id: u64,
    version: u64,
    local: SocketAddr,
    streams: Vec<Stream>,
    /// The description that we sent last, without its `o=` line.
    last: Option<String>,
    /// The payload types under which we promised to receive.
    event_type: u8,
    offered: Vec<Codec>,
    direction: Direction,
}

impl Side {
    /// A leg whose sound arrives at `local`.
    #[must_use]
    pub const fn new(session_id: u64, local: SocketAddr) -> Self {
        Self {
            // Readers that count in signed 64 bits exist.
            session_id: session_id >> 1,
            version: 0,
            local,
            streams: Vec::new(),
            last: None,
            event_type: EVENT_TYPE,
            offered: Vec::new(),
            direction: Direction::SendRecv,
        }
    }

    /// Writes an offer, the first or a new one: for a leg that we call, for a re-INVITE, or for
    /// the answer to an INVITE without a description.
    #[must_use]
    pub fn offer(&mut self, wanted: &Wanted) -> String {
        if !self.streams.contains(&Stream::Audio) {
            self.streams.push(Stream::Audio);
        }
        self.offered.clone_from(&wanted.codecs);
        self.direction = wanted.direction;
        let codecs: Vec<(Codec, u8)> = wanted
            .codecs
            .iter()
            .map(|codec| (*codec, codec.payload_type()))
            .collect();
        self.write(&codecs, Some(self.event_type))
    }

    /// Reads the answer to our offer.
    ///
    /// # Errors
    /// See [`NoAgreement`].
    pub fn read_answer(&self, answer: &Session) -> Result<Agreed, NoAgreement> {
        if self.offered.is_empty() {
            return Err(NoAgreement::NoOffer);
        }
        // §6: one stream in the answer for each in the offer.
        if answer.media.len() != self.streams.len() {
            return Err(NoAgreement::OtherStreams);
        }
        let mut streams = self.streams.iter().zip(&answer.media);
        let (_, media) = streams
            .find(|(stream, _)| **stream == Stream::Audio)
            .ok_or(NoAgreement::NoOffer)?;
        if !media.is_usable_audio() {
            return Err(NoAgreement::NoAudio);
        }
        // The answer's order is the peer's wish (§7).
        let (codec, send_payload_type) = media
            .codecs
            .iter()
            .copied()
            .find(|(codec, _)| self.offered.contains(codec))
            .ok_or(NoAgreement::NoAudio)?;
        Ok(Agreed {
            codec,
            send_payload_type,
            receive_payload_type: codec.payload_type(),
            send_event_type: media.telephone_event,
            receive_event_type: media.telephone_event.map(|_| self.event_type),
            direction: media.direction.reversed().and(self.direction),
            remote: media.remote,
            remote_rtcp: media.remote_rtcp,
            ptime_ms: media.ptime_ms,
        })
    }

    /// Answers a peer's offer: the first stream that we can use is taken, the others are refused
    /// with port 0 (§6).
    ///
    /// # Errors
    /// [`NoAgreement::NoAudio`], to be answered with 488; the session stays as it was.
    pub fn answer(
        &mut self,
        offer: &Session,
        wanted: &Wanted,
    ) -> Result<(String, Agreed), NoAgreement> {
        let choose = |media: &Media| {
            let liked = wanted.codecs.iter();
            liked
                .flat_map(|codec| {
                    media
                        .codecs
                        .iter()
                        .filter(move |(offered, _)| offered == codec)
                })
                .next()
                .copied()
        };
        let (index, media, (codec, payload_type)) = offer
            .media
            .iter()
            .enumerate()
            .filter(|(_, media)| media.is_usable_audio())
            .find_map(|(index, media)| Some((index, media, choose(media)?)))
            .ok_or(NoAgreement::NoAudio)?;
        self.streams = offer.media.iter().map(Stream::off).collect();
        self.streams[index] = Stream::Audio;
        self.direction = media.direction.reversed().and(wanted.direction);
        // An answer uses the offer's payload types (§6.1).
        let text = self.write(&[(codec, payload_type)], media.telephone_event);
        if let Some(event_type) = media.telephone_event {
            self.event_type = event_type;
        }
        let agreed = Agreed {
            codec,
            send_payload_type: payload_type,
            receive_payload_type: payload_type,
            send_event_type: media.telephone_event,
            receive_event_type: media.telephone_event,
            direction: self.direction,
            remote: media.remote,
            remote_rtcp: media.remote_rtcp,
            ptime_ms: media.ptime_ms,
        };
        Ok((text, agreed))
    }

    /// The description that we sent last, for whoever has to repeat it: 183 and 200 carry the same
    /// (RFC 3261 §13.2.1), and so does the answer to a session refresh.
    #[must_use]
    pub fn last(&self) -> Option<String> {
        self.last.as_ref().map(|body| self.with_origin(body))
    }

    fn write(&mut self, codecs: &[(Codec, u8)], event_type: Option<u8>) -> String {
        let body = self.body(codecs, event_type);
        // The version changes when, and only when, the description does (§8).
        if self.last.as_ref() != Some(&body) {
            self.version += 1;
        }
        let text = self.with_origin(&body);
        self.last = Some(body);
        text
    }

    fn with_origin(&self, body: &str) -> String {
        let (kind, address) = self.address();
        let (id, version) = (self.session_id, self.version);
        format!("v=0\r\no=- {id} {version} IN {kind} {address}\r\n{body}")
    }

    fn address(&self) -> (&'static str, String) {
        let kind = if self.local.is_ipv4() { "IP4" } else { "IP6" };
        (kind, self.local.ip().to_string())
    }

    fn body(&self, codecs: &[(Codec, u8)], event_type: Option<u8>) -> String {
        let (kind, address) = self.address();
        let mut text = format!("s=-\r\nc=IN {kind} {address}\r\nt=0 0\r\n");
        for stream in &self.streams {
            match stream {
                Stream::Audio => self.write_audio(&mut text, codecs, event_type),
                Stream::Off {
                    kind,
                    protocol,
                    formats,
                } => {
                    let formats = formats.join(" ");
                    // Writing to a String cannot fail.
                    let _ = write!(text, "m={kind} 0 {protocol} {formats}\r\n");
                }
            }
        }
        text
    }

    fn write_audio(&self, text: &mut String, codecs: &[(Codec, u8)], event_type: Option<u8>) {
        let _ = write!(text, "m=audio {} RTP/AVP", self.local.port());
        let types = codecs.iter().map(|(_, payload_type)| *payload_type);
        for payload_type in types.chain(event_type) {
            let _ = write!(text, " {payload_type}");
        }
        text.push_str("\r\n");
        for (codec, payload_type) in codecs {
            let _ = write!(text, "a=rtpmap:{payload_type} {}/8000\r\n", codec.name());
        }
        if let Some(event_type) = event_type {
            // The sixteen keys of DTMF (RFC 4733 §2.4.1, §3.2).
            let _ = write!(
                text,
                "a=rtpmap:{event_type} telephone-event/8000\r\na=fmtp:{event_type} 0-15\r\n"
            );
        }
        let _ = write!(text, "a=ptime:20\r\na={}\r\n", self.direction.name());
    }
}
