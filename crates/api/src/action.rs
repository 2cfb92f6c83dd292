//! What an action is: the types of the one table that drives dispatch, checking
//! of parameters, the OpenAPI document, the reference pages and the command
//! line.
//!
//! Not here: the actions themselves (`actions`) and how a value is read
//! (`arguments`).

use std::future::Future;
use std::pin::Pin;

use serde_json::Value;

use crate::call::{Call, CallError};
use crate::error::ErrorCode;

/// The one version of every action.
pub const VERSION: &str = "2022-01-01";

/// One action of the API.
#[derive(Clone, Copy)]
pub struct Action {
    /// The name; requests may write it in any case.
    pub name: &'static str,
    /// Other names that clients know it by.
    pub aliases: &'static [&'static str],
    /// What it does, in one line without a full stop.
    pub summary: &'static str,
    /// What a reader of the reference page should know besides.
    pub description: &'static str,
    /// Its parameters, in the order of the reference page.
    pub parameters: &'static [Parameter],
    /// What `Result` holds.
    pub result: ResultShape,
    /// Codes it may answer besides those that every action may
    /// ([`COMMON_ERRORS`]).
    pub errors: &'static [ErrorCode],
    /// Which keys may call it.
    pub permission: Permission,
    /// Whether it is ours and not the vendor's.
    pub extension: bool,
    /// The code behind it.
    pub handler: Handler,
}

/// The code behind an action: gets parameters that fit the table, gives the
/// `Result`. Written `handler: |call| Box::pin(run(call))`.
pub type Handler = for<'a> fn(&'a Call<'a>) -> HandlerFuture<'a>;

/// What a [`Handler`] gives.
pub type HandlerFuture<'a> = Pin<Box<dyn Future<Output = Result<Value, CallError>> + Send + 'a>>;

/// Codes that every action may answer.
pub const COMMON_ERRORS: &[ErrorCode] = &[
    ErrorCode::MissingParameter,
    ErrorCode::InvalidParameter,
    ErrorCode::InternalError,
    ErrorCode::ServiceUnavailable,
];

/// Which keys may call an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// Every key, on its own account.
    Application,
    /// Keys with the operator role.
    Operator,
}

/// One parameter of an action.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// The name; requests may write it in any case.
    pub name: &'static str,
    /// What it may hold.
    pub kind: Kind,
    /// Whether a request without it is refused.
    pub required: bool,
    /// What counts when it is absent, written as a client would.
    pub default: Option<&'static str>,
    /// What it means.
    pub doc: &'static str,
}

impl Parameter {
    /// A parameter that a request must have.
    #[must_use]
    pub const fn required(name: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self {
            name,
            kind,
            required: true,
            default: None,
            doc,
        }
    }

    /// A parameter that a request may have.
    #[must_use]
    pub const fn optional(name: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self {
            required: false,
            ..Self::required(name, kind, doc)
        }
    }

    /// The same parameter with what counts when it is absent.
    #[must_use]
    pub const fn or(self, default: &'static str) -> Self {
        Self {
            default: Some(default),
            ..self
        }
    }
}

/// What a parameter may hold. Each kind is read into one type of value, named
/// after the arrow; that is the type to ask `Call::get` and `Call::need` for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One line of text → `String`.
    Text {
        /// The most characters.
        chars_max: usize,
    },
    /// Text that may have line breaks and tabs → `String`.
    FreeText {
        /// The most characters.
        chars_max: usize,
    },
    /// Text, or a JSON object whose text it then is → `String`.
    TextOrJson {
        /// The most characters.
        chars_max: usize,
    },
    /// A number that may be A or B → `PhoneNumber`.
    Party,
    /// Any well-formed phone number → `PhoneNumber`.
    Number,
    /// An area code in force → `CityCode`.
    City,
    /// A `DegradeCityList` → `Vec<DegradeCity>`.
    DegradeCities,
    /// A whole number → `i64`.
    Integer {
        /// The least.
        min: i64,
        /// The most.
        max: i64,
        /// Whether zero, which some clients send for what their user left
        /// unset, counts as absent.
        zero_is_absent: bool,
    },
    /// 0 or 1 → `bool`.
    Flag,
    /// `true` or `false` → `bool`.
    Boolean,
    /// A moment in Unix seconds; zero counts as absent → `Timestamp`.
    UnixSeconds,
    /// One of these words, in any case → `&'static str`, as written here.
    Enumeration(&'static [&'static str]),
    /// A `NumberPoolNo` → `PoolNo`.
    Pool,
    /// A `SubId` → `SubIdText`, which need not be one of ours.
    SubId,
    /// An account's id → `AccountId`.
    Account,
    /// A list of one-line texts → `Vec<String>`.
    Texts {
        /// The most characters of one.
        chars_max: usize,
        /// The most of them.
        items_max: usize,
    },
    /// A list of phone numbers → `Vec<PhoneNumber>`.
    Numbers {
        /// The most of them.
        items_max: usize,
    },
}

/// What `Result` holds.
#[derive(Clone, Copy, Debug)]
pub enum ResultShape {
    /// The bare value `true`.
    True,
    /// An object with these fields.
    Object(&'static [Field]),
    /// A bare array of strings; the text says of what.
    Texts(&'static str),
    /// A bare array of objects with these fields.
    Records(&'static [Field]),
    /// This bare word.
    Word(&'static str),
}

/// One field of a result.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: FieldKind,
    /// Whether it may be absent.
    pub optional: bool,
    /// What it means.
    pub doc: &'static str,
}

impl Field {
    /// A field that is always there.
    #[must_use]
    pub const fn new(name: &'static str, kind: FieldKind, doc: &'static str) -> Self {
        Self {
            name,
            kind,
            optional: false,
            doc,
        }
    }

    /// The same field, which may be absent.
    #[must_use]
    pub const fn or_absent(self) -> Self {
        Self {
            optional: true,
            ..self
        }
    }
}

/// What a field of a result holds.
#[derive(Clone, Copy, Debug)]
pub enum FieldKind {
    /// Text.
    Text,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// Unix seconds: a number when the request's body was a form, text when it
    /// was JSON, because that is what the two generations of clients read.
    ListTime,
    /// An array of texts.
    Texts,
    /// An array of objects.
    Records(&'static [Field]),
}

impl Action {
    /// Whether the text names this action.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        let mut names = std::iter::once(&self.name).chain(self.aliases);
        names.any(|known| known.eq_ignore_ascii_case(name))
    }

    /// The parameter of that name, in any case.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&'static Parameter> {
        self.parameters
            .iter()
            .find(|parameter| parameter.name.eq_ignore_ascii_case(name))
    }

    /// All codes it may answer once it is dispatched: its own, then those that
    /// every action may.
    pub fn all_errors(&self) -> impl Iterator<Item = ErrorCode> {
        let common = COMMON_ERRORS
            .iter()
            .filter(|code| !self.errors.contains(code));
        self.errors.iter().chain(common).copied()
    }
}
