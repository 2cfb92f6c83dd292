//! Mobile prefixes and their cities, packed into four bytes a run.

use std::ops::Range;

use crate::city::CityCode;

/// Every seven-digit prefix that a mobile number can have.
pub(super) const PREFIXES: Range<u32> = 1_300_000..2_000_000;

/// The low bits of an entry hold the city; a city's bits stay below 1000.
const CITY_BITS: u32 = 12;
const CITY_MASK: u32 = (1 << CITY_BITS) - 1;

/// What stands for the city where a gap between two runs begins.
const NO_CITY: u32 = CITY_MASK;

/// Consecutive prefixes of one city.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) prefix: u32,
    pub(super) count: u32,
    pub(super) city: CityCode,
}

impl Run {
    /// The first prefix after the run.
    pub(super) fn end(&self) -> u32 {
        self.prefix + self.count
    }
}

/// A map from prefix to city.
// Ascending entries, each valid up to the next: 20 bits of prefix (less the lowest possible one),
// then 12 bits of city.
#[derive(Clone)]
pub(super) struct PrefixTable {
    entries: Box<[u32]>,
    prefix_count: u32,
}

impl PrefixTable {
    /// A table that knows nothing.
    pub(super) fn empty() -> PrefixTable {
        PrefixTable {
            entries: Box::default(),
            prefix_count: 0,
        }
    }

    /// The runs must be ascending, without overlap, inside [`PREFIXES`].
    pub(super) fn from_sorted_runs(runs: impl IntoIterator<Item = Run>) -> PrefixTable {
        let mut entries = Vec::new();
        let mut covered_to = PREFIXES.start;
        let mut prefix_count = 0;
        for run in runs {
            debug_assert!(run.prefix >= covered_to, "runs are ascending");
            debug_assert!(run.end() <= PREFIXES.end, "runs are of mobile prefixes");
            if run.prefix > covered_to {
                entries.push(entry(covered_to, NO_CITY));
            }
            entries.push(entry(run.prefix, u32::from(run.city.to_bits())));
            covered_to = run.end();
            prefix_count += run.count;
        }
        if covered_to < PREFIXES.end {
            entries.push(entry(covered_to, NO_CITY));
        }
        PrefixTable {
            entries: entries.into_boxed_slice(),
            prefix_count,
        }
    }

    /// The city of a prefix, or `None` when the table does not say.
    pub(super) fn city_of(&self, prefix: u32) -> Option<CityCode> {
        if !PREFIXES.contains(&prefix) {
            return None;
        }
        // The largest entry that this prefix could have, so that its own entry is not passed over.
        let bound = entry(prefix, CITY_MASK);
        let following = self.entries.partition_point(|entry| *entry <= bound);
        let entry = self.entries.get(following.checked_sub(1)?)?;
        match entry & CITY_MASK {
            NO_CITY => None,
            city => CityCode::from_bits(u16::try_from(city).ok()?),
        }
    }

    /// How many prefixes have a city.
    pub(super) fn prefix_count(&self) -> u32 {
        self.prefix_count
    }
}

fn entry(prefix: u32, city: u32) -> u32 {
    (prefix - PREFIXES.start) << CITY_BITS | city
}
