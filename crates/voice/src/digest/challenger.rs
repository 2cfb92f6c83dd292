//! Challenging a trunk that has no address to know it by.
//!
//! A nonce is a moment with a seal over it and the address it was given to, so giving one out
//! costs no memory. What is remembered is how often each was used, which is how a replay shows.

use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasher, RandomState},
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use aws_lc_rs::{constant_time, hmac, rand};
use axbridge_domain::trunk::DigestAlgorithm;

use super::{Algorithm, Ingredients, Parameters, hex};

/// What we call ourselves in a challenge.
pub const REALM: &str = "axbridge";

/// How long a nonce may be used, in milliseconds.
pub const NONCE_MS: u64 = 60_000;

/// The most nonces whose uses are remembered. When there are as many, new ones wait until the
/// oldest are too old to be used: one that was forgotten earlier could be used again.
const NONCES_MAX: usize = 65_536;

/// Uses of one nonce that may be repeated by UDP's repeats.
const RECENT_MAX: usize = 8;

/// How many hexadecimal digits of a nonce tell the moment.
const MOMENT_DIGITS: usize = 16;

/// What a request's credentials are worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// They are right.
    Right,
    /// There are none for us.
    Missing,
    /// They were right for a nonce that is too old or used up (`stale=true`, RFC 7616 §3.3).
    Stale,
    /// They are wrong.
    Wrong,
}

/// What a peer must know, and how it may show it.
#[derive(Clone, Copy)]
pub struct Secret<'a> {
    /// Its user name.
    pub user: &'a str,
    /// Its password.
    pub password: &'a str,
    /// The algorithms that count.
    pub algorithms: &'a [DigestAlgorithm],
}

/// The request whose credentials are judged.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Its method.
    pub method: &'a str,
    /// Its Request-URI.
    pub uri: &'a str,
    /// Its bytes, to know a repeat by.
    pub bytes: &'a [u8],
    /// Where it came from.
    pub source: IpAddr,
}

/// Gives out challenges and judges what comes back.
pub struct Challenger {
    key: hmac::Key,
    uses: Mutex<Uses>,
    hashes: RandomState,
}

impl std::fmt::Debug for Challenger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Challenger").finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Uses {
    by_nonce: HashMap<String, Recent>,
    /// In the order of their first use.
    order: VecDeque<String>,
}

/// The last uses of a nonce: its count, and a hash of the request.
#[derive(Default)]
struct Recent {
    highest: u64,
    requests: VecDeque<(u64, u64)>,
}

