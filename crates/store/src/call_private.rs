//! What a call's row holds of people beside their numbers: the client's text, which may be anything,
//! and what a caller was asked and keyed. Sealed with the key of the call's month like the numbers,
//! so that it ends with them.

use axbridge_domain::call::CallId;

use crate::{call_key::CallKey, error::StoreError, model::Verification};

/// Before each text stands its length in bytes, in so many.
const LENGTH_BYTES: usize = 4;

fn place_of_user_data(call: CallId) -> String {
    format!("{call} user data")
}

fn place_of_verification(call: CallId) -> String {
    format!("{call} verification")
}

impl CallKey {
    /// Seals the client's text.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub(crate) fn seal_user_data(&self, call: CallId, text: &str) -> Result<Vec<u8>, StoreError> {
        self.seal_at(&place_of_user_data(call), text.as_bytes().to_vec())
    }

    /// Opens what [`Self::seal_user_data`] sealed for the same call.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`].
    pub(crate) fn user_data(&self, call: CallId, sealed: &[u8]) -> Result<String, StoreError> {
        let plain = self.open_at(&place_of_user_data(call), sealed);
        plain
            .and_then(|plain| String::from_utf8(plain.to_vec()).ok())
            .ok_or_else(|| StoreError::Unreadable(format!("the user data of call {call}")))
    }

    /// Seals what a caller was asked and keyed.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub(crate) fn seal_verification(
        &self,
        call: CallId,
        verification: &Verification,
    ) -> Result<Vec<u8>, StoreError> {
        let Verification {
            voice_code,
            correct,
            answer,
            passed,
        } = verification;
        let mut body = vec![u8::from(*passed)];
        for text in [voice_code, correct, answer] {
            let length = u32::try_from(text.len());
            let length = length.map_err(|_| {
                StoreError::Internal("sealing a call: a text of gigabytes".to_owned())
            })?;
            body.extend_from_slice(&length.to_be_bytes());
            body.extend_from_slice(text.as_bytes());
        }
        self.seal_at(&place_of_verification(call), body)
    }

    /// Opens what [`Self::seal_verification`] sealed for the same call.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`].
    pub(crate) fn verification(
        &self,
        call: CallId,
        sealed: &[u8],
    ) -> Result<Verification, StoreError> {
        let plain = self.open_at(&place_of_verification(call), sealed);
        plain
            .and_then(|plain| read(&plain))
            .ok_or_else(|| StoreError::Unreadable(format!("the verification of call {call}")))
    }
}

fn read(plain: &[u8]) -> Option<Verification> {
    let (passed, mut rest) = plain.split_first()?;
    let mut text = || {
        let (length, after) = rest.split_first_chunk::<LENGTH_BYTES>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (text, after) = after.split_at_checked(length)?;
        rest = after;
        String::from_utf8(text.to_vec()).ok()
    };
    Some(Verification {
        voice_code: text()?,
        correct: text()?,
        answer: text()?,
        passed: *passed == 1,
    })
}

#[cfg(test)]
mod tests {
    use axbridge_domain::{month::Month, phone::PhoneNumber, time::Timestamp};

    use super::*;
    use crate::keyring::Keyring;

    #[test]
    fn texts_open_for_their_call_and_in_their_place_only() {
        let keys = Keyring::parse(&Keyring::generate().expect("random")).expect("own text");
        let month = Month::of(Timestamp::from_unix_s(1_800_000_000));
        let (key, _) = CallKey::fresh(&keys, month).expect("random");
        let x = PhoneNumber::parse("13800000007").expect("a number");
        let [call, other] = [1, 2].map(|nonce| CallId::unbound(x, nonce));
        let verification = Verification {
            voice_code: String::new(),
            correct: "4711".to_owned(),
            answer: "#*\0\u{4f60}".to_owned(),
            passed: true,
        };
        let sealed = key.seal_verification(call, &verification).expect("sealed");
        let opened = key.verification(call, &sealed).expect("its place");
        assert_eq!(opened, verification);
        assert!(key.verification(other, &sealed).is_err());
        assert!(key.user_data(call, &sealed).is_err());
        let sealed = key.seal_user_data(call, "order 7").expect("sealed");
        let opened = key.user_data(call, &sealed).expect("its place");
        assert_eq!(opened, "order 7");
        assert!(key.user_data(other, &sealed).is_err());
        assert!(key.user_data(call, &sealed[..20]).is_err());
    }

    #[test]
    fn what_is_cut_off_is_not_read() {
        let whole = [1, 0, 0, 0, 1, b'a', 0, 0, 0, 0, 0, 0, 0, 2, b'4', b'7'];
        assert_eq!(read(&whole).expect("whole").answer, "47");
        for end in 0..whole.len() {
            assert_eq!(read(&whole[..end]), None);
        }
    }
}
