//! Number pools: sets of X of one account, and how numbers are chosen from them.

use std::{fmt, str::FromStr};

use crate::{account::AccountId, limits};

/// A pool's number: `NP` and 18 digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PoolNo(u64);

impl PoolNo {
    const DIGITS: usize = 18;
    const END: u64 = 10u64.pow(Self::DIGITS as u32);

    /// A pool number from its digits as a number below 10¹⁸.
    #[must_use]
    pub const fn new(digits: u64) -> Option<Self> {
        if digits < Self::END {
            Some(Self(digits))
        } else {
            None
        }
    }

    /// The digits as a number.
    #[must_use]
    pub const fn digits(self) -> u64 {
        self.0
    }
}

impl fmt::Display for PoolNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NP{:018}", self.0)
    }
}

impl fmt::Debug for PoolNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The text is not a pool number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolNoError;

impl fmt::Display for PoolNoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a NumberPoolNo is NP and 18 digits, as CreateNumberPool answered it")
    }
}

impl std::error::Error for PoolNoError {}

impl FromStr for PoolNo {
    type Err = PoolNoError;

    fn from_str(text: &str) -> Result<Self, PoolNoError> {
        let digits = text.strip_prefix("NP").ok_or(PoolNoError)?;
        if digits.len() != Self::DIGITS || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(PoolNoError);
        }
        digits.parse().ok().and_then(Self::new).ok_or(PoolNoError)
    }
}

/// What a pool's numbers serve for (`SubServiceType`, vendor doc 6358/173382).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum PoolKind {
    /// AX and AXB bindings (201).
    Axb,
    /// AXN (202).
    Axn,
    /// AXNE (203).
    Axne,
    /// AXYB (204).
    Axyb,
    /// AXG (206).
    Axg,
}

impl PoolKind {
    /// The `SubServiceType` on the wire.
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            PoolKind::Axb => 201,
            PoolKind::Axn => 202,
            PoolKind::Axne => 203,
            PoolKind::Axyb => 204,
            PoolKind::Axg => 206,
        }
    }

    /// Reads the `SubServiceType` on the wire.
    #[must_use]
    pub const fn from_code(code: i64) -> Option<Self> {
        match code {
            201 => Some(PoolKind::Axb),
            202 => Some(PoolKind::Axn),
            203 => Some(PoolKind::Axne),
            204 => Some(PoolKind::Axyb),
            206 => Some(PoolKind::Axg),
            _ => None,
        }
    }

    /// The name shown to people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            PoolKind::Axb => "AXB",
            PoolKind::Axn => "AXN",
            PoolKind::Axne => "AXNE",
            PoolKind::Axyb => "AXYB",
            PoolKind::Axg => "AXG",
        }
    }
}

/// Which of the eligible numbers a binding gets.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Policy {
    /// Prefer an X that neither party has used recently, so that an old X in a call list never
    /// reaches someone new.
    #[default]
    Protect,
    /// The first that fits in import order: fewest numbers in use.
    Pack,
    /// The fewest live bindings: an even load on the numbers.
    Spread,
    /// Any, all equally likely.
    Random,
}

impl Policy {
    /// All policies, for listings.
    pub const ALL: [Policy; 4] = [
        Policy::Protect,
        Policy::Pack,
        Policy::Spread,
        Policy::Random,
    ];

    /// The name in settings and on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Policy::Protect => "protect",
            Policy::Pack => "pack",
            Policy::Spread => "spread",
            Policy::Random => "random",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|policy| policy.name().eq_ignore_ascii_case(name))
    }
}

/// What happens when a wanted city that the client did not name is exhausted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum CityFallback {
    /// Try the rest of the pool.
    #[default]
    Any,
    /// Refuse.
    None,
}

impl CityFallback {
    /// The name in settings and on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            CityFallback::Any => "any",
            CityFallback::None => "none",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [CityFallback::Any, CityFallback::None]
            .into_iter()
            .find(|fallback| fallback.name().eq_ignore_ascii_case(name))
    }
}

/// How numbers of a pool are chosen and reused.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct PoolRules {
    /// Which eligible number a binding gets.
    pub policy: Policy,
    /// Whether the rest of the pool is tried when a default city is exhausted.
    pub city_fallback: CityFallback,
    /// How long an ended route stays closed to other pairs, in milliseconds.
    pub quarantine_ms: i64,
    /// The shortest quarantine when nothing else is eligible, in milliseconds.
    pub quarantine_min_ms: i64,
    /// The most live bindings on one number.
    pub bindings_per_number_max: u32,
}

impl Default for PoolRules {
    fn default() -> Self {
        Self {
            policy: Policy::default(),
            city_fallback: CityFallback::default(),
            quarantine_ms: limits::QUARANTINE_DEFAULT_MS,
            quarantine_min_ms: limits::QUARANTINE_MIN_DEFAULT_MS,
            bindings_per_number_max: limits::BINDINGS_PER_NUMBER_DEFAULT,
        }
    }
}

/// A number pool.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pool {
    /// Its number, the id on the wire.
    pub pool_no: PoolNo,
    /// Whose it is.
    pub account: AccountId,
    /// The name people gave it.
    pub name: String,
    /// What its numbers serve for.
    pub kind: PoolKind,
    /// What it is used for, in the client's words.
    pub scene: Option<String>,
    /// How its numbers are chosen.
    pub rules: PoolRules,
}
