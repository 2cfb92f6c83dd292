//! Delivery of events to receivers: which kinds there are, when a failed delivery is tried again,
//! and when a receiver that keeps failing is left alone for a while. Time comes in as a value.
//!
//! Not here: what a message says (the API writes it) and how it travels.

use std::{fmt, str::FromStr};

use crate::time::Timestamp;

/// A receiver's id: `CB` and 16 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReceiverId(u64);

impl ReceiverId {
    /// The id of this number, of which the highest bit does not count, so that it fits a column.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number & (u64::MAX >> 1))
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ReceiverId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CB{:016x}", self.0)
    }
}

impl fmt::Debug for ReceiverId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The text is no receiver's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceiverIdError;

impl fmt::Display for ReceiverIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a CallbackId is CB and 16 hex digits, as ListCallbacks shows it")
    }
}

impl std::error::Error for ReceiverIdError {}

impl FromStr for ReceiverId {
    type Err = ReceiverIdError;

    fn from_str(text: &str) -> Result<Self, ReceiverIdError> {
        let hex = text.strip_prefix("CB").ok_or(ReceiverIdError)?;
        let is_hex = hex.len() == 16 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_hex {
            return Err(ReceiverIdError);
        }
        let number = u64::from_str_radix(hex, 16).map_err(|_| ReceiverIdError)?;
        if number > u64::MAX >> 1 {
            return Err(ReceiverIdError);
        }
        Ok(Self(number))
    }
}

/// What a receiver can subscribe to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum EventKind {
    /// A call began, rings, was answered, ended (vendor doc 6358/187779).
    CallStatus,
    /// A finished call's record (6358/173378).
    CallRecord,
    /// A recording is there (6358/187780).
    Recording,
    /// A number's state changed (6358/148197).
    NumberStatus,
    /// A number was frozen or freed by risk control (6358/80245).
    Risk,
    /// A binding was made, changed or ended: ours, not the vendor's.
    Binding,
    /// A call that was to be recorded has no recording: ours, not the vendor's.
    RecordingFailed,
}

impl EventKind {
    /// All kinds.
    pub const ALL: [EventKind; 7] = [
        EventKind::CallStatus,
        EventKind::CallRecord,
        EventKind::Recording,
        EventKind::NumberStatus,
        EventKind::Risk,
        EventKind::Binding,
        EventKind::RecordingFailed,
    ];

    /// The name in parameters, listings and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            EventKind::CallStatus => "call_status",
            EventKind::CallRecord => "call_record",
            EventKind::Recording => "recording",
            EventKind::NumberStatus => "number_status",
            EventKind::Risk => "risk",
            EventKind::Binding => "binding",
            EventKind::RecordingFailed => "recording_failed",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name().eq_ignore_ascii_case(name))
    }

    /// Its bit in [`Kinds`].
    #[must_use]
    pub const fn bit(self) -> u8 {
        1 << (self as u8)
    }

    /// Whether the message is of use only while it is news.
    #[must_use]
    pub const fn goes_stale(self) -> bool {
        matches!(self, EventKind::CallStatus)
    }
}

/// A set of kinds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Kinds(u8);

impl Kinds {
    /// All kinds.
    #[must_use]
    pub fn all() -> Self {
        EventKind::ALL.into_iter().collect()
    }

    /// As a stored number.
    #[must_use]
    pub const fn to_bits(self) -> u8 {
        self.0
    }

    /// Reads the stored number; bits that mean nothing are dropped.
    #[must_use]
    pub fn from_bits(bits: u8) -> Self {
        Self(bits & Self::all().0)
    }

    /// Whether the kind is among them.
    #[must_use]
    pub const fn contains(self, kind: EventKind) -> bool {
        self.0 & kind.bit() != 0
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The kinds, in order.
    pub fn iter(self) -> impl Iterator<Item = EventKind> {
        EventKind::ALL
            .into_iter()
            .filter(move |kind| self.contains(*kind))
    }
}

impl FromIterator<EventKind> for Kinds {
    fn from_iter<I: IntoIterator<Item = EventKind>>(kinds: I) -> Self {
        Self(kinds.into_iter().fold(0, |bits, kind| bits | kind.bit()))
    }
}

/// When a failed delivery is tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Waits after the first failures, in milliseconds.
    pub quick_ms: Vec<i64>,
    /// After those, at every whole multiple of this, in milliseconds.
    pub round_ms: i64,
    /// How long a delivery is tried, in milliseconds since it was queued.
    pub keep_ms: i64,
    /// How long one that goes stale is tried, in milliseconds since it was queued.
    pub fresh_ms: i64,
}

