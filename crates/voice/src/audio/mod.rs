//! Sound as samples: clips that are played to callers, tones, and what is heard in them.
//!
//! Everything here is telephone sound: one channel, 8000 samples a second, 16 bits. It knows no
//! packets and no calls; the media engine plays and listens with it.

mod announcements;
mod clip;
mod detect;
mod dtmf;
mod g711;
mod mp3;
mod resample;
mod tones;
pub(crate) mod wav;

pub use announcements::{AnnouncementError, Announcements, Language, Spoken};
pub use clip::{Clip, ClipError, ClipLimits};
pub use detect::{tone_level, tone_share};
pub use dtmf::{Digit, DtmfDetector};
pub use g711::Codec;
pub use tones::{last_minute_tone, ringback, sine};

/// Samples a second, everywhere on the platform's side of a call.
pub const SAMPLE_RATE_HZ: u32 = 8000;

/// Samples in one packet that we make, 20 ms.
pub const FRAME_SAMPLES: usize = 160;
