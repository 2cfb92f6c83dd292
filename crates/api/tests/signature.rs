//! The signature verifier against recorded requests of every official client
//! dialect (`fixtures/signature/*.txt`), tampered copies of them, and hostile
//! and generated input.

use std::path::{Path, PathBuf};

use axbridge_api::signature::{
    AuthError, ClientRequest, Credentials, DEFAULT_WINDOW_S, Mode, Presented, RequestParts,
    SERVICE, canonical_request_sha256, parse, sign, verify,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;

/// 2025-06-03 11:21:42 UTC, the moment every fixture was signed.
const SIGNED_AT: i64 = 1_748_949_702;

#[derive(Clone)]
struct Recorded {
    file: String,
    secret: String,
    canonical_sha256: String,
    signature: String,
    method: String,
    query: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Recorded {
    /// A fixture is three blocks with an empty line between: facts about the
    /// request, its head as it travels, its body (its last line feed is the
    /// file's, not the body's).
    fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).expect("a fixture is readable");
        let (facts, request) = text
            .split_once("\n\n")
            .expect("a request follows the facts");
        let (head, body) = request.split_once("\n\n").expect("a body follows the head");
        let fact = |name: &str| -> String {
            let line = facts.lines().find_map(|line| line.strip_prefix(name));
            line.expect("the fact is there").trim().to_owned()
        };
        let mut lines = head.lines();
        let request_line = lines.next().expect("a request line");
        let mut words = request_line.split(' ');
        let method = words.next().expect("a method").to_owned();
        let target = words.next().expect("a target");
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(": ").expect("a header line");
            (name.to_owned(), value.to_owned())
        });
        Self {
            file: path.display().to_string(),
            secret: fact("secret:"),
            canonical_sha256: fact("canonical-sha256:"),
            signature: fact("signature:"),
            method,
            query: target.strip_prefix("/?").expect("a query").to_owned(),
            headers: headers.collect(),
            body: body.strip_suffix('\n').unwrap_or(body).as_bytes().to_vec(),
        }
    }

    fn header_map(&self) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in &self.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a header name");
            map.append(name, HeaderValue::from_str(value).expect("a header value"));
        }
        map
    }

    fn with_parts<T>(&self, look: impl FnOnce(&RequestParts<'_>) -> T) -> T {
        let headers = self.header_map();
        let host = headers.get("host").and_then(|value| value.to_str().ok());
        look(&RequestParts {
            method: &self.method,
            path: "/",
            raw_query: &self.query,
            headers: &headers,
            host,
            body: &self.body,
        })
    }

    fn check(&self) -> Result<Presented, AuthError> {
        self.with_parts(|parts| {
            let presented = parse(parts)?;
            let secret = self.secret.as_bytes();
            verify(parts, &presented, secret, SIGNED_AT + 5, DEFAULT_WINDOW_S)?;
            Ok(presented)
        })
    }

    fn set(&mut self, name: &str, change: impl FnOnce(&str) -> String) {
        let header = self.headers.iter_mut().find(|(given, _)| given == name);
        let (_, value) = header.expect("the header is there");
        *value = change(value);
    }

    fn signs_host(&self) -> bool {
        let presented = self.with_parts(parse).expect("a fixture parses");
        presented.signed_headers.contains("host")
    }

    fn is_presigned(&self) -> bool {
        self.query.contains("X-Signature=")
    }
}

fn recorded() -> Vec<Recorded> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/signature");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the folder of fixtures")
        .map(|entry| entry.expect("a folder entry").path())
        .collect();
    files.sort();
    files.iter().map(|path| Recorded::read(path)).collect()
}

fn named(start: &str) -> Recorded {
    let mut all = recorded().into_iter();
    all.find(|it| it.file.contains(start))
        .expect("a fixture of that name")
}

/// Copies of `text` with one byte changed, each byte in turn.
fn one_byte_changes(text: &str) -> Vec<String> {
    let change = |at: usize| {
        let mut bytes = text.as_bytes().to_vec();
        bytes[at] ^= 1;
        String::from_utf8(bytes).expect("ASCII stays ASCII")
    };
    (0..text.len()).map(change).collect()
}

