//! The signature of a hostile request: it is never accepted without its secret,
//! and what our own signer signs always is, until a byte of it changes.

use axbridge_api::signature::{
    ACCEPTED_SERVICES, AuthError, ClientRequest, Credentials, DEFAULT_WINDOW_S, MAX_EXPIRES_S,
    Mode, Presented, SERVICE, SigningKey, canonical_request_sha256, parse, sign, verify,
    verify_with_key,
};

use super::assert_tells_no_number;
use super::http_request::HttpRequest;
use super::other_client::{ACCESS_KEY, REGION, SECRET, SIGNED_AT_S};

/// The secret that the recorded requests in the corpus are signed with.
const RECORDED_SECRET: &[u8] = b"dGVzdHNlY3JldGFjY2Vzc2tleTAwMDE=";

/// Checks a request, written as text, as it came and signed anew.
pub fn check_signature(data: &[u8]) {
    let request = HttpRequest::read(data);
    match parse(&request.parts()) {
        Ok(presented) => {
            check_presented(&presented);
            check_times(&presented);
            check_acceptance(&request, &presented);
        }
        Err(AuthError::SignatureDoesNotMatch(_)) => panic!("reading calculates nothing"),
        Err(other) => assert!(!other.to_string().is_empty()),
    }
    check_signed_anew(request);
}

/// What a gateway may rely on once a signature could be read.
fn check_presented(presented: &Presented) {
    let scope = &presented.scope;
    let plain = |text: &str| {
        !text.is_empty() && text.len() <= 128 && text.is_ascii() && !text.contains('/')
    };
    assert!(plain(&presented.access_key), "{presented:?}");
    assert!(plain(&scope.region), "{presented:?}");
    assert!(ACCEPTED_SERVICES.contains(&scope.service.as_str()));
    assert!(scope.date.len() == 8 && presented.x_date.starts_with(&scope.date));
    assert!(presented.x_date.len() == 16 && presented.x_date.ends_with('Z'));
    let expires = presented.expires_s.unwrap_or(1);
    assert!((1..=MAX_EXPIRES_S).contains(&expires), "{presented:?}");
    assert!(!presented.signature.is_empty());
    assert_eq!(presented.signs_body(), presented.mode == Mode::Header);
    if presented.mode == Mode::Header {
        let mut names = presented.signed_headers.split(';');
        assert!(names.any(|name| name.trim().eq_ignore_ascii_case("x-date")));
    }
}

fn check_times(presented: &Presented) {
    let at = presented.signed_at_unix_s;
    let life = presented.expires_s.unwrap_or(DEFAULT_WINDOW_S);
    let is_good = |now: i64| presented.check_time(now, DEFAULT_WINDOW_S).is_ok();
    assert!(is_good(at) && is_good(at + life) && is_good(at - DEFAULT_WINDOW_S));
    assert!(!is_good(at + life + 1) && !is_good(at - DEFAULT_WINDOW_S - 1));
    assert!(!is_good(i64::MIN) && !is_good(i64::MAX));
}

fn check_acceptance(request: &HttpRequest, presented: &Presented) {
    let parts = request.parts();
    let now = presented.signed_at_unix_s;
    let stranger = verify(&parts, presented, SECRET.as_bytes(), now, DEFAULT_WINDOW_S);
    let error = stranger.expect_err("nobody in the corpus signs with this secret");
    assert!(matches!(error, AuthError::SignatureDoesNotMatch(_)));
    assert_tells_no_number(&error.to_string());

    let owner = verify(&parts, presented, RECORDED_SECRET, now, DEFAULT_WINDOW_S);
    let scope = &presented.scope;
    let key = SigningKey::derive(RECORDED_SECRET, &scope.date, &scope.region, &scope.service);
    assert_eq!(owner, verify_with_key(&parts, presented, &key));
    if owner.is_err() {
        return;
    }
    let hash = canonical_request_sha256(&parts, presented).expect("it was accepted");
    assert_eq!(hash.len(), 64);
    let mut forged = presented.clone();
    forged.signature.replace_range(..1, "g");
    assert!(verify_with_key(&parts, &forged, &key).is_err());
    let mut other_body = parts;
    other_body.body = b"another body";
    let hash_is_sent = request.headers.contains_key("x-content-sha256");
    let is_bound = presented.signs_body() || hash_is_sent;
    if is_bound && request.body != other_body.body {
        assert!(verify_with_key(&other_body, presented, &key).is_err());
    }
}

/// Signs the request with our own signer, whatever it carried before.
fn check_signed_anew(mut request: HttpRequest) {
    let host = request.host().unwrap_or("localhost").to_owned();
    let signed = sign(
        &ClientRequest {
            method: &request.method,
            path: &request.path,
            raw_query: &request.raw_query,
            host: &host,
            body: &request.body,
        },
        &Credentials {
            access_key: ACCESS_KEY,
            secret: SECRET.as_bytes(),
            region: REGION,
            service: SERVICE,
        },
        SIGNED_AT_S,
    );
    request.set("host", &host);
    for (name, value) in signed.as_pairs() {
        let name = match name {
            "X-Date" => "x-date",
            "X-Content-Sha256" => "x-content-sha256",
            _ => "authorization",
        };
        request.set(name, value);
    }
    let outcome = accepted(&request);
    if matches!(&outcome, Err(AuthError::InvalidTimestamp(why)) if why.starts_with("X-Expires")) {
        return;
    }
    let presented = outcome.expect("our own signature was refused");
    assert_eq!(presented.access_key, ACCESS_KEY);
    assert_eq!(presented.scope.region, REGION);
    let tamperings: [fn(&mut HttpRequest); 5] = [
        |request| request.body.push(b'x'),
        |request| request.raw_query.push_str("&zz=1"),
        |request| request.path.push('x'),
        |request| request.method.push('X'),
        |request| request.set("x-content-sha256", ""),
    ];
    for tamper in tamperings {
        let mut other = HttpRequest {
            method: request.method.clone(),
            path: request.path.clone(),
            raw_query: request.raw_query.clone(),
            headers: request.headers.clone(),
            body: request.body.clone(),
        };
        tamper(&mut other);
        assert!(accepted(&other).is_err(), "a change went unseen");
    }
}

fn accepted(request: &HttpRequest) -> Result<Presented, AuthError> {
    let parts = request.parts();
    let presented = parse(&parts)?;
    let secret = SECRET.as_bytes();
    verify(&parts, &presented, secret, SIGNED_AT_S, DEFAULT_WINDOW_S)?;
    Ok(presented)
}
