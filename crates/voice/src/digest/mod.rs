//! Digest authentication (RFC 7616, for SIP RFC 8760 and RFC 3261 §22), both ways: what we answer
//! a trunk that challenges us, and how we challenge a trunk that has no address to know it by.
//!
//! The stack has a digest of its own; it knows neither the name `SHA-256` nor two challenges in
//! one response, and it counts nonces in decimal and in eight bits.

mod answer;
mod challenger;

pub use answer::{Challenge, best_challenge};
pub use challenger::{Asked, Challenger, NONCE_MS, Proof, REALM, Secret};

use std::fmt::Write;

use axbridge_domain::trunk::DigestAlgorithm;

use crate::message::comma_separated;

/// A hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// SHA-256, the liked one.
    Sha256,
    /// MD5, which nothing but old peers should need.
    Md5,
}

impl From<DigestAlgorithm> for Algorithm {
    fn from(algorithm: DigestAlgorithm) -> Self {
        match algorithm {
            DigestAlgorithm::Sha256 => Self::Sha256,
            DigestAlgorithm::Md5 => Self::Md5,
        }
    }
}

impl Algorithm {
    /// Its name (RFC 7616 §6.1).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "SHA-256",
            Self::Md5 => "MD5",
        }
    }

    /// Reads the name; without one it is MD5 (RFC 7616 §3.3).
    fn from_name(name: Option<&str>) -> Option<Self> {
        let name = name.unwrap_or("MD5");
        [Self::Sha256, Self::Md5]
            .into_iter()
            .find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    fn hash(self, text: &str) -> String {
        match self {
            Self::Sha256 => {
                hex(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes()).as_ref())
            }
            Self::Md5 => hex(&<md5::Md5 as md5::Digest>::digest(text.as_bytes())),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What the response of a digest is computed from.
struct Ingredients<'a> {
    algorithm: Algorithm,
    user: &'a str,
    password: &'a str,
    realm: &'a str,
    nonce: &'a str,
    method: &'a str,
    uri: &'a str,
    /// nc and cnonce with `qop=auth`; `None` is the form of RFC 2069.
    quality: Option<(&'a str, &'a str)>,
}

impl Ingredients<'_> {
    /// RFC 7616 §3.4.1.
    fn response(&self) -> String {
        let hash = |text: String| self.algorithm.hash(&text);
        let secret = hash(format!("{}:{}:{}", self.user, self.realm, self.password));
        let request = hash(format!("{}:{}", self.method, self.uri));
        match self.quality {
            Some((count, cnonce)) => hash(format!(
                "{secret}:{}:{count}:{cnonce}:auth:{request}",
                self.nonce
            )),
            None => hash(format!("{secret}:{}:{request}", self.nonce)),
        }
    }
}

/// The parameters of a value that starts with `Digest`.
struct Parameters<'a>(Vec<(&'a str, &'a str)>);

/// The most parameters that are read.
const PARAMETERS_MAX: usize = 24;

impl<'a> Parameters<'a> {
    fn read(value: &'a str) -> Option<Self> {
        let (scheme, rest) = value.trim().split_once([' ', '\t'])?;
        if !scheme.eq_ignore_ascii_case("Digest") {
            return None;
        }
        let mut parameters = Vec::new();
        for parameter in comma_separated(rest) {
            let (name, value) = parameter.split_once('=')?;
            let value = value.trim();
            let unquoted = value
                .strip_prefix('"')
                .map_or(Some(value), |inner| inner.strip_suffix('"'))?;
            // An escape would have to be undone before hashing; nobody uses one.
            if unquoted.contains(['\\', '"']) || parameters.len() == PARAMETERS_MAX {
                return None;
            }
            parameters.push((name.trim(), unquoted));
        }
        Some(Self(parameters))
    }

    fn get(&self, name: &str) -> Option<&'a str> {
        let mut all = self.0.iter();
        all.find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| *value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_are_those_of_the_rfcs() {
        // RFC 7616 §3.9.1.
        let of = |algorithm| Ingredients {
            algorithm,
            user: "Mufasa",
            password: "Circle of Life",
            realm: "http-auth@example.org",
            nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
            method: "GET",
            uri: "/dir/index.html",
            quality: Some(("00000001", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ")),
        };
        assert_eq!(
            of(Algorithm::Md5).response(),
            "8ca523f5e9506fed4657c9700eebdbec"
        );
        assert_eq!(
            of(Algorithm::Sha256).response(),
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
        );
        // RFC 2069 §2.4, with the response as its errata correct it.
        let old = Ingredients {
            algorithm: Algorithm::Md5,
            user: "Mufasa",
            password: "CircleOfLife",
            realm: "testrealm@host.com",
            nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093",
            method: "GET",
            uri: "/dir/index.html",
            quality: None,
        };
        assert_eq!(old.response(), "1949323746fe6a43ef61f9606e7febea");
    }
}