#[test]
fn every_recorded_client_request_is_accepted() {
    let all = recorded();
    assert_eq!(all.len(), 13, "nine header vectors and four presigned ones");
    for it in all {
        let presented = it
            .check()
            .unwrap_or_else(|why| panic!("{}: {why}", it.file));
        assert_eq!(
            presented.access_key, "AKLTtestaccesskeyid0001",
            "{}",
            it.file
        );
        assert_eq!(presented.signature, it.signature, "{}", it.file);
        assert_eq!(presented.signed_at_unix_s, SIGNED_AT, "{}", it.file);
        let mode = if it.is_presigned() {
            Mode::Presigned
        } else {
            Mode::Header
        };
        assert_eq!(presented.mode, mode, "{}", it.file);
        let hash = it
            .with_parts(|parts| canonical_request_sha256(parts, &presented))
            .expect("all signed headers are there");
        assert_eq!(hash, it.canonical_sha256, "{}", it.file);
    }
}

#[test]
fn one_changed_byte_of_the_body_is_refused_unless_the_body_is_unsigned() {
    for it in recorded() {
        for at in 0..it.body.len() {
            let mut changed = it.clone();
            changed.body[at] ^= 1;
            assert!(changed.check().is_err(), "{} byte {at}", it.file);
        }
        let mut longer = it.clone();
        longer.body.push(b' ');
        let presented = longer.check();
        assert_eq!(presented.is_ok(), it.is_presigned(), "{}", it.file);
        if let Ok(presented) = presented {
            assert!(!presented.signs_body(), "{}", it.file);
        }
    }
}

#[test]
fn a_false_body_hash_header_does_not_stand_in_for_hashing() {
    let mut it = named("v4_");
    it.body.push(b'x');
    let of_the_new_body = "X-Content-Sha256 is not";
    let Err(AuthError::SignatureDoesNotMatch(why)) = it.check() else {
        panic!("a changed body was accepted");
    };
    assert!(why.starts_with(of_the_new_body), "{why}");
}

#[test]
fn one_changed_byte_of_the_query_is_refused() {
    for it in recorded() {
        for query in one_byte_changes(&it.query) {
            let changed = Recorded {
                query: query.clone(),
                ..it.clone()
            };
            assert!(changed.check().is_err(), "{}: {query}", it.file);
        }
    }
}

#[test]
fn a_parameter_added_to_the_query_is_refused() {
    for it in recorded() {
        for extra in ["&PhoneNoA=13700000009", "&Limit=21", "&action=x"] {
            let mut changed = it.clone();
            changed.query.push_str(extra);
            assert!(changed.check().is_err(), "{} with {extra}", it.file);
        }
    }
}

#[test]
fn a_changed_method_is_refused() {
    for mut it in recorded() {
        it.method = if it.method == "GET" { "POST" } else { "GET" }.to_owned();
        assert!(it.check().is_err(), "{}", it.file);
    }
}

#[test]
fn one_changed_byte_of_the_date_is_refused() {
    for it in recorded().into_iter().filter(|it| !it.is_presigned()) {
        for date in one_byte_changes("20250603T112142Z") {
            let mut changed = it.clone();
            changed.set("X-Date", |_| date.clone());
            assert!(changed.check().is_err(), "{}: {date}", it.file);
        }
    }
}

#[test]
fn one_changed_byte_of_the_signature_is_refused() {
    for it in recorded() {
        let upper = it.signature.to_uppercase();
        for signature in one_byte_changes(&it.signature).iter().chain([&upper]) {
            let mut changed = it.clone();
            if it.is_presigned() {
                changed.query = it.query.replace(&it.signature, signature);
            } else {
                changed.set("Authorization", |old| old.replace(&it.signature, signature));
            }
            assert!(changed.check().is_err(), "{}: {signature}", it.file);
        }
    }
}

#[test]
fn one_changed_byte_of_the_secret_is_refused() {
    for it in recorded() {
        for secret in one_byte_changes(&it.secret) {
            let changed = Recorded {
                secret,
                ..it.clone()
            };
            let answer = changed.check();
            let refused = matches!(answer, Err(AuthError::SignatureDoesNotMatch(_)));
            assert!(refused, "{}: {answer:?}", it.file);
        }
    }
}

#[test]
fn a_changed_host_is_refused_only_where_the_client_signed_it() {
    for mut it in recorded() {
        let signed = it.signs_host();
        it.set("Host", |_| "127.0.0.1:8080".to_owned());
        assert_eq!(it.check().is_err(), signed, "{}", it.file);
    }
}

#[test]
fn a_default_port_in_the_host_header_may_be_missing_from_the_signature() {
    for port in [":80", ":443"] {
        let mut it = named("v1_");
        it.set("Host", |host| format!("{host}{port}"));
        assert!(it.check().is_ok(), "{port}");
    }
    let mut it = named("v1_");
    it.set("Host", |host| format!("{host}:8080"));
    assert!(it.check().is_err(), "any other port is signed as it came");
}

