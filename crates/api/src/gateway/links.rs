//! Files of recordings, by links that are signed themselves: no `Authorization`
//! is asked for, only a link that this installation gave and that has not
//! expired.
//!
//! `GET` and `HEAD`, whole or one range (RFC 9110 section 14). Several ranges at
//! once are answered with the whole file, as a server may.

use std::ops::Range;
use std::time::Instant;

use axbridge_app::recordings::{LINK_PATH, LinkedFile};
use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use futures_util::StreamExt as _;

use super::Gateway;
use super::dispatch::Report;
use super::respond::{Answered, respond};
use crate::decode::routing;
use crate::error::ApiError;
use crate::request_id::RequestId;

/// The most files that are being sent at once.
pub(super) const DOWNLOADS_MAX: usize = 256;

/// The action's name in metrics.
const ACTION: &str = "RecordingLink";

/// What is to be sent of a file.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Whole,
    Part(Range<u64>),
    /// A range that the file does not have.
    Nothing,
}

/// Answers a request for a linked file.
pub(super) async fn serve(gateway: &Gateway, request: &Parts) -> Response {
    let began = Instant::now();
    let request_id = gateway.next_request_id();
    match answer(gateway, request, &request_id).await {
        Ok(response) => {
            let took = began.elapsed();
            gateway.app.metrics().answered(ACTION, "Success", took);
            let status = response.status().as_u16();
            tracing::info!(%request_id, action = ACTION, status, "request");
            response
        }
        Err(error) => {
            // A link's query names no action.
            let answered = Answered {
                request_id,
                routing: routing(""),
                took: began.elapsed(),
                report: Report::of_failure(None, error),
            };
            let mut response = respond(gateway, answered);
            secure(response.headers_mut());
            response
        }
    }
}

