//! Token buckets in tables that cannot grow without end. Time is told.

use std::collections::HashMap;
use std::hash::Hash;

/// The most sources that have a bucket of their own.
pub const SOURCES_MAX: usize = 4_096;

/// The most X's that have a bucket of their own.
pub const XS_MAX: usize = 65_536;

/// Tokens are counted in thousandths, so that a slow rate refills by the millisecond.
const TOKEN: u64 = 1_000;

/// How much is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// In the long run, a second.
    pub per_s: u32,
    /// At once.
    pub burst: u32,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: u64,
    at_ms: u64,
}

impl Bucket {
    const fn full(rate: Rate, now_ms: u64) -> Self {
        Self {
            tokens: rate.burst as u64 * TOKEN,
            at_ms: now_ms,
        }
    }

    fn refill(&mut self, rate: Rate, now_ms: u64) {
        // A rate a second is the same number of thousandths a millisecond.
        let gained = now_ms
            .saturating_sub(self.at_ms)
            .saturating_mul(u64::from(rate.per_s));
        let most = u64::from(rate.burst) * TOKEN;
        self.tokens = self.tokens.saturating_add(gained).min(most);
        self.at_ms = self.at_ms.max(now_ms);
    }

    fn take(&mut self, rate: Rate, now_ms: u64) -> bool {
        self.refill(rate, now_ms);
        let enough = self.tokens >= TOKEN;
        if enough {
            self.tokens -= TOKEN;
        }
        enough
    }

    fn is_full(mut self, rate: Rate, now_ms: u64) -> bool {
        self.refill(rate, now_ms);
        self.tokens >= u64::from(rate.burst) * TOKEN
    }
}

/// A bucket for each key. When the table is full, keys that were quiet long enough to be full
/// again are forgotten; if there are none, newcomers share one bucket.
#[derive(Debug)]
pub struct Limiter<Key> {
    rate: Rate,
    keys_max: usize,
    buckets: HashMap<Key, Bucket>,
    shared: Bucket,
    swept_at_ms: u64,
}

impl<Key: Eq + Hash> Limiter<Key> {
    /// No key has used anything yet.
    #[must_use]
    pub fn new(rate: Rate, keys_max: usize) -> Self {
        Self {
            rate,
            keys_max,
            buckets: HashMap::new(),
            shared: Bucket::full(rate, 0),
            swept_at_ms: 0,
        }
    }

    /// Takes one for `key`; false if it has none left.
    pub fn take(&mut self, key: Key, now_ms: u64) -> bool {
        if let Some(bucket) = self.buckets.get_mut(&key) {
            return bucket.take(self.rate, now_ms);
        }
        if self.buckets.len() >= self.keys_max {
            self.sweep(now_ms);
        }
        if self.buckets.len() >= self.keys_max {
            return self.shared.take(self.rate, now_ms);
        }
        let mut bucket = Bucket::full(self.rate, now_ms);
        let taken = bucket.take(self.rate, now_ms);
        self.buckets.insert(key, bucket);
        taken
    }

    /// How many keys have a bucket of their own.
    #[must_use]
    pub fn len(&self) -> usize {
        self.buckets.len()
    }

    /// Whether none has.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    /// At most once a second, because it looks at every key.
    fn sweep(&mut self, now_ms: u64) {
        if self.swept_at_ms != 0 && now_ms < self.swept_at_ms.saturating_add(1_000) {
            return;
        }
        self.swept_at_ms = now_ms.max(1);
        let rate = self.rate;
        self.buckets
            .retain(|_, bucket| !bucket.is_full(rate, now_ms));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { per_s: 2, burst: 3 };

    #[test]
    fn a_burst_is_let_through_and_then_the_rate() {
        let mut limiter = Limiter::new(RATE, 10);
        let taken = |limiter: &mut Limiter<u8>, now_ms| limiter.take(1, now_ms);
        assert_eq!(
            [0, 0, 0, 0].map(|now| taken(&mut limiter, now)),
            [true, true, true, false]
        );
        assert_eq!(
            [499, 500, 500].map(|now| taken(&mut limiter, now)),
            [false, true, false]
        );
        assert_eq!(
            [60_000; 4].map(|now| taken(&mut limiter, now)),
            [true, true, true, false]
        );
    }

    #[test]
    fn keys_do_not_take_from_each_other_and_time_that_goes_back_gives_nothing() {
        let mut limiter = Limiter::new(Rate { per_s: 1, burst: 1 }, 10);
        assert!(limiter.take("a", 5_000));
        assert!(limiter.take("b", 5_000));
        assert!(!limiter.take("a", 1_000));
        assert!(!limiter.take("a", 5_999));
        assert!(limiter.take("a", 6_000));
    }

    #[test]
    fn a_full_table_forgets_the_quiet_and_lets_newcomers_share() {
        let mut limiter = Limiter::new(Rate { per_s: 1, burst: 1 }, 2);
        assert!(limiter.take(1, 10_000));
        assert!(limiter.take(2, 10_000));
        assert_eq!([3, 4].map(|key| limiter.take(key, 10_000)), [true, false]);
        assert_eq!(limiter.len(), 2);
        assert!(limiter.take(5, 12_000));
        assert_eq!(limiter.len(), 1);
    }
}
