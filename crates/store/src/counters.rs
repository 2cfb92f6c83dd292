//! What the store counts about itself. Plain atomics, read when metrics are scraped, so that the
//! store depends on no metrics library.

use std::sync::atomic::{AtomicU64, Ordering};

/// Upper bounds of the batch-size histogram's buckets; the last one is open.
pub const BATCH_BOUNDS: [u64; 10] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];

/// Counters since the store was opened.
#[derive(Debug, Default)]
pub struct Counters {
    commits: AtomicU64,
    committed: AtomicU64,
    failed_commits: AtomicU64,
    claim_retries: AtomicU64,
    batches: [AtomicU64; BATCH_BOUNDS.len() + 1],
}

/// The counters at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountersNow {
    /// Transactions committed.
    pub commits: u64,
    /// Requests that those transactions carried.
    pub committed: u64,
    /// Transactions that failed.
    pub failed_commits: u64,
    /// Binds whose chosen number was taken by another before the claim.
    pub claim_retries: u64,
    /// Transactions by size: one count a bound of [`BATCH_BOUNDS`], then the larger ones.
    pub batches: [u64; BATCH_BOUNDS.len() + 1],
}

impl Counters {
    /// Notes a committed transaction of `size` requests.
    pub fn committed(&self, size: u64) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.committed.fetch_add(size, Ordering::Relaxed);
        let bucket = BATCH_BOUNDS
            .iter()
            .position(|bound| size <= *bound)
            .unwrap_or(BATCH_BOUNDS.len());
        if let Some(count) = self.batches.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Notes a transaction that failed.
    pub fn commit_failed(&self) {
        self.failed_commits.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes binds that must choose again.
    pub fn claims_retried(&self, count: u64) {
        self.claim_retries.fetch_add(count, Ordering::Relaxed);
    }

    /// Reads all counters.
    #[must_use]
    pub fn now(&self) -> CountersNow {
        CountersNow {
            commits: self.commits.load(Ordering::Relaxed),
            committed: self.committed.load(Ordering::Relaxed),
            failed_commits: self.failed_commits.load(Ordering::Relaxed),
            claim_retries: self.claim_retries.load(Ordering::Relaxed),
            batches: std::array::from_fn(|index| {
                self.batches
                    .get(index)
                    .map_or(0, |count| count.load(Ordering::Relaxed))
            }),
        }
    }
}
