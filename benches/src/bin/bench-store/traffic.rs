//! Who is bound to whom: the same load for every engine.

use anyhow::{Result, bail};
use axbridge_benches::world::BINDINGS_PER_B;
use axbridge_domain::{draws::Draws, phone::PhoneNumber};

/// How the B's are spread.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Load {
    /// Over one B for every fifty live bindings, all equally likely.
    Uniform,
    /// Everybody is bound to the same B.
    Hot,
}

impl Load {
    pub(crate) fn from_name(name: &str) -> Result<Self> {
        match name {
            "uniform" => Ok(Self::Uniform),
            "hot" => Ok(Self::Hot),
            other => bail!("there is no load {other:?}; there are uniform and hot"),
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Hot => "hot",
        }
    }
}

const FIRST_A: u64 = 13_000_000_000;
const FIRST_B: u64 = 15_000_000_000;

/// An endless stream of pairs.
#[derive(Clone)]
pub(crate) struct Traffic {
    draws: Draws,
    a_count: u64,
    b_count: u64,
}

impl Traffic {
    /// The stream of one caller at this many live bindings.
    pub(crate) fn new(load: Load, live: u64, seed: u64) -> Self {
        let (a_count, b_count) = match load {
            Load::Uniform => (live / 2, live / BINDINGS_PER_B),
            // So many A's that two of a run are hardly ever the same.
            Load::Hot => (900_000_000, 1),
        };
        Self {
            draws: Draws::from_seed(seed.wrapping_mul(0x9e37_79b9)),
            a_count: a_count.max(1),
            b_count: b_count.max(1),
        }
    }

    /// The digits of the next A and B.
    pub(crate) fn next_pair(&mut self) -> (u64, u64) {
        let a = self.draws.below(self.a_count as usize) as u64;
        let b = self.draws.below(self.b_count as usize) as u64;
        (FIRST_A + a, FIRST_B + b)
    }

    /// A value nobody relies on being unguessable here.
    pub(crate) fn next_u64(&mut self) -> u64 {
        self.draws.next_u64()
    }
}

/// The number of these eleven digits.
///
/// # Panics
/// When they are no number's, which [`Traffic`] never makes.
pub(crate) fn phone(digits: u64) -> PhoneNumber {
    PhoneNumber::from_bits(100_000_000_000 + digits).expect("the digits of a mobile number")
}
