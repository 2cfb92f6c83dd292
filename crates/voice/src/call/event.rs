//! What a call hears and what it asks for: plain values, so that the call itself does nothing.

use std::net::SocketAddr;

use axbridge_app::calls::{Announcement, CallEnd};
use axbridge_domain::call::CallResult;

use super::session::SESSION_S_MIN;
use crate::{
    sdp::{Agreed, Codec},
    stack::{Abilities, Extra, OfferId, Signal},
};

/// One of the two ends.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Side {
    /// Who called.
    Caller,
    /// Who is called.
    Callee,
}

impl Side {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::Caller, Self::Callee];

    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Caller => Self::Callee,
            Self::Callee => Self::Caller,
        }
    }
}

/// What is played.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Clip {
    /// Why nobody rings, or that the call is recorded.
    Announcement(Announcement),
    /// The account's own prompt, by its code.
    Prompt(String),
    /// "Please key" and these digits.
    Question(String),
    /// "That was wrong", and the question again.
    WrongAnswer(String),
    /// "Please key the extension".
    AskExtension,
    /// The tone of a phone that rings elsewhere, until stopped.
    Ringback,
    /// The tone of the last minute.
    LastMinute,
}

/// What a call waits for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Timer {
    /// The callee's answer.
    Ring,
    /// Any sign of life of the callee's trunk.
    NoSign,
    /// The end of the longest talk.
    Talk,
    /// Its last minute.
    LastMinute,
    /// The end of what is played before the talk, should its player fail.
    Played,
    /// The next digit.
    Digit,
    /// Our turn to refresh the session.
    Refresh(Side),
    /// The end of a session that was not refreshed.
    Expiry(Side),
    /// Our next try after both offered at once.
    Glare(Side),
}

/// What the call may do, as the plane found out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Somebody rings.
    Connect(Box<Plan>),
    /// X is told apart by extensions.
    AskExtension {
        /// Our address for the caller's sound.
        media: SocketAddr,
    },
    /// Nobody rings.
    Refuse {
        /// Why, for the record.
        result: CallResult,
        /// What the caller hears, if there is a port to play it from.
        announcement: Option<(Announcement, SocketAddr)>,
        /// The final answer.
        status: u16,
    },
}

/// How a call is to be made, as far as the call itself needs to know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// Our address for the caller's sound.
    pub caller_media: SocketAddr,
    /// Our address for the callee's.
    pub callee_media: SocketAddr,
    /// The ways out, best first: the codecs that each may be offered.
    pub ways: Vec<Vec<Codec>>,
    /// The prompt for the caller before anybody rings.
    pub caller_prompt: Option<String>,
    /// The prompt for the callee before they talk.
    pub callee_prompt: Option<String>,
    /// The digits that the caller must key first.
    pub question: Option<Question>,
    /// Whether the talk is recorded.
    pub record: bool,
    /// Whether both hear that it is.
    pub notice: bool,
    /// The longest talk, in milliseconds.
    pub talk_ms_max: Option<u64>,
}

/// What a caller must key before being connected.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Question {
    /// The prompt that the binding names.
    pub voice_code: String,
    /// The digits.
    pub digits: String,
}

/// What a call hears.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// The answer to [`Command::Admit`].
    Admitted(Verdict),
    /// A leg says something.
    Signal(Side, Signal),
    /// A side keyed a digit.
    Digit(Side, char),
    /// What was played to a side is over.
    Played(Side),
    /// A side that should be heard is silent.
    Silent(Side),
    /// Time is up.
    Timer(Timer),
    /// The node goes down.
    Shutdown,
}

/// What a call asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// Decide who rings, given what was keyed.
    Admit {
        /// The extension.
        extension: Option<String>,
    },
    /// Answer the caller provisionally.
    Provisional {
        /// 180 or 183.
        status: u16,
        /// Our description.
        sdp: Option<Vec<u8>>,
    },
    /// Answer the caller.
    Accept {
        /// Our description.
        sdp: Option<Vec<u8>>,
        /// Session timer.
        extras: Vec<Extra>,
    },
    /// Refuse the caller.
    Refuse {
        /// 400 to 699.
        status: u16,
        /// What goes with it.
        extras: Vec<Extra>,
    },
    /// Ring the callee by one of the ways.
    CallOut {
        /// Which.
        way: usize,
        /// Our offer.
        sdp: Vec<u8>,
        /// Session timer.
        extras: Vec<Extra>,
    },
    /// Give the callee up.
    Cancel,
    /// Hang up an answered leg.
    Bye(Side),
    /// Offer the session anew, or refresh it if there is no body.
    Reoffer {
        /// To whom.
        side: Side,
        /// Our offer.
        sdp: Option<Vec<u8>>,
        /// Session timer.
        extras: Vec<Extra>,
    },
    /// Answer a request.
    AnswerOffer {
        /// Whose.
        side: Side,
        /// Which.
        id: OfferId,
        /// With what.
        status: u16,
        /// Our description.
        sdp: Option<Vec<u8>>,
        /// Session timer.
        extras: Vec<Extra>,
    },
    /// A side's sound is here.
    Hear(Side, Agreed),
    /// Sound passes between the two, or no longer.
    Bridge(bool),
    /// Play to a side, in place of what plays.
    Play(Side, Clip),
    /// Stop what plays to a side.
    Stop(Side),
    /// Key a digit to a side.
    Key(Side, char),
    /// Begin to record.
    Record,
    /// Wake me.
    Set(Timer, u64),
    /// No longer.
    Clear(Timer),
    /// It rings, for the record.
    Rang,
    /// They talk, for the record.
    Answered,
    /// It is over; nothing follows.
    Ended(CallEnd),
}

/// What a call knows from its beginning.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Arrival {
    /// The caller's offer; empty if it wants ours.
    pub sdp: Vec<u8>,
    /// What the caller can do.
    pub abilities: Abilities,
    /// Codecs of the caller's trunk, the liked ones first.
    pub codecs: Vec<Codec>,
    /// Whether refusals are answered so that they are heard.
    pub answer_refusals: bool,
    /// Chance, for what must not be guessed, and for the pauses after both offered at once.
    pub dice: [u64; 2],
}

/// The bounds of every call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CallSettings {
    /// How long the callee may ring, in milliseconds.
    pub ring_ms_max: u64,
    /// How long a trunk may give no sign of life before the next is tried, in milliseconds.
    pub no_sign_ms_max: u64,
    /// How long anything may be played before the talk, in milliseconds.
    pub played_ms_max: u64,
    /// How long a caller may think about a digit, in milliseconds.
    pub digit_ms_max: u64,
    /// The session that we ask for, in seconds (RFC 4028).
    pub session_s: u32,
    /// The shortest session that we agree to, in seconds.
    pub session_s_min: u32,
    /// Whether a caller hears why the callee was not reached, instead of only the final answer.
    pub announce_failures: bool,
}

impl Default for CallSettings {
    fn default() -> Self {
        Self {
            ring_ms_max: 60_000,
            no_sign_ms_max: 5_000,
            played_ms_max: 60_000,
            digit_ms_max: 10_000,
            session_s: 1_800,
            session_s_min: SESSION_S_MIN,
            announce_failures: false,
        }
    }
}
