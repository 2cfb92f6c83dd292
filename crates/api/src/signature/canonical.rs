//! The canonical request, rebuilt from what arrived, and the comparison.
//!
//! Clients differ in small ways when they canonicalise: each difference is a
//! *variant* here, tried only when the request could tell the variants apart.
//! A usual request has exactly one.

use std::borrow::Cow;
use std::collections::HashSet;

use aws_lc_rs::constant_time::verify_slices_are_equal;

use super::key::sha256_hex;
use super::sign::string_to_sign;
use super::{AuthError, Mode, Presented, RequestParts, SigningKey};
use crate::percent;

/// What JavaScript's `encodeURIComponent` leaves bare beyond the unreserved
/// characters; one client signs with it.
const JAVASCRIPT_BARE: &[u8] = b"!'()*";

/// Query parameters that a presigned link may carry without listing them.
const UNLISTED_ALLOWED: [&[u8]; 3] = [b"X-Signature", b"X-SignedQueries", b"X-Security-Token"];

const HEADER_MISSING: AuthError = AuthError::SignatureDoesNotMatch(
    "a header named in SignedHeaders is missing on the request: a proxy may have removed it",
);

type Pair = (Vec<u8>, Vec<u8>);

/// Checks that `presented` was made for this request, with this secret, and
/// recently: at most `window_s` seconds from `now_unix_s` unless it says longer.
///
/// # Errors
/// [`AuthError::InvalidTimestamp`] or [`AuthError::SignatureDoesNotMatch`].
pub fn verify(
    parts: &RequestParts<'_>,
    presented: &Presented,
    secret: &[u8],
    now_unix_s: i64,
    window_s: i64,
) -> Result<(), AuthError> {
    presented.check_time(now_unix_s, window_s)?;
    let scope = &presented.scope;
    let key = SigningKey::derive(secret, &scope.date, &scope.region, &scope.service);
    verify_with_key(parts, presented, &key)
}

/// Like [`verify`] with a key derived before, and without looking at the time:
/// call [`Presented::check_time`] as well.
///
/// # Errors
/// [`AuthError::SignatureDoesNotMatch`].
pub fn verify_with_key(
    parts: &RequestParts<'_>,
    presented: &Presented,
    key: &SigningKey,
) -> Result<(), AuthError> {
    let body_sha256 = sha256_hex(parts.body);
    if let Some(claimed) = header_value(parts, "x-content-sha256")
        && !claimed
            .trim_ascii()
            .eq_ignore_ascii_case(body_sha256.as_bytes())
    {
        return Err(AuthError::SignatureDoesNotMatch(
            "X-Content-Sha256 is not the SHA-256 of the body that arrived",
        ));
    }
    let payload_sha256 = match presented.mode {
        Mode::Header => body_sha256,
        Mode::Presigned => sha256_hex(b""),
    };
    let mut matches = false;
    for canonical in variants(parts, presented, &payload_sha256)? {
        let text = string_to_sign(&presented.x_date, &presented.scope, &canonical);
        let expected = key.signature(&text);
        matches |=
            verify_slices_are_equal(expected.as_bytes(), presented.signature.as_bytes()).is_ok();
    }
    if matches {
        Ok(())
    } else {
        Err(AuthError::SignatureDoesNotMatch(
            "compare the SHA-256 of your canonical request with what your proxy passes on",
        ))
    }
}

/// The SHA-256 of the canonical request in its most usual form, as lower-case
/// hexadecimal text: what a client author compares with when signatures differ.
///
/// # Errors
/// [`AuthError::SignatureDoesNotMatch`] when a signed header is missing.
pub fn canonical_request_sha256(
    parts: &RequestParts<'_>,
    presented: &Presented,
) -> Result<String, AuthError> {
    let signed_body = if presented.signs_body() {
        parts.body
    } else {
        b""
    };
    let variants = variants(parts, presented, &sha256_hex(signed_body))?;
    variants
        .first()
        .map(|canonical| sha256_hex(canonical))
        .ok_or(HEADER_MISSING)
}