impl Default for Schedule {
    /// The vendor's times (doc 6358/173360), with ends that it leaves open.
    fn default() -> Self {
        const SECOND_MS: i64 = 1000;
        const HOUR_MS: i64 = 3600 * SECOND_MS;
        Self {
            quick_ms: [10, 30, 60, 120, 180].map(|s| s * SECOND_MS).to_vec(),
            round_ms: 2 * HOUR_MS,
            keep_ms: 72 * HOUR_MS,
            fresh_ms: 300 * SECOND_MS,
        }
    }
}

/// What becomes of a delivery that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It is tried again then.
    At(Timestamp),
    /// It was tried for as long as the schedule allows: it stays to be seen, and may be replayed.
    Park,
    /// It is no news any more.
    Stale,
}

impl Schedule {
    /// What follows the `failures`-th failure (counted from 1), which was noticed `now`.
    #[must_use]
    pub fn after_failure(
        &self,
        kind: EventKind,
        queued_at: Timestamp,
        failures: u32,
        now: Timestamp,
    ) -> Next {
        let index = usize::try_from(failures.max(1) - 1).unwrap_or(usize::MAX);
        let quick = self.quick_ms.get(index).or_else(|| {
            // What goes stale is never left to the rounds.
            self.quick_ms.last().filter(|_| kind.goes_stale())
        });
        let at = match quick {
            Some(wait_ms) => now.plus_ms(*wait_ms),
            None => self.next_round(now),
        };
        if kind.goes_stale() {
            if at.ms_since(queued_at) >= self.fresh_ms {
                return Next::Stale;
            }
        } else if at.ms_since(queued_at) > self.keep_ms {
            return Next::Park;
        }
        Next::At(at)
    }

    /// Whether a message of this kind has become old news before it was sent.
    #[must_use]
    pub fn is_stale(&self, kind: EventKind, queued_at: Timestamp, now: Timestamp) -> bool {
        kind.goes_stale() && now.ms_since(queued_at) >= self.fresh_ms
    }

    fn next_round(&self, now: Timestamp) -> Timestamp {
        let round = self.round_ms.max(1);
        let past = now.unix_ms().rem_euclid(round);
        now.plus_ms(round - past)
    }
}

/// When a receiver counts as broken, and for how long it is then left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerRules {
    /// Failures in a row that open the breaker.
    pub failures: u32,
    /// How long it stays open the first time, in milliseconds; twice as long each further time.
    pub open_ms: i64,
    /// The longest it stays open, in milliseconds.
    pub open_ms_max: i64,
}

impl Default for BreakerRules {
    fn default() -> Self {
        Self {
            failures: 5,
            open_ms: 10_000,
            open_ms_max: 300_000,
        }
    }
}

/// How much may be sent to a receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowance {
    /// All that is due.
    All,
    /// One message, to see whether it works again.
    Probe,
    /// Nothing before that moment.
    NotBefore(Timestamp),
}

/// What is known of a receiver's health.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Breaker {
    failures: u32,
    open: Option<Opened>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Opened {
    until: Timestamp,
    for_ms: i64,
}

impl Breaker {
    /// What may be sent `now`.
    #[must_use]
    pub fn allowance(&self, now: Timestamp) -> Allowance {
        match self.open {
            None => Allowance::All,
            Some(open) if now >= open.until => Allowance::Probe,
            Some(open) => Allowance::NotBefore(open.until),
        }
    }

    /// Whether the receiver counts as broken.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// A message was taken. True when this ends a time of being broken.
    pub fn succeeded(&mut self) -> bool {
        std::mem::take(self).is_open()
    }

    /// A message was not taken.
    pub fn failed(&mut self, now: Timestamp, rules: BreakerRules) {
        self.failures = self.failures.saturating_add(1);
        let for_ms = match self.open {
            // Messages that were under way when it opened say nothing new.
            Some(open) if now < open.until => return,
            Some(open) => open.for_ms.saturating_mul(2),
            None if self.failures < rules.failures => return,
            None => rules.open_ms,
        };
        let for_ms = for_ms.min(rules.open_ms_max).max(1);
        self.open = Some(Opened {
            until: now.plus_ms(for_ms),
            for_ms,
        });
    }
}

#[cfg(test)]
mod tests;
