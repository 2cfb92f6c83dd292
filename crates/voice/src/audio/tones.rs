//! Tones made from nothing but numbers.

use std::f32::consts::TAU;
use std::time::Duration;

use super::{Clip, SAMPLE_RATE_HZ};

/// China's ringback tone is 450 Hz, one second on and four off (GB/T 3380).
const RINGBACK_HZ: f32 = 450.0;
const RINGBACK_ON: Duration = Duration::from_secs(1);
const RINGBACK_OFF: Duration = Duration::from_secs(4);

/// The tone of the last minute: high and short, so that nobody takes it for speech.
const LAST_MINUTE_HZ: f32 = 1400.0;
const LAST_MINUTE_ON: Duration = Duration::from_millis(250);

/// How loud our tones are: about −12 dB of full scale.
const LEVEL: f32 = 8000.0;

/// The time over which a tone swells and fades, so that it does not click.
const RAMP: Duration = Duration::from_millis(5);

/// The number of samples in a time.
pub(crate) fn samples_in(time: Duration) -> usize {
    let samples = time.as_micros() * u128::from(SAMPLE_RATE_HZ) / 1_000_000;
    usize::try_from(samples).unwrap_or(usize::MAX)
}

/// Several sine waves together, each of amplitude `level`.
pub(crate) fn waves(frequencies_hz: &[f32], level: f32, time: Duration) -> Vec<i16> {
    let count = samples_in(time);
    let ramp = samples_in(RAMP).max(1);
    (0..count)
        .map(|at| {
            let second = at as f32 / SAMPLE_RATE_HZ as f32;
            let edge = at.min(count - 1 - at).min(ramp) as f32 / ramp as f32;
            let sum: f32 = frequencies_hz
                .iter()
                .map(|hz| (TAU * hz * second).sin())
                .sum();
            (sum * level * edge) as i16
        })
        .collect()
}

/// A sine wave of `frequency_hz`.
pub fn sine(frequency_hz: f32, time: Duration) -> Clip {
    Clip::from_samples(waves(&[frequency_hz], LEVEL, time))
}

/// What a caller hears while the other side rings; meant to be looped.
pub fn ringback() -> Clip {
    let mut samples = waves(&[RINGBACK_HZ], LEVEL, RINGBACK_ON);
    samples.resize(samples.len() + samples_in(RINGBACK_OFF), 0);
    Clip::from_samples(samples)
}

/// What both hear when a call comes into its last minute.
pub fn last_minute_tone() -> Clip {
    let beep = waves(&[LAST_MINUTE_HZ], LEVEL, LAST_MINUTE_ON);
    let pause = vec![0; beep.len()];
    Clip::from_samples([beep.clone(), pause, beep].concat())
}
