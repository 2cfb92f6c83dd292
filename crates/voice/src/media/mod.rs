//! The sound of calls: RTP is relayed, played, recorded and listened to, on threads that do
//! nothing else. Each call has a session with a pair of ports on each side.
//!
//! It knows no signalling: whoever speaks that tells a session where each side's sound comes from
//! and goes to. Only packets from there are taken, and everything that is sent is numbered anew,
//! so that nothing of one side's stream exists in the other's.

mod engine;
mod leg;
mod live;
mod outgoing;
mod playout;
mod ports;
mod reception;
mod recording;
pub mod rtcp;
pub mod rtp;
mod session;
mod settings;
mod statistics;
pub mod telephone_event;
mod worker;

pub use engine::Engine;
pub use playout::DIGITS_QUEUED_MAX;
pub use recording::{RepairError, Repaired, repair};
pub use session::Session;
pub use settings::{
    Accept, BadName, Direction, EngineSettings, Keyed, MediaError, MediaEvent, Play, PlayId,
    RecordingFiles, RecordingTarget, Remote, SessionSettings, Side,
};
pub use statistics::{EngineStatistics, Refusal, SideStatistics, Statistics};

pub use crate::audio::Codec;
