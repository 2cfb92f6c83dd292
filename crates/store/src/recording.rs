//! What goes in and out of the store about recordings. The audio itself is elsewhere.

use axbridge_domain::{account::AccountId, call::CallId, time::Timestamp};

/// Which of a recording's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Track {
    /// Both voices in one.
    Mixed,
    /// The caller alone.
    Left,
    /// The callee alone.
    Right,
}

impl Track {
    /// All of them.
    pub const ALL: [Track; 3] = [Track::Mixed, Track::Left, Track::Right];

    /// What follows the call's id in a file's name (vendor doc 6358/187780).
    #[must_use]
    pub const fn suffix(self) -> &'static str {
        match self {
            Track::Mixed => ".wav",
            Track::Left => "-left.wav",
            Track::Right => "-right.wav",
        }
    }
}

/// What became of a recording's transcript.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transcript {
    /// Nobody asked for one.
    None,
    /// It is still to be made.
    Wanted,
    /// It is there.
    Ready,
    /// It could not be made.
    Failed,
}

impl Transcript {
    /// The number in storage.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Transcript::None => 0,
            Transcript::Wanted => 1,
            Transcript::Ready => 2,
            Transcript::Failed => 3,
        }
    }

    /// Reads the number in storage.
    #[must_use]
    pub const fn from_code(code: i64) -> Option<Self> {
        match code {
            0 => Some(Transcript::None),
            1 => Some(Transcript::Wanted),
            2 => Some(Transcript::Ready),
            3 => Some(Transcript::Failed),
            _ => None,
        }
    }
}

/// A recording that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// Whose it is.
    pub account: AccountId,
    /// The call.
    pub call: CallId,
    /// When it became ready, or failed.
    pub at: Timestamp,
    /// Why there is none, if it failed.
    pub failed: Option<String>,
    /// Where its files are in the object store, without what tells them apart.
    pub path: String,
    /// The key of the keyring that they are encrypted with.
    pub key_id: Option<u8>,
    /// Bytes of the mixed file, unencrypted.
    pub mixed_bytes: u64,
    /// Bytes of the caller's file.
    pub left_bytes: u64,
    /// Bytes of the callee's file.
    pub right_bytes: u64,
    /// How long it is, in milliseconds.
    pub duration_ms: u64,
    /// Its transcript.
    pub transcript: Transcript,
    /// Bytes of the transcript.
    pub transcript_bytes: u64,
    /// How often a transcript was tried.
    pub transcript_tries: u32,
}

impl Recording {
    /// Bytes of one of its files.
    #[must_use]
    pub const fn bytes(&self, track: Track) -> u64 {
        match track {
            Track::Mixed => self.mixed_bytes,
            Track::Left => self.left_bytes,
            Track::Right => self.right_bytes,
        }
    }

    /// Where one of its files is.
    #[must_use]
    pub fn object(&self, track: Track) -> String {
        format!("{}{}", self.path, track.suffix())
    }
}
