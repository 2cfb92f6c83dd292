//! Messages that are sent again until they are answered: datagrams get lost.

use std::time::Duration;

use tokio::time::Instant;

/// The first wait for an answer before a message is sent again, and the longest (RFC 3261
/// §17.1.1.1: T1, T2), and how long it is sent at all.
const T1: Duration = Duration::from_millis(500);
const T2: Duration = Duration::from_secs(4);
const TIMEOUT: Duration = Duration::from_secs(32);

/// A message that is sent again until somebody answers it.
pub(super) struct Resending {
    pub(super) bytes: Vec<u8>,
    wait: Duration,
    pub(super) next: Instant,
    pub(super) give_up: Instant,
}

impl Resending {
    pub(super) fn of(bytes: Vec<u8>) -> Self {
        let now = Instant::now();
        Self {
            bytes,
            wait: T1,
            next: now + T1,
            give_up: now + TIMEOUT,
        }
    }

    /// Waits longer for the next time.
    pub(super) fn lengthen(&mut self, now: Instant) {
        self.wait = (self.wait * 2).min(T2);
        self.next = now + self.wait;
    }
}
