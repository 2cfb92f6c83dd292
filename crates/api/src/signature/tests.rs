//! The parts of the signature that its fixtures do not reach one by one.

use axum::http::{HeaderMap, HeaderValue};

use super::canonical::canonical_request;
use super::key::{derive_bytes, sha256_hex};
use super::sign::string_to_sign;
use super::time::{format_x_date, parse_x_date};
use super::*;

const X_DATE: &str = "20250603T112142Z";
const CREDENTIAL: &str = "AK/20250603/cn-beijing/vms/request";

/// Whether a GET for `raw_query`, whose client signed `canonical_query` in its
/// own way and only the date beside it, is accepted.
fn accepts(raw_query: &str, canonical_query: &str) -> bool {
    let headers = format!("x-date:{X_DATE}\n");
    let signature = signature_over(canonical_query, headers.as_bytes(), "x-date");
    let authorization =
        format!("HMAC-SHA256 Credential={CREDENTIAL}, SignedHeaders=x-date, Signature={signature}");
    let mut map = HeaderMap::new();
    let value = HeaderValue::from_str(&authorization).expect("a header value");
    map.insert("authorization", value);
    map.insert("x-date", HeaderValue::from_static(X_DATE));
    accepted(raw_query, &map)
}

/// The same for a presigned link without signed headers; the signature is added.
fn accepts_presigned(raw_query: &str, canonical_query: &str) -> bool {
    let signature = signature_over(canonical_query, b"\n", "");
    let raw_query = format!("{raw_query}&X-Signature={signature}");
    accepted(&raw_query, &HeaderMap::new())
}

fn signature_over(canonical_query: &str, headers: &[u8], signed_headers: &str) -> String {
    let hash = sha256_hex(b"");
    let canonical = canonical_request("GET", "/", canonical_query, headers, signed_headers, &hash);
    let scope = Scope {
        date: "20250603".to_owned(),
        region: "cn-beijing".to_owned(),
        service: SERVICE.to_owned(),
    };
    SigningKey::derive(b"secret", &scope.date, &scope.region, &scope.service)
        .signature(&string_to_sign(X_DATE, &scope, &canonical))
}

fn accepted(raw_query: &str, headers: &HeaderMap) -> bool {
    let parts = RequestParts {
        method: "GET",
        path: "/",
        raw_query,
        headers,
        host: None,
        body: b"",
    };
    let presented = parse(&parts).expect("the request is well formed");
    verify(&parts, &presented, b"secret", 1_748_949_702, 900).is_ok()
}

#[test]
fn repeated_names_may_be_signed_as_they_came_or_sorted_by_value() {
    assert!(accepts("a=2&b=0&a=1", "a=2&a=1&b=0"));
    assert!(accepts("a=2&b=0&a=1", "a=1&a=2&b=0"));
    assert!(!accepts("a=2&b=0&a=1", "b=0&a=2&a=1"));
}

#[test]
fn names_may_be_sorted_raw_or_as_encoded() {
    // `[` sorts after `Z` raw, and before `A` when it is written as `%5B`.
    assert!(accepts("L%5B0%5D=x&LZ=y", "LZ=y&L%5B0%5D=x"));
    assert!(accepts("L%5B0%5D=x&LZ=y", "L%5B0%5D=x&LZ=y"));
}

#[test]
fn what_javascript_leaves_bare_may_be_signed_bare_or_escaped() {
    assert!(accepts("a=(*'!)", "a=%28%2A%27%21%29"));
    assert!(accepts("a=(*'!)", "a=(*'!)"));
}

#[test]
fn a_presigned_token_may_be_signed_without_being_listed_or_not_at_all() {
    let base = format!("X-Algorithm=HMAC-SHA256&X-Credential={CREDENTIAL}&X-Date={X_DATE}");
    let listed = "X-Algorithm;X-Credential;X-Date;X-SignedQueries";
    let query = format!("{base}&X-SignedQueries={listed}&X-Security-Token=t");
    let encode = |text: &str| text.replace('/', "%2F").replace(';', "%3B");
    let unsigned_token = format!("{}&X-SignedQueries={}", encode(&base), encode(listed));
    assert!(accepts_presigned(&query, &unsigned_token));
    let signed_token = format!(
        "{}&X-Security-Token=t&X-SignedQueries={}",
        encode(&base),
        encode(listed)
    );
    assert!(accepts_presigned(&query, &signed_token));
    let smuggled = format!("{query}&PhoneNoA=13700000009");
    assert!(!accepts_presigned(&smuggled, &unsigned_token));
}

#[test]
fn a_path_is_signed_decoded_and_encoded_again_segment_by_segment() {
    let request = canonical_request("get", "/a%2fb/%E5+c", "", b"\n", "", "h");
    assert_eq!(request, b"GET\n/a%2Fb/%E5%2Bc\n\n\n\n\nh");
}

#[test]
fn signing_keys_are_derived_from_the_raw_secret_without_a_prefix() {
    let derive = |region| {
        let secret = b"dGVzdHNlY3JldGFjY2Vzc2tleTAwMDE=";
        hex::encode(derive_bytes(secret, "20250603", region, "vms"))
    };
    assert_eq!(
        derive("cn-north-1"),
        "60f47ddcc8dcd657457c84859fc2e2d94fb1303a54de06f83cb7752ac1406c17"
    );
    assert_eq!(
        derive("cn-beijing"),
        "94eddb673a1923f94e95fe24aaee95b66a09122cd2a45d54a0832f7ea0bf45af"
    );
}

#[test]
fn x_date_is_read_and_written_in_utc() {
    assert_eq!(parse_x_date("20250603T112142Z"), Some(1_748_949_702));
    assert_eq!(format_x_date(1_748_949_702), "20250603T112142Z");
    assert_eq!(format_x_date(i64::MIN), "19700101T000000Z");
    assert_eq!(format_x_date(i64::MAX), "99991230T220000Z");
}

#[test]
fn anything_but_the_exact_form_of_x_date_is_refused() {
    for text in [
        "",
        "20250603T112142",
        "20250603T112142z",
        "2025-06-03T11:21:42Z",
        "20250631T112142Z",
        "20250603T242142Z",
        "20250603T112160Z",
        "2025060\u{660}T11214Z",
        "+0250603T112142Z",
    ] {
        assert_eq!(parse_x_date(text), None, "{text}");
    }
}
