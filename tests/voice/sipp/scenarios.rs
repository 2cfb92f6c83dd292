//! What is played: which files call whom, and what the record of it says.

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// A dials X, B is rung.
    AToB,
    /// B dials X, A is rung.
    BToA,
    /// Somebody without a binding dials X.
    Stranger,
    /// A dials a number that is no X.
    NoX,
    /// A carrier that must prove who it is; A dials X.
    Challenged,
    /// A2 dials X; the carrier of B2 wants to know who we are.
    Challenging,
    /// From a host that no trunk names.
    Untrusted,
}

/// One scenario.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scenario {
    pub(super) name: &'static str,
    pub(super) way: Way,
    /// The file of who calls.
    pub(super) caller: &'static str,
    /// The file of who is rung, if anybody is.
    pub(super) callee: Option<&'static str>,
    /// The status that the caller hears, where the file leaves it open.
    pub(super) heard: &'static str,
    /// The status that the callee answers, and its cause, where the file leaves them open.
    pub(super) said: (&'static str, &'static str),
    /// `CallResult` of the record; none when there is no call.
    pub(super) result: Option<i64>,
}

const fn talk(
    name: &'static str,
    way: Way,
    caller: &'static str,
    callee: &'static str,
) -> Scenario {
    Scenario {
        name,
        way,
        caller,
        callee: Some(callee),
        heard: "",
        said: ("", ""),
        result: Some(1),
    }
}

const fn refused(
    name: &'static str,
    heard: &'static str,
    said: &'static str,
    cause: &'static str,
    result: i64,
) -> Scenario {
    Scenario {
        heard,
        said: (said, cause),
        result: Some(result),
        ..talk(name, Way::AToB, "uac_refused", "uas_refuses")
    }
}

const fn alone(
    name: &'static str,
    way: Way,
    caller: &'static str,
    heard: &'static str,
    result: Option<i64>,
) -> Scenario {
    Scenario {
        callee: None,
        heard,
        result,
        ..talk(name, way, caller, "")
    }
}

use Way::{AToB, BToA, Challenged, Challenging, NoX, Stranger, Untrusted};

pub(super) const SCENARIOS: &[Scenario] = &[
    talk("A calls and hangs up", AToB, "uac_talk", "uas_talk"),
    talk("B calls and hangs up", BToA, "uac_talk", "uas_talk"),
    talk("A calls, B hangs up", AToB, "uac_hung_up", "uas_hangs_up"),
    talk("B calls, A hangs up", BToA, "uac_hung_up", "uas_hangs_up"),
    Scenario {
        result: Some(5),
        ..talk("the caller gives up", AToB, "uac_cancel", "uas_cancelled")
    },
    Scenario {
        heard: "480",
        result: Some(7),
        ..talk(
            "it rings for too long",
            AToB,
            "uac_refused",
            "uas_cancelled",
        )
    },
    refused("the callee is busy", "486", "486", "17", 8),
    refused("the callee is away", "480", "480", "18", 6),
    refused("the callee declines", "603", "603", "21", 9),
    refused("the callee's number is vacant", "404", "404", "1", 4),
    refused("the callee's network is full", "503", "503", "34", 14),
    Scenario {
        heard: "480",
        result: Some(15),
        ..talk(
            "a redirection is not followed",
            AToB,
            "uac_refused",
            "uas_redirects",
        )
    },
    talk("early media", AToB, "uac_early_media", "uas_early_media"),
    talk("the caller holds", AToB, "uac_hold", "uas_held"),
    talk("the callee holds", AToB, "uac_held", "uas_holds"),
    talk("B holds A, whom it called", BToA, "uac_hold", "uas_held"),
    talk("UPDATE by the caller", AToB, "uac_update", "uas_talk"),
    talk("UPDATE by the callee", AToB, "uac_hung_up", "uas_update"),
    talk("a late offer", AToB, "uac_late_offer", "uas_talk"),
    talk(
        "reliable answers to the caller",
        AToB,
        "uac_prack",
        "uas_talk",
    ),
    talk(
        "reliable answers by the callee",
        AToB,
        "uac_talk",
        "uas_prack",
    ),
    talk(
        "reliable answers on both sides",
        AToB,
        "uac_prack",
        "uas_prack",
    ),
    talk("both offer at once", AToB, "uac_hold_once", "uas_glare"),
    talk(
        "a session timer of the caller",
        AToB,
        "uac_session",
        "uas_talk",
    ),
    talk(
        "a session timer of the callee",
        AToB,
        "uac_hung_up",
        "uas_session",
    ),
    talk(
        "a carrier that must prove itself",
        Challenged,
        "uac_digest",
        "uas_talk",
    ),
    alone(
        "a carrier that cannot",
        Challenged,
        "uac_wrong_digest",
        "",
        None,
    ),
    talk(
        "a carrier that wants proof",
        Challenging,
        "uac_talk",
        "uas_digest",
    ),
    alone("a stranger", Stranger, "uac_refused", "404", Some(13)),
    alone("a number that is no X", NoX, "uac_refused", "404", None),
    alone("an unknown dialog", AToB, "uac_unknown_dialog", "", None),
    alone("OPTIONS", AToB, "uac_options", "", None),
    alone(
        "a host that no trunk names",
        Untrusted,
        "uac_ignored",
        "",
        None,
    ),
];
