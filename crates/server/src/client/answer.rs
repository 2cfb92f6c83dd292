//! What came back, or why nothing did.

use serde_json::Value;
use thiserror::Error;

use super::Target;
use crate::failure::{Failure, Refusal};

/// Bytes of an answer that are read at the most.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// An answer of the API, whole.
#[derive(Debug)]
pub(crate) struct Answer {
    body: Value,
}

/// Why a call gave no result.
#[derive(Debug, Error)]
pub(crate) enum CallError {
    /// Nobody answered, or the connection broke. A write may have happened.
    #[error("{endpoint} cannot be reached ({reason})")]
    Unreachable {
        /// The URL that was tried.
        endpoint: String,
        /// In a few words.
        reason: String,
    },
    /// What answered is no axbridge.
    #[error("{endpoint} answered with status {status}, but not as an axbridge does")]
    Foreign {
        /// The URL.
        endpoint: String,
        /// The HTTP status.
        status: u16,
    },
    /// The server refused.
    #[error("{code}: {message} (request {request_id})")]
    Refused {
        /// The error code.
        code: String,
        /// What the server said.
        message: String,
        /// By which the server's log knows it.
        request_id: String,
    },
}

impl CallError {
    /// From what the HTTP client reports.
    pub(super) fn unreachable(target: &Target, error: &reqwest::Error) -> Self {
        let mut deepest: &dyn std::error::Error = error;
        while let Some(source) = deepest.source() {
            deepest = source;
        }
        Self::Unreachable {
            endpoint: target.endpoint.clone(),
            reason: if error.is_timeout() {
                "it took too long".to_owned()
            } else {
                deepest.to_string()
            },
        }
    }

    /// Whether the same request may have better luck in a moment.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Foreign { status, .. } => *status >= 500,
            Self::Refused { code, .. } => {
                let passing = [
                    "ServiceUnavailable",
                    "OverQpsLimit",
                    "FlowLimitExceeded",
                    "InternalError",
                ];
                passing.contains(&code.as_str())
            }
        }
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        let failure = Failure::new(error.to_string());
        match error {
            CallError::Unreachable { .. } => failure.hint(
                "is the server running? `axbridge serve` starts one, --endpoint or --data name \
                 another",
            ),
            CallError::Foreign { .. } => {
                failure.hint("check the endpoint; it is the API's, not the operator's")
            }
            CallError::Refused {
                code,
                message,
                request_id,
            } => {
                let hint = hint_for(&code);
                let failure = failure.refused(Refusal {
                    code,
                    message,
                    request_id,
                });
                match hint {
                    Some(hint) => failure.hint(hint),
                    None => failure,
                }
            }
        }
    }
}

/// What to do about a refusal that its message does not say.
fn hint_for(code: &str) -> Option<&'static str> {
    match code {
        "SignatureDoesNotMatch" => Some("check the secret of the access key"),
        "InvalidAccessKey" => {
            Some("the server does not know this key; `axbridge key list` shows its keys")
        }
        "InvalidTimestamp" => Some("check this machine's clock"),
        "AccessDenied" => Some("this needs an operator key"),
        _ => None,
    }
}

impl Answer {
    /// Reads an answer.
    pub(super) async fn read(
        target: &Target,
        mut response: reqwest::Response,
    ) -> Result<Self, CallError> {
        let status = response.status().as_u16();
        let foreign = || CallError::Foreign {
            endpoint: target.endpoint.clone(),
            status,
        };
        let mut bytes = Vec::new();
        loop {
            let chunk = response.chunk().await;
            match chunk.map_err(|error| CallError::unreachable(target, &error))? {
                Some(chunk) if bytes.len() + chunk.len() <= ANSWER_BYTES_MAX => {
                    bytes.extend_from_slice(&chunk);
                }
                Some(_) => return Err(foreign()),
                None => break,
            }
        }
        let body: Value = serde_json::from_slice(&bytes).map_err(|_| foreign())?;
        if body.get("ResponseMetadata").is_some_and(Value::is_object) {
            Ok(Self { body })
        } else {
            Err(foreign())
        }
    }

    /// The `Result`, or the refusal.
    pub(crate) fn result(&self) -> Result<Value, CallError> {
        let metadata = &self.body["ResponseMetadata"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        match metadata.get("Error").filter(|it| it.is_object()) {
            Some(error) => Err(CallError::Refused {
                code: text(&error["Code"]),
                message: text(&error["Message"]),
                request_id: text(&metadata["RequestId"]),
            }),
            None => Ok(self.body.get("Result").cloned().unwrap_or(Value::Null)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_error_is_found_whatever_the_status_was() {
        let body = json!({"ResponseMetadata": {
            "RequestId": "r", "Error": {"Code": "NumberNotEnough", "Message": "none"}}});
        let refused = Answer { body }.result().expect_err("refused");
        assert!(!refused.is_passing());
        assert_eq!(refused.to_string(), "NumberNotEnough: none (request r)");
    }

    #[test]
    fn a_result_may_be_a_bare_boolean() {
        let body = json!({"ResponseMetadata": {"RequestId": "r"}, "Result": true});
        assert_eq!(Answer { body }.result().expect("good"), Value::Bool(true));
    }
}
