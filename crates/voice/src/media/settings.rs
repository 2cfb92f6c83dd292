//! What the engine and its sessions are told.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use thiserror::Error;

use crate::audio::Codec;

/// One of the two ends of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// Who called.
    Caller,
    /// Who was called.
    Callee,
}

impl Side {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::Caller, Self::Callee];

    /// The other one.
    pub const fn other(self) -> Self {
        match self {
            Self::Caller => Self::Callee,
            Self::Callee => Self::Caller,
        }
    }

    pub(crate) const fn index(self) -> usize {
        match self {
            Self::Caller => 0,
            Self::Callee => 1,
        }
    }
}

/// How the engine is set up.
#[derive(Debug, Clone)]
pub struct EngineSettings {
    /// The address that the sockets are bound to.
    pub bind_address: IpAddr,
    /// The address that the other side is told, if it is another one.
    pub public_address: Option<IpAddr>,
    /// The ports that may be used: each side of a call takes an even one for RTP and the odd one
    /// after it for RTCP.
    pub ports: RangeInclusive<u16>,
    /// How many threads relay.
    pub threads: usize,
}

/// What one call's session is told at its beginning.
#[derive(Debug, Clone, Default)]
pub struct SessionSettings {
    /// After how long without a packet a side is called silent; `None` is never.
    pub silence: Option<Duration>,
}

/// Whose packets are taken for a side's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accept {
    /// Those from exactly the address in the side's session description.
    Exact,
    /// Those from the host in the session description. The port of the first one is kept, and
    /// packets are sent there: the peer may stand behind a firewall that renumbers ports. Once the
    /// described port speaks, it is that one.
    LearnPort,
    /// Those from any host of these networks, for peers behind NAT whose session description
    /// names a private address. The address of the first packet is kept, and nothing is sent
    /// anywhere else; before it only to the described address, if it is in these networks.
    LearnAddress(Arc<[IpNet]>),
}

/// Which way sound may flow, as our own session description says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// Both ways.
    #[default]
    SendReceive,
    /// We only send: the side is on hold and hears us.
    SendOnly,
    /// We only receive.
    ReceiveOnly,
    /// Nothing flows.
    Inactive,
}

impl Direction {
    pub(crate) const fn sends(self) -> bool {
        matches!(self, Self::SendReceive | Self::SendOnly)
    }

    pub(crate) const fn receives(self) -> bool {
        matches!(self, Self::SendReceive | Self::ReceiveOnly)
    }
}

/// Where a side's sound comes from and goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// The address in its session description.
    pub address: SocketAddr,
    /// What it wants to be sent.
    pub codec: Codec,
    /// Under which payload type.
    pub payload_type: u8,
    /// The payload type of its telephone events (RFC 4733), if it knows them.
    pub event_payload_type: Option<u8>,
    /// Whose packets are its.
    pub accept: Accept,
    /// Which way sound may flow.
    pub direction: Direction,
}

/// How often a clip is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Play {
    /// Once.
    Once,
    /// Again and again, until stopped.
    Loop,
}

/// One playing of one clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PlayId(pub(crate) u64);

/// Longest name of a recording, in bytes.
const NAME_BYTES_MAX: usize = 128;

/// Where a recording is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingTarget {
    directory: PathBuf,
    name: String,
}

/// Why a recording may not have such a name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "a recording is named by 1 to {NAME_BYTES_MAX} letters, digits, `-` and `_`; use the call's id"
)]
pub struct BadName;

impl RecordingTarget {
    /// A recording in `directory`, which must exist, with files that begin with `name`.
    ///
    /// # Errors
    /// If the name could lead out of the directory or be taken for another file's.
    pub fn new(directory: impl Into<PathBuf>, name: impl Into<String>) -> Result<Self, BadName> {
        let (directory, name) = (directory.into(), name.into());
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let good = (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(plain);
        if good {
            Ok(Self { directory, name })
        } else {
            Err(BadName)
        }
    }

    /// The directory.
    pub fn directory(&self) -> &std::path::Path {
        &self.directory
    }

    /// The beginning of the files' names.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// The files of a finished recording, 8 kHz PCM with 16 bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingFiles {
    /// Both parties in one channel: `NAME.wav`.
    pub mixed: PathBuf,
    /// The caller alone: `NAME-left.wav`.
    pub left: PathBuf,
    /// The callee alone: `NAME-right.wav`.
    pub right: PathBuf,
    /// Two channels, the caller left and the callee right: `NAME-stereo.wav`.
    pub stereo: PathBuf,
    /// How long it is, in milliseconds.
    pub duration_ms: u64,
}

/// How a digit was keyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Keyed {
    /// As an event (RFC 4733).
    Event,
    /// As tones in the voice channel.
    Tone,
}

/// What happened in a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaEvent {
    /// A side keyed a digit.
    Digit {
        /// Who.
        side: Side,
        /// What.
        digit: crate::audio::Digit,
        /// How.
        keyed: Keyed,
    },
    /// A clip is over: played to its end, stopped, or replaced by another. Comes once for each.
    PlayEnded {
        /// To whom it was played.
        side: Side,
        /// Which playing.
        id: PlayId,
        /// Whether it was played to its end.
        whole: bool,
    },
    /// Nothing has been heard from a side for the session's time of silence, or for that time once
    /// more; counted anew when the two begin to hear each other. Not while the side is on hold.
    Silent {
        /// Who.
        side: Side,
        /// For how long, in milliseconds.
        ms: u64,
    },
    /// The address of a side is known from its first packet, and kept.
    Learned {
        /// Who.
        side: Side,
    },
    /// The recording's files are there. On the heap: every call keeps room for 32 events.
    RecordingFinished(Box<RecordingFiles>),
    /// There is no recording. The call goes on.
    RecordingFailed {
        /// Why, for the operator.
        why: String,
    },
}

/// Why the engine or a session could not be had.
#[derive(Debug, Error)]
pub enum MediaError {
    /// The range of ports holds not even one call.
    #[error("the RTP ports {}-{} hold no call; give at least 4 ports", .0.start(), .0.end())]
    NoPorts(RangeInclusive<u16>),
    /// Every port is in use.
    #[error(
        "all RTP ports {}-{} are in use; widen the range or take fewer calls", .0.start(), .0.end()
    )]
    PortsUsedUp(RangeInclusive<u16>),
    /// The address is none of this machine's.
    #[error("cannot use {address} for RTP: {source}; give an address of this machine")]
    Address {
        /// The address.
        address: IpAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The system gave no thread or no way to wait for packets.
    #[error("the system refuses what the media engine needs: {0}")]
    System(#[from] std::io::Error),
    /// The engine has stopped.
    #[error("the media engine has stopped")]
    Stopped,
}
