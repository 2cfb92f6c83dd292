//! From what the network says about a call to how it came out: one table for SIP statuses, one for
//! the Q.850 causes that networks add to them.
//!
//! A cause (the `Reason` header of RFC 3326) goes before the status: gateways squeeze dozens of
//! causes into a few statuses (RFC 3398 §8.2.6.1), and the cause is what the telephone network
//! really said.

use crate::call::CallResult;

/// How far a call had come when it ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Phase {
    /// The callee's phone did not ring yet.
    BeforeRinging,
    /// It rang.
    Ringing,
    /// The two were connected.
    Talking,
}

/// What a status or a cause means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Meaning {
    /// When the phone did not ring yet.
    pub before_ringing: CallResult,
    /// When it rang.
    pub ringing: CallResult,
}

const fn always(result: CallResult) -> Meaning {
    Meaning {
        before_ringing: result,
        ringing: result,
    }
}

/// Someone on the callee's side let go, and says no more than that.
const RELEASED: Meaning = Meaning {
    before_ringing: CallResult::ReleasedBeforeRinging,
    ringing: CallResult::ReleasedWhileRinging,
};

/// No answer came: before it rang nobody knows why, afterwards nobody picked up.
const SILENCE: Meaning = Meaning {
    before_ringing: CallResult::TimedOut,
    ringing: CallResult::NoAnswer,
};

/// Final SIP statuses (RFC 3261 §21 and the RFCs named). Of those that are not listed the class
/// decides ([`CLASSES`]).
pub const STATUSES: &[(u16, Meaning)] = &[
    (401, always(CallResult::CheckFailed)),
    (402, always(CallResult::Suspended)),
    (403, always(CallResult::CallerNotPermitted)),
    (404, always(CallResult::VacantNumber)),
    (407, always(CallResult::CheckFailed)),
    (408, SILENCE),
    (410, always(CallResult::VacantNumber)),
    // Anonymity disallowed, RFC 5079.
    (433, always(CallResult::CallerNotPermitted)),
    (
        480,
        Meaning {
            before_ringing: CallResult::TemporarilyUnreachable,
            ringing: CallResult::NoAnswer,
        },
    ),
    (482, always(CallResult::RoutingFailure)),
    (483, always(CallResult::RoutingFailure)),
    (484, always(CallResult::VacantNumber)),
    (485, always(CallResult::RoutingFailure)),
    (486, always(CallResult::Busy)),
    (487, RELEASED),
    (488, always(CallResult::PlatformError)),
    (503, always(CallResult::NetworkBusy)),
    (504, always(CallResult::TimedOut)),
    (600, always(CallResult::Busy)),
    (603, always(CallResult::Rejected)),
    (604, always(CallResult::VacantNumber)),
    (606, always(CallResult::PlatformError)),
    // Unwanted, RFC 8197.
    (607, always(CallResult::Rejected)),
    // Rejected by somebody on the way, RFC 8688.
    (608, always(CallResult::CarrierRestricted)),
];

/// Statuses that are not listed, by their hundreds.
pub const CLASSES: &[(u16, Meaning)] = &[
    (3, always(CallResult::RoutingFailure)),
    (4, always(CallResult::Unreachable)),
    (5, always(CallResult::PlatformError)),
    (6, always(CallResult::Rejected)),
];

/// Q.850 causes (ITU-T Q.850, table 1). Those that are not listed say nothing; the status decides.
pub const CAUSES: &[(u8, Meaning)] = &[
    (1, always(CallResult::VacantNumber)),
    (2, always(CallResult::RoutingFailure)),
    (3, always(CallResult::RoutingFailure)),
    (16, RELEASED),
    (17, always(CallResult::Busy)),
    (18, always(CallResult::TemporarilyUnreachable)),
    (19, always(CallResult::NoAnswer)),
    (20, always(CallResult::PoweredOff)),
    (21, always(CallResult::Rejected)),
    (22, always(CallResult::VacantNumber)),
    (26, RELEASED),
    (27, always(CallResult::TemporarilyUnreachable)),
    (28, always(CallResult::VacantNumber)),
    (29, always(CallResult::RoutingFailure)),
    (31, RELEASED),
    (34, always(CallResult::NetworkBusy)),
    (38, always(CallResult::PlatformError)),
    (41, always(CallResult::NetworkBusy)),
    (42, always(CallResult::NetworkBusy)),
    (43, always(CallResult::PlatformError)),
    (44, always(CallResult::NetworkBusy)),
    (47, always(CallResult::NetworkBusy)),
    (50, always(CallResult::CallerNotPermitted)),
    (52, always(CallResult::OutboundRestricted)),
    (53, always(CallResult::OutboundRestricted)),
    (54, always(CallResult::InboundRestricted)),
    (55, always(CallResult::InboundRestricted)),
    (57, always(CallResult::CallerNotPermitted)),
    (58, always(CallResult::Unreachable)),
    (63, always(CallResult::NetworkBusy)),
    (65, always(CallResult::RoutingFailure)),
    (69, always(CallResult::RoutingFailure)),
    (70, always(CallResult::RoutingFailure)),
    (79, always(CallResult::RoutingFailure)),
    (87, always(CallResult::CallerNotPermitted)),
    (88, always(CallResult::Unreachable)),
    (95, always(CallResult::PlatformError)),
    (96, always(CallResult::PlatformError)),
    (97, always(CallResult::PlatformError)),
    (99, always(CallResult::PlatformError)),
    (100, always(CallResult::PlatformError)),
    (101, always(CallResult::PlatformError)),
    (102, SILENCE),
    (111, always(CallResult::PlatformError)),
    (127, always(CallResult::PlatformError)),
];