impl Challenger {
    /// With a key that lives as long as this; `None` if the system's random source gives nothing.
    #[must_use]
    pub fn new() -> Option<Self> {
        let mut secret = [0; 32];
        rand::fill(&mut secret).ok()?;
        Some(Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, &secret),
            uses: Mutex::default(),
            hashes: RandomState::new(),
        })
    }

    /// The values of WWW-Authenticate in the order of these algorithms: the liked one first
    /// (RFC 8760 §2.4).
    #[must_use]
    pub fn challenge(
        &self,
        algorithms: &[DigestAlgorithm],
        source: IpAddr,
        stale: bool,
        now_ms: u64,
    ) -> Vec<String> {
        let nonce = self.nonce(source, now_ms);
        let stale = if stale { ", stale=true" } else { "" };
        let values = algorithms.iter().map(|algorithm| {
            format!(
                "Digest realm=\"{REALM}\", nonce=\"{nonce}\", algorithm={}, qop=\"auth\"{stale}",
                Algorithm::from(*algorithm).name()
            )
        });
        values.collect()
    }

    /// Judges the values of Authorization.
    pub fn judge<'v>(
        &self,
        values: impl IntoIterator<Item = &'v str>,
        secret: Secret<'_>,
        asked: Asked<'_>,
        now_ms: u64,
    ) -> Proof {
        // Credentials for other realms may stand beside ours (RFC 3261 §22.3).
        let ours = values
            .into_iter()
            .filter_map(Parameters::read)
            .find(|parameters| parameters.get("realm") == Some(REALM));
        let Some(given) = ours else {
            return Proof::Missing;
        };
        match self.count_of(&given, secret, asked) {
            None => Proof::Wrong,
            Some((nonce, count)) if self.is_open(nonce, count, asked, now_ms) => Proof::Right,
            Some(_) => Proof::Stale,
        }
    }

    /// Nonce and count of credentials that are right as far as hashes go.
    fn count_of<'g>(
        &self,
        given: &Parameters<'g>,
        secret: Secret<'_>,
        asked: Asked<'_>,
    ) -> Option<(&'g str, u64)> {
        let Secret { user, password, .. } = secret;
        let algorithm = Algorithm::from_name(given.get("algorithm"))?;
        let mut counting = secret.algorithms.iter().copied().map(Algorithm::from);
        counting.find(|it| *it == algorithm)?;
        let (nonce, response) = (given.get("nonce")?, given.get("response")?);
        // Without qop nothing tells a replay; RFC 7616 §3.4 makes it a must.
        let (count, cnonce) = (given.get("nc")?, given.get("cnonce")?);
        let is_auth = given.get("qop")?.eq_ignore_ascii_case("auth");
        let is_count = count.len() == 8 && count.bytes().all(|byte| byte.is_ascii_hexdigit());
        // The stack writes parameters of a URI in its own case.
        let uri = given.get("uri")?;
        let is_about = uri.eq_ignore_ascii_case(asked.uri) && given.get("username")? == user;
        let expected = Ingredients {
            algorithm,
            user,
            password,
            realm: REALM,
            nonce,
            method: asked.method,
            uri,
            quality: Some((count, cnonce)),
        }
        .response();
        let response = response.to_ascii_lowercase();
        let is_right =
            constant_time::verify_slices_are_equal(expected.as_bytes(), response.as_bytes())
                .is_ok();
        if !(is_auth && is_count && is_about && is_right) {
            return None;
        }
        Some((nonce, u64::from_str_radix(count, 16).ok()?))
    }

    /// Whether a nonce is ours, young, and not used like this before. A repeat of the same bytes
    /// is let through: it is what UDP does, and the transaction takes it up.
    fn is_open(&self, nonce: &str, count: u64, asked: Asked<'_>, now_ms: u64) -> bool {
        let moment = nonce
            .get(..MOMENT_DIGITS)
            .and_then(|digits| u64::from_str_radix(digits, 16).ok());
        let Some(given_at_ms) = moment else {
            return false;
        };
        let expected = self.nonce(asked.source, given_at_ms);
        let is_ours =
            constant_time::verify_slices_are_equal(expected.as_bytes(), nonce.as_bytes()).is_ok();
        let is_young = given_at_ms <= now_ms && now_ms - given_at_ms < NONCE_MS;
        if !(is_ours && is_young) {
            return false;
        }
        let request = self.hashes.hash_one(asked.bytes);
        let mut uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        uses.forget(now_ms);
        uses.take(nonce, count, request)
    }

    fn nonce(&self, source: IpAddr, at_ms: u64) -> String {
        let moment = format!("{at_ms:016x}");
        let tag = hmac::sign(&self.key, format!("{moment} {source}").as_bytes());
        format!("{moment}{}", hex(&tag.as_ref()[..16]))
    }
}

impl Uses {
    fn take(&mut self, nonce: &str, count: u64, request: u64) -> bool {
        if !self.by_nonce.contains_key(nonce) {
            if self.order.len() >= NONCES_MAX {
                return false;
            }
            self.order.push_back(nonce.to_owned());
        }
        let recent = self.by_nonce.entry(nonce.to_owned()).or_default();
        if count > recent.highest {
            recent.highest = count;
            recent.requests.push_back((count, request));
            if recent.requests.len() > RECENT_MAX {
                recent.requests.pop_front();
            }
            return true;
        }
        recent.requests.contains(&(count, request))
    }

    /// Forgets nonces that are too old to be used at all.
    fn forget(&mut self, now_ms: u64) {
        let is_old = |nonce: &String| {
            let moment = nonce.get(..MOMENT_DIGITS).unwrap_or_default();
            u64::from_str_radix(moment, 16).is_ok_and(|at_ms| at_ms + NONCE_MS <= now_ms)
        };
        while self.order.front().is_some_and(is_old) {
            if let Some(nonce) = self.order.pop_front() {
                self.by_nonce.remove(&nonce);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::best_challenge;

    const BOTH: [DigestAlgorithm; 2] = [DigestAlgorithm::Sha256, DigestAlgorithm::Md5];

    const SOURCE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 5));

    fn challenger() -> Challenger {
        Challenger::new().expect("chance")
    }

    /// The answer of a peer that knows the password.
    fn answer(challenge: &str, password: &str) -> String {
        let challenge = best_challenge([challenge]).expect("a challenge");
        challenge.answer("trunk", password, "INVITE", "sip:x@h", [1; 16])
    }

    fn asked(bytes: &[u8]) -> Asked<'_> {
        Asked {
            method: "INVITE",
            uri: "sip:x@h",
            bytes,
            source: SOURCE,
        }
    }

    fn judged(challenger: &Challenger, value: &str, asked: Asked<'_>, now_ms: u64) -> Proof {
        let secret = Secret {
            user: "trunk",
            password: "secret",
            algorithms: &BOTH,
        };
        challenger.judge([value], secret, asked, now_ms)
    }

