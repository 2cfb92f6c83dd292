//! What a call leaves, as clients are told of it: the record of the call with what is derived when
//! it is shown. Query actions, callbacks and exports all speak of calls by these values.

use axbridge_domain::{
    account::AccountId,
    call::{CallId, CallResult, ReleasedBy},
    city::CityCode,
    time::Timestamp,
};
use axbridge_store::model::{CallEnd, CallFilter, CallRecord, Page, Paged, Topic};

use crate::{App, AppError};

const HOUR_MS: i64 = 60 * 60 * 1000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Calls that are closed at once after their node died.
const CLOSED_AT_ONCE: u64 = 500;

/// Who carries calls, and how long what they leave is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallSettings {
    /// The name of this node, its own among all that share a store.
    pub node: String,
    /// When a call without an end is taken for one whose node died, in milliseconds; longer than
    /// any call may last.
    pub open_ms_max: i64,
    /// How long bindings are kept after their end, in milliseconds.
    pub bindings_kept_ms: i64,
    /// How long calls and their records are kept, in milliseconds.
    pub calls_kept_ms: i64,
    /// How long events are kept, in milliseconds; longer than their delivery is tried.
    pub events_kept_ms: i64,
}

impl Default for CallSettings {
    fn default() -> Self {
        Self {
            node: "axbridge".to_owned(),
            open_ms_max: 24 * HOUR_MS,
            bindings_kept_ms: 180 * DAY_MS,
            calls_kept_ms: 180 * DAY_MS,
            events_kept_ms: 30 * DAY_MS,
        }
    }
}

/// A call with what is derived when it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallView {
    /// The call.
    pub call: CallRecord,
    /// The caller's city, where it is known.
    pub caller_city: Option<CityCode>,
    /// The callee's city, where it is known.
    pub callee_city: Option<CityCode>,
}

impl CallView {
    /// Whole seconds that the two were connected.
    #[must_use]
    pub fn talk_s(&self) -> i64 {
        self.call.talk_ms() / 1000
    }

    /// How far the call has come, as listings write it.
    #[must_use]
    pub const fn state(&self) -> &'static str {
        let call = &self.call;
        match (call.ended_at, call.answered_at, call.ringing_at) {
            (Some(_), _, _) => "ended",
            (None, Some(_), _) => "talking",
            (None, None, Some(_)) => "ringing",
            (None, None, None) => "begun",
        }
    }
}

/// The two-digit province code of a city by GB/T 2260 (`11` is Beijing). The vendor's own codes are
/// not public.
#[must_use]
pub fn province_code(city: CityCode) -> String {
    format!("{:02}", city.area().province_code)
}

/// What happens in a call (`eventType`, vendor doc 6358/187779).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallMoment {
    /// It arrived.
    Started,
    /// The callee's phone rings.
    Ringing,
    /// The two are connected.
    Answered,
    /// It ended.
    Ended,
}

impl CallMoment {
    /// All of them, in the order of a call.
    pub const ALL: [CallMoment; 4] = [
        CallMoment::Started,
        CallMoment::Ringing,
        CallMoment::Answered,
        CallMoment::Ended,
    ];

    /// The number on the wire.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            CallMoment::Started => 1,
            CallMoment::Ringing => 2,
            CallMoment::Answered => 3,
            CallMoment::Ended => 4,
        }
    }

    /// The moment that an event of this topic tells of.
    #[must_use]
    pub const fn of(topic: Topic) -> Option<Self> {
        match topic {
            Topic::CallStarted => Some(CallMoment::Started),
            Topic::CallRinging => Some(CallMoment::Ringing),
            Topic::CallAnswered => Some(CallMoment::Answered),
            Topic::CallEnded => Some(CallMoment::Ended),
            _ => None,
        }
    }

    /// The moments that a call will tell of in the normal case (`allEventType`): all, or only its
    /// beginning and end when nobody is to ring.
    #[must_use]
    pub const fn expected(call: &CallRecord) -> &'static [CallMoment] {
        match call.callee {
            Some(_) => &Self::ALL,
            None => &[CallMoment::Started, CallMoment::Ended],
        }
    }
}

impl App {
    /// The calls of these ids that there are, in the order asked for; of one account only, if one
    /// is named.
    ///
    /// # Errors
    /// Faults of the store.
    pub async fn calls_by_ids(
        &self,
        account: Option<AccountId>,
        ids: &[CallId],
    ) -> Result<Vec<CallView>, AppError> {
        let found = self.store.calls_by_ids(account, ids).await?;
        Ok(found.into_iter().map(|call| self.call_view(call)).collect())
    }

    /// Calls, newest first.
    ///
    /// # Errors
    /// Faults of the store.
    pub async fn list_calls(
        &self,
        filter: &CallFilter,
        page: Page,
    ) -> Result<Paged<CallView>, AppError> {
        let found = self.store.list_calls(filter, page).await?;
        let rows = found.rows.into_iter();
        Ok(Paged {
            rows: rows.map(|call| self.call_view(call)).collect(),
            total: found.total,
        })
    }

    /// A call with what is derived when it is shown.
    #[must_use]
    pub fn call_view(&self, call: CallRecord) -> CallView {
        let city = |number: Option<_>| number.and_then(|number| self.numbering.city_of(&number));
        CallView {
            caller_city: city(call.caller),
            callee_city: city(call.callee),
            call,
        }
    }

    /// Closes the calls that this node carried when it stopped last: before it carries others.
    /// Answers how many there were.
    ///
    /// # Errors
    /// Faults of the store.
    pub async fn close_calls_of_last_run(&self) -> Result<u64, AppError> {
        // Nobody else works on an embedded store, whatever name the last run had.
        let node = self.is_shared.then_some(self.call_settings.node.as_str());
        self.close_calls(node, self.now()).await
    }

    /// Closes calls of whichever node that must have died long ago.
    pub(crate) async fn close_forgotten_calls(&self) -> Result<u64, AppError> {
        let before = self.now().plus_ms(-self.call_settings.open_ms_max);
        self.close_calls(None, before).await
    }

    async fn close_calls(&self, node: Option<&str>, before: Timestamp) -> Result<u64, AppError> {
        // What begins at this very moment counts, too.
        let before = before.plus_ms(1);
        let mut closed = 0;
        loop {
            let open = self.store.open_calls(node, before, CLOSED_AT_ONCE).await?;
            for call in &open {
                let end = CallEnd {
                    result: CallResult::PlatformError,
                    released_by: ReleasedBy::Platform,
                    verification: None,
                };
                self.call_ended(call.id, end).await?;
                closed += 1;
            }
            if (open.len() as u64) < CLOSED_AT_ONCE {
                return Ok(closed);
            }
        }
    }
}
