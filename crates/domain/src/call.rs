//! One call: its id, how it ended, who is shown which number.
//!
//! Not here: where a call goes ([`crate::route_table`]) and what happens on the wire while it
//! lasts (the voice crate).

use std::{fmt, str::FromStr};

use crate::{
    binding::{Binding, DisplayType, SubId},
    phone::PhoneNumber,
};

/// A call's id: `<SubId>_<16 hex>` when a binding decided it, `S<last four digits of X>_<16 hex>`
/// when none did (vendor's samples). It names no real number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId {
    origin: Origin,
    nonce: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Origin {
    Bound(SubId),
    Unbound { x_last4: u16 },
}

impl CallId {
    /// The id of a call by a binding; `nonce` must come from a secure random source.
    #[must_use]
    pub const fn bound(sub_id: SubId, nonce: u64) -> Self {
        Self {
            origin: Origin::Bound(sub_id),
            nonce,
        }
    }

    /// The id of a call to X that no binding answers.
    #[must_use]
    pub fn unbound(x: PhoneNumber, nonce: u64) -> Self {
        Self {
            origin: Origin::Unbound { x_last4: x.last4() },
            nonce,
        }
    }

    /// The binding that decided the call, if one did.
    #[must_use]
    pub const fn sub_id(self) -> Option<SubId> {
        match self.origin {
            Origin::Bound(sub_id) => Some(sub_id),
            Origin::Unbound { .. } => None,
        }
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.origin {
            Origin::Bound(sub_id) => write!(f, "{sub_id}_{:016x}", self.nonce),
            Origin::Unbound { x_last4 } => write!(f, "S{x_last4:04}_{:016x}", self.nonce),
        }
    }
}

impl fmt::Debug for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The text is not a call's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallIdError;

impl fmt::Display for CallIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a CallId is a SubId, or S and four digits, then _ and 16 hex digits, as events and records show it")
    }
}

impl std::error::Error for CallIdError {}

impl FromStr for CallId {
    type Err = CallIdError;

    fn from_str(text: &str) -> Result<Self, CallIdError> {
        let (origin, nonce) = text.split_once('_').ok_or(CallIdError)?;
        let is_hex = nonce.len() == 16
            && nonce
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !is_hex {
            return Err(CallIdError);
        }
        let nonce = u64::from_str_radix(nonce, 16).map_err(|_| CallIdError)?;
        let unbound = origin
            .strip_prefix('S')
            .filter(|last4| last4.len() == 4 && last4.bytes().all(|byte| byte.is_ascii_digit()));
        let origin = match unbound {
            Some(last4) => Origin::Unbound {
                x_last4: last4.parse().map_err(|_| CallIdError)?,
            },
            None => Origin::Bound(origin.parse().map_err(|_| CallIdError)?),
        };
        Ok(Self { origin, nonce })
    }
}

/// Who calls whom by a binding (`secretCallType`; the vendor's table is not public, so the
/// numbers are ours).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Direction {
    /// A dialled X.
    AToB,
    /// B dialled X.
    BToA,
    /// Anybody else dialled X.
    Other,
}

impl Direction {
    /// Which way `caller` calls by `binding`.
    #[must_use]
    pub fn of(binding: &Binding, caller: Option<PhoneNumber>) -> Self {
        if caller == Some(binding.terms.a) {
            Self::AToB
        } else if caller.is_some() && caller == binding.terms.b {
            Self::BToA
        } else {
            Self::Other
        }
    }

    /// The number on the wire.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::AToB => 1,
            Self::BToA => 2,
            Self::Other => 3,
        }
    }

    /// Reads the number on the wire.
    #[must_use]
    pub const fn from_code(code: i64) -> Option<Self> {
        match code {
            1 => Some(Self::AToB),
            2 => Some(Self::BToA),
            3 => Some(Self::Other),
            _ => None,
        }
    }
}

/// The number that `callee` sees while a call by `binding` rings: X, unless the binding shows the
/// caller's real number (`CallDisplayType` 2 to 4). A caller whose number is withheld or unknown
/// is always shown as X.
#[must_use]
pub fn shown_to_callee(
    binding: &Binding,
    callee: PhoneNumber,
    caller: Option<PhoneNumber>,
) -> PhoneNumber {
    let callee_is_a = callee == binding.terms.a;
    let real = match binding.terms.display {
        DisplayType::BothSeeX => false,
        DisplayType::ASeesB => callee_is_a,
        DisplayType::BSeesA => !callee_is_a,
        DisplayType::BothSeeReal => true,
    };
    caller.filter(|_| real).unwrap_or(binding.x)
}

/// Who ended a call (`releaseType`; the vendor's table is not public, the numbers follow its
/// neighbours').
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ReleasedBy {
    /// The platform: a limit, a refusal, a fault, a shutdown.
    Platform,
    /// The caller.
    Caller,
    /// The callee.
    Callee,
}

impl ReleasedBy {
    /// The number on the wire.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Platform => 0,
            Self::Caller => 1,
            Self::Callee => 2,
        }
    }

    /// Reads the number on the wire.
    #[must_use]
    pub const fn from_code(code: i64) -> Option<Self> {
        match code {
            0 => Some(Self::Platform),
            1 => Some(Self::Caller),
            2 => Some(Self::Callee),
            _ => None,
        }
    }
}

