//! The canonical query: every order and escaping that a client may sign in is
//! accepted, and no other.

use axbridge_api::signature::{
    AuthError, DEFAULT_WINDOW_S, Presented, canonical_request_sha256, parse, verify,
};

use super::http_request::HttpRequest;
use super::other_client::{
    Pair, SECRET, SIGNED_AT_S, X_DATE, canonical_get, credential, encode, pairs, sha256, signature,
    write,
};

/// What `encodeURIComponent` of JavaScript leaves bare.
const JAVASCRIPT_BARE: &str = "!'()*";

/// A query longer than this only makes the check slow.
const QUERY_BYTES_MAX: usize = 4096;

/// Checks that a query, signed by another client in any of the ways that clients
/// do it, is accepted; that one pair more or another order is not; and that the
/// canonical form is its own canonical form.
pub fn check_canonical_query(data: &[u8]) {
    let text = String::from_utf8_lossy(&data[..data.len().min(QUERY_BYTES_MAX)]);
    let raw_query = text.trim_end_matches('\n');
    let pairs = pairs(raw_query);
    let dialects = dialects(&pairs);
    // An X-Expires that is no number is refused before anything is calculated.
    let Some(presented) = signed_with_date(raw_query, &dialects[0]) else {
        return;
    };
    for dialect in &dialects {
        assert!(is_accepted(raw_query, dialect), "refused: {dialect}");
        let one_more = format!("{dialect}&zz=1");
        assert!(!is_accepted(raw_query, &one_more), "accepted: {one_more}");
    }
    let mut backwards = by_name(&pairs);
    backwards.reverse();
    let backwards = write(&backwards, "");
    if !dialects.contains(&backwards) {
        assert!(!is_accepted(raw_query, &backwards), "any order will do");
    }
    check_canonical_form(raw_query, &pairs, &presented);
    check_presigned(&pairs);
}

fn check_canonical_form(raw_query: &str, pairs: &[Pair], presented: &Presented) {
    let usual = write(&by_name(pairs), "");
    let expected = sha256(canonical_get(&usual, &date_header(), "x-date").as_bytes());
    let every_byte_escaped: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{}={}", escape_all(name), escape_all(value)))
        .collect();
    for same in [raw_query, &usual, &every_byte_escaped.join("&")] {
        let request = with_date(same);
        let hash = canonical_request_sha256(&request.parts(), presented);
        assert_eq!(hash.as_deref(), Ok(expected.as_str()), "{same}");
    }
}

/// A presigned link of the pairs is accepted, and nobody can add a pair to it.
fn check_presigned(pairs: &[Pair]) {
    let mut signed: Vec<Pair> = pairs
        .iter()
        .filter(|(name, _)| !name.starts_with(b"X-"))
        .cloned()
        .collect();
    let names: Vec<String> = signed
        .iter()
        .map(|(name, _)| String::from_utf8_lossy(name).into_owned())
        .collect();
    let listed = format!(
        "{};X-Algorithm;X-Credential;X-Date;X-SignedQueries",
        names.join(";")
    );
    for (name, value) in [
        ("X-Algorithm", "HMAC-SHA256"),
        ("X-Credential", &credential()),
        ("X-Date", X_DATE),
        ("X-SignedQueries", &listed),
    ] {
        signed.push((name.into(), value.into()));
    }
    let query = write(&by_name(&signed), "");
    // Clients that sign no header leave an empty line for the missing block.
    let signature = signature(&canonical_get(&query, "\n", ""));
    let link = format!("{query}&X-Signature={signature}");
    assert_eq!(outcome(&HttpRequest::get(&link)), Ok(()), "{link}");
    let added = HttpRequest::get(&format!("{link}&zz=1"));
    assert!(outcome(&added).is_err(), "a pair was added: {link}");
    let mut with_body = HttpRequest::get(&link);
    with_body.body = b"no link signs a body".to_vec();
    assert_eq!(outcome(&with_body), Ok(()), "{link}");
}

/// The canonical queries that clients may make of the pairs: three orders, two
/// ways to escape.
fn dialects(pairs: &[Pair]) -> Vec<String> {
    let mut by_value = pairs.to_vec();
    by_value.sort();
    let mut by_written_name = pairs.to_vec();
    by_written_name.sort_by_key(|(name, _)| encode(name, ""));
    let orders = [by_name(pairs), by_value, by_written_name];
    let dialects = orders
        .iter()
        .flat_map(|order| ["", JAVASCRIPT_BARE].map(|bare| write(order, bare)));
    dialects.collect()
}

fn by_name(pairs: &[Pair]) -> Vec<Pair> {
    let mut sorted = pairs.to_vec();
    sorted.sort_by(|(one, _), (other, _)| one.cmp(other));
    sorted
}

fn escape_all(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("%{byte:02x}")).collect()
}

fn date_header() -> String {
    format!("x-date:{X_DATE}\n")
}

fn with_date(raw_query: &str) -> HttpRequest {
    let mut request = HttpRequest::get(raw_query);
    request.set("x-date", X_DATE);
    request
}

/// A GET for the raw query, whose client signed this canonical query.
fn signed_request(raw_query: &str, canonical_query: &str) -> HttpRequest {
    let mut request = with_date(raw_query);
    let canonical = canonical_get(canonical_query, &date_header(), "x-date");
    let authorization = format!(
        "HMAC-SHA256 Credential={}, SignedHeaders=x-date, Signature={}",
        credential(),
        signature(&canonical)
    );
    request.set("authorization", &authorization);
    request
}

fn signed_with_date(raw_query: &str, canonical_query: &str) -> Option<Presented> {
    match parse(&signed_request(raw_query, canonical_query).parts()) {
        Ok(presented) => Some(presented),
        Err(AuthError::InvalidTimestamp(why)) if why.starts_with("X-Expires") => None,
        Err(other) => panic!("a well-formed request was refused: {other}"),
    }
}

fn is_accepted(raw_query: &str, canonical_query: &str) -> bool {
    outcome(&signed_request(raw_query, canonical_query)).is_ok()
}

fn outcome(request: &HttpRequest) -> Result<(), AuthError> {
    let parts = request.parts();
    let presented = parse(&parts)?;
    verify(
        &parts,
        &presented,
        SECRET.as_bytes(),
        SIGNED_AT_S,
        DEFAULT_WINDOW_S,
    )
}