impl Meaning {
    const fn at(self, phase: Phase) -> CallResult {
        match phase {
            Phase::BeforeRinging => self.before_ringing,
            Phase::Ringing => self.ringing,
            Phase::Talking => CallResult::Connected,
        }
    }
}

impl CallResult {
    /// How a call came out that the callee's side ended with this final SIP status, and with this
    /// Q.850 cause if it gave one. Once the two talked a call was connected, however it ended.
    #[must_use]
    pub fn from_sip(status: u16, cause: Option<u8>, phase: Phase) -> Self {
        if phase == Phase::Talking || (200..300).contains(&status) {
            return CallResult::Connected;
        }
        let by_cause = cause.and_then(|cause| find(CAUSES, cause));
        let by_status = || find(STATUSES, status);
        let by_class = || find(CLASSES, status / 100);
        by_cause
            .or_else(by_status)
            .or_else(by_class)
            .map_or(CallResult::PlatformError, |meaning| meaning.at(phase))
    }

    /// How a call came out whose caller hung up.
    #[must_use]
    pub const fn caller_left(phase: Phase) -> Self {
        match phase {
            Phase::BeforeRinging | Phase::Ringing => CallResult::CallerHungUp,
            Phase::Talking => CallResult::Connected,
        }
    }

    /// How a call came out when our patience ended: no sign of the callee, or nobody picked up.
    #[must_use]
    pub const fn waited_too_long(phase: Phase) -> Self {
        SILENCE.at(phase)
    }
}

fn find<K: PartialEq + Copy>(table: &[(K, Meaning)], key: K) -> Option<Meaning> {
    table
        .iter()
        .find(|(known, _)| *known == key)
        .map(|(_, meaning)| *meaning)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_in_order_and_name_nothing_twice() {
        assert!(STATUSES.is_sorted_by(|one, next| one.0 < next.0));
        assert!(CAUSES.is_sorted_by(|one, next| one.0 < next.0));
        assert!(
            STATUSES
                .iter()
                .all(|(status, _)| (300..700).contains(status))
        );
        assert!(CAUSES.iter().all(|(cause, _)| (1..=127).contains(cause)));
    }

    #[test]
    fn what_the_network_says_decides() {
        use CallResult as Is;
        use Phase::{BeforeRinging, Ringing, Talking};
        for (status, cause, phase, result) in [
            (200, None, Ringing, Is::Connected),
            (486, None, BeforeRinging, Is::Busy),
            (486, None, Ringing, Is::Busy),
            (603, None, Ringing, Is::Rejected),
            (404, None, BeforeRinging, Is::VacantNumber),
            (480, None, BeforeRinging, Is::TemporarilyUnreachable),
            (480, None, Ringing, Is::NoAnswer),
            (480, Some(20), BeforeRinging, Is::PoweredOff),
            (480, Some(19), Ringing, Is::NoAnswer),
            (480, Some(18), BeforeRinging, Is::TemporarilyUnreachable),
            (487, None, BeforeRinging, Is::ReleasedBeforeRinging),
            (487, None, Ringing, Is::ReleasedWhileRinging),
            (408, None, BeforeRinging, Is::TimedOut),
            (408, None, Ringing, Is::NoAnswer),
            (503, None, BeforeRinging, Is::NetworkBusy),
            (503, Some(1), BeforeRinging, Is::VacantNumber),
            (500, Some(55), BeforeRinging, Is::InboundRestricted),
            (608, None, BeforeRinging, Is::CarrierRestricted),
            // Not in the tables.
            (499, None, Ringing, Is::Unreachable),
            (599, None, Ringing, Is::PlatformError),
            (699, None, Ringing, Is::Rejected),
            (302, None, BeforeRinging, Is::RoutingFailure),
            (486, Some(126), Ringing, Is::Busy),
            (0, None, BeforeRinging, Is::PlatformError),
            (u16::MAX, Some(u8::MAX), Ringing, Is::PlatformError),
            // They talked.
            (486, Some(17), Talking, Is::Connected),
        ] {
            let found = CallResult::from_sip(status, cause, phase);
            assert_eq!(found, result, "{status} {cause:?} {phase:?}");
        }
    }

    #[test]
    fn nothing_that_ends_a_call_before_the_answer_counts_as_connected() {
        for (_, meaning) in STATUSES.iter().chain(CLASSES) {
            for phase in [Phase::BeforeRinging, Phase::Ringing] {
                assert_ne!(meaning.at(phase), CallResult::Connected);
            }
        }
        for (_, meaning) in CAUSES {
            assert_ne!(meaning.ringing, CallResult::Connected);
        }
    }

    #[test]
    fn our_own_side_ends_calls_too() {
        for (phase, left, waited) in [
            (
                Phase::BeforeRinging,
                CallResult::CallerHungUp,
                CallResult::TimedOut,
            ),
            (
                Phase::Ringing,
                CallResult::CallerHungUp,
                CallResult::NoAnswer,
            ),
            (Phase::Talking, CallResult::Connected, CallResult::Connected),
        ] {
            assert_eq!(CallResult::caller_left(phase), left);
            assert_eq!(CallResult::waited_too_long(phase), waited);
        }
    }
}
