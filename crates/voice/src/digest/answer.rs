//! Answering a trunk that challenges us.

use super::{Algorithm, Ingredients, Parameters, hex};

/// A challenge that can be answered (RFC 7616 §3.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    realm: String,
    nonce: String,
    opaque: Option<String>,
    algorithm: Algorithm,
    named: bool,
    quality: bool,
    /// Whether only the nonce was too old: the same credentials with the new one are right.
    pub stale: bool,
}

impl Challenge {
    /// Reads one value of WWW-Authenticate or Proxy-Authenticate; `None` if it is no digest that
    /// we can answer.
    #[must_use]
    pub fn read(value: &str) -> Option<Self> {
        let parameters = Parameters::read(value)?;
        let text = |name| parameters.get(name).map(str::to_owned);
        let quality = match parameters.get("qop") {
            None => false,
            Some(offered) => {
                let mut words = offered.split(',').map(str::trim);
                // A challenge that wants auth-int alone cannot be answered.
                words.find(|word| word.eq_ignore_ascii_case("auth"))?;
                true
            }
        };
        Some(Self {
            realm: text("realm")?,
            nonce: text("nonce")?,
            opaque: text("opaque"),
            algorithm: Algorithm::from_name(parameters.get("algorithm"))?,
            named: parameters.get("algorithm").is_some(),
            quality,
            stale: parameters
                .get("stale")
                .is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
        })
    }

    /// The value of Authorization or Proxy-Authorization for one request. `chance` makes the
    /// client's nonce; it must come from a secure random source, and be new each time.
    #[must_use]
    pub fn answer(
        &self,
        user: &str,
        password: &str,
        method: &str,
        uri: &str,
        chance: [u8; 16],
    ) -> String {
        let cnonce = hex(&chance);
        // A nonce is used once: each request that is challenged has a new one.
        let count = "00000001";
        let ingredients = Ingredients {
            algorithm: self.algorithm,
            user,
            password,
            realm: &self.realm,
            nonce: &self.nonce,
            method,
            uri,
            quality: self.quality.then_some((count, cnonce.as_str())),
        };
        let mut value = format!(
            "Digest username=\"{user}\", realm=\"{}\", nonce=\"{}\", uri=\"{uri}\", response=\"{}\"",
            self.realm,
            self.nonce,
            ingredients.response()
        );
        if self.named {
            value += &format!(", algorithm={}", self.algorithm.name());
        }
        if self.quality {
            value += &format!(", qop=auth, nc={count}, cnonce=\"{cnonce}\"");
        }
        if let Some(opaque) = &self.opaque {
            value += &format!(", opaque=\"{opaque}\"");
        }
        value
    }
}

/// The challenge to answer among those of one response: the first that we can (RFC 8760 §2.4 has
/// the sender put the liked one first).
#[must_use]
pub fn best_challenge<'a>(values: impl IntoIterator<Item = &'a str>) -> Option<Challenge> {
    values.into_iter().find_map(Challenge::read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_challenge_that_can_be_answered_is() {
        let values = [
            "Basic realm=\"x\"",
            "Digest realm=\"x\", nonce=\"1\", algorithm=SHA-512-256, qop=\"auth\"",
            "Digest realm=\"x\", nonce=\"2\", algorithm=SHA-256, qop=\"auth-int\"",
            "Digest realm=\"a, b\", nonce=\"3\", algorithm=SHA-256, qop=\"auth,auth-int\", opaque=\"o\"",
            "Digest realm=\"x\", nonce=\"4\"",
        ];
        let answer = |values: &[&str]| {
            let challenge = best_challenge(values.iter().copied()).expect("a challenge");
            challenge.answer("u", "p", "INVITE", "sip:h", [7; 16])
        };
        let modern = answer(&values);
        assert!(modern.starts_with(
            "Digest username=\"u\", realm=\"a, b\", nonce=\"3\", uri=\"sip:h\", response=\""
        ));
        assert!(modern.ends_with(
            ", algorithm=SHA-256, qop=auth, nc=00000001, cnonce=\"07070707070707070707070707070707\", opaque=\"o\""
        ));
        let old = answer(&values[4..]);
        // MD5 of "u:x:p", of "INVITE:sip:h", and of both with the nonce between.
        assert!(!old.contains("qop") && !old.contains("algorithm"), "{old}");
        assert_eq!(best_challenge(values[..3].iter().copied()), None);
    }

    #[test]
    fn a_stale_nonce_is_told_from_wrong_credentials() {
        let stale = |value| Challenge::read(value).map(|challenge| challenge.stale);
        assert_eq!(
            stale("Digest realm=\"x\", nonce=\"1\", stale=TRUE"),
            Some(true)
        );
        assert_eq!(
            stale("Digest realm=\"x\", nonce=\"1\", stale=\"false\""),
            Some(false)
        );
        assert_eq!(stale("Digest realm=\"x\""), None);
        assert_eq!(stale("Digest realm=\"x, nonce=1"), None);
    }
}
