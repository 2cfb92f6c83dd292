//! Finding one frequency in sound: the Goertzel algorithm, a Fourier transform of a single bin.

use std::f32::consts::TAU;

use super::SAMPLE_RATE_HZ;

/// The power at one frequency, in units in which a sine wave of amplitude `a` has `(a × n / 2)²`.
pub(crate) fn power(samples: &[i16], frequency_hz: f32) -> f32 {
    let coefficient = 2.0 * (TAU * frequency_hz / SAMPLE_RATE_HZ as f32).cos();
    let (mut last, mut before) = (0.0_f32, 0.0_f32);
    for &sample in samples {
        let next = f32::from(sample) + coefficient * last - before;
        before = last;
        last = next;
    }
    (last * last + before * before - coefficient * last * before).max(0.0)
}

/// The sum of the squared samples.
pub(crate) fn energy(samples: &[i16]) -> f32 {
    samples
        .iter()
        .map(|&sample| f32::from(sample) * f32::from(sample))
        .sum()
}

/// The amplitude of the sine wave of `frequency_hz` that is in the sound.
pub fn tone_level(samples: &[i16], frequency_hz: f32) -> f32 {
    if samples.is_empty() {
        return 0.0;
    }
    2.0 * power(samples, frequency_hz).sqrt() / samples.len() as f32
}

/// How much of all the sound's energy lies at `frequency_hz`, from 0 to 1. A pure tone that fills
/// the samples comes to nearly 1.
pub fn tone_share(samples: &[i16], frequency_hz: f32) -> f32 {
    let all = energy(samples);
    if all <= 0.0 {
        return 0.0;
    }
    (2.0 * power(samples, frequency_hz) / (all * samples.len() as f32)).min(1.0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::audio::sine;

    #[test]
    fn a_tone_is_found_at_its_frequency_and_nowhere_else() {
        let tone = sine(440.0, Duration::from_secs(1));
        assert!(tone_share(tone.samples(), 440.0) > 0.95);
        assert!(tone_share(tone.samples(), 523.0) < 0.01);
        assert!((tone_level(tone.samples(), 440.0) - 8000.0).abs() < 200.0);
    }

    #[test]
    fn silence_holds_no_tone() {
        assert_eq!(tone_share(&[0; 800], 440.0), 0.0);
        assert_eq!(tone_level(&[], 440.0), 0.0);
    }
}