    #[test]
    fn right_credentials_are_taken_with_either_algorithm() {
        let challenger = challenger();
        for (index, at_ms) in [(0, 5), (1, 7)] {
            let challenge = &challenger.challenge(&BOTH, SOURCE, false, at_ms)[index];
            let wrong = answer(challenge, "guess");
            assert_eq!(judged(&challenger, &wrong, asked(b"1"), 8), Proof::Wrong);
            let right = answer(challenge, "secret");
            assert_eq!(judged(&challenger, &right, asked(b"1"), 8), Proof::Right);
        }
    }

    #[test]
    fn an_algorithm_that_was_not_offered_does_not_count() {
        let challenger = challenger();
        let both = challenger.challenge(&BOTH, SOURCE, false, 0);
        assert_eq!(
            challenger.challenge(&BOTH[1..], SOURCE, false, 0),
            both[1..]
        );
        let secret = Secret {
            user: "trunk",
            password: "secret",
            algorithms: &BOTH[..1],
        };
        for (challenge, proof) in both.iter().zip([Proof::Right, Proof::Wrong]) {
            let value = answer(challenge, "secret");
            let judged = challenger.judge([value.as_str()], secret, asked(b"1"), 1);
            assert_eq!(judged, proof, "{challenge}");
        }
    }

    #[test]
    fn a_replay_is_stale_and_a_repeat_is_not() {
        let challenger = challenger();
        let challenge = challenger.challenge(&BOTH, SOURCE, false, 0).swap_remove(0);
        let value = answer(&challenge, "secret");
        assert_eq!(
            judged(&challenger, &value, asked(b"first"), 1),
            Proof::Right
        );
        assert_eq!(
            judged(&challenger, &value, asked(b"first"), 2),
            Proof::Right
        );
        assert_eq!(
            judged(&challenger, &value, asked(b"other call"), 3),
            Proof::Stale
        );
        assert_eq!(
            judged(&challenger, &value, asked(b"first"), NONCE_MS),
            Proof::Stale
        );
    }

    #[test]
    fn credentials_are_for_one_request_from_one_address() {
        let challenger = challenger();
        let challenge = challenger.challenge(&BOTH, SOURCE, false, 0).swap_remove(0);
        let value = answer(&challenge, "secret");
        let other_uri = Asked {
            uri: "sip:y@h",
            ..asked(b"1")
        };
        assert_eq!(judged(&challenger, &value, other_uri, 1), Proof::Wrong);
        let other_method = Asked {
            method: "BYE",
            ..asked(b"1")
        };
        assert_eq!(judged(&challenger, &value, other_method, 1), Proof::Wrong);
        let elsewhere = Asked {
            source: IpAddr::from([192, 0, 2, 6]),
            ..asked(b"1")
        };
        assert_eq!(judged(&challenger, &value, elsewhere, 1), Proof::Stale);
        let of_another = challenger_value();
        assert_eq!(
            judged(&challenger, &of_another, asked(b"1"), 1),
            Proof::Stale
        );
    }

    /// Right in everything but who gave the nonce.
    fn challenger_value() -> String {
        let challenge = challenger()
            .challenge(&BOTH, SOURCE, false, 0)
            .swap_remove(0);
        answer(&challenge, "secret")
    }

    #[test]
    fn what_is_no_credential_of_ours_is_missing_or_wrong() {
        let challenger = challenger();
        let cases = [
            ("Basic dTpw", Proof::Missing),
            ("Digest realm=\"elsewhere\", nonce=\"1\"", Proof::Missing),
            ("NoOneKnowsThisScheme opaque-data=here", Proof::Missing),
            ("Digest realm=\"axbridge\"", Proof::Wrong),
            (
                "Digest username=\"trunk\", realm=\"axbridge\", nonce=\"1\", uri=\"sip:x@h\", response=\"2\"",
                Proof::Wrong,
            ),
        ];
        for (value, proof) in cases {
            assert_eq!(judged(&challenger, value, asked(b"1"), 1), proof, "{value}");
        }
    }

    #[test]
    fn uses_that_are_remembered_are_bounded_and_forgotten_with_age() {
        let mut uses = Uses::default();
        let nonce = |at_ms: usize| format!("{at_ms:016x}seal");
        for at_ms in 0..NONCES_MAX {
            assert!(uses.take(&nonce(at_ms), 1, 0));
        }
        assert!(!uses.take(&nonce(NONCES_MAX), 1, 0));
        uses.forget(NONCE_MS + 9);
        assert_eq!(uses.order.len(), NONCES_MAX - 10);
        assert!(uses.take(&nonce(NONCES_MAX), 1, 0));
    }
}