/// Every canonical request that a client may have made of this request, the
/// most usual first.
fn variants(
    parts: &RequestParts<'_>,
    presented: &Presented,
    payload_sha256: &str,
) -> Result<Vec<Vec<u8>>, AuthError> {
    let headers = header_variants(parts, &presented.signed_headers)?;
    let mut canonical = Vec::new();
    for query in query_variants(parts.raw_query, presented) {
        for block in &headers {
            canonical.push(canonical_request(
                parts.method,
                parts.path,
                &query,
                block,
                &presented.signed_headers,
                payload_sha256,
            ));
        }
    }
    Ok(canonical)
}

/// Joins the six parts of a canonical request. `headers` ends every line with a
/// line feed, and is a single line feed when no header is signed.
pub(super) fn canonical_request(
    method: &str,
    path: &str,
    query: &str,
    headers: &[u8],
    signed_headers: &str,
    payload_sha256: &str,
) -> Vec<u8> {
    let mut text = Vec::with_capacity(query.len() + headers.len() + 256);
    for part in [
        method.to_ascii_uppercase().as_bytes(),
        canonical_path(path).as_bytes(),
        query.as_bytes(),
        headers,
        signed_headers.as_bytes(),
    ] {
        text.extend_from_slice(part);
        text.push(b'\n');
    }
    text.extend_from_slice(payload_sha256.as_bytes());
    text
}

fn canonical_path(path: &str) -> Cow<'_, str> {
    if path.is_empty() || path == "/" {
        return Cow::Borrowed("/");
    }
    let mut encoded = String::with_capacity(path.len());
    for (index, segment) in path.split('/').enumerate() {
        if index > 0 {
            encoded.push('/');
        }
        let raw = percent::decode_path(segment.as_bytes());
        percent::encode_into(&mut encoded, &raw, b"");
    }
    Cow::Owned(encoded)
}

/// The value of a header as it is signed before trimming; a header that came in
/// several lines is joined with commas.
pub(super) fn header_value(parts: &RequestParts<'_>, name: &str) -> Option<Vec<u8>> {
    if name.eq_ignore_ascii_case("host")
        && let Some(host) = parts.host
    {
        return Some(host.as_bytes().to_vec());
    }
    let mut lines = parts.headers.get_all(name).iter();
    let mut value = lines.next()?.as_bytes().to_vec();
    for line in lines {
        value.push(b',');
        value.extend_from_slice(line.as_bytes());
    }
    Some(value)
}

/// The canonical header block; a second one without the port when the signed
/// host ends in `:80` or `:443`, which most clients drop before they sign.
fn header_variants(
    parts: &RequestParts<'_>,
    signed_headers: &str,
) -> Result<Vec<Vec<u8>>, AuthError> {
    let mut block = Vec::new();
    let mut without_port = Vec::new();
    for name in signed_headers.split(';').map(str::trim) {
        if name.is_empty() {
            continue;
        }
        let value = header_value(parts, name).ok_or(HEADER_MISSING)?;
        let value = value.trim_ascii();
        let shorter = [&b":80"[..], b":443"]
            .into_iter()
            .filter(|_| name.eq_ignore_ascii_case("host"))
            .find_map(|port| value.strip_suffix(port));
        push_header(&mut block, name, value);
        push_header(&mut without_port, name, shorter.unwrap_or(value));
    }
    if block.is_empty() {
        // Clients that sign no header leave one line more than the template.
        return Ok(vec![b"\n".to_vec()]);
    }
    let mut variants = vec![block];
    if without_port != variants[0] {
        variants.push(without_port);
    }
    Ok(variants)
}

pub(super) fn push_header(block: &mut Vec<u8>, name: &str, value: &[u8]) {
    block.extend_from_slice(name.to_ascii_lowercase().as_bytes());
    block.push(b':');
    block.extend_from_slice(value);
    block.push(b'\n');
}

