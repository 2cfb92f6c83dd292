//! Histories: lists of steps that mean something by themselves, so that any of them can be left
//! out when a failure is made smaller. One seed gives one history.

use axbridge_domain::draws::Draws;

use crate::store::Fate;

/// One step. Its number decides everything that is left open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// A client sends a request.
    Ask(u64),
    /// A client sends a request again, whether or not it was answered.
    Resend(u64),
    /// A request is lost on its way.
    Lose(u64),
    /// The store takes some of the waiting requests, in any order.
    Serve(u64),
    /// An operator changes pools or numbers.
    Operate(u64),
    /// Time passes, or the clock is set back.
    Wait(u64),
    /// The process is started anew.
    Restart(u64),
}

const SHORT: usize = 150;
const LONG: usize = 1500;
/// One history in so many is long.
const LONG_EVERY: u64 = 32;

/// The history of this place in the run of a seed.
pub(crate) fn history(seed: u64, index: u64) -> Vec<Step> {
    let length = if index % LONG_EVERY == LONG_EVERY - 1 {
        LONG
    } else {
        SHORT
    };
    history_of(seed, index, length)
}

/// As [`history`], but never long.
pub(crate) fn short(seed: u64, index: u64) -> Vec<Step> {
    history_of(seed, index, SHORT)
}

fn history_of(seed: u64, index: u64, length: usize) -> Vec<Step> {
    let mut mixed = Draws::from_seed(seed);
    let mut draws = Draws::from_seed(mixed.next_u64() ^ index.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    // Some histories know little time, some no trouble at all.
    let waits = 1 + draws.below(6);
    let trouble = draws.below(4);
    let weights = [10, trouble, trouble.min(1), 12, 2, waits, trouble.min(1)];
    let total = weights.iter().sum();
    (0..length)
        .map(|_| {
            let mut left = draws.below(total);
            let kind = weights.iter().position(|weight| {
                let found = left < *weight;
                left = left.saturating_sub(*weight);
                found
            });
            let chance = draws.next_u64() << 2 | trouble as u64;
            match kind {
                Some(0) => Step::Ask(chance),
                Some(1) => Step::Resend(chance),
                Some(2) => Step::Lose(chance),
                Some(3) => Step::Serve(chance),
                Some(4) => Step::Operate(chance),
                Some(5) => Step::Wait(chance),
                _ => Step::Restart(chance),
            }
        })
        .collect()
}

/// What becomes of a batch; `trouble` 0 knows none.
pub(crate) fn fate(draws: &mut Draws, trouble: u64) -> Fate {
    if trouble == 0 {
        return Fate::Commit;
    }
    match draws.below(96) {
        0..=3 => Fate::AnswersLost,
        4..=7 => Fate::Fail,
        8 => Fate::Unknown { durable: false },
        9 => Fate::Unknown { durable: true },
        10 => Fate::CrashBefore,
        11 => Fate::CrashTorn(1 + draws.below(3)),
        12 => Fate::CrashAfter,
        _ => Fate::Commit,
    }
}
