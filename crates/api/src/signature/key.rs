//! The key a request is signed with, derived from the secret for one day,
//! region and service.

use std::fmt;

use aws_lc_rs::{digest, hmac};

/// A derived signing key (`kSigning`). Deriving costs four HMACs and depends
/// only on secret, day, region and service, so a caller may keep it for a day.
#[derive(Clone)]
pub struct SigningKey(hmac::Key);

impl SigningKey {
    /// Derives the key. The secret is taken as the text that was issued (it may
    /// look like base64 and is not decoded); `date` is `YYYYMMDD`.
    #[must_use]
    pub fn derive(secret: &[u8], date: &str, region: &str, service: &str) -> Self {
        let last = derive_bytes(secret, date, region, service);
        Self(hmac::Key::new(hmac::HMAC_SHA256, last.as_ref()))
    }

    /// The signature over a string to sign, as lower-case hexadecimal text.
    pub(super) fn signature(&self, string_to_sign: &str) -> String {
        hex::encode(hmac::sign(&self.0, string_to_sign.as_bytes()))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(hidden)")
    }
}

pub(super) fn derive_bytes(secret: &[u8], date: &str, region: &str, service: &str) -> hmac::Tag {
    let step = |key: &[u8], text: &str| {
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes())
    };
    let day = step(secret, date);
    let region = step(day.as_ref(), region);
    let service = step(region.as_ref(), service);
    step(service.as_ref(), "request")
}

/// SHA-256 as lower-case hexadecimal text.
pub(super) fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, bytes))
}
