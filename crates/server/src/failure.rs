//! How a command fails: one line that says what, one that says what to do, and
//! the exit code.

use std::fmt;
use std::io::Write as _;
use std::process::ExitCode;

use serde_json::json;

use crate::output::{Output, say};

/// Why a command did not do its work. Holds no secret: texts are shown as they
/// are.
#[derive(Debug)]
pub(crate) struct Failure {
    what: String,
    hint: Option<String>,
    /// What the API said, when it was the API that refused.
    refusal: Option<Box<Refusal>>,
    code: u8,
}

/// An error as the API answered it.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// Its code.
    pub(crate) code: String,
    /// Its message.
    pub(crate) message: String,
    /// By which the server's log knows the request.
    pub(crate) request_id: String,
}

impl Failure {
    /// The work failed; exit code 1.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            hint: None,
            refusal: None,
            code: 1,
        }
    }

    /// It was asked for wrongly; exit code 2.
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self {
            code: 2,
            ..Self::new(what)
        }
    }

    /// Adds what to do about it.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds what the API answered.
    #[must_use]
    pub(crate) fn refused(mut self, refusal: Refusal) -> Self {
        self.refusal = Some(Box::new(refusal));
        self
    }

    /// What went wrong.
    pub(crate) fn what(&self) -> &str {
        &self.what
    }

    /// What to do about it.
    pub(crate) fn hint_text(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Tells the user, for JSON also as the command's one value, and gives the
    /// exit code.
    pub(crate) fn report(&self, output: Output) -> ExitCode {
        if output.is_json() {
            let error = match &self.refusal {
                Some(refusal) => json!({
                    "Code": refusal.code,
                    "Message": refusal.message,
                    "RequestId": refusal.request_id,
                    "Hint": self.hint,
                }),
                None => json!({
                    "Code": "CommandFailed",
                    "Message": self.what,
                    "Hint": self.hint,
                }),
            };
            say(&json!({"Error": error}).to_string());
        }
        let mut to = std::io::stderr().lock();
        // When not even this can be written, the exit code has to do.
        let _ = writeln!(to, "{self}");
        ExitCode::from(self.code)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.what)?;
        match &self.hint {
            Some(hint) => write!(f, "\n hint: {hint}"),
            None => Ok(()),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(error.to_string())
    }
}

/// Names the file that an input or output error is about.
pub(crate) fn about(path: &std::path::Path) -> impl Fn(std::io::Error) -> Failure + '_ {
    move |error| Failure::new(format!("{}: {error}", path.display()))
}
