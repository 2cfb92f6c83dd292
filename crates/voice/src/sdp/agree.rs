//! What an offer and its answer come to.

use std::net::SocketAddr;

use super::{Codec, Direction};

/// How sound flows on one leg, seen from us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreed {
    /// The codec, both ways.
    pub codec: Codec,
    /// Its payload type in what we send.
    pub send_payload_type: u8,
    /// Its payload type in what we receive.
    pub receive_payload_type: u8,
    /// The payload type of telephone events that we send; `None` if the peer takes none.
    pub send_event_type: Option<u8>,
    /// The payload type of telephone events that we receive.
    pub receive_event_type: Option<u8>,
    /// Which way, seen from us.
    pub direction: Direction,
    /// Where we send; `None` while the peer wants nothing.
    pub remote: Option<SocketAddr>,
    /// Where RTCP goes.
    pub remote_rtcp: Option<SocketAddr>,
    /// How much sound the peer wants in a packet, in milliseconds.
    pub ptime_ms: u16,
}

/// There is no way to talk: 488 to an offer (RFC 3261 §21.4.26), the end of a call for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum NoAgreement {
    /// No stream of the description is sound over plain RTP with a codec that both speak.
    #[error("the description offers no audio over RTP/AVP in PCMA or PCMU")]
    NoAudio,
    /// The answer's streams are not those of the offer.
    #[error("an answer must have the streams of the offer, in their order")]
    OtherStreams,
    /// Nothing was offered that this could answer.
    #[error("nothing was offered")]
    NoOffer,
}
