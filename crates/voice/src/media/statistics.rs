//! What is counted. The relaying thread alone writes; anybody may read at any time.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Why a packet was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// It is no RTP packet.
    Malformed,
    /// It came from somebody else than the side, or before the side was known.
    Source,
    /// Its payload type is none that was agreed on, or its payload is none.
    Payload,
    /// The side is not to be heard now: it is on hold.
    Direction,
    /// It came before.
    Repeated,
    /// It came too late to be of use.
    Late,
}

impl Refusal {
    /// All of them, in the order in which they are counted.
    pub const ALL: [Self; 6] = [
        Self::Malformed,
        Self::Source,
        Self::Payload,
        Self::Direction,
        Self::Repeated,
        Self::Late,
    ];

    /// Its name in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Source => "source",
            Self::Payload => "payload",
            Self::Direction => "direction",
            Self::Repeated => "repeated",
            Self::Late => "late",
        }
    }
}

/// Adds to a counter that only one thread writes.
pub(crate) fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Relaxed);
}

/// The counters of one direction of traffic.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) packets_in: AtomicU64,
    pub(crate) bytes_in: AtomicU64,
    pub(crate) packets_out: AtomicU64,
    pub(crate) bytes_out: AtomicU64,
    pub(crate) unsent: AtomicU64,
    pub(crate) lost: AtomicU64,
    /// In units of the timestamp, times 16 (RFC 3550 §A.8).
    pub(crate) jitter: AtomicU64,
    pub(crate) refused: [AtomicU64; Refusal::ALL.len()],
}

impl Counters {
    pub(crate) fn refuse(&self, cause: Refusal) {
        add(&self.refused[cause as usize], 1);
    }

    pub(crate) fn read(&self) -> SideStatistics {
        SideStatistics {
            packets_in: self.packets_in.load(Relaxed),
            bytes_in: self.bytes_in.load(Relaxed),
            packets_out: self.packets_out.load(Relaxed),
            bytes_out: self.bytes_out.load(Relaxed),
            unsent: self.unsent.load(Relaxed),
            lost: self.lost.load(Relaxed),
            jitter_ms: self.jitter.load(Relaxed) as f64 / 128.0,
            refused: std::array::from_fn(|cause| self.refused[cause].load(Relaxed)),
        }
    }
}

/// What has passed on one side of a call, or of all calls together.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct SideStatistics {
    /// Packets that were taken from it.
    pub packets_in: u64,
    /// Their payloads, in bytes.
    pub bytes_in: u64,
    /// Packets that were sent to it.
    pub packets_out: u64,
    /// Their payloads, in bytes.
    pub bytes_out: u64,
    /// Packets that the system would not send.
    pub unsent: u64,
    /// Packets that were expected from it and did not come (RFC 3550 §A.3).
    pub lost: u64,
    /// How much their times of arrival vary, in milliseconds (RFC 3550 §A.8). Zero for all calls
    /// together.
    pub jitter_ms: f64,
    refused: [u64; Refusal::ALL.len()],
}

impl SideStatistics {
    /// Packets that were not taken, for this cause.
    pub fn refused(&self, cause: Refusal) -> u64 {
        self.refused[cause as usize]
    }
}

/// What has passed in one call.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Statistics {
    /// On the caller's side.
    pub caller: SideStatistics,
    /// On the callee's side.
    pub callee: SideStatistics,
}

/// The counters of the whole engine, besides its traffic.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    pub(crate) traffic: Counters,
    pub(crate) sessions: AtomicU64,
    pub(crate) events_dropped: AtomicU64,
    pub(crate) recordings_begun: AtomicU64,
    pub(crate) recordings_finished: AtomicU64,
    pub(crate) recordings_failed: AtomicU64,
}

/// What the engine is doing and has done, for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct EngineStatistics {
    /// Calls that are open now.
    pub sessions: u64,
    /// Pairs of ports that are taken now, two for each call.
    pub port_pairs_in_use: usize,
    /// Pairs of ports that there are.
    pub port_pairs: usize,
    /// All traffic since the start.
    pub traffic: SideStatistics,
    /// Events that were lost because a call did not read them.
    pub events_dropped: u64,
    /// Recordings that began.
    pub recordings_begun: u64,
    /// Recordings whose files are there.
    pub recordings_finished: u64,
    /// Recordings that failed.
    pub recordings_failed: u64,
}
