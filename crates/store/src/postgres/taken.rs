//! Routes that this node saw taken a moment ago, so that numbers on which they stand in the way are
//! passed by when candidates are drawn. Around a party with thousands of bindings most numbers are
//! closed to it, and each one drawn for nothing costs a look or a turn.
//!
//! It is a hint: what it has forgotten costs such a look, and what it takes for another route, or
//! does not know to be free again, is drawn a moment later. What is claimed is judged by the
//! database.

use std::{
    hash::{BuildHasher as _, RandomState},
    sync::atomic::{AtomicU64, Ordering},
};

use axbridge_domain::{binding::Shape, phone::PhoneNumber, route::Selector, time::Timestamp};

/// Places for routes, 8 bytes each; a later route takes the place of an earlier one.
const PLACES: usize = 1 << 20;

/// How long it is believed at most: what other nodes free is drawn again then.
const BELIEVED_MS: i64 = 60_000;

/// How long it is believed where nothing tells until when a route stands.
const SUSPECTED_MS: i64 = 1_000;

/// The routes.
pub(super) struct Taken {
    hasher: RandomState,
    /// Half of a route's hash in the high half; in the low one the moment until which it stands,
    /// its milliseconds as far as 32 bits hold them. 0 is nothing.
    places: Box<[AtomicU64]>,
}

impl Taken {
    pub(super) fn new() -> Self {
        let places = std::iter::repeat_with(|| AtomicU64::new(0));
        Self {
            hasher: RandomState::new(),
            places: places.take(PLACES).collect(),
        }
    }

    /// Notes that a route cannot be claimed before `until`.
    pub(super) fn note(
        &self,
        (x, selector): (PhoneNumber, Selector),
        now: Timestamp,
        until: Timestamp,
    ) {
        if until <= now {
            return;
        }
        let until = low_half(until.min(now.plus_ms(BELIEVED_MS)));
        if let Some((place, mark)) = self.place_of(x, selector) {
            place.store(mark << 32 | u64::from(until), Ordering::Relaxed);
        }
    }

    /// Notes that some route of the shape could not be claimed on `x`.
    pub(super) fn suspect(&self, x: PhoneNumber, shape: &Shape, now: Timestamp) {
        for route in shape.routes(x) {
            self.note((x, route.selector), now, now.plus_ms(SUSPECTED_MS));
        }
    }

    /// Forgets the routes of a binding that ended.
    pub(super) fn forget(&self, x: PhoneNumber, shape: &Shape) {
        for route in shape.routes(x) {
            if let Some((place, mark)) = self.place_of(x, route.selector) {
                let held = place.load(Ordering::Relaxed);
                if held >> 32 == mark {
                    // Whoever wrote something else meanwhile is right.
                    let _ = place.compare_exchange(held, 0, Ordering::Relaxed, Ordering::Relaxed);
                }
            }
        }
    }

    /// Whether a route of the shape is known to be taken on `x`.
    pub(super) fn stands_in_the_way(&self, x: PhoneNumber, shape: &Shape, now: Timestamp) -> bool {
        shape.routes(x).any(|route| {
            self.place_of(x, route.selector)
                .is_some_and(|(place, mark)| {
                    let held = place.load(Ordering::Relaxed);
                    let left_ms = (held as u32).wrapping_sub(low_half(now));
                    held >> 32 == mark && left_ms > 0 && i64::from(left_ms) <= BELIEVED_MS
                })
        })
    }

    fn place_of(&self, x: PhoneNumber, selector: Selector) -> Option<(&AtomicU64, u64)> {
        let hash = self.hasher.hash_one((x, selector));
        let place = self.places.get(hash as usize % PLACES)?;
        Some((place, hash >> 32))
    }
}

/// The low half of a moment's milliseconds, enough to tell moments of one minute apart.
const fn low_half(moment: Timestamp) -> u32 {
    moment.unix_ms() as u32
}

#[cfg(test)]
mod tests {
    use axbridge_domain::party::PartyKey;

    use super::*;

    #[test]
    fn what_was_noted_stands_in_the_way_of_all_who_want_it_until_it_ends() {
        let taken = Taken::new();
        let x = PhoneNumber::parse("17000000001").expect("a number");
        let other = PhoneNumber::parse("17000000002").expect("a number");
        let [anna, ben, carl] = [1, 2, 3].map(|digit| PartyKey::from_digest([digit; 16]));
        let (ours, theirs) = (
            Shape::Axb { a: anna, b: ben },
            Shape::Axb { a: carl, b: ben },
        );
        let bens = (x, Selector::Caller(ben));
        // A moment that lies just before the 32 bits begin anew.
        let now = Timestamp::from_unix_ms((419 << 32) - 10_000);
        let stands = |shape: &Shape, ms| taken.stands_in_the_way(x, shape, now.plus_ms(ms));
        assert!(!stands(&ours, 0));
        taken.note(bens, now, now.plus_ms(30_000));
        assert!(stands(&ours, 0) && stands(&theirs, 29_999));
        assert!(!stands(&theirs, 30_000));
        assert!(!stands(&Shape::Ax { a: carl }, 0));
        assert!(!taken.stands_in_the_way(other, &theirs, now));
        // However long it lives: another node may end it.
        taken.note(bens, now, now.plus_ms(1 << 40));
        assert!(stands(&theirs, BELIEVED_MS - 1) && !stands(&theirs, BELIEVED_MS));
        taken.forget(x, &ours);
        assert!(!stands(&theirs, 0));
        taken.suspect(x, &ours, now);
        assert!(stands(&theirs, SUSPECTED_MS - 1) && !stands(&theirs, SUSPECTED_MS));
    }
}
