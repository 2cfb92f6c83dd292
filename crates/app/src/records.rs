//! What a call leaves, as clients are told of it: the record of the call with what is derived when
//! it is shown. Query actions, callbacks and exports all speak of calls by these values.

use axbridge_domain::city::CityCode;
use axbridge_store::model::{CallRecord, Topic};

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
