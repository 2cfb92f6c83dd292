//! Recordings: the two directions of a call side by side, written while the call goes on and
//! finished when it ends.
//!
//! The relaying thread puts sound into the two tracks and hands over half a second at a time; it
//! never touches a file. A thread of its own appends that to `NAME.part`, a WAV file whose header
//! is right after every write, so a crash loses less than a second. Another makes the finished
//! files from it and gives them their names.

mod files;
mod tracks;
mod writer;

pub(crate) use files::{Disk, RealDisk};
pub use files::{RepairError, Repaired, repair};
use tracks::Tracks;
pub(crate) use writer::{Line, Recorder, Tape};

#[cfg(test)]
mod tests;
