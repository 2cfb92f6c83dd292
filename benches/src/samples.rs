//! Measured values and what is read from them.

use std::time::Duration;

/// Latencies of one run.
#[derive(Debug, Clone, Default)]
pub struct Samples {
    nanoseconds: Vec<u64>,
    sorted: bool,
}

impl Samples {
    /// Notes one.
    pub fn note(&mut self, latency: Duration) {
        self.sorted = false;
        self.nanoseconds
            .push(u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Takes in those of another.
    pub fn merge(&mut self, other: Samples) {
        self.sorted = false;
        self.nanoseconds.extend(other.nanoseconds);
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nanoseconds.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nanoseconds.is_empty()
    }

    /// The value that this share of them (0 to 1) does not exceed; zero when there are none.
    pub fn quantile(&mut self, share: f64) -> Duration {
        if !self.sorted {
            self.nanoseconds.sort_unstable();
            self.sorted = true;
        }
        let last = self.nanoseconds.len().saturating_sub(1);
        let index = (last as f64 * share).round() as usize;
        Duration::from_nanos(self.nanoseconds.get(index).copied().unwrap_or_default())
    }
}

/// The middle value; zero when there are none.
#[must_use]
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_the_value_at_that_rank() {
        let mut samples = Samples::default();
        assert_eq!(samples.quantile(0.5), Duration::ZERO);
        for ms in (1..=101).rev() {
            samples.note(Duration::from_millis(ms));
        }
        assert_eq!(samples.quantile(0.0), Duration::from_millis(1));
        assert_eq!(samples.quantile(0.5), Duration::from_millis(51));
        assert_eq!(samples.quantile(0.99), Duration::from_millis(100));
        assert_eq!(samples.quantile(1.0), Duration::from_millis(101));
    }

    #[test]
    fn the_median_of_one_value_is_that_value() {
        assert_eq!(median(&[]).to_bits(), 0f64.to_bits());
        assert_eq!(median(&[7.0]).to_bits(), 7f64.to_bits());
    }
}