fn query_variants(raw_query: &str, presented: &Presented) -> Vec<String> {
    let all = decoded_pairs(raw_query);
    let sets = match presented.mode {
        Mode::Header => vec![all],
        Mode::Presigned => presigned_sets(all, presented.signed_queries.as_deref()),
    };
    let mut variants = Vec::new();
    for pairs in sets {
        for ordered in orders(pairs) {
            push_new(&mut variants, join(&ordered, b""));
            let has_bare = |text: &[u8]| text.iter().any(|byte| JAVASCRIPT_BARE.contains(byte));
            if ordered.iter().any(|(k, v)| has_bare(k) || has_bare(v)) {
                push_new(&mut variants, join(&ordered, JAVASCRIPT_BARE));
            }
        }
    }
    variants
}

/// The canonical query of our own signer.
pub(super) fn usual_query(raw_query: &str) -> String {
    let mut pairs = decoded_pairs(raw_query);
    pairs.sort_by(|one, other| one.0.cmp(&other.0));
    join(&pairs, b"")
}

fn decoded_pairs(raw_query: &str) -> Vec<Pair> {
    percent::raw_pairs(raw_query.as_bytes())
        .map(|(name, value)| (percent::decode_form(name), percent::decode_form(value)))
        .collect()
}

/// Which pairs of a presigned query may have been signed: those it lists, or
/// all but the signature (one client signs a token it does not list).
fn presigned_sets(all: Vec<Pair>, listed: Option<&[String]>) -> Vec<Vec<Pair>> {
    let mut sets = Vec::new();
    if let Some(listed) = listed {
        let listed: HashSet<&[u8]> = listed.iter().map(|name| name.as_bytes()).collect();
        let (signed, unsigned): (Vec<Pair>, Vec<Pair>) = all
            .iter()
            .cloned()
            .partition(|(name, _)| listed.contains(name.as_slice()));
        // A parameter that nobody signed must not slip in beside the signed ones.
        let harmless = unsigned
            .iter()
            .all(|(name, _)| UNLISTED_ALLOWED.contains(&name.as_slice()));
        if harmless {
            sets.push(signed);
        }
    }
    let mut unsigned_signature = all;
    unsigned_signature.retain(|(name, _)| name != b"X-Signature");
    sets.push(unsigned_signature);
    sets
}

/// The orders that clients put pairs in: by name, repeated names as they came;
/// by name and value; by the encoded name.
fn orders(mut pairs: Vec<Pair>) -> Vec<Vec<Pair>> {
    pairs.sort_by(|one, other| one.0.cmp(&other.0));
    let repeats = pairs.windows(2).any(|two| two[0].0 == two[1].0);
    let by_encoded_name = by_encoded_name(&pairs);
    let by_value = repeats.then(|| {
        let mut by_value = pairs.clone();
        by_value.sort();
        by_value
    });
    let mut orders = vec![pairs];
    orders.extend(by_value);
    if by_encoded_name != orders[0] {
        orders.push(by_encoded_name);
    }
    orders
}

fn by_encoded_name(pairs: &[Pair]) -> Vec<Pair> {
    let mut ordered = pairs.to_vec();
    ordered.sort_by_cached_key(|(name, _)| {
        let mut encoded = String::new();
        percent::encode_into(&mut encoded, name, b"");
        encoded
    });
    ordered
}

fn join(pairs: &[Pair], also_bare: &[u8]) -> String {
    let mut text = String::new();
    for (index, (name, value)) in pairs.iter().enumerate() {
        if index > 0 {
            text.push('&');
        }
        percent::encode_into(&mut text, name, also_bare);
        text.push('=');
        percent::encode_into(&mut text, value, also_bare);
    }
    text
}

fn push_new(variants: &mut Vec<String>, candidate: String) {
    if !variants.contains(&candidate) {
        variants.push(candidate);
    }
}
