//! A client's relation between real numbers and an X, and the routes that each mode holds.
//!
//! Modes differ only in [`Shape::route`]; one claim, one release and one resolve serve all of them.

use std::{fmt, str::FromStr};

use crate::{
    account::AccountId,
    city::CityCode,
    party::PartyKey,
    phone::PhoneNumber,
    pool::PoolNo,
    route::{Extension, Route, Selector},
    time::Timestamp,
};

/// A binding's id: `S`, ten digits of Unix seconds, the last four digits of X, seven hex digits
/// that nobody can guess.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubId {
    unix_s: u32,
    x_last4: u16,
    nonce: u32,
}

impl SubId {
    const NONCE_BITS: u32 = 28;
    /// Characters of the text form.
    pub const TEXT_LENGTH: usize = 22;

    /// The id of a binding made at `now` on `x`; `nonce` must come from a secure random source
    /// (its low 28 bits are used).
    #[must_use]
    pub fn new(now: Timestamp, x: PhoneNumber, nonce: u32) -> Self {
        Self {
            unix_s: u32::try_from(now.unix_s()).unwrap_or(u32::MAX),
            x_last4: x.last4(),
            nonce: nonce & ((1 << Self::NONCE_BITS) - 1),
        }
    }

    /// The part that nobody can guess, 28 bits.
    #[must_use]
    pub const fn nonce(self) -> u32 {
        self.nonce
    }

    /// Its three parts, for tables that pack them tighter.
    pub(crate) const fn to_parts(self) -> (u32, u16, u32) {
        (self.unix_s, self.x_last4, self.nonce)
    }

    /// The id of these parts.
    pub(crate) const fn from_parts(unix_s: u32, x_last4: u16, nonce: u32) -> Self {
        Self {
            unix_s,
            x_last4,
            nonce,
        }
    }
}

impl fmt::Display for SubId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "S{:010}{:04}{:07x}",
            self.unix_s, self.x_last4, self.nonce
        )
    }
}

impl fmt::Debug for SubId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The text is not a binding's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubIdError;

impl fmt::Display for SubIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a SubId is S, 14 digits and 7 hex digits, as the bind answered it")
    }
}

impl std::error::Error for SubIdError {}

impl FromStr for SubId {
    type Err = SubIdError;

    fn from_str(text: &str) -> Result<Self, SubIdError> {
        let bytes = text.as_bytes();
        let well_formed = bytes.len() == Self::TEXT_LENGTH
            && bytes[0] == b'S'
            && bytes[1..15].iter().all(u8::is_ascii_digit)
            && bytes[15..]
                .iter()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !well_formed {
            return Err(SubIdError);
        }
        Ok(Self {
            unix_s: text[1..11].parse().map_err(|_| SubIdError)?,
            x_last4: text[11..15].parse().map_err(|_| SubIdError)?,
            nonce: u32::from_str_radix(&text[15..], 16).map_err(|_| SubIdError)?,
        })
    }
}

/// Which relation a binding is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Mode {
    /// Anybody who dials X reaches A.
    Ax,
    /// A and B reach each other by X.
    Axb,
    /// Anybody who dials X reaches A; A reaches B.
    Axn,
    /// Anybody who dials X and keys E reaches A; A reaches B.
    Axne,
    /// B reaches A by X, A reaches B by Y.
    Axyb,
    /// The members of a group reach A by X; A reaches B.
    Axg,
}

/// The parties of a binding by their keys, as its mode arranges them.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Shape {
    /// AX.
    Ax {
        /// Whom X stands for.
        a: PartyKey,
    },
    /// AXB.
    Axb {
        /// One party.
        a: PartyKey,
        /// The other.
        b: PartyKey,
    },
    /// AXN.
    Axn {
        /// Whom X stands for.
        a: PartyKey,
        /// Whom A reaches by dialling X, if anybody.
        b: Option<PartyKey>,
    },
    /// AXN with an extension.
    Axne {
        /// Whom X and the extension stand for.
        a: PartyKey,
        /// What callers key after dialling X.
        extension: Extension,
        /// Whom A reaches by dialling X, if anybody.
        b: Option<PartyKey>,
    },
    /// AXYB.
    Axyb {
        /// Whom X stands for.
        a: PartyKey,
        /// The number that A dials and that stands for B.
        y: PhoneNumber,
        /// The counterpart; until it is known anybody who dials X reaches A.
        b: Option<PartyKey>,
    },
    /// AXG.
    Axg {
        /// Whom X stands for.
        a: PartyKey,
        /// Who may call X.
        group: Box<[PartyKey]>,
        /// Whom A reaches by dialling X, if anybody.
        b: Option<PartyKey>,
    },
}

