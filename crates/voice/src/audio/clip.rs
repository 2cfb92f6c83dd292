//! A piece of sound that can be played.

use std::time::Duration;

use super::SAMPLE_RATE_HZ;

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