#[test]
fn a_signed_header_that_does_not_arrive_is_refused() {
    let mut it = named("v1_");
    it.headers.retain(|(name, _)| name != "Content-Type");
    let refused = matches!(it.check(), Err(AuthError::SignatureDoesNotMatch(_)));
    assert!(refused);
}

#[test]
fn lower_case_escapes_and_other_orders_of_the_query_verify() {
    let mut it = named("v7_");
    it.query = "NumberPoolNo=NP160084061100694433&Number=%e5%8f%b7%20%e7%a0%81%2b1%2f2~*\
        &Limit=20&Version=2022-01-01&Action=NumberList"
        .to_owned();
    assert!(it.check().is_ok());
}

#[test]
fn requests_outside_the_window_are_refused_and_x_expires_extends_only_the_past() {
    let it = named("v1_");
    let at = |it: &Recorded, now: i64| {
        it.with_parts(|parts| {
            let presented = parse(parts)?;
            presented.check_time(now, DEFAULT_WINDOW_S)
        })
    };
    assert!(at(&it, SIGNED_AT + 900).is_ok());
    assert!(at(&it, SIGNED_AT - 900).is_ok());
    for late in [901, 86_400, i64::MAX - SIGNED_AT] {
        let answer = at(&it, SIGNED_AT + late);
        assert!(matches!(answer, Err(AuthError::InvalidTimestamp(_))));
    }
    assert!(at(&it, SIGNED_AT - 901).is_err());
    assert!(at(&it, i64::MIN).is_err());
    let mut longer = it;
    longer.query.push_str("&X-Expires=3600");
    assert!(at(&longer, SIGNED_AT + 3600).is_ok());
    assert!(at(&longer, SIGNED_AT + 3601).is_err());
    assert!(at(&longer, SIGNED_AT - 901).is_err());
}

#[test]
fn each_malformed_authorization_has_its_own_refusal() {
    let answer = |value: &str| {
        let mut it = named("v9_");
        it.set("Authorization", |_| value.to_owned());
        it.check().expect_err("a malformed header was accepted")
    };
    let scope = "AK/20250603/cn-beijing/vms/request";
    let rest = "SignedHeaders=x-date, Signature=00";
    type Expected = fn(&AuthError) -> bool;
    let cases: [(String, Expected); 11] = [
        (String::new(), |it| {
            matches!(it, AuthError::InvalidAuthorization(_))
        }),
        ("HMAC-SHA256".into(), |it| {
            matches!(it, AuthError::InvalidAuthorization(_))
        }),
        (
            format!("AWS4-HMAC-SHA256 Credential={scope}, {rest}"),
            |it| matches!(it, AuthError::InvalidAuthorization(_)),
        ),
        (format!("HMAC-SHA256 {rest}"), |it| {
            matches!(it, AuthError::InvalidAuthorization(_))
        }),
        (
            format!("HMAC-SHA256 Credential=AK/vms/request, {rest}"),
            |it| matches!(it, AuthError::InvalidCredential(_)),
        ),
        (
            format!("HMAC-SHA256 Credential=/20250603/cn-beijing/vms/request, {rest}"),
            |it| matches!(it, AuthError::InvalidCredential(_)),
        ),
        (
            format!("HMAC-SHA256 Credential=AK/20250603/cn-beijing/iam/request, {rest}"),
            |it| matches!(it, AuthError::ServiceNotFound { service } if service == "iam"),
        ),
        (
            format!("HMAC-SHA256 Credential={scope}, SignedHeaders=x-date"),
            |it| matches!(it, AuthError::MissingSignature),
        ),
        (
            format!("HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=00"),
            |it| matches!(it, AuthError::InvalidAuthorization(_)),
        ),
        (
            format!("HMAC-SHA256 Credential=AK/20250604/cn-beijing/vms/request, {rest}"),
            |it| matches!(it, AuthError::InvalidTimestamp(_)),
        ),
        (format!("HMAC-SHA256 Credential={scope}, {rest}"), |it| {
            matches!(it, AuthError::SignatureDoesNotMatch(_))
        }),
    ];
    for (value, expected) in cases {
        let refusal = answer(&value);
        assert!(expected(&refusal), "{value}: {refusal:?}");
    }
}

