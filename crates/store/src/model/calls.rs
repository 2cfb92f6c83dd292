//! Calls as the store takes and gives them.

use axbridge_domain::{
    account::AccountId,
    binding::{Binding, DisplayType, SubId},
    call::{CallId, CallResult, Direction, ReleasedBy},
    city::CityCode,
    phone::PhoneNumber,
    pool::{PoolKind, PoolNo},
    time::Timestamp,
    trunk::TrunkName,
};

/// The binding that decided a call, as it stood when the call arrived. What is updated later does
/// not change the record of the call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallBinding {
    /// Its id.
    pub sub_id: SubId,
    /// Its party A.
    pub a: PhoneNumber,
    /// Its party B, if it has one.
    pub b: Option<PhoneNumber>,
    /// Who sees which number.
    pub display: DisplayType,
    /// The client's text.
    pub user_data: Option<String>,
    /// The client's business id.
    pub out_id: Option<String>,
}

impl From<&Binding> for CallBinding {
    fn from(binding: &Binding) -> Self {
        let terms = &binding.terms;
        Self {
            sub_id: binding.sub_id,
            a: terms.a,
            b: terms.b,
            display: terms.display,
            user_data: terms.user_data.clone(),
            out_id: terms.out_id.clone(),
        }
    }
}

/// Where calls in progress are counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallPlace {
    /// All calls of an account.
    Account(AccountId),
    /// Those to one of its numbers.
    X(AccountId, PhoneNumber),
    /// Legs on a trunk.
    Trunk(TrunkName),
}

/// A call that has arrived and is to be written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCall {
    /// Its id, from a secure random source.
    pub id: CallId,
    /// Whose number was dialled.
    pub account: AccountId,
    /// The number that was dialled.
    pub x: PhoneNumber,
    /// The binding that decided it, if one did.
    pub binding: Option<CallBinding>,
    /// Who calls, if it is known.
    pub caller: Option<PhoneNumber>,
    /// Who is to ring, if anybody.
    pub callee: Option<PhoneNumber>,
    /// Which way.
    pub direction: Direction,
    /// Whether it is to be recorded.
    pub record: bool,
    /// The trunk it came by.
    pub trunk: String,
    /// The node that carries it.
    pub node: String,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallEnd {
    /// How it came out.
    pub result: CallResult,
    /// Who ended it.
    pub released_by: ReleasedBy,
    /// What the caller's verification showed, if there was one.
    pub verification: Option<Verification>,
}

/// The question that a caller had to answer before being connected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// The prompt that asked.
    pub voice_code: String,
    /// The digits that were right.
    pub correct: String,
    /// The digits that were keyed last.
    pub answer: String,
    /// Whether the caller was connected for it.
    pub passed: bool,
}

/// A call as it is written down. Once it has an end it is a call detail record and never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRecord {
    /// Its id.
    pub id: CallId,
    /// Whose it is.
    pub account: AccountId,
    /// The pool of X when the call arrived.
    pub pool: PoolNo,
    /// The kind of that pool.
    pub kind: PoolKind,
    /// The number that was dialled.
    pub x: PhoneNumber,
    /// The city of X.
    pub x_city: Option<CityCode>,
    /// The binding that decided it, if one did.
    pub binding: Option<CallBinding>,
    /// Who called, if it is known.
    pub caller: Option<PhoneNumber>,
    /// Who was to ring, if anybody.
    pub callee: Option<PhoneNumber>,
    /// Which way.
    pub direction: Direction,
    /// Whether it was to be recorded.
    pub record: bool,
    /// The trunk it came by.
    pub trunk: String,
    /// The node that carried it.
    pub node: String,
    /// When it arrived.
    pub begun_at: Timestamp,
    /// When the callee's phone rang.
    pub ringing_at: Option<Timestamp>,
    /// When the two were connected.
    pub answered_at: Option<Timestamp>,
    /// When it ended; there is an end exactly when there is this moment.
    pub ended_at: Option<Timestamp>,
    /// How it ended.
    pub end: Option<CallEnd>,
}

impl CallRecord {
    /// How long the two were connected, in milliseconds; zero when they were not, or still are.
    #[must_use]
    pub fn talk_ms(&self) -> i64 {
        match (self.answered_at, self.ended_at) {
            (Some(answered), Some(ended)) => ended.ms_since(answered).max(0),
            _ => 0,
        }
    }
}

/// Which calls to list; `None` matches all. Newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CallFilter {
    /// Of this account.
    pub account: Option<AccountId>,
    /// Decided by this binding.
    pub sub_id: Option<SubId>,
    /// To this X.
    pub x: Option<PhoneNumber>,
    /// With this real number as caller, callee, A or B.
    pub party: Option<PhoneNumber>,
    /// That arrived at this moment or later.
    pub from: Option<Timestamp>,
    /// That arrived before this moment.
    pub until: Option<Timestamp>,
    /// That came out so.
    pub result: Option<CallResult>,
    /// That this node carried.
    pub node: Option<String>,
}

/// What a purge did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Purged {
    /// Rows that were dropped.
    pub rows: u64,
    /// Keys of months that were destroyed.
    pub keys: u64,
    /// Whether there is more to drop.
    pub more: bool,
}