async fn answer(
    gateway: &Gateway,
    request: &Parts,
    request_id: &RequestId,
) -> Result<Response, ApiError> {
    let (method, uri) = (&request.method, &request.uri);
    if !matches!(*method, Method::GET | Method::HEAD) {
        return Err(ApiError::method_not_allowed(method.as_str()));
    }
    let name = uri.path().strip_prefix(LINK_PATH).unwrap_or_default();
    let query = uri.query().unwrap_or_default();
    let file = gateway.app.follow_link(name, query).await?;
    let tag = tag_of(&file);
    let wanted = wanted(&request.headers, &tag, file.bytes());
    let range = match &wanted {
        Wanted::Whole => 0..file.bytes(),
        Wanted::Part(range) => range.clone(),
        Wanted::Nothing => 0..0,
    };
    let length = range.end - range.start;
    let body = if *method == Method::HEAD || wanted == Wanted::Nothing {
        Body::empty()
    } else {
        body(gateway, &file, range.clone(), request_id).await?
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    secure(headers);
    put(headers, header::CONTENT_TYPE, file.content_type());
    put(headers, header::ACCEPT_RANGES, "bytes");
    put(headers, header::ETAG, &tag);
    put(headers, header::CONTENT_LENGTH, &length.to_string());
    let shown = format!("inline; filename=\"{}\"", file.name());
    put(headers, header::CONTENT_DISPOSITION, &shown);
    put(headers, "x-tt-logid", request_id.as_str());
    let all = file.bytes();
    let (status, shown) = match wanted {
        Wanted::Whole => (StatusCode::OK, None),
        Wanted::Part(range) => {
            let shown = format!("bytes {}-{}/{all}", range.start, range.end - 1);
            (StatusCode::PARTIAL_CONTENT, Some(shown))
        }
        Wanted::Nothing => {
            let shown = format!("bytes */{all}");
            (StatusCode::RANGE_NOT_SATISFIABLE, Some(shown))
        }
    };
    if let Some(shown) = shown {
        put(headers, header::CONTENT_RANGE, &shown);
    }
    *response.status_mut() = status;
    Ok(response)
}

/// The bytes of a range, read as the client takes them.
async fn body(
    gateway: &Gateway,
    file: &LinkedFile,
    range: Range<u64>,
    request_id: &RequestId,
) -> Result<Body, ApiError> {
    let permit = gateway.downloads.clone().try_acquire_owned();
    let permit =
        permit.map_err(|_| ApiError::unavailable("as many files as may are being sent"))?;
    let audio = gateway.app.read_linked(file, range).await?;
    let request_id = request_id.to_string();
    let bytes = audio.map(move |bytes| {
        // Held as long as something is left to send.
        let _permit = &permit;
        bytes.inspect_err(|error| {
            tracing::error!(%request_id, %error, "a recording broke off while it was sent");
        })
    });
    Ok(Body::from_stream(bytes))
}

/// Voices are for whoever holds the link, and for no cache on the way.
fn secure(headers: &mut HeaderMap) {
    put(headers, header::CACHE_CONTROL, "no-store");
    put(headers, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
}

fn put(headers: &mut HeaderMap, name: impl header::IntoHeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// A file never changes, so its name, length and moment tell it apart.
fn tag_of(file: &LinkedFile) -> String {
    let (name, made_at) = (file.name(), file.made_at().unix_ms());
    format!("\"{name}-{:x}-{made_at:x}\"", file.bytes())
}

fn wanted(headers: &HeaderMap, tag: &str, length: u64) -> Wanted {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(range) = text(header::RANGE) else {
        return Wanted::Whole;
    };
    // A part of a file that is no longer the one the client has would be of no use to it.
    if text(header::IF_RANGE).is_some_and(|known| known != tag) {
        return Wanted::Whole;
    }
    read_range(range, length)
}

/// Reads a `Range`; what cannot be read, or asks for several, is as if it were not there.
fn read_range(text: &str, length: u64) -> Wanted {
    let Some((unit, set)) = text.split_once('=') else {
        return Wanted::Whole;
    };
    if !unit.trim().eq_ignore_ascii_case("bytes") || set.contains(',') {
        return Wanted::Whole;
    }
    let Some((first, last)) = set.trim().split_once('-') else {
        return Wanted::Whole;
    };
    let number = |text: &str| -> Option<u64> {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // More digits than a length has reach beyond every file.
        is_number.then(|| text.parse().unwrap_or(u64::MAX))
    };
    let range = match (first, number(first), last, number(last)) {
        ("", _, _, Some(0)) => return Wanted::Nothing,
        ("", _, _, Some(suffix)) => length.saturating_sub(suffix)..length,
        (_, Some(from), "", _) => from..length,
        (_, Some(from), _, Some(last)) if from <= last => from..last.saturating_add(1).min(length),
        _ => return Wanted::Whole,
    };
    if range.start >= length {
        Wanted::Nothing
    } else {
        Wanted::Part(range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_rfc_9110_says() {
        for (text, wanted) in [
            ("bytes=0-99", Wanted::Part(0..100)),
            ("bytes=0-0", Wanted::Part(0..1)),
            ("bytes=900-", Wanted::Part(900..1000)),
            ("bytes=-100", Wanted::Part(900..1000)),
            ("bytes=-5000", Wanted::Part(0..1000)),
            ("bytes=990-5000", Wanted::Part(990..1000)),
            ("bytes=0-99999999999999999999999", Wanted::Part(0..1000)),
            ("Bytes = 5-6", Wanted::Part(5..7)),
            ("bytes=1000-", Wanted::Nothing),
            ("bytes=1000-1001", Wanted::Nothing),
            ("bytes=-0", Wanted::Nothing),
            ("bytes=99999999999999999999999-", Wanted::Nothing),
            ("bytes=0-1,5-6", Wanted::Whole),
            ("bytes=6-5", Wanted::Whole),
            ("bytes=-", Wanted::Whole),
            ("bytes=a-b", Wanted::Whole),
            ("bytes=+1-2", Wanted::Whole),
            ("bytes", Wanted::Whole),
            ("lines=0-1", Wanted::Whole),
        ] {
            assert_eq!(read_range(text, 1000), wanted, "{text}");
        }
        assert_eq!(read_range("bytes=0-", 0), Wanted::Nothing);
        assert_eq!(read_range("bytes=-1", 0), Wanted::Nothing);
    }

    #[test]
    fn a_range_of_another_version_is_answered_with_the_whole() {
        let headers = |pairs: &[(header::HeaderName, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                put(&mut headers, name.clone(), value);
            }
            headers
        };
        let range = (header::RANGE, "bytes=0-1");
        let same = headers(&[range.clone(), (header::IF_RANGE, "\"a\"")]);
        assert_eq!(wanted(&same, "\"a\"", 9), Wanted::Part(0..2));
        let other = headers(&[range, (header::IF_RANGE, "\"b\"")]);
        assert_eq!(wanted(&other, "\"a\"", 9), Wanted::Whole);
        assert_eq!(wanted(&HeaderMap::new(), "\"a\"", 9), Wanted::Whole);
    }
}
