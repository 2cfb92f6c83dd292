//! What a client hears when a request fails, and what the log keeps.
//!
//! One table ([`ERROR_TABLE`]) holds every code with its status and text. An
//! [`ApiError`] is one failure: a code, what fills its text, a sentence that
//! says what to do, and apart from these what only the log may know. Layers
//! below have their own errors; they become an `ApiError` at the edge, once.

mod table;

use std::fmt;

use crate::decode::{DecodeError, ParamError};
use crate::signature::AuthError;

pub use table::{ERROR_TABLE, ErrorCode, ErrorEntry, ErrorFamily};

/// The longest piece of the client's own words that is said back, in characters.
const MAX_ARGUMENT_CHARS: usize = 128;

/// One failed request. No part of it may hold an unmasked phone number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    code: ErrorCode,
    arguments: Vec<String>,
    detail: Option<String>,
    log: Option<String>,
}

impl ApiError {
    /// A failure with nothing but its code.
    #[must_use]
    pub fn new(code: ErrorCode) -> Self {
        Self {
            code,
            arguments: Vec::new(),
            detail: None,
            log: None,
        }
    }

    /// Fills the next `%s` of the code's text.
    #[must_use]
    pub fn with_argument(mut self, argument: &str) -> Self {
        self.arguments
            .push(argument.chars().take(MAX_ARGUMENT_CHARS).collect());
        self
    }

    /// Adds a sentence for the client; it gets its capital and full stop here.
    #[must_use]
    pub fn with_detail(mut self, detail: impl AsRef<str>) -> Self {
        let sentence = as_sentence(detail.as_ref());
        self.detail = (!sentence.is_empty()).then_some(sentence);
        self
    }

    /// Adds what only the log may know.
    #[must_use]
    pub fn with_log(mut self, log: impl fmt::Display) -> Self {
        self.log = Some(log.to_string());
        self
    }

    /// A required parameter is absent, null or empty.
    #[must_use]
    pub fn missing_parameter(name: &str) -> Self {
        Self::new(ErrorCode::MissingParameter).with_argument(name)
    }

    /// A parameter is wrong. `why` goes on where the name leaves off: `must be 0
    /// or 1`. It must not repeat the value, which may be a phone number.
    #[must_use]
    pub fn invalid_parameter(name: &str, why: impl fmt::Display) -> Self {
        Self::new(ErrorCode::InvalidParameter)
            .with_argument(name)
            .with_detail(format!("{name} {why}"))
    }

    /// The resource is in use, or the account lacks a permission.
    #[must_use]
    pub fn operation_denied(why: impl AsRef<str>) -> Self {
        Self::new(ErrorCode::OperationDenied).with_detail(why)
    }

    /// A quota is used up. `what` begins the sentence: `The number of live
    /// bindings`.
    #[must_use]
    pub fn quota_exceeded(what: &str) -> Self {
        Self::new(ErrorCode::QuotaExceeded).with_argument(what)
    }

    /// A refusal of the business, with its reason in a sentence.
    #[must_use]
    pub fn business(code: ErrorCode, why: impl AsRef<str>) -> Self {
        Self::new(code).with_detail(why)
    }

    /// Something failed that should not have. The client hears no details.
    #[must_use]
    pub fn internal(log: impl fmt::Display) -> Self {
        Self::new(ErrorCode::InternalError).with_log(log)
    }

    /// A part of the server is down or full for the moment; nothing was done.
    #[must_use]
    pub fn unavailable(log: impl fmt::Display) -> Self {
        Self::new(ErrorCode::ServiceUnavailable).with_log(log)
    }

    /// The query has no `Action`.
    #[must_use]
    pub fn missing_action() -> Self {
        Self::new(ErrorCode::MissingAction)
            .with_detail("put Action and Version in the query string, not in the body")
    }

    /// The query names an action or version that is not served.
    #[must_use]
    pub fn invalid_action() -> Self {
        Self::new(ErrorCode::InvalidAction)
            .with_detail("check the spelling of Action, and send Version=2022-01-01")
    }