#[test]
fn fields_of_the_authorization_header_may_stand_in_any_order_and_unspaced() {
    let mut it = named("v9_");
    let signature = it.signature.clone();
    it.set("Authorization", |_| {
        format!(
            "HMAC-SHA256 Signature={signature},Other=1,\
             SignedHeaders=host;x-content-sha256;x-date,\
             Credential=AKLTtestaccesskeyid0001/20250603/cn-beijing/vms/request"
        )
    });
    assert!(it.check().is_ok());
}

#[test]
fn a_request_without_any_signature_or_date_says_what_is_missing() {
    let mut it = named("v9_");
    it.headers.retain(|(name, _)| name != "X-Date");
    assert_eq!(it.check(), Err(AuthError::MissingTimestamp));
    it.headers.retain(|(name, _)| name != "Authorization");
    assert_eq!(it.check(), Err(AuthError::MissingAuthenticationToken));
    it.query = "X-Algorithm=HMAC-SHA256&X-Credential=AK%2F20250603%2Fr%2Fvms%2Frequest".to_owned();
    assert_eq!(it.check(), Err(AuthError::MissingSignature));
}

fn header_map(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in pairs {
        if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
            map.append(*name, value);
        }
    }
    map
}

fn hostile_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "(HMAC-SHA256 )?(Credential=[A/0-9]{0,12}/20250603/r/vms/request)?,? ?(SignedHeaders=[a-z;-]{0,20})?,(Signature=[0-9a-f]{0,70})?",
        "(X-(Algorithm|Date|SignedQueries|SignedHeaders|Signature|Credential|Expires)=[A-Z0-9%;/+-]{0,24}&?){0,9}",
        "HMAC-SHA256 Credential=AK/20250603/r/vms/request, SignedHeaders=x-date;[a-z;-]{0,9}, Signature=[0-9a-f]{64}",
        "X-Algorithm=HMAC-SHA256&X-Date=20250603T112142Z&X-Credential=AK/20250603/r/vms/request&X-Signature=00&[a-cX%+&=!;-]{0,40}",
    ]
}

proptest! {
    #[test]
    fn hostile_headers_and_queries_are_refused_without_a_panic(
        authorization in proptest::option::of(hostile_text()),
        query in hostile_text(),
        date in prop_oneof![Just("20250603T112142Z".to_owned()), any::<String>()],
        path in any::<String>(),
        host in proptest::option::of(any::<String>()),
        body in any::<Vec<u8>>(),
    ) {
        let mut pairs = vec![("x-date", date.as_str())];
        pairs.extend(authorization.as_deref().map(|value| ("authorization", value)));
        let headers = header_map(&pairs);
        let parts = RequestParts {
            method: "POST", path: &path, raw_query: &query, headers: &headers,
            host: host.as_deref(), body: &body,
        };
        if let Ok(presented) = parse(&parts) {
            let _ = canonical_request_sha256(&parts, &presented);
            prop_assert!(verify(&parts, &presented, b"secret", SIGNED_AT, 900).is_err());
        }
    }

    #[test]
    fn what_we_sign_we_verify_and_nobody_elses_body(
        method in "GET|POST|post",
        query in "[A-Za-z0-9%+&=!'()*~._-]{0,60}",
        host in "[a-z0-9.]{1,20}(:[0-9]{2,5})?",
        body in any::<Vec<u8>>(),
        secret in any::<Vec<u8>>(),
        now in 0_i64..4_000_000_000,
    ) {
        let request = ClientRequest {
            method: &method, path: "/", raw_query: &query, host: &host, body: &body,
        };
        let credentials = Credentials {
            access_key: "AK1", secret: &secret, region: "cn-beijing", service: SERVICE,
        };
        let signed = sign(&request, &credentials, now);
        let mut headers = HeaderMap::new();
        for (name, value) in signed.as_pairs() {
            headers.insert(
                HeaderName::from_bytes(name.as_bytes()).expect("a header name"),
                HeaderValue::from_str(value).expect("a header value"),
            );
        }
        let parts = RequestParts {
            method: &method, path: "/", raw_query: &query, headers: &headers,
            host: Some(&host), body: &body,
        };
        let presented = parse(&parts).expect("our own signature parses");
        prop_assert_eq!(verify(&parts, &presented, &secret, now, 900), Ok(()));
        let mut other = body.clone();
        other.push(0);
        let parts = RequestParts { body: &other, ..parts };
        prop_assert!(verify(&parts, &presented, &secret, now, 900).is_err());
    }
}
