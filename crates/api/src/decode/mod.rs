//! Tolerant decoding of parameters: what the official clients of two
//! generations and five languages send becomes one set of [`Params`].
//!
//! They agree on little: forms or JSON, names in PascalCase or lowerCamelCase,
//! lists as arrays, repeated keys, `Key[0]`, `Key.1` or text with commas,
//! integers as text, unset integers as zero. The rules here take all of it and
//! refuse what has no single meaning. A value is converted only when an action
//! asks for it by type, so that the refusal can name the parameter.
//!
//! Not here: which parameters an action has, and which values are allowed.

mod form;
mod json;
mod params;
mod value;

use thiserror::Error;

pub use form::{Routing, routing};
pub use params::{BodyKind, ParamError, Params};
pub use value::{Scalar, Value};

/// The largest number of parameters, list elements under keys of their own
/// included, that a query or a body may hold.
pub const MAX_PARAMETERS: usize = 512;

/// The deepest nesting of a JSON body, the body itself counted.
pub const MAX_JSON_DEPTH: usize = 16;

/// The largest number of elements of one list.
pub const MAX_LIST_ITEMS: usize = 20_000;

/// Why parameters could not be read at all. Holds names, never values.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum DecodeError {
    /// A name or value, or the whole body, is not UTF-8.
    #[error("send text in UTF-8")]
    NotUtf8 {
        /// The parameter, or `body` or `query`.
        subject: String,
    },
    /// The body should be JSON and is not.
    #[error("the body is not valid JSON: look at line {line}, column {column}")]
    BrokenJson {
        /// Line of the fault, from 1.
        line: usize,
        /// Column of the fault, from 1.
        column: usize,
    },
    /// The body is JSON, but not an object.
    #[error("the JSON body must be an object with one field a parameter")]
    NotAnObject,
    /// The JSON body is nested too deeply.
    #[error("the JSON body is nested deeper than {MAX_JSON_DEPTH} levels")]
    TooDeep,
    /// A parameter is there twice, maybe in different case, and which one is
    /// meant cannot be known.
    #[error("the parameter is given twice: send it once (case does not matter)")]
    GivenTwice {
        /// The parameter.
        name: String,
    },
    /// More parameters than [`MAX_PARAMETERS`].
    #[error("at most {MAX_PARAMETERS} parameters are read; put long lists into one JSON array")]
    TooMany,
    /// The body is `multipart/form-data`.
    #[error("multipart bodies are not read: send application/json or a urlencoded form")]
    Multipart,
}

impl DecodeError {
    /// What the error is about: a parameter, or `body`, or `query`.
    #[must_use]
    pub fn subject(&self) -> &str {
        match self {
            Self::NotUtf8 { subject } => subject,
            // A nameless field can only come in JSON, and a client must read something.
            Self::GivenTwice { name } if name.is_empty() => "body",
            Self::GivenTwice { name } => name,
            Self::BrokenJson { .. }
            | Self::NotAnObject
            | Self::TooDeep
            | Self::TooMany
            | Self::Multipart => "body",
        }
    }
}

/// Whether text holds control characters, which nothing that is dialled,
/// matched or shown should.
#[must_use]
pub fn has_control_characters(text: &str) -> bool {
    text.chars().any(char::is_control)
}
