//! The envelope that every answer travels in: `ResponseMetadata`, and beside it
//! `Result` when the request succeeded or `Error` inside it when it did not.

use serde::Serialize;
use serde_json::Value;

use crate::error::ApiError;
use crate::request_id::RequestId;
use crate::signature::SERVICE;

/// The content type of every answer.
pub const CONTENT_TYPE: &str = "application/json; charset=utf-8";

/// Said when an answer cannot be written, which no known value can cause.
const UNWRITABLE: &[u8] = br#"{"ResponseMetadata":{"RequestId":"","Error":{"CodeN":100014,"Code":"InternalError","Message":"The request has failed due to an unknown error."}}}"#;

/// What an answer says about its request. A request that failed before these
/// were known leaves them out; the service is left out along with the action.
#[derive(Clone, Debug)]
pub struct ResponseMeta {
    /// The id of the request.
    pub request_id: RequestId,
    /// The action, as the client wrote it.
    pub action: Option<String>,
    /// The version, as the client wrote it.
    pub version: Option<String>,
    /// The region of the credential scope.
    pub region: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Envelope<'a> {
    response_metadata: Metadata<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'a Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata<'a> {
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Failure<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Failure<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    code_n: Option<u32>,
    code: &'a str,
    message: String,
}

/// The body of an answer to a request that succeeded.
#[must_use]
pub fn success(meta: &ResponseMeta, result: &Value) -> Vec<u8> {
    write(&Envelope {
        response_metadata: metadata(meta, None),
        result: Some(result),
    })
}

/// The body of an answer to a request that failed. What only the log may know
/// stays out of it.
#[must_use]
pub fn failure(meta: &ResponseMeta, error: &ApiError) -> Vec<u8> {
    let entry = error.code().entry();
    let failure = Failure {
        code_n: entry.number,
        code: entry.name,
        message: error.message(),
    };
    write(&Envelope {
        response_metadata: metadata(meta, Some(failure)),
        result: None,
    })
}

fn metadata<'a>(meta: &'a ResponseMeta, error: Option<Failure<'a>>) -> Metadata<'a> {
    Metadata {
        request_id: meta.request_id.as_str(),
        action: meta.action.as_deref(),
        version: meta.version.as_deref(),
        service: meta.action.is_some().then_some(SERVICE),
        region: meta.region.as_deref(),
        error,
    }
}

fn write(envelope: &Envelope<'_>) -> Vec<u8> {
    serde_json::to_vec(envelope).unwrap_or_else(|_| UNWRITABLE.to_vec())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use serde_json::json;

    use super::*;
    use crate::error::ErrorCode;

    fn meta() -> ResponseMeta {
        ResponseMeta {
            request_id: RequestId::new(1_749_104_661_000, Ipv4Addr::LOCALHOST, 1),
            action: Some("UnbindAXB".to_owned()),
            version: Some("2022-01-01".to_owned()),
            region: Some("cn-beijing".to_owned()),
        }
    }

    fn text(body: Vec<u8>) -> String {
        String::from_utf8(body).expect("answers are UTF-8")
    }

    #[test]
    fn success_carries_a_result_and_no_error() {
        assert_eq!(
            text(success(&meta(), &json!(true))),
            r#"{"ResponseMetadata":{"RequestId":"20250605142421127000000001000001","Action":"UnbindAXB","Version":"2022-01-01","Service":"vms","Region":"cn-beijing"},"Result":true}"#
        );
    }

    #[test]
    fn a_gateway_failure_carries_a_number_and_no_result() {
        let error = ApiError::missing_parameter("SubId");
        assert_eq!(
            text(failure(&meta(), &error)),
            r#"{"ResponseMetadata":{"RequestId":"20250605142421127000000001000001","Action":"UnbindAXB","Version":"2022-01-01","Service":"vms","Region":"cn-beijing","Error":{"CodeN":100002,"Code":"MissingParameter","Message":"The required parameter SubId is missing."}}}"#
        );
    }

    #[test]
    fn a_business_failure_carries_only_code_and_message() {
        let error = ApiError::new(ErrorCode::SubscriptionEmpty).with_log("row 7");
        let body: Value = serde_json::from_slice(&failure(&meta(), &error)).expect("JSON");
        assert_eq!(
            body["ResponseMetadata"]["Error"],
            json!({"Code": "SubscriptionEmpty", "Message": "The binding does not exist."})
        );
    }

    #[test]
    fn what_is_not_known_yet_is_left_out() {
        let unknown = ResponseMeta {
            action: None,
            version: None,
            region: None,
            ..meta()
        };
        assert_eq!(
            text(failure(&unknown, &ApiError::new(ErrorCode::NotFound))),
            r#"{"ResponseMetadata":{"RequestId":"20250605142421127000000001000001","Error":{"Code":"NotFound","Message":"The requested path does not exist."}}}"#
        );
    }

    #[test]
    fn the_answer_of_last_resort_is_valid() {
        let body: Value = serde_json::from_slice(UNWRITABLE).expect("JSON");
        let entry = ErrorCode::InternalError.entry();
        let error = &body["ResponseMetadata"]["Error"];
        assert_eq!(error["Code"], json!(entry.name));
        assert_eq!(error["Message"], json!(entry.text));
    }
}
