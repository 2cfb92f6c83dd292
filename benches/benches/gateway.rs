//! What every request costs before and after the store: signature, parameters, the blind index
//! and the sealing of real numbers.

use axbridge_api::{
    decode::Params,
    signature::{
        ClientRequest, Credentials, DEFAULT_WINDOW_S, RequestParts, SERVICE, parse, sign, verify,
    },
};
use axbridge_domain::{account::AccountId, phone::PhoneNumber};
use axbridge_store::keyring::Keyring;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use criterion::{Criterion, criterion_group, criterion_main};

const SECRET: &[u8] = b"an access key's secret";
const NOW_UNIX_S: i64 = 1_800_000_000;
const QUERY: &str = "Action=SelectNumberAndBindAXB&Version=2022-01-01";
const BODY: &[u8] = br#"{"PhoneNoA":"13700000001","PhoneNoB":"13700000002","NumberPoolNo":"NP000000000000000001","ExpireTime":1900000000,"CityCode":"010","DegradeCityList":["021","PNPC"],"UserData":"order 4711","AxConflictAxbFlag":0}"#;

/// A bind as the vendor's clients sign it.
fn signed_headers() -> HeaderMap {
    let request = ClientRequest {
        method: "POST",
        path: "/",
        raw_query: QUERY,
        host: "127.0.0.1:8080",
        body: BODY,
    };
    let credentials = Credentials {
        access_key: "AKTEST",
        secret: SECRET,
        region: "cn-beijing",
        service: SERVICE,
    };
    let signed = sign(&request, &credentials, NOW_UNIX_S);
    let pairs = signed.as_pairs().into_iter();
    let headers = pairs.chain([
        ("Host", "127.0.0.1:8080"),
        ("Content-Type", "application/json"),
    ]);
    headers
        .map(|(name, value)| {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a header name");
            (name, HeaderValue::from_str(value).expect("a header value"))
        })
        .collect()
}

fn signature(criterion: &mut Criterion) {
    let headers = signed_headers();
    let parts = RequestParts {
        method: "POST",
        path: "/",
        raw_query: QUERY,
        headers: &headers,
        host: Some("127.0.0.1:8080"),
        body: BODY,
    };
    let check = || {
        let presented = parse(&parts)?;
        verify(&parts, &presented, SECRET, NOW_UNIX_S, DEFAULT_WINDOW_S)
    };
    check().expect("our own signature verifies");
    criterion.bench_function("gateway/parse_and_verify_signature", |bencher| {
        bencher.iter(check);
    });
}

fn decode(criterion: &mut Criterion) {
    criterion.bench_function("gateway/decode_parameters", |bencher| {
        bencher.iter(|| Params::decode(QUERY, Some("application/json"), BODY));
    });
}

fn sealing(criterion: &mut Criterion) {
    let text = Keyring::generate().expect("random bytes");
    let keys = Keyring::parse(&text).expect("a key file's text");
    let number = PhoneNumber::parse("13700000001").expect("a number");
    criterion.bench_function("store/party_key", |bencher| {
        bencher.iter(|| keys.party_key(AccountId::DEFAULT, number));
    });
    let (plain, place) = ([7u8; 16], b"S18000000000001abcdef0");
    let sealed = keys.seal(&plain, place).expect("random bytes");
    criterion.bench_function("store/seal", |bencher| {
        bencher.iter(|| keys.seal(&plain, place));
    });
    criterion.bench_function("store/open", |bencher| {
        bencher.iter(|| keys.open(&sealed, place));
    });
}

criterion_group!(benches, signature, decode, sealing);
criterion_main!(benches);
