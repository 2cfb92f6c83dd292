//! The tenant: who owns pools and bindings.

use std::{fmt, str::FromStr};

/// An account's id: ten digits on the wire (`accountId` in call records and callbacks).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AccountId(u64);

impl AccountId {
    const DIGITS: usize = 10;

    /// The account that the first start makes and that a single-tenant installation lives in.
    pub const DEFAULT: AccountId = AccountId(2_100_000_001);

    /// An id from its number, if it has exactly ten digits.
    #[must_use]
    pub const fn new(number: u64) -> Option<Self> {
        if number >= 1_000_000_000 && number <= 9_999_999_999 {
            Some(Self(number))
        } else {
            None
        }
    }

    /// The id as a number.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The text is not an account id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountIdError;

impl fmt::Display for AccountIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an account id is 10 digits, for example 2100000001")
    }
}

impl std::error::Error for AccountIdError {}

impl FromStr for AccountId {
    type Err = AccountIdError;

    fn from_str(text: &str) -> Result<Self, AccountIdError> {
        // A sign or more zeros in front would be a second text for the same account.
        if text.len() != Self::DIGITS || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(AccountIdError);
        }
        text.parse().ok().and_then(Self::new).ok_or(AccountIdError)
    }
}

/// What an account may do and how much of it. A quota of `None` is unlimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AccountTerms {
    /// Whether bindings may show real numbers (`CallDisplayType` 2 to 4).
    pub may_show_real_numbers: bool,
    /// The most bindings that may be live at once.
    pub live_bindings_max: Option<u64>,
    /// The most numbers in all its pools.
    pub numbers_max: Option<u64>,
    /// The most pools.
    pub pools_max: Option<u64>,
    /// The most calls at once.
    pub calls_max: Option<u32>,
    /// The longest a call may last once answered, in seconds.
    pub talk_s_max: Option<u32>,
}