impl Shape {
    /// The binding's mode.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        match self {
            Shape::Ax { .. } => Mode::Ax,
            Shape::Axb { .. } => Mode::Axb,
            Shape::Axn { .. } => Mode::Axn,
            Shape::Axne { .. } => Mode::Axne,
            Shape::Axyb { .. } => Mode::Axyb,
            Shape::Axg { .. } => Mode::Axg,
        }
    }

    /// Party A.
    #[must_use]
    pub const fn a(&self) -> PartyKey {
        match self {
            Shape::Ax { a }
            | Shape::Axb { a, .. }
            | Shape::Axn { a, .. }
            | Shape::Axne { a, .. }
            | Shape::Axyb { a, .. }
            | Shape::Axg { a, .. } => *a,
        }
    }

    /// Party B, where the binding has one.
    #[must_use]
    pub const fn b(&self) -> Option<PartyKey> {
        match self {
            Shape::Ax { .. } => None,
            Shape::Axb { b, .. } => Some(*b),
            Shape::Axn { b, .. }
            | Shape::Axne { b, .. }
            | Shape::Axyb { b, .. }
            | Shape::Axg { b, .. } => *b,
        }
    }

    /// Rule number `index` of this binding on `x`; `None` past the last one.
    #[must_use]
    pub fn route(&self, x: PhoneNumber, index: usize) -> Option<Route> {
        let any_to = |callee| Route {
            x,
            selector: Selector::Any,
            callee,
        };
        let from_to = |x, caller, callee| Route {
            x,
            selector: Selector::Caller(caller),
            callee,
        };
        match (self, index) {
            (Shape::Ax { a }, 0) | (Shape::Axn { a, .. }, 0) => Some(any_to(*a)),
            (Shape::Axb { a, b }, 0) => Some(from_to(x, *a, *b)),
            (Shape::Axb { a, b }, 1) => Some(from_to(x, *b, *a)),
            (Shape::Axne { a, extension, .. }, 0) => Some(Route {
                x,
                selector: Selector::Extension(*extension),
                callee: *a,
            }),
            (Shape::Axn { a, b }, 1) | (Shape::Axne { a, b, .. }, 1) => {
                b.map(|b| from_to(x, *a, b))
            }
            (Shape::Axyb { a, b: None, .. }, 0) => Some(any_to(*a)),
            (Shape::Axyb { a, b: Some(b), .. }, 0) => Some(from_to(x, *b, *a)),
            (Shape::Axyb { a, y, b }, 1) => b.map(|b| from_to(*y, *a, b)),
            (Shape::Axg { a, group, b }, index) => match group.get(index) {
                Some(member) => Some(from_to(x, *member, *a)),
                None if index == group.len() => b.map(|b| from_to(x, *a, b)),
                None => None,
            },
            _ => None,
        }
    }

    /// All rules of this binding on `x`.
    pub fn routes(&self, x: PhoneNumber) -> impl Iterator<Item = Route> + '_ {
        (0..).map_while(move |index| self.route(x, index))
    }
}

/// Who sees which number while the phone rings (`CallDisplayType`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum DisplayType {
    /// Both see X.
    #[default]
    BothSeeX,
    /// A sees B's real number.
    ASeesB,
    /// B sees A's real number.
    BSeesA,
    /// Both see the real numbers.
    BothSeeReal,
}

impl DisplayType {
    /// The number on the wire, 1 to 4.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            DisplayType::BothSeeX => 1,
            DisplayType::ASeesB => 2,
            DisplayType::BSeesA => 3,
            DisplayType::BothSeeReal => 4,
        }
    }

    /// Reads the number on the wire.
    #[must_use]
    pub const fn from_code(code: i64) -> Option<Self> {
        match code {
            1 => Some(DisplayType::BothSeeX),
            2 => Some(DisplayType::ASeesB),
            3 => Some(DisplayType::BSeesA),
            4 => Some(DisplayType::BothSeeReal),
            _ => None,
        }
    }
}

/// What the client asked of an AX or AXB, without the X.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Terms {
    /// The protected user.
    pub a: PhoneNumber,
    /// The counterpart; `None` makes an AX.
    pub b: Option<PhoneNumber>,
    /// When it ends by itself: no new call routes from this moment on.
    pub expires_at: Timestamp,
    /// Who sees which number.
    pub display: DisplayType,
    /// Whether calls are recorded.
    pub record: bool,
    /// Whether the caller must pass voice verification first.
    pub verify: bool,
    /// `AxConflictAxbFlag` = 1: this binding's X may not carry the other kind.
    pub exclusive: bool,
    /// The client's text, echoed in every event.
    pub user_data: Option<String>,
    /// The client's own business id.
    pub out_id: Option<String>,
    /// Prompt before connecting: a code, or JSON of codes by role.
    pub voice_code: Option<String>,
    /// Order id of 700-number bindings.
    pub order_id: Option<String>,
    /// Industry registration.
    pub industrial_id: Option<String>,
    /// The longest talk, in seconds; `None` leaves it to the account and the platform.
    pub talk_s_max: Option<u32>,
}

/// A binding as it stands in the store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Binding {
    /// Its id.
    pub sub_id: SubId,
    /// Whose it is.
    pub account: AccountId,
    /// The pool that X belongs to.
    pub pool: PoolNo,
    /// The privacy number.
    pub x: PhoneNumber,
    /// The city of X, where it has one.
    pub x_city: Option<CityCode>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was unbound (or upgraded); `None` while it lives or when it ended by expiry.
    pub ended_at: Option<Timestamp>,
    /// What the client asked for, as updated since.
    pub terms: Terms,
}

impl Binding {
    /// AX or AXB, by the presence of B.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        if self.terms.b.is_some() {
            Mode::Axb
        } else {
            Mode::Ax
        }
    }

    /// Whether calls route by it at `now`.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.ended_at.is_none() && now < self.terms.expires_at
    }
}
