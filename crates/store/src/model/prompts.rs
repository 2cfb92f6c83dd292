//! A prompt as the store keeps it.

use axbridge_domain::{account::AccountId, time::Timestamp};

/// A prompt that a caller hears before being connected, named by the `VoiceCode` of bindings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// Whose it is.
    pub account: AccountId,
    /// Its code.
    pub code: String,
    /// G.711 A-law at 8000 Hz, without a head: 8 bytes a millisecond.
    pub audio: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A prompt in a listing, without its audio.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptRow {
    /// Its code.
    pub code: String,
    /// Bytes of its audio.
    pub bytes: u64,
    /// When it was made.
    pub created_at: Timestamp,
}
