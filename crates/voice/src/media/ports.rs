//! Which ports are free. They are taken in turn, so that a port rests as long as possible before
//! it serves another call and late packets of the last one meet nobody.

use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Debug)]
struct Turn {
    next: usize,
    used: Vec<bool>,
    in_use: usize,
}

/// The even ports of a range, each with the odd one after it.
#[derive(Debug)]
pub(crate) struct Ports {
    range: RangeInclusive<u16>,
    first: u16,
    turn: Mutex<Turn>,
}

impl Ports {
    /// The pairs that lie wholly in `range`.
    pub(crate) fn new(range: RangeInclusive<u16>) -> Self {
        let first = range.start().next_multiple_of(2).max(2);
        let pairs = (usize::from(*range.end()) + 1).saturating_sub(usize::from(first)) / 2;
        let turn = Turn {
            next: 0,
            used: vec![false; pairs],
            in_use: 0,
        };
        Self {
            range,
            first,
            turn: Mutex::new(turn),
        }
    }

    /// How many pairs there are.
    pub(crate) fn pairs(&self) -> usize {
        self.turn().used.len()
    }

    /// How many pairs are taken.
    pub(crate) fn in_use(&self) -> usize {
        self.turn().in_use
    }

    /// The range as it was given.
    pub(crate) fn range(&self) -> &RangeInclusive<u16> {
        &self.range
    }

    /// Takes the next free pair.
    pub(crate) fn take(self: &Arc<Self>) -> Option<Lease> {
        let mut turn = self.turn();
        let pairs = turn.used.len();
        let index = (0..pairs)
            .map(|step| (turn.next + step) % pairs)
            .find(|&index| !turn.used[index])?;
        turn.used[index] = true;
        turn.in_use += 1;
        turn.next = (index + 1) % pairs;
        Some(Lease {
            ports: Arc::clone(self),
            index,
        })
    }

    /// The lock guards plain values that are whole after every step.
    fn turn(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A pair that is taken, until dropped.
#[derive(Debug)]
pub(crate) struct Lease {
    ports: Arc<Ports>,
    index: usize,
}

impl Lease {
    /// The even port.
    pub(crate) fn rtp(&self) -> u16 {
        // The index is below the number of pairs, which fit into the range above `first`.
        self.ports.first + (self.index as u16) * 2
    }

    /// The odd port.
    pub(crate) fn rtcp(&self) -> u16 {
        self.rtp() + 1
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut turn = self.ports.turn();
        turn.used[self.index] = false;
        turn.in_use -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_even_and_lie_within_the_range() {
        let ports = |range| Arc::new(Ports::new(range));
        let odd = ports(10_001..=10_006);
        let leases: Vec<Lease> = std::iter::from_fn(|| odd.take()).collect();
        let numbers: Vec<u16> = leases.iter().map(Lease::rtp).collect();
        assert_eq!(numbers, [10_002, 10_004]);
        assert_eq!(ports(10_002..=10_002).pairs(), 0);
        assert_eq!(ports(65_534..=65_535).pairs(), 1);
        assert!(ports(0..=1).take().is_none());
        #[expect(clippy::reversed_empty_ranges, reason = "it is the case under test")]
        let backwards = ports(20..=10);
        assert!(backwards.take().is_none());
    }

    #[test]
    fn a_port_that_was_given_back_is_taken_last() {
        let ports = Arc::new(Ports::new(100..=105));
        let first = ports.take().expect("a pair");
        assert_eq!((first.rtp(), first.rtcp()), (100, 101));
        drop(first);
        let next: Vec<u16> = (0..3)
            .map(|_| ports.take().expect("a pair").rtp())
            .collect();
        assert_eq!(next, [102, 104, 100]);
        assert_eq!(ports.in_use(), 0);
    }
}
