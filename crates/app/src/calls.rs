//! Calls as the voice plane sees them: who would ring, what a call may do, how it came out.

use axbridge_domain::{
    account::AccountId,
    binding::{Binding, SubId},
    call::{CallId, CallResult, Direction, shown_to_callee},
    phone::PhoneNumber,
    route::Extension,
};
use axbridge_store::model::{BindingRef, CallBinding, CallQuery, CallRoute, NewCall};
pub use axbridge_store::model::{CallEnd, Verification};

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
    /// X is told apart by extensions: ask for one, then admit again with it. The call is not
    /// written down yet; if it ends before that, [`App::begin_undecided_call`] does it.
    AskExtension {
        /// Whose number it is.
        account: AccountId,
    },
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

/// The shorter of the binding's and the account's longest talk, in milliseconds.
fn talk_ms_max(binding: &Binding, of_account: Option<u32>) -> Option<i64> {
    let both = [binding.terms.talk_s_max, of_account];
    let shortest = both.into_iter().flatten().min();
    shortest.map(|seconds| i64::from(seconds) * 1000)
}

impl App {
    /// Where a call goes, judged at this moment.
    ///
    /// # Errors
    /// Faults of the store.
    pub async fn route_call(&self, query: CallQuery) -> Result<CallRoute, AppError> {
        Ok(self.store.route_call(query, self.now()).await?)
    }

    /// Decides a call that has arrived, at this moment and by the store, and writes it down with
    /// its "started" event, unless the caller is to be asked for an extension first or X belongs
    /// to nobody.
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
        let no_binding = (CallResult::NoBinding, Announcement::NoBinding);
        let (account, ended, (result, announcement)) = match self.route_call(query).await? {
            CallRoute::Connect { binding, callee } => {
                return self.connect(arrival, binding, callee, nonce).await;
            }
            CallRoute::AskExtension { account } => {
                return Ok(Admission::AskExtension { account });
            }
            CallRoute::Ended { sub_id, account } => {
                let ended = self.ended_binding(account, sub_id).await?;
                let outcome = (CallResult::NoBinding, Announcement::Ended);
                (account, ended, outcome)
            }
            CallRoute::NoBinding { account } => (account, None, no_binding),
            CallRoute::NumberDisabled { account } => {
                let outcome = (CallResult::NumberAbnormal, Announcement::OutOfService);
                (account, None, outcome)
            }
            CallRoute::UnknownNumber => {
                return Ok(Admission::Refuse {
                    call: None,
                    result: CallResult::VacantNumber,
                    announcement: Announcement::OutOfService,
                });
            }
        };
        let call = ended.as_ref().map_or_else(
            || CallId::unbound(arrival.x, nonce),
            |binding| CallId::bound(binding.sub_id, nonce),
        );
        let new = self.new_call(arrival, call, account, ended.as_ref(), None);
        self.store.begin_call(new, self.now()).await?;
        Ok(Admission::Refuse {
            call: Some(call),
            result,
            announcement,
        })
    }

    /// Writes down a call that ended before it was decided whom it rings, because its caller was
    /// asked for an extension and did not say it.
    ///
    /// # Errors
    /// Faults of the store, and of the system's random source.
    pub async fn begin_undecided_call(
        &self,
        arrival: &Arrival,
        account: AccountId,
    ) -> Result<CallId, AppError> {
        let call = CallId::unbound(arrival.x, self.chance.u64()?);
        let new = self.new_call(arrival, call, account, None, None);
        self.store.begin_call(new, self.now()).await?;
        Ok(call)
    }

    /// Notes that the callee's phone rings. Saying it twice, or too late, changes nothing.
    ///
    /// # Errors
    /// Faults of the store.
    pub async fn call_ringing(&self, call: CallId) -> Result<(), AppError> {
        self.store.call_ringing(call, self.now()).await?;
        Ok(())
    }

    /// Notes that the two are connected. Saying it twice, or too late, changes nothing.
    ///
    /// # Errors
    /// Faults of the store.
    pub async fn call_answered(&self, call: CallId) -> Result<(), AppError> {
        self.store.call_answered(call, self.now()).await?;
        Ok(())
    }

    /// Ends a call: its record is complete, and is told. Of two ends the first counts.
    ///
    /// # Errors
    /// Faults of the store.
    pub async fn call_ended(&self, call: CallId, end: CallEnd) -> Result<(), AppError> {
        let result = end.result;
        if self.store.end_call(call, end, self.now()).await? {
            self.metrics.call_ended(result);
        }
        Ok(())
    }

    async fn connect(
        &self,
        arrival: &Arrival,
        binding: Binding,
        callee: PhoneNumber,
        nonce: u64,
    ) -> Result<Admission, AppError> {
        let call = CallId::bound(binding.sub_id, nonce);
        let account = binding.account;
        let forbidden = self.call_risk(&binding, arrival.caller, callee).await?;
        let mut new = self.new_call(arrival, call, account, Some(&binding), Some(callee));
        new.record &= forbidden.is_none();
        let (direction, record) = (new.direction, new.record);
        let terms = self.known_account(account).await?.terms;
        self.store.begin_call(new, self.now()).await?;
        if let Some((result, announcement)) = forbidden {
            return Ok(Admission::Refuse {
                call: Some(call),
                result,
                announcement,
            });
        }
        Ok(Admission::Connect(Box::new(CallPlan {
            call,
            account,
            caller: arrival.caller,
            callee,
            shown_to_callee: shown_to_callee(&binding, callee, arrival.caller),
            direction,
            record,
            talk_ms_max: talk_ms_max(&binding, terms.talk_s_max),
            account_calls_max: terms.calls_max,
            binding,
        })))
    }

    /// The binding that answered this caller before it ended.
    async fn ended_binding(
        &self,
        account: AccountId,
        sub_id: SubId,
    ) -> Result<Option<Binding>, AppError> {
        let reference = BindingRef {
            account,
            pool: None,
            sub_id,
        };
        Ok(self.store.binding(reference, self.now()).await?)
    }

    fn new_call(
        &self,
        arrival: &Arrival,
        call: CallId,
        account: AccountId,
        binding: Option<&Binding>,
        callee: Option<PhoneNumber>,
    ) -> NewCall {
        let by = |binding| Direction::of(binding, arrival.caller);
        NewCall {
            id: call,
            account,
            x: arrival.x,
            binding: binding.map(CallBinding::from),
            caller: arrival.caller,
            callee,
            direction: binding.map_or(Direction::Other, by),
            record: callee.is_some() && binding.is_some_and(|binding| binding.terms.record),
            trunk: arrival.trunk.clone(),
            node: self.call_settings.node.clone(),
        }
    }
}
