//! Whether some order explains a history of overlapping requests.
//!
//! The search of Wing and Gong with the memory of Lowe: requests take effect one at a time,
//! somewhere between their beginning and their end; who had ended before another began comes
//! first. A history is sound if the model can give every answer that was heard in some such order.
//! Configurations that led nowhere are remembered, and an answer that changes nothing is taken as
//! soon as it fits, which loses no order because whatever follows is not touched by it.

use std::{collections::HashSet, fmt::Debug, hash::Hash};

use axbridge_domain::time::Timestamp;

/// Configurations that are tried before a history counts as too tangled to be judged.
const CONFIGURATIONS_MAX: usize = 3_000_000;

/// What happens by a request that was answered so.
pub(crate) enum Effect<S> {
    /// The model would answer otherwise.
    Impossible,
    /// It answers so, and nothing changes.
    Nothing,
    /// It answers so, and this follows.
    Becomes(S),
}

/// A request with its answer, as the model reads it.
pub(crate) trait Event<S>: Debug {
    /// What it does in this state at this moment, with live bindings counted as of `counted`.
    fn effect(&self, state: &S, now: Timestamp, counted: Timestamp) -> Effect<S>;
    /// Whether an answer of this kind never changes anything.
    fn only_looks(&self) -> bool;
}

/// An event of a history, with the ticks of one clock at which it began and ended.
#[derive(Debug, Clone)]
pub(crate) struct Timed<E> {
    pub(crate) began: u64,
    pub(crate) ended: u64,
    /// The moments at which it may have been judged.
    pub(crate) moments: Vec<Timestamp>,
    pub(crate) event: E,
}

impl<E> Timed<E> {
    /// The moments to try: that of the judgement, and that of the counts of live bindings. Another
    /// node whose clock has gone on may have taken the expired out of the counts already.
    fn tries(&self) -> impl Iterator<Item = (Timestamp, Timestamp)> {
        let last = self.moments.last().copied();
        self.moments.iter().flat_map(move |now| {
            let later = last.filter(|last| last != now);
            std::iter::once((*now, *now)).chain(later.map(|last| (*now, last)))
        })
    }
}

/// Why a history has no order.
#[derive(Debug)]
pub(crate) struct Unexplained {
    /// How many of its events can be put in order at the most.
    pub(crate) explained: usize,
    /// Those of which one had to come next, and the state before them.
    pub(crate) stuck: String,
}

struct Search<'a, S, E> {
    events: &'a [Timed<E>],
    tried: HashSet<(Vec<u64>, S)>,
    best: usize,
    stuck: String,
}

/// Checks a history whose events began in the order of the slice.
///
/// # Errors
/// How far an explanation goes at the most.
pub(crate) fn explain<S, E>(start: &S, events: &[Timed<E>]) -> Result<(), Unexplained>
where
    S: Clone + Eq + Hash + Debug,
    E: Event<S>,
{
    assert!(events.is_sorted_by_key(|event| event.began));
    let mut search = Search {
        events,
        tried: HashSet::new(),
        best: 0,
        stuck: String::new(),
    };
    if search.from(start.clone(), vec![0; events.len().div_ceil(64)], 0) {
        return Ok(());
    }
    Err(Unexplained {
        explained: search.best,
        stuck: search.stuck,
    })
}

fn has(done: &[u64], index: usize) -> bool {
    done[index / 64] >> (index % 64) & 1 == 1
}

fn set(done: &mut [u64], index: usize) {
    done[index / 64] |= 1 << (index % 64);
}

impl<S, E> Search<'_, S, E>
where
    S: Clone + Eq + Hash + Debug,
    E: Event<S>,
{
    fn from(&mut self, state: S, mut done: Vec<u64>, mut count: usize) -> bool {
        count += self.take_looks(&state, &mut done);
        if count == self.events.len() {
            return true;
        }
        let next = self.next(&done);
        if count >= self.best {
            self.best = count;
            let stuck = next
                .iter()
                .map(|index| format!("{:?}\n", self.events[*index]));
            self.stuck = format!("{}in {state:?}", stuck.collect::<String>());
        }
        if !self.tried.insert((done.clone(), state.clone())) {
            return false;
        }
        assert!(
            self.tried.len() < CONFIGURATIONS_MAX,
            "the history is too tangled to be judged; make it shorter"
        );
        for index in next {
            for (now, counted) in self.events[index].tries() {
                let event = &self.events[index].event;
                let after = match event.effect(&state, now, counted) {
                    Effect::Impossible => continue,
                    Effect::Nothing => state.clone(),
                    Effect::Becomes(after) => after,
                };
                let mut done = done.clone();
                set(&mut done, index);
                if self.from(after, done, count + 1) {
                    return true;
                }
            }
        }
        false
    }

    /// Those that may come next: they began before any other that is left had ended. Who ended
    /// first is tried first.
    fn next(&self, done: &[u64]) -> Vec<usize> {
        let mut first_end = u64::MAX;
        let mut next = Vec::new();
        for (index, event) in self.events.iter().enumerate() {
            if event.began > first_end {
                break;
            }
            if !has(done, index) {
                first_end = first_end.min(event.ended);
                next.push(index);
            }
        }
        next.retain(|index| self.events[*index].began <= first_end);
        next.sort_by_key(|index| self.events[*index].ended);
        next
    }

    fn take_looks(&self, state: &S, done: &mut [u64]) -> usize {
        let mut taken = 0;
        loop {
            let fitting = self.next(done).into_iter().find(|index| {
                let timed = &self.events[*index];
                let fits = |(now, counted)| {
                    matches!(timed.event.effect(state, now, counted), Effect::Nothing)
                };
                timed.event.only_looks() && timed.tries().any(fits)
            });
            let Some(index) = fitting else {
                return taken;
            };
            set(done, index);
            taken += 1;
        }
    }
}
