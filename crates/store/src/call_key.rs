//! The key of a month: what seals the numbers of its calls, and what finds them.
//!
//! Each calendar month in China's time has 64 random bytes of its own, kept sealed by the keyring.
//! One half seals numbers, the other makes the digests that calls are searched by. When retention
//! ends, these bytes are destroyed: whatever still holds rows of that month, a table, a free page,
//! an exported copy, then holds nothing that leads to a number, not even with the key file.

use std::{collections::BTreeMap, fmt, sync::Arc};

use aws_lc_rs::{
    aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hmac,
    rand::{SecureRandom as _, SystemRandom},
};
use axbridge_domain::{call::CallId, month::Month, phone::PhoneNumber};
use zeroize::Zeroizing;

use crate::{
    error::StoreError,
    keyring::Keyring,
    model::{CallBinding, NewCall},
};

const HALF_BYTES: usize = 32;
/// Bytes of a digest that a number is searched by.
pub(crate) const TAG_BYTES: usize = 16;
const NUMBER_BYTES: usize = 8;
const NUMBERS: usize = 4;

/// The real numbers of a call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct CallNumbers {
    pub(crate) caller: Option<PhoneNumber>,
    pub(crate) callee: Option<PhoneNumber>,
    pub(crate) a: Option<PhoneNumber>,
    pub(crate) b: Option<PhoneNumber>,
}

impl CallNumbers {
    /// Those of a call that has arrived.
    pub(crate) fn of(call: &NewCall) -> Self {
        let binding = call.binding.as_ref();
        Self {
            caller: call.caller,
            callee: call.callee,
            a: binding.map(|binding| binding.a),
            b: binding.and_then(|binding: &CallBinding| binding.b),
        }
    }

    fn each(self) -> [Option<PhoneNumber>; NUMBERS] {
        [self.caller, self.callee, self.a, self.b]
    }
}

/// The key of one month.
pub(crate) struct CallKey {
    pub(crate) month: Month,
    seal: LessSafeKey,
    index: hmac::Key,
    random: SystemRandom,
}

impl fmt::Debug for CallKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CallKey({})", self.month)
    }
}

impl CallKey {
    /// A new key for a month, and its bytes as they are to be kept.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub(crate) fn fresh(keys: &Keyring, month: Month) -> Result<(Self, Vec<u8>), StoreError> {
        let mut bytes = Zeroizing::new([0u8; 2 * HALF_BYTES]);
        SystemRandom::new()
            .fill(&mut *bytes)
            .map_err(|_| StoreError::Internal("the system gave no random bytes".to_owned()))?;
        let sealed = keys.seal(&*bytes, place_of_key(month).as_bytes())?;
        Ok((Self::from_bytes(month, &*bytes)?, sealed))
    }

    /// The key that was kept.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`].
    pub(crate) fn open(keys: &Keyring, month: Month, sealed: &[u8]) -> Result<Self, StoreError> {
        let bytes = keys.open(sealed, place_of_key(month).as_bytes())?;
        Self::from_bytes(month, &bytes)
    }

    fn from_bytes(month: Month, bytes: &[u8]) -> Result<Self, StoreError> {
        let unreadable = || StoreError::Unreadable(format!("the key of the calls of {month}"));
        let (seal, index) = bytes.split_at_checked(HALF_BYTES).ok_or_else(unreadable)?;
        let seal = UnboundKey::new(&AES_256_GCM_SIV, seal).map_err(|_| unreadable())?;
        if index.len() != HALF_BYTES {
            return Err(unreadable());
        }
        Ok(Self {
            month,
            seal: LessSafeKey::new(seal),
            index: hmac::Key::new(hmac::HMAC_SHA256, index),
            random: SystemRandom::new(),
        })
    }

    /// What the calls of a number are searched by in this month.
    pub(crate) fn tag(&self, number: PhoneNumber) -> [u8; TAG_BYTES] {
        let digest = hmac::sign(&self.index, &number.to_bits().to_be_bytes());
        let mut tag = [0u8; TAG_BYTES];
        tag.copy_from_slice(&digest.as_ref()[..TAG_BYTES]);
        tag
    }

    /// The tags of a call's numbers, each once.
    pub(crate) fn tags(&self, numbers: CallNumbers) -> Vec<[u8; TAG_BYTES]> {
        let numbers = numbers.each().into_iter().flatten();
        let mut tags: Vec<_> = numbers.map(|number| self.tag(number)).collect();
        tags.sort_unstable();
        tags.dedup();
        tags
    }

    /// Seals the numbers of a call.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub(crate) fn seal(&self, call: CallId, numbers: CallNumbers) -> Result<Vec<u8>, StoreError> {
        let mut body = Vec::with_capacity(NUMBERS * NUMBER_BYTES + 16);
        for number in numbers.each() {
            // No number's bits are zero.
            let bits = number.map_or(0, PhoneNumber::to_bits);
            body.extend_from_slice(&bits.to_be_bytes());
        }
        self.seal_at(&call.to_string(), body)
    }

    /// Seals bytes for one place, where alone they can be opened.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub(crate) fn seal_at(&self, place: &str, mut body: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        let fault = |what: &str| StoreError::Internal(format!("sealing a call: {what}"));
        let mut nonce = [0u8; NONCE_LEN];
        self.random
            .fill(&mut nonce)
            .map_err(|_| fault("no random bytes"))?;
        self.seal
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(place.as_bytes()),
                &mut body,
            )
            .map_err(|_| fault("cipher refused"))?;
        let mut sealed = nonce.to_vec();
        sealed.append(&mut body);
        Ok(sealed)
    }

    /// Opens what [`Self::seal_at`] sealed for the same place; `None` if it was not that.
    pub(crate) fn open_at(&self, place: &str, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, body) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut body = Zeroizing::new(body.to_vec());
        let aad = Aad::from(place.as_bytes());
        let length = self.seal.open_in_place(nonce, aad, &mut body).ok()?.len();
        body.truncate(length);
        Some(body)
    }

    /// Opens what [`Self::seal`] sealed for the same call.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`].
    pub(crate) fn numbers(&self, call: CallId, sealed: &[u8]) -> Result<CallNumbers, StoreError> {
        let unreadable = || StoreError::Unreadable(format!("the numbers of call {call}"));
        let plain = self
            .open_at(&call.to_string(), sealed)
            .ok_or_else(unreadable)?;
        let mut numbers = [None; NUMBERS];
        if plain.len() != NUMBERS * NUMBER_BYTES {
            return Err(unreadable());
        }
        for (number, bytes) in numbers.iter_mut().zip(plain.chunks_exact(NUMBER_BYTES)) {
            let bits = bytes.try_into().map_or(0, u64::from_be_bytes);
            if bits != 0 {
                *number = Some(PhoneNumber::from_bits(bits).ok_or_else(unreadable)?);
            }
        }
        let [caller, callee, a, b] = numbers;
        Ok(CallNumbers {
            caller,
            callee,
            a,
            b,
        })
    }
}

