//! Risk control: who is kept from being bound or called, and how often calls may come.
//!
//! A blacklist entry restricts one number in one respect until it ends; a frequency window bounds
//! the calls, or the binds, of one number in a stretch of time. Both are judged here, from values; where they are
//! kept is the store's business.

use std::{fmt, str::FromStr};

use crate::{
    call::{CallResult, Direction},
    time::Timestamp,
};

mod frequency;

pub use frequency::{
    Counted, FrequencyWindow, LOOK_BACK_MS_MAX, RecentCalls, TooFrequent, WindowError,
};

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

macro_rules! restrictions {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $label:literal;)+) => {
        /// What a blacklist entry keeps its number from (`Type`, vendor doc 6358/1393019).
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Restriction {
            $($(#[$doc])* $name,)+
        }

        impl Restriction {
            /// All of them, by number.
            pub const ALL: &'static [Restriction] = &[$(Restriction::$name),+];

            /// The number on the wire.
            #[must_use]
            pub const fn code(self) -> u8 {
                match self { $(Restriction::$name => $code,)+ }
            }

            /// The name in listings.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Restriction::$name => $label,)+ }
            }

            /// Reads the number on the wire.
            #[must_use]
            pub const fn from_code(code: i64) -> Option<Self> {
                match code { $($code => Some(Restriction::$name),)+ _ => None }
            }
        }
    };
}

restrictions! {
    /// It may not be called by the platform, whoever asks for it.
    Called = 1, "called";
    /// It may not be bound as A.
    BoundAsA = 5, "bound_as_a";
    /// It may not be bound as B.
    BoundAsB = 6, "bound_as_b";
    /// As B, it may not be called by A.
    BCalledByA = 7, "b_called_by_a";
    /// As A, it may not call B.
    ACallsB = 8, "a_calls_b";
    /// As B (or anybody who dials X), it may not call A.
    BCallsA = 9, "b_calls_a";
    /// As A, it may not be called by B or by anybody who dials X.
    ACalledByB = 10, "a_called_by_b";
}

/// The restrictions of one number.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Restrictions(u16);

impl Restrictions {
    /// None at all.
    pub const NONE: Restrictions = Restrictions(0);

    /// Adds one.
    #[must_use]
    pub const fn with(self, restriction: Restriction) -> Self {
        Self(self.0 | 1 << restriction.code())
    }

    /// Whether it is among them.
    #[must_use]
    pub const fn has(self, restriction: Restriction) -> bool {
        self.0 & (1 << restriction.code()) != 0
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<Restriction> for Restrictions {
    fn from_iter<I: IntoIterator<Item = Restriction>>(all: I) -> Self {
        all.into_iter().fold(Self::NONE, Self::with)
    }
}

impl fmt::Debug for Restrictions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = Restriction::ALL.iter().filter(|it| self.has(**it));
        f.debug_set().entries(all).finish()
    }
}

/// Why a call may not go through, if the restrictions of its two ends forbid it. A caller who is
/// neither A nor B dials X as B would. Where several forbid it, the callee's own wish comes first.
#[must_use]
pub fn judge_call(
    direction: Direction,
    caller: Restrictions,
    callee: Restrictions,
) -> Option<CallResult> {
    let (callee_restricted, caller_restricted) = match direction {
        Direction::AToB => (
            (Restriction::BCalledByA, CallResult::AToBCalleeRestricted),
            (Restriction::ACallsB, CallResult::AToBCallerRestricted),
        ),
        Direction::BToA | Direction::Other => (
            (Restriction::ACalledByB, CallResult::BToACalleeRestricted),
            (Restriction::BCallsA, CallResult::BToACallerRestricted),
        ),
    };
    if callee.has(Restriction::Called) {
        Some(CallResult::CalleeBlacklisted)
    } else if callee.has(callee_restricted.0) {
        Some(callee_restricted.1)
    } else if caller.has(caller_restricted.0) {
        Some(caller_restricted.1)
    } else {
        None
    }
}

/// How long an entry lasts (`FreezeTime`, vendor doc 6358/1393019).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum FreezeTime {
    /// 30 days.
    Days30,
    /// 90 days.
    Days90,
    /// 180 days.
    Days180,
    /// 360 days.
    Days360,
    /// Until it is deleted.
    Forever,
}

impl FreezeTime {
    /// All of them.
    pub const ALL: [FreezeTime; 5] = [
        FreezeTime::Days30,
        FreezeTime::Days90,
        FreezeTime::Days180,
        FreezeTime::Days360,
        FreezeTime::Forever,
    ];

