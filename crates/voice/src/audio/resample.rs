//! From any rate to that of a telephone: low-pass and interpolation in one, by a windowed sinc
//! for each position that an output sample can have between two input samples.

use std::f64::consts::PI;

use super::SAMPLE_RATE_HZ;
use super::clip::Sound;

/// Zero crossings of the sinc on each side; more make the edge of the low-pass steeper.
const CROSSINGS: usize = 16;

/// Where the low-pass begins, as a share of half the lower rate: what lies between there and half
/// the rate is the edge.
const PASS: f64 = 0.92;

/// Turns sound into telephone samples.
pub(super) fn to_telephone_rate(sound: &Sound) -> Vec<i16> {
    if sound.rate_hz == SAMPLE_RATE_HZ {
        return sound.samples.iter().map(|&sample| to_i16(sample)).collect();
    }
    let common = gcd(sound.rate_hz, SAMPLE_RATE_HZ);
    // Output sample n lies at input sample n × step / phases.
    let step = u64::from(sound.rate_hz / common);
    let phases = u64::from(SAMPLE_RATE_HZ / common);
    let ratio = f64::from(SAMPLE_RATE_HZ) / f64::from(sound.rate_hz);
    let kernels = Kernels::new(phases, ratio.min(1.0) * PASS);
    let count = sound.samples.len() as u64 * phases / step;
    let at = |index: u64| {
        let position = index * step;
        let whole = (position / phases) as usize;
        to_i16(kernels.apply((position % phases) as usize, &sound.samples, whole))
    };
    (0..count).map(at).collect()
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// From −1 … 1 to 16 bits, clipped.
fn to_i16(sample: f32) -> i16 {
    // The conversion saturates, and no number becomes silence.
    (sample * 32_768.0).round() as i16
}

/// For each position between two input samples, the weights of those around it.
struct Kernels {
    half: usize,
    weights: Vec<f32>,
}

impl Kernels {
    fn new(phases: u64, cutoff: f64) -> Self {
        let half = (CROSSINGS as f64 / cutoff).ceil() as usize;
        let mut weights = Vec::with_capacity(phases as usize * half * 2);
        for phase in 0..phases {
            let fraction = phase as f64 / phases as f64;
            let row: Vec<f64> = (0..half * 2)
                .map(|tap| {
                    let distance = tap as f64 - (half as f64 - 1.0) - fraction;
                    sinc(distance * cutoff) * window(distance / half as f64)
                })
                .collect();
            // So that a constant stays what it is.
            let sum: f64 = row.iter().sum();
            weights.extend(row.iter().map(|weight| (weight / sum) as f32));
        }
        Self { half, weights }
    }

    fn apply(&self, phase: usize, samples: &[f32], at: usize) -> f32 {
        let taps = self.half * 2;
        let row = &self.weights[phase * taps..(phase + 1) * taps];
        // The first tap lies `half − 1` samples before; before the beginning is silence.
        let before = self.half - 1;
        let skip = before.saturating_sub(at);
        let start = (at + skip) - before;
        let around = samples.get(start..).unwrap_or_default();
        row[skip..]
            .iter()
            .zip(around)
            .map(|(weight, sample)| weight * sample)
            .sum()
    }
}

fn sinc(x: f64) -> f64 {
    if x.abs() < 1e-9 {
        1.0
    } else {
        (PI * x).sin() / (PI * x)
    }
}

/// Blackman's window, zero at −1 and 1.
fn window(x: f64) -> f64 {
    0.42 + 0.5 * (PI * x).cos() + 0.08 * (2.0 * PI * x).cos()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{tone_level, tone_share};

    fn tone(hz: f64, rate_hz: u32) -> Sound {
        let at = |index: u32| (2.0 * PI * hz * f64::from(index) / f64::from(rate_hz)).sin();
        Sound {
            samples: (0..rate_hz).map(|index| at(index) as f32 * 0.5).collect(),
            rate_hz,
        }
    }

    #[test]
    fn a_tone_keeps_its_pitch_level_and_length_from_every_rate() {
        for rate_hz in [
            8000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000, 6000, 7919,
        ] {
            let samples = to_telephone_rate(&tone(1000.0, rate_hz));
            assert!(
                samples.len().abs_diff(8000) <= 1,
                "{rate_hz}: {}",
                samples.len()
            );
            let inner = &samples[400..7600];
            assert!(tone_share(inner, 1000.0) > 0.99, "{rate_hz}");
            let level = tone_level(inner, 1000.0);
            assert!((level - 16_383.0).abs() < 200.0, "{rate_hz}: {level}");
        }
    }

    #[test]
    fn what_a_telephone_cannot_carry_is_not_folded_into_what_it_can() {
        for hz in [5000.0, 7000.0, 11_000.0] {
            let samples = to_telephone_rate(&tone(hz, 44_100));
            let loudest = samples[400..7600]
                .iter()
                .map(|sample| sample.unsigned_abs())
                .max();
            assert!(loudest < Some(60), "{hz}: {loudest:?}");
        }
    }

    #[test]
    fn sound_shorter_than_the_filter_is_no_trouble() {
        for count in 0..40 {
            let samples = vec![0.5; count];
            let sound = Sound {
                samples,
                rate_hz: 16_000,
            };
            assert_eq!(to_telephone_rate(&sound).len(), count / 2);
        }
    }
}
