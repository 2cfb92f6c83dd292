//! When the calls of a node write: together. Each commit of the embedded store waits for the disk
//! and costs as much as several calls, and a node with hundreds of new calls a second has a
//! thousand things to write down. So whoever comes soon after another waits for the next turn,
//! with all who come meanwhile. On a quiet node nobody waits.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

/// The time between two turns. A caller waits this much longer at most.
const GAP: Duration = Duration::from_millis(10);

/// The turns of a node.
#[derive(Debug)]
pub(super) struct Pace(Mutex<Turns>);

#[derive(Debug, Clone, Copy)]
struct Turns {
    /// The next turn, or the end of the pause after the last one.
    next: Instant,
    /// Whether anybody waits for it.
    awaited: bool,
}

impl Turns {
    /// The turn of one who comes now; `None` if it is this very moment.
    fn of(&mut self, now: Instant) -> Option<Instant> {
        let ended = self.next + if self.awaited { GAP } else { Duration::ZERO };
        if now >= ended {
            (self.next, self.awaited) = (now + GAP, false);
            return None;
        }
        if now >= self.next {
            // That turn was taken: this is the pause after it.
            self.next = ended;
        }
        self.awaited = true;
        Some(self.next)
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self(Mutex::new(Turns {
            next: Instant::now(),
            awaited: false,
        }))
    }
}

impl Pace {
    /// Waits for one's turn.
    pub(super) async fn turn(&self) {
        let turn = {
            let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            turns.of(Instant::now())
        };
        if let Some(turn) = turn {
            sleep_until(turn).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_goes_at_once_and_those_who_follow_go_together() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut turns = Turns {
            next: start,
            awaited: false,
        };
        let mut of = |ms| turns.of(at(ms));
        assert_eq!(of(0), None);
        assert_eq!(of(1), Some(at(10)));
        assert_eq!(of(9), Some(at(10)));
        // The turn at 10 was taken: the next is a gap later.
        assert_eq!(of(10), Some(at(20)));
        assert_eq!(of(19), Some(at(20)));
        // The turn at 20 was taken, and so is the pause after it over.
        assert_eq!(of(30), None);
        assert_eq!(of(100), None);
        assert_eq!(of(105), Some(at(110)));
    }
}
