//! What the plane counts.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use axbridge_domain::call::CallResult;

use crate::media::Statistics;

/// Upper bounds of the set-up times that are counted apart, in milliseconds.
pub const SET_UP_BOUNDS_MS: [u64; 12] = [
    10, 20, 50, 100, 200, 500, 1_000, 2_000, 3_000, 5_000, 10_000, 30_000,
];

/// The plane's own counters.
#[derive(Debug)]
pub(super) struct Metrics {
    pub(super) arrived: AtomicU64,
    pub(super) turned_away: AtomicU64,
    ended: Vec<AtomicU64>,
    set_up: [AtomicU64; SET_UP_BOUNDS_MS.len() + 1],
    set_up_ms: AtomicU64,
    jitter_us: AtomicU64,
    sides: AtomicU64,
}

impl Metrics {
    pub(super) fn new() -> Self {
        Self {
            arrived: AtomicU64::new(0),
            turned_away: AtomicU64::new(0),
            ended: CallResult::ALL.iter().map(|_| AtomicU64::new(0)).collect(),
            set_up: [const { AtomicU64::new(0) }; SET_UP_BOUNDS_MS.len() + 1],
            set_up_ms: AtomicU64::new(0),
            jitter_us: AtomicU64::new(0),
            sides: AtomicU64::new(0),
        }
    }

    pub(super) fn ended(&self, result: CallResult) {
        if let Some(count) = self.ended.get(usize::from(result.code()) - 1) {
            count.fetch_add(1, Relaxed);
        }
    }

    pub(super) fn set_up(&self, took: Duration) {
        let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let bound = SET_UP_BOUNDS_MS
            .iter()
            .position(|bound| ms <= *bound)
            .unwrap_or(SET_UP_BOUNDS_MS.len());
        self.set_up[bound].fetch_add(1, Relaxed);
        self.set_up_ms.fetch_add(ms, Relaxed);
    }

    pub(super) fn by_result(&self) -> Vec<(CallResult, u64)> {
        let counts = self.ended.iter().map(|count| count.load(Relaxed));
        let all = CallResult::ALL.iter().copied().zip(counts);
        all.filter(|(_, count)| *count > 0).collect()
    }

    pub(super) fn set_up_times(&self) -> (Vec<u64>, u64) {
        let counts = self.set_up.iter().map(|count| count.load(Relaxed));
        (counts.collect(), self.set_up_ms.load(Relaxed))
    }

    /// The mean jitter of the sides of finished calls, in milliseconds.
    pub(super) fn mean_jitter_ms(&self) -> f64 {
        let sides = self.sides.load(Relaxed).max(1);
        self.jitter_us.load(Relaxed) as f64 / sides as f64 / 1_000.0
    }
}

/// Adds a finished call's traffic.
pub(super) fn note_traffic(metrics: &Metrics, traffic: &Statistics) {
    for side in [&traffic.caller, &traffic.callee] {
        if side.packets_in == 0 {
            continue;
        }
        metrics
            .jitter_us
            .fetch_add((side.jitter_ms * 1_000.0) as u64, Relaxed);
        metrics.sides.fetch_add(1, Relaxed);
    }
}