    /// The number on the wire.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Days30 => 12,
            Self::Days90 => 13,
            Self::Days180 => 14,
            Self::Days360 => 15,
            Self::Forever => 29,
        }
    }

    /// Reads the number on the wire.
    #[must_use]
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|it| i64::from(it.code()) == code)
    }

    /// The name that people read.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Days30 => "30 days",
            Self::Days90 => "90 days",
            Self::Days180 => "180 days",
            Self::Days360 => "360 days",
            Self::Forever => "forever",
        }
    }

    /// When an entry made at `now` ends; [`Timestamp::MAX`] when it does not.
    #[must_use]
    pub const fn until(self, now: Timestamp) -> Timestamp {
        let days = match self {
            Self::Days30 => 30,
            Self::Days90 => 90,
            Self::Days180 => 180,
            Self::Days360 => 360,
            Self::Forever => return Timestamp::MAX,
        };
        now.plus_ms(days * DAY_MS)
    }
}

/// The id of a blacklist entry: `RF` and 16 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RiskEntryId(u64);

impl RiskEntryId {
    /// The id of this number, which must come from a random source.
    #[must_use]
    pub const fn new(nonce: u64) -> Self {
        Self(nonce)
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for RiskEntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RF{:016x}", self.0)
    }
}

impl fmt::Debug for RiskEntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is no id of a blacklist entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RiskEntryIdError;

impl fmt::Display for RiskEntryIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the id of a blacklist entry is RF and 16 hex digits, as events show it")
    }
}

impl std::error::Error for RiskEntryIdError {}

impl FromStr for RiskEntryId {
    type Err = RiskEntryIdError;

    fn from_str(text: &str) -> Result<Self, RiskEntryIdError> {
        let hex = text.strip_prefix("RF").ok_or(RiskEntryIdError)?;
        let is_hex = hex.len() == 16
            && hex
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !is_hex {
            return Err(RiskEntryIdError);
        }
        u64::from_str_radix(hex, 16)
            .map(Self)
            .map_err(|_| RiskEntryIdError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_unix_ms(1_800_000_000_000 + ms)
    }

    #[test]
    fn each_restriction_stops_the_calls_it_names_and_no_others() {
        use CallResult as R;
        use Direction::{AToB, BToA, Other};
        // (restriction, as caller: A→B, B→A, other; as callee: A→B, B→A, other)
        type Row = (
            Restriction,
            [Option<CallResult>; 3],
            [Option<CallResult>; 3],
        );
        let table: [Row; 7] = [
            (
                Restriction::Called,
                [None; 3],
                [Some(R::CalleeBlacklisted); 3],
            ),
            (Restriction::BoundAsA, [None; 3], [None; 3]),
            (Restriction::BoundAsB, [None; 3], [None; 3]),
            (
                Restriction::BCalledByA,
                [None; 3],
                [Some(R::AToBCalleeRestricted), None, None],
            ),
            (
                Restriction::ACallsB,
                [Some(R::AToBCallerRestricted), None, None],
                [None; 3],
            ),
            (
                Restriction::BCallsA,
                [
                    None,
                    Some(R::BToACallerRestricted),
                    Some(R::BToACallerRestricted),
                ],
                [None; 3],
            ),
            (
                Restriction::ACalledByB,
                [None; 3],
                [
                    None,
                    Some(R::BToACalleeRestricted),
                    Some(R::BToACalleeRestricted),
                ],
            ),
        ];
        for (restriction, as_caller, as_callee) in table {
            let restricted = Restrictions::NONE.with(restriction);
            for (index, direction) in [AToB, BToA, Other].into_iter().enumerate() {
                let caller = judge_call(direction, restricted, Restrictions::NONE);
                assert_eq!(caller, as_caller[index], "{restriction:?} {direction:?}");
                let callee = judge_call(direction, Restrictions::NONE, restricted);
                assert_eq!(callee, as_callee[index], "{restriction:?} {direction:?}");
            }
        }
    }

    #[test]
    fn codes_are_the_vendors_and_read_back() {
        let codes: Vec<u8> = Restriction::ALL.iter().map(|it| it.code()).collect();
        assert_eq!(codes, [1, 5, 6, 7, 8, 9, 10]);
        for restriction in Restriction::ALL {
            let code = i64::from(restriction.code());
            assert_eq!(Restriction::from_code(code), Some(*restriction));
        }
        assert_eq!(Restriction::from_code(2), None);
        let codes = FreezeTime::ALL.map(FreezeTime::code);
        assert_eq!(codes, [12, 13, 14, 15, 29]);
        assert_eq!(FreezeTime::from_code(16), None);
        assert_eq!(FreezeTime::Days30.until(at(0)).ms_since(at(0)), 30 * DAY_MS);
        assert_eq!(FreezeTime::Forever.until(at(0)), Timestamp::MAX);
        let id = RiskEntryId::new(0xabc);
        assert_eq!(id.to_string(), "RF0000000000000abc");
        assert_eq!(id.to_string().parse(), Ok(id));
        for text in ["", "RF", "RF0000000000000ABC", "0000000000000abc"] {
            assert_eq!(text.parse::<RiskEntryId>(), Err(RiskEntryIdError));
        }
    }
}
