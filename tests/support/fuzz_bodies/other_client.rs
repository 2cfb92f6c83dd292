//! A client that signs on its own, written from the vendor's description of the
//! algorithm (vendor doc 6358/1722692) and sharing nothing with the verifier.

use aws_lc_rs::{digest, hmac};

pub(super) const ACCESS_KEY: &str = "AKLTfuzz";
pub(super) const SECRET: &str = "c2VjcmV0b2ZhZnV6emluZ2NsaWVudA==";
pub(super) const REGION: &str = "cn-beijing";
pub(super) const X_DATE: &str = "20250603T112142Z";
/// [`X_DATE`] in Unix seconds.
pub(super) const SIGNED_AT_S: i64 = 1_748_949_702;

const DAY: &str = "20250603";

/// One decoded name and value of a query.
pub(super) type Pair = (Vec<u8>, Vec<u8>);

/// The credential with its scope.
pub(super) fn credential() -> String {
    format!("{ACCESS_KEY}/{DAY}/{REGION}/vms/request")
}

/// The canonical request of a bodiless GET for `/`.
pub(super) fn canonical_get(query: &str, headers: &str, signed_headers: &str) -> String {
    let no_body = sha256(b"");
    format!("GET\n/\n{query}\n{headers}\n{signed_headers}\n{no_body}")
}

/// The signature over a canonical request.
pub(super) fn signature(canonical: &str) -> String {
    let mut key = SECRET.as_bytes().to_vec();
    for text in [DAY, REGION, "vms", "request"] {
        key = hmac_sha256(&key, text);
    }
    let hash = sha256(canonical.as_bytes());
    let to_sign = format!("HMAC-SHA256\n{X_DATE}\n{DAY}/{REGION}/vms/request\n{hash}");
    hex::encode(hmac_sha256(&key, &to_sign))
}

/// SHA-256 in hexadecimal.
pub(super) fn sha256(bytes: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, bytes))
}

fn hmac_sha256(key: &[u8], text: &str) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::sign(&key, text.as_bytes()).as_ref().to_vec()
}

/// The decoded pairs of a query, in order.
pub(super) fn pairs(raw_query: &str) -> Vec<Pair> {
    let pieces = raw_query.split('&').filter(|piece| !piece.is_empty());
    pieces
        .map(|piece| piece.split_once('=').unwrap_or((piece, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

fn decode(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let digits = bytes.get(at + 1..at + 3).unwrap_or_default();
        let is_escape = bytes[at] == b'%'
            && digits.len() == 2
            && digits.iter().all(|digit| digit.is_ascii_hexdigit());
        if is_escape {
            decoded.extend(hex::decode(digits).expect("two hexadecimal digits"));
            at += 3;
        } else {
            decoded.push(if bytes[at] == b'+' { b' ' } else { bytes[at] });
            at += 1;
        }
    }
    decoded
}

/// Writes pairs as a query, with the characters in `bare` left as they are
/// beside the unreserved ones.
pub(super) fn write(pairs: &[Pair], bare: &str) -> String {
    let pieces: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name, bare), encode(value, bare)))
        .collect();
    pieces.join("&")
}

/// Percent-encodes all but the unreserved characters and those in `bare`.
pub(super) fn encode(bytes: &[u8], bare: &str) -> String {
    let encode_byte = |&byte: &u8| {
        let char = char::from(byte);
        let plain = char.is_ascii_alphanumeric() || "-_.~".contains(char) || bare.contains(char);
        if plain {
            char.to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    bytes.iter().map(encode_byte).collect()
}