macro_rules! call_results {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $label:literal;)+) => {
        /// How a call came out (`callResult`, vendor doc 6358/173383).
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum CallResult {
            $($(#[$doc])* $name,)+
        }

        impl CallResult {
            /// All of them, by number.
            pub const ALL: &'static [CallResult] = &[$(CallResult::$name),+];

            /// The number on the wire.
            #[must_use]
            pub const fn code(self) -> u8 {
                match self { $(CallResult::$name => $code,)+ }
            }

            /// The name in metrics, logs and listings.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(CallResult::$name => $label,)+ }
            }

            /// Reads the number on the wire.
            #[must_use]
            pub const fn from_code(code: i64) -> Option<Self> {
                match code { $($code => Some(CallResult::$name),)+ _ => None }
            }
        }
    };
}

call_results! {
    /// The two talked.
    Connected = 1, "connected";
    /// The callee's phone is off.
    PoweredOff = 2, "powered_off";
    /// The callee's service is suspended.
    Suspended = 3, "suspended";
    /// The callee's number does not exist.
    VacantNumber = 4, "vacant_number";
    /// The caller hung up before the answer.
    CallerHungUp = 5, "caller_hung_up";
    /// The callee cannot be reached for now.
    TemporarilyUnreachable = 6, "temporarily_unreachable";
    /// Nobody answered.
    NoAnswer = 7, "no_answer";
    /// The callee is busy.
    Busy = 8, "busy";
    /// The callee declined.
    Rejected = 9, "rejected";
    /// No resource leads to the callee.
    Unreachable = 10, "unreachable";
    /// The line is busy.
    LineBusy = 11, "line_busy";
    /// The caller may not call.
    CallerNotPermitted = 12, "caller_not_permitted";
    /// No binding answers this caller on this X.
    NoBinding = 13, "no_binding";
    /// The network is busy.
    NetworkBusy = 14, "network_busy";
    /// No route leads on.
    RoutingFailure = 15, "routing_failure";
    /// The privacy number is not in service.
    NumberAbnormal = 16, "number_abnormal";
    /// Outgoing calls are restricted.
    OutboundRestricted = 17, "outbound_restricted";
    /// Incoming calls are restricted.
    InboundRestricted = 18, "inbound_restricted";
    /// A time limit ran out.
    TimedOut = 19, "timed_out";
    /// The carrier's or our platform failed.
    PlatformError = 20, "platform_error";
    /// Ended before it rang.
    ReleasedBeforeRinging = 21, "released_before_ringing";
    /// Ended while it rang, or not picked up in time.
    ReleasedWhileRinging = 22, "released_while_ringing";
    /// A calls B: B is restricted.
    AToBCalleeRestricted = 23, "a_to_b_callee_restricted";
    /// A calls B: A is restricted.
    AToBCallerRestricted = 24, "a_to_b_caller_restricted";
    /// B calls A: B is restricted.
    BToACallerRestricted = 25, "b_to_a_caller_restricted";
    /// B calls A: A is restricted.
    BToACalleeRestricted = 26, "b_to_a_callee_restricted";
    /// The carrier's blacklist or frequency limit.
    CarrierRestricted = 27, "carrier_restricted";
    /// Not picked up in time.
    NotPickedUp = 28, "not_picked_up";
    /// The callee is on the blacklist.
    CalleeBlacklisted = 29, "callee_blacklisted";
    /// Called too often.
    TooFrequent = 30, "too_frequent";
    /// The account has too many calls at once.
    AccountConcurrency = 31, "account_concurrency";
    /// The trunk has too many calls at once.
    TrunkConcurrency = 32, "trunk_concurrency";
    /// Account, service or number did not pass a check.
    CheckFailed = 33, "check_failed";
    /// No number could be selected.
    NoNumberSelected = 34, "no_number_selected";
    /// A number could not be decrypted.
    DecryptionFailed = 35, "decryption_failed";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    fn x() -> PhoneNumber {
        PhoneNumber::parse("13800000007").expect("a number")
    }

    #[test]
    fn an_id_reads_back_and_names_its_binding() {
        let sub_id = SubId::new(Timestamp::from_unix_s(1_800_000_000), x(), 0xabc_def1);
        let bound = CallId::bound(sub_id, 0x0123_4567_89ab_cdef);
        assert_eq!(bound.to_string(), format!("{sub_id}_0123456789abcdef"));
        let unbound = CallId::unbound(x(), 7);
        assert_eq!(unbound.to_string(), "S0007_0000000000000007");
        for id in [bound, unbound] {
            assert_eq!(id.to_string().parse(), Ok(id));
        }
        assert_eq!(bound.sub_id(), Some(sub_id));
        assert_eq!(unbound.sub_id(), None);
    }

    #[test]
    fn other_texts_are_no_ids() {
        for text in [
            "",
            "S0007",
            "S0007_7",
            "S0007_000000000000000G",
            "S07_0000000000000007",
            "S0007_0000000000000007_",
            "T0007_0000000000000007",
        ] {
            assert_eq!(text.parse::<CallId>(), Err(CallIdError), "{text}");
        }
    }

    #[test]
    fn every_result_has_its_own_number_and_name() {
        for (index, result) in CallResult::ALL.iter().enumerate() {
            assert_eq!(usize::from(result.code()), index + 1);
            assert_eq!(
                CallResult::from_code(i64::from(result.code())),
                Some(*result)
            );
            let same_name = CallResult::ALL
                .iter()
                .filter(|other| other.name() == result.name());
            assert_eq!(same_name.count(), 1, "{}", result.name());
        }
        assert_eq!(CallResult::from_code(36), None);
    }
}
