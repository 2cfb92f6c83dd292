//! A piece of sound that can be played, and how it is read from the files that people have.

use std::time::Duration;

use thiserror::Error;

use super::resample::to_telephone_rate;
use super::{Codec, SAMPLE_RATE_HZ, wav};

/// How much sound is taken from one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClipLimits {
    /// Longest file, in bytes.
    pub bytes: usize,
    /// Longest sound.
    pub duration: Duration,
}

impl Default for ClipLimits {
    /// What a prompt may be: 8 MiB and two minutes.
    fn default() -> Self {
        Self {
            bytes: 8 * 1024 * 1024,
            duration: Duration::from_secs(120),
        }
    }
}

/// Why sound could not be read. The texts say what to do.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ClipError {
    /// The file is too large.
    #[error("the file has {bytes} bytes, {bytes_max} are allowed; shorten the sound")]
    Large {
        /// Its length.
        bytes: usize,
        /// The longest allowed.
        bytes_max: usize,
    },
    /// The sound is too long.
    #[error("the sound is longer than {} s; shorten it", .0.as_secs())]
    Long(Duration),
    /// It is neither WAV nor MP3.
    #[error("the file is neither WAV nor MP3; convert it to WAV with 16 bits")]
    Kind,
    /// It is a WAV file of a kind that is not read.
    #[error("the WAV file holds {0}; convert it to PCM with 16 bits")]
    Encoding(String),
    /// It is a WAV or MP3 file and broken.
    #[error("the file is damaged: {0}; save it anew")]
    Damaged(&'static str),
    /// There is no sound in it.
    #[error("the file holds no sound")]
    Empty,
}

/// A piece of sound: one channel, 8000 samples a second.
#[derive(Clone, PartialEq, Eq)]
pub struct Clip {
    samples: Vec<i16>,
}

impl Clip {
    /// Sound from its samples.
    pub fn from_samples(samples: Vec<i16>) -> Self {
        Self { samples }
    }

    /// Reads a WAV file (PCM of 8 to 32 bits, floating point, G.711) or an MP3 file, of any rate
    /// and number of channels, and makes telephone sound of it.
    ///
    /// # Errors
    /// If it is another kind of file, damaged, empty, or beyond the limits.
    pub fn read(file: &[u8], limits: ClipLimits) -> Result<Self, ClipError> {
        if file.len() > limits.bytes {
            return Err(ClipError::Large {
                bytes: file.len(),
                bytes_max: limits.bytes,
            });
        }
        let sound = if wav::is_wav(file) {
            wav::read(file, limits.duration)?
        } else if nanomp3::detect(file) {
            super::mp3::read(file, limits.duration)?
        } else {
            return Err(ClipError::Kind);
        };
        if sound.samples.is_empty() {
            return Err(ClipError::Empty);
        }
        Ok(Self::from_samples(to_telephone_rate(&sound)))
    }

    /// The sound as a WAV file of 16-bit PCM.
    pub fn to_wav(&self) -> Vec<u8> {
        let mut bytes = wav::header(1, self.samples.len() as u64 * 2).to_vec();
        for sample in &self.samples {
            bytes.extend_from_slice(&sample.to_le_bytes());
        }
        bytes
    }

    /// The sound as a WAV file of G.711, half as large.
    pub fn to_g711_wav(&self, codec: Codec) -> Vec<u8> {
        let mut bytes = wav::g711_header(codec, self.samples.len()).to_vec();
        bytes.extend(self.samples.iter().map(|&sample| codec.encode(sample)));
        bytes
    }

    /// Several pieces of sound after each other, with a pause between them.
    pub fn joined<'a>(clips: impl IntoIterator<Item = &'a Self>, pause: Duration) -> Self {
        let pause = super::tones::samples_in(pause);
        let mut samples = Vec::new();
        for (index, clip) in clips.into_iter().enumerate() {
            if index > 0 {
                samples.resize(samples.len() + pause, 0);
            }
            samples.extend_from_slice(&clip.samples);
        }
        Self { samples }
    }

    /// Its samples.
    pub fn samples(&self) -> &[i16] {
        &self.samples
    }

    /// How long it lasts.
    pub fn duration(&self) -> Duration {
        let samples = self.samples.len() as u64;
        Duration::from_micros(samples * 1_000_000 / u64::from(SAMPLE_RATE_HZ))
    }
}

impl std::fmt::Debug for Clip {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Clip({:?})", self.duration())
    }
}

/// Sound as a file held it, its channels mixed into one.
#[derive(Debug)]
pub(super) struct Sound {
    /// From −1 to 1.
    pub(super) samples: Vec<f32>,
    pub(super) rate_hz: u32,
}
