//! An answer, checked for what every answer must be.

use axum::response::Response;
use http_body_util::BodyExt as _;
use serde_json::Value;

/// One answer in the JSON envelope.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Answer {
    /// Reads an answer and checks the envelope: JSON, a request id of 32 characters that the header
    /// repeats, and either a result or an error.
    pub(crate) async fn read(response: Response, method: &str) -> Self {
        let (head, body) = response.into_parts();
        let bytes = body.collect().await.expect("a whole body").to_bytes();
        let header = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
        let content_type = header("content-type").unwrap_or_default();
        assert!(
            content_type.starts_with("application/json"),
            "{content_type}"
        );
        let body = if method == "HEAD" && bytes.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&bytes).expect("every answer is JSON")
        };
        if !body.is_null() {
            let metadata = &body["ResponseMetadata"];
            let request_id = metadata["RequestId"].as_str().expect("a request id");
            assert_eq!(request_id.len(), 32, "{request_id}");
            assert_eq!(header("x-tt-logid"), Some(request_id));
            let (result, error) = (body.get("Result"), metadata.get("Error"));
            assert!(result.is_some() != error.is_some(), "{body}");
        }
        Self {
            status: head.status.as_u16(),
            body,
        }
    }

    /// The result of a request that must have succeeded.
    #[track_caller]
    pub(crate) fn into_result(self) -> Value {
        self.result().clone()
    }

    #[track_caller]
    pub(crate) fn result(&self) -> &Value {
        assert_eq!(self.status, 200, "{}", self.body);
        let result = self.body.get("Result");
        result.unwrap_or_else(|| panic!("no success: {}", self.body))
    }

    /// The code of the error, or an empty text.
    pub(crate) fn code(&self) -> &str {
        self.body["ResponseMetadata"]["Error"]["Code"]
            .as_str()
            .unwrap_or_default()
    }

    /// The message of the error, or an empty text.
    pub(crate) fn message(&self) -> &str {
        self.body["ResponseMetadata"]["Error"]["Message"]
            .as_str()
            .unwrap_or_default()
    }

    /// Whether the request failed.
    pub(crate) fn is_error(&self) -> bool {
        !self.code().is_empty()
    }

    /// Checks for this error, with a message that contains this text.
    #[track_caller]
    pub(crate) fn expect_error(&self, code: &str, message_part: &str) {
        assert_eq!(self.code(), code, "{}", self.body);
        assert!(self.message().contains(message_part), "{}", self.body);
    }

    /// Checks that the parameter named is what is wrong.
    #[track_caller]
    pub(crate) fn expect_invalid(&self, parameter: &str) {
        self.expect_error(
            "InvalidParameter",
            &format!("The specified parameter {parameter} is invalid."),
        );
        assert_eq!(self.status, 400, "{}", self.body);
    }

    /// Checks that the parameter named is what is missing.
    #[track_caller]
    pub(crate) fn expect_missing(&self, parameter: &str) {
        self.expect_error(
            "MissingParameter",
            &format!("The required parameter {parameter} is missing."),
        );
        assert_eq!(self.status, 400, "{}", self.body);
    }
}
