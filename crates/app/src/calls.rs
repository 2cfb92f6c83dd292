//! Calls as the voice plane sees them: who would ring, what a call may do, how it came out.

use axbridge_domain::{
    account::AccountId,
    binding::Binding,
    call::{CallId, CallResult, Direction, shown_to_callee},
    phone::PhoneNumber,
    route::Extension,
};
pub use axbridge_store::model::{CallEnd, Verification};
use axbridge_store::model::{CallQuery, CallRoute};

use crate::{App, AppError};

/// A call that has arrived on a trunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// The number dialled.
    pub x: PhoneNumber,
    /// Who calls, if it is known.
    pub caller: Option<PhoneNumber>,
    /// What they keyed, if they were asked.
    pub extension: Option<Extension>,
    /// The trunk it came by, by name.
    pub trunk: String,
}

/// What becomes of a call that has arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// It rings somebody.
    Connect(Box<CallPlan>),
    /// X is told apart by extensions: ask for one, then admit again with it.
    AskExtension,
    /// Nobody rings.
    Refuse {
        /// The call that was written down; `None` when X belongs to nobody, so that nobody is told.
        call: Option<CallId>,
        /// Why, for the record.
        result: CallResult,
        /// What the caller hears.
        announcement: Announcement,
    },
}

/// How a call is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallPlan {
    /// Its id.
    pub call: CallId,
    /// Whose it is.
    pub account: AccountId,
    /// The binding that decided it, as it stood at that moment.
    pub binding: Binding,
    /// Who calls, if it is known.
    pub caller: Option<PhoneNumber>,
    /// Who rings.
    pub callee: PhoneNumber,
    /// What the callee sees.
    pub shown_to_callee: PhoneNumber,
    /// Which way.
    pub direction: Direction,
    /// Whether it is recorded.
    pub record: bool,
    /// The longest it may last once answered, in milliseconds.
    pub talk_ms_max: Option<i64>,
    /// The most calls of the account at once; `None` is no limit.
    pub account_calls_max: Option<u32>,
}

/// What a caller hears when nobody rings, or before somebody does. Each has its audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Announcement {
    /// Nobody is bound for this caller.
    NoBinding,
    /// The caller's binding has ended.
    Ended,
    /// X is out of service, or belongs to nobody.
    OutOfService,
    /// The caller or the callee may not be connected.
    NotPermitted,
    /// The callee is busy.
    Busy,
    /// The callee does not answer or cannot be reached.
    NoAnswer,
    /// Too many calls, or a fault: try later.
    TryLater,
    /// This call is recorded.
    Recorded,
}

impl App {
    /// Where a call goes, judged at this moment.
    ///
    /// # Errors
    /// Faults of the store.
    pub async fn route_call(&self, query: CallQuery) -> Result<CallRoute, AppError> {
        Ok(self.store.route_call(query, self.now()).await?)
    }

    /// Decides a call that has arrived, at this moment and by the store, and gives it an id.
    ///
    /// # Errors
    /// Faults of the store, and of the system's random source.
    pub async fn admit_call(&self, arrival: &Arrival) -> Result<Admission, AppError> {
        let query = CallQuery {
            x: arrival.x,
            caller: arrival.caller,
            extension: arrival.extension,
        };
        let nonce = self.chance.u64()?;
        let unbound = || Some(CallId::unbound(arrival.x, nonce));
        let refuse = |call, result, announcement| Admission::Refuse {
            call,
            result,
            announcement,
        };
        Ok(match self.route_call(query).await? {
            CallRoute::Connect { binding, callee } => Admission::Connect(Box::new(CallPlan {
                call: CallId::bound(binding.sub_id, nonce),
                account: binding.account,
                caller: arrival.caller,
                callee,
                shown_to_callee: shown_to_callee(&binding, callee, arrival.caller),
                direction: Direction::of(&binding, arrival.caller),
                record: binding.terms.record,
                talk_ms_max: None,
                account_calls_max: None,
                binding,
            })),
            CallRoute::AskExtension => Admission::AskExtension,
            CallRoute::Ended { sub_id, .. } => refuse(
                Some(CallId::bound(sub_id, nonce)),
                CallResult::NoBinding,
                Announcement::Ended,
            ),
            CallRoute::NoBinding { .. } => {
                refuse(unbound(), CallResult::NoBinding, Announcement::NoBinding)
            }
            CallRoute::NumberDisabled { .. } => refuse(
                unbound(),
                CallResult::NumberAbnormal,
                Announcement::OutOfService,
            ),
            CallRoute::UnknownNumber => {
                refuse(None, CallResult::RoutingFailure, Announcement::OutOfService)
            }
        })
    }
}