    /// The access key is unknown or disabled.
    #[must_use]
    pub fn invalid_access_key(access_key: &str) -> Self {
        Self::new(ErrorCode::InvalidAccessKey).with_argument(access_key)
    }

    /// The request carries a security token that is not ours.
    #[must_use]
    pub fn invalid_secret_token(why: &str) -> Self {
        Self::new(ErrorCode::InvalidSecretToken).with_argument(why)
    }

    /// The access key may not call this action.
    #[must_use]
    pub fn access_denied(action: &str) -> Self {
        Self::new(ErrorCode::AccessDenied)
            .with_argument(action)
            .with_argument("*")
    }

    /// The HTTP method is neither GET nor POST.
    #[must_use]
    pub fn method_not_allowed(method: &str) -> Self {
        Self::new(ErrorCode::MethodNotAllowed)
            .with_argument(method)
            .with_detail("use POST, or GET")
    }

    /// The body is longer than `limit_bytes`.
    #[must_use]
    pub fn payload_too_large(limit_bytes: usize) -> Self {
        Self::new(ErrorCode::PayloadTooLarge).with_detail(format!(
            "at most {limit_bytes} bytes are read; send less in one request"
        ))
    }

    /// The code.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// The status to answer with; `business_status` is the setting
    /// `business_error_status`, 200 or 400.
    #[must_use]
    pub fn http_status(&self, business_status: u16) -> u16 {
        let entry = self.code.entry();
        match entry.family {
            ErrorFamily::Business => business_status,
            ErrorFamily::Page | ErrorFamily::Gateway | ErrorFamily::Own => entry.http_status,
        }
    }

    /// The message for the client: the code's text, filled in, then the sentence
    /// that helps.
    #[must_use]
    pub fn message(&self) -> String {
        let mut message = String::new();
        let mut arguments = self.arguments.iter();
        for (index, piece) in self.code.entry().text.split("%s").enumerate() {
            if index > 0 {
                message.push_str(arguments.next().map_or("*", String::as_str));
            }
            message.push_str(piece);
        }
        if let Some(detail) = &self.detail {
            message.push(' ');
            message.push_str(detail);
        }
        message
    }

    /// What only the log may know.
    #[must_use]
    pub fn log(&self) -> Option<&str> {
        self.log.as_deref()
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.name(), self.message())
    }
}

impl std::error::Error for ApiError {}

impl From<AuthError> for ApiError {
    fn from(error: AuthError) -> Self {
        let code = match &error {
            AuthError::MissingAuthenticationToken => ErrorCode::MissingAuthenticationToken,
            AuthError::InvalidAuthorization(_) => ErrorCode::InvalidAuthorization,
            AuthError::InvalidCredential(_) => ErrorCode::InvalidCredential,
            AuthError::MissingSignature => ErrorCode::MissingSignature,
            AuthError::MissingTimestamp => ErrorCode::MissingRequestInfo,
            AuthError::InvalidTimestamp(_) => ErrorCode::InvalidTimestamp,
            AuthError::ServiceNotFound { .. } => ErrorCode::ServiceNotFound,
            AuthError::SignatureDoesNotMatch(_) => ErrorCode::SignatureDoesNotMatch,
        };
        let described = Self::new(code).with_detail(error.to_string());
        match &error {
            AuthError::MissingTimestamp => described.with_argument("timestamp"),
            AuthError::ServiceNotFound { service } => described.with_argument(service),
            _ => described,
        }
    }
}

impl From<ParamError> for ApiError {
    fn from(error: ParamError) -> Self {
        Self::invalid_parameter(&error.name, &error.why)
    }
}

impl From<DecodeError> for ApiError {
    fn from(error: DecodeError) -> Self {
        Self::new(ErrorCode::InvalidParameter)
            .with_argument(error.subject())
            .with_detail(error.to_string())
    }
}

fn as_sentence(text: &str) -> String {
    let text = text.trim();
    let mut chars = text.chars();
    let Some(first) = chars.next() else {
        return String::new();
    };
    let mut sentence: String = first.to_uppercase().chain(chars).collect();
    if !text.ends_with(['.', '!', '?', '。', '！', '？']) {
        sentence.push('.');
    }
    sentence
}

#[cfg(test)]
mod tests;