fn place_of_key(month: Month) -> String {
    format!("call key {}", month.number())
}

/// The key of a month that has none any more: its calls cannot be read.
pub(crate) fn destroyed(month: Month) -> StoreError {
    StoreError::Unreadable(format!(
        "the key of the calls of {month} is destroyed or missing"
    ))
}

/// The keys in memory, by month. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallKeys(Arc<BTreeMap<Month, Arc<CallKey>>>);

impl CallKeys {
    pub(crate) fn get(&self, month: Month) -> Option<Arc<CallKey>> {
        self.0.get(&month).cloned()
    }

    pub(crate) fn insert(&mut self, key: Arc<CallKey>) {
        Arc::make_mut(&mut self.0).insert(key.month, key);
    }

    pub(crate) fn remove(&mut self, month: Month) {
        Arc::make_mut(&mut self.0).remove(&month);
    }

    /// The keys of all months, the latest first.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<CallKey>> {
        self.0.values().rev()
    }
}

#[cfg(test)]
mod tests {
    use axbridge_domain::time::Timestamp;

    use super::*;

    fn number(text: &str) -> PhoneNumber {
        PhoneNumber::parse(text).expect("a number")
    }

    #[test]
    fn numbers_open_for_their_call_and_under_their_key_only() {
        let keys = Keyring::parse(&Keyring::generate().expect("random")).expect("own text");
        let month = Month::of(Timestamp::from_unix_s(1_800_000_000));
        let (key, kept) = CallKey::fresh(&keys, month).expect("random");
        let numbers = CallNumbers {
            caller: Some(number("13700000001")),
            callee: None,
            a: Some(number("02131075869")),
            b: Some(number("13700000001")),
        };
        let call = CallId::unbound(number("13800000007"), 1);
        let other = CallId::unbound(number("13800000007"), 2);
        let sealed = key.seal(call, numbers).expect("sealed");
        let again = CallKey::open(&keys, month, &kept).expect("kept");
        assert!(again.numbers(call, &sealed).expect("opens") == numbers);
        assert!(again.numbers(other, &sealed).is_err());
        let (stranger, _) = CallKey::fresh(&keys, month).expect("random");
        assert!(stranger.numbers(call, &sealed).is_err());
        assert!(key.numbers(call, &sealed[..sealed.len() - 1]).is_err());
        assert!(key.numbers(call, &[]).is_err());

        assert_eq!(key.tags(numbers).len(), 2, "a number counts once");
        assert_eq!(
            key.tag(number("13700000001")),
            again.tag(number("13700000001"))
        );
        assert_ne!(
            key.tag(number("13700000001")),
            stranger.tag(number("13700000001"))
        );
        let next = Month::of(month.end());
        assert!(CallKey::open(&keys, next, &kept).is_err());
    }
}
