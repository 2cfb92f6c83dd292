//! The unguessable part of a SubId, made of the binding's place, and back: a binding is found by
//! its id without an index, and no two ids are the same.
//!
//! A permutation of 28 bits under the installation's index key: a Feistel network (Luby and
//! Rackoff, "How to construct pseudorandom permutations", 1988) of ten rounds, as many as FF1 of
//! NIST SP 800-38G takes. A round's function is a table of keyed digests, made at start.

use axbridge_domain::binding::SubId;

use crate::keyring::Keyring;

const ROUNDS: u8 = 10;
const HALF_BITS: u32 = 14;
const HALVES: u16 = 1 << HALF_BITS;
/// Places that have the same part of an id are this far apart.
const STRIDE: i64 = 1 << (2 * HALF_BITS);
/// Values that one digest gives.
const VALUES_PER_DIGEST: u16 = 16;

/// The permutation.
pub(super) struct SubIds {
    rounds: Vec<Vec<u16>>,
}

impl SubIds {
    /// The permutation of an installation, which stays the same as long as its index key does.
    pub(super) fn new(keys: &Keyring) -> Self {
        let round = |round: u8| {
            let digests = (0..HALVES / VALUES_PER_DIGEST).map(|digest| {
                let [high, low] = digest.to_be_bytes();
                keys.sign("sub-id", &[round, high, low])
            });
            digests.flat_map(values).collect()
        };
        Self {
            rounds: (0..ROUNDS).map(round).collect(),
        }
    }

    /// The unguessable part of the id of the binding at this place.
    pub(super) fn nonce(&self, seq: i64) -> u32 {
        let (mut left, mut right) = halves(seq.rem_euclid(STRIDE) as u32);
        for table in &self.rounds {
            (left, right) = (right, left ^ value(table, right));
        }
        joined(left, right)
    }

    /// The places up to `last` at which a binding of this id may stand.
    pub(super) fn places(&self, sub_id: SubId, last: i64) -> impl Iterator<Item = i64> + use<> {
        let (mut left, mut right) = halves(sub_id.nonce());
        for table in self.rounds.iter().rev() {
            (left, right) = (right ^ value(table, left), left);
        }
        let first = i64::from(joined(left, right));
        (first..=last).step_by(STRIDE as usize)
    }
}

fn values(digest: [u8; 32]) -> impl Iterator<Item = u16> {
    (0..usize::from(VALUES_PER_DIGEST)).map(move |index| {
        let pair = [digest[2 * index], digest[2 * index + 1]];
        u16::from_be_bytes(pair) % HALVES
    })
}

fn value(table: &[u16], half: u16) -> u16 {
    table.get(usize::from(half)).copied().unwrap_or_default()
}

fn halves(number: u32) -> (u16, u16) {
    let mask = u32::from(HALVES) - 1;
    ((number >> HALF_BITS & mask) as u16, (number & mask) as u16)
}

fn joined(left: u16, right: u16) -> u32 {
    u32::from(left) << HALF_BITS | u32::from(right)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use axbridge_domain::{phone::PhoneNumber, time::Timestamp};

    use super::*;

    const KEYS: &str = "index 00000000000000000000000000000000000000000000000000000000000000aa\nseal 1 00000000000000000000000000000000000000000000000000000000000000bb\n";

    fn sub_id(nonce: u32) -> SubId {
        let x = PhoneNumber::parse("17000000001").expect("a number");
        SubId::new(Timestamp::from_unix_s(1_800_000_000), x, nonce)
    }

    #[test]
    fn a_place_is_found_again_by_its_part_and_no_part_comes_twice() {
        let ids = SubIds::new(&Keyring::parse(KEYS).expect("keys"));
        let mut seen = HashSet::new();
        for seq in (1..2_000).chain(STRIDE - 2_000..STRIDE) {
            let nonce = ids.nonce(seq);
            assert!(seen.insert(nonce), "{seq}");
            let found: Vec<i64> = ids.places(sub_id(nonce), STRIDE - 1).collect();
            assert_eq!(found, [seq]);
        }
    }

    #[test]
    fn places_beyond_the_period_are_all_looked_at() {
        let ids = SubIds::new(&Keyring::parse(KEYS).expect("keys"));
        let nonce = ids.nonce(5 + 2 * STRIDE);
        assert_eq!(nonce, ids.nonce(5));
        let found: Vec<i64> = ids.places(sub_id(nonce), 3 * STRIDE).collect();
        assert_eq!(found, [5, 5 + STRIDE, 5 + 2 * STRIDE]);
        assert_eq!(ids.places(sub_id(nonce), 4).count(), 0);
    }

    #[test]
    fn neighbours_look_unrelated_and_another_key_orders_them_otherwise() {
        let ids = SubIds::new(&Keyring::parse(KEYS).expect("keys"));
        let other = Keyring::parse(&KEYS.replace("aa", "ac")).expect("keys");
        let other = SubIds::new(&other);
        let changed: u32 = (0..1_000)
            .map(|seq| (ids.nonce(seq) ^ ids.nonce(seq + 1)).count_ones())
            .sum();
        // Half of the 28 bits on average; 14 ± 0.3 would be six deviations.
        assert!((13_500..14_500).contains(&changed), "{changed}");
        let same = (0..1_000).filter(|seq| ids.nonce(*seq) == other.nonce(*seq));
        assert_eq!(same.count(), 0);
    }
}
