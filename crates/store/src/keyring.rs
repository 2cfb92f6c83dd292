//! Keys of the data at rest: one for the blind index, some for sealing, told apart by id.
//!
//! The key file is text, mode 0600: a line `index HEX` and one or more lines `seal ID HEX`, 32
//! bytes each. The last `seal` line seals; the others still open what they sealed, so a key is
//! rotated by adding a line. The index key cannot be rotated in place: look-ups depend on it.

use std::{fmt, io::Write as _, path::Path};

use aws_lc_rs::{
    aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hmac,
    rand::{SecureRandom as _, SystemRandom},
};
use axbridge_domain::{account::AccountId, party::PartyKey, phone::PhoneNumber};
use zeroize::Zeroizing;

use crate::error::{OpenError, StoreError};

const KEY_BYTES: usize = 32;
/// Bytes that sealing adds: key id, nonce, tag.
pub const SEAL_OVERHEAD_BYTES: usize = 1 + NONCE_LEN + 16;

/// A text that is never shown.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Hides a text.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

struct SealKey {
    id: u8,
    key: LessSafeKey,
    /// The same key as the root of others, which are for one purpose each.
    root: hmac::Key,
}

/// The keys of one installation.
pub struct Keyring {
    index: hmac::Key,
    seals: Vec<SealKey>,
    random: SystemRandom,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<u8> = self.seals.iter().map(|seal| seal.id).collect();
        f.debug_struct("Keyring")
            .field("seal_key_ids", &ids)
            .finish_non_exhaustive()
    }
}

impl Keyring {
    /// Reads a key file's text.
    ///
    /// # Errors
    /// What is wrong with it, in words for the operator.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut index = None;
        let mut seals: Vec<SealKey> = Vec::new();
        for (number, line) in text
            .lines()
            .enumerate()
            .map(|(index, line)| (index + 1, line.trim()))
        {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                [] => {}
                [comment, ..] if comment.starts_with('#') => {}
                ["index", hex] => {
                    index = Some(hmac::Key::new(hmac::HMAC_SHA256, &*key_bytes(hex, number)?))
                }
                ["seal", id, hex] => {
                    let id = id
                        .parse()
                        .map_err(|_| format!("line {number}: a seal id is 0 to 255"))?;
                    if seals.iter().any(|seal| seal.id == id) {
                        return Err(format!("line {number}: seal id {id} stands twice"));
                    }
                    let bytes = key_bytes(hex, number)?;
                    let key = UnboundKey::new(&AES_256_GCM_SIV, &*bytes)
                        .map_err(|_| format!("line {number}: not an AES-256 key"))?;
                    seals.push(SealKey {
                        id,
                        key: LessSafeKey::new(key),
                        root: hmac::Key::new(hmac::HMAC_SHA256, &*bytes),
                    });
                }
                _ => {
                    return Err(format!(
                        "line {number}: expected `index HEX` or `seal ID HEX`"
                    ));
                }
            }
        }
        let index = index.ok_or("no `index` line")?;
        if seals.is_empty() {
            return Err("no `seal` line".to_owned());
        }
        Ok(Self {
            index,
            seals,
            random: SystemRandom::new(),
        })
    }

    /// New keys, as the text of a key file.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn generate() -> Result<Zeroizing<String>, StoreError> {
        let random = SystemRandom::new();
        let fresh = || -> Result<Zeroizing<String>, StoreError> {
            let mut bytes = Zeroizing::new([0u8; KEY_BYTES]);
            random
                .fill(&mut *bytes)
                .map_err(|_| StoreError::Internal("the system gave no random bytes".to_owned()))?;
            Ok(Zeroizing::new(hex::encode(*bytes)))
        };
        let (index, seal) = (fresh()?, fresh()?);
        Ok(Zeroizing::new(format!(
            "# axbridge keys. Without this file the data cannot be read: back it up apart from the data.\nindex {}\nseal 1 {}\n",
            *index, *seal
        )))
    }

    /// Reads the key file, or makes it (mode 0600) where there is none.
    ///
    /// # Errors
    /// When it cannot be read or made, or makes no sense.
    pub fn load_or_create(path: &Path) -> Result<Self, OpenError> {
        let fault = |reason: String| OpenError::Keys {
            path: path.display().to_string(),
            reason,
        };
        if !path.exists() {
            let text = Self::generate()?;
            write_private(path, text.as_bytes()).map_err(|error| fault(error.to_string()))?;
        }
        let text = Zeroizing::new(
            std::fs::read_to_string(path).map_err(|error| fault(error.to_string()))?,
        );
        Self::parse(&text).map_err(fault)
    }

    /// The blind index of a real number of an account.
    #[must_use]
    pub fn party_key(&self, account: AccountId, number: PhoneNumber) -> PartyKey {
        let mut message = [0u8; 16];
        message[..8].copy_from_slice(&account.number().to_be_bytes());
        message[8..].copy_from_slice(&number.to_bits().to_be_bytes());
        let tag = hmac::sign(&self.index, &message);
        let mut digest = [0u8; 16];
        digest.copy_from_slice(&tag.as_ref()[..16]);
        PartyKey::from_digest(digest)
    }

    /// Keyed digest of a request's parameters, by which a retry is told from another request. Keyed,
    /// because the parameters hold real numbers and a plain digest could be searched.
    #[must_use]
    pub fn fingerprint(&self, parameters: &[u8]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.index);
        context.update(b"fingerprint\0");
        context.update(parameters);
        let mut digest = [0u8; 32];
        digest.copy_from_slice(context.sign().as_ref());
        digest
    }

    /// The id of the key that seals now.
    #[must_use]
    pub fn sealing_id(&self) -> u8 {
        self.seals.last().map_or(0, |seal| seal.id)
    }

    /// A key for one purpose and context, derived from the sealing key `id` (HKDF-Expand of one
    /// block, RFC 5869 section 2.3: sealing keys are uniform already).
    ///
    /// # Errors
    /// [`StoreError::Unreadable`] when the key file lacks that key.
    pub fn derive(
        &self,
        id: u8,
        purpose: &str,
        context: &[u8],
    ) -> Result<Zeroizing<[u8; KEY_BYTES]>, StoreError> {
        let seal = self.seals.iter().find(|seal| seal.id == id);
        let seal = seal.ok_or_else(|| {
            StoreError::Unreadable(format!("sealed with key {id}, which the key file lacks"))
        })?;
        let mut message = hmac::Context::with_key(&seal.root);
        message.update(b"derive\0");
        message.update(purpose.as_bytes());
        message.update(b"\0");
        message.update(context);
        message.update(&[1]);
        let mut key = Zeroizing::new([0u8; KEY_BYTES]);
        key.copy_from_slice(message.sign().as_ref());
        Ok(key)
    }

    /// Signs a message for one purpose, so that this installation knows it again.
    #[must_use]
    pub fn sign(&self, purpose: &str, message: &[u8]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.index);
        context.update(b"sign\0");
        context.update(purpose.as_bytes());
        context.update(b"\0");
        context.update(message);
        let mut signature = [0u8; 32];
        signature.copy_from_slice(context.sign().as_ref());
        signature
    }

    /// Whether [`Keyring::sign`] gave this signature, in constant time.
    #[must_use]
    pub fn signed(&self, purpose: &str, message: &[u8], signature: &[u8]) -> bool {
        let right = self.sign(purpose, message);
        aws_lc_rs::constant_time::verify_slices_are_equal(&right, signature).is_ok()
    }

    /// Seals bytes; `place` (the row's identity) must be given again to open them, so that sealed
    /// bytes cannot be moved to another row.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn seal(&self, plain: &[u8], place: &[u8]) -> Result<Vec<u8>, StoreError> {
        let fault = |what: &str| StoreError::Internal(format!("sealing: {what}"));
        let current = self.seals.last().ok_or_else(|| fault("no key"))?;
        let mut nonce = [0u8; NONCE_LEN];
        self.random
            .fill(&mut nonce)
            .map_err(|_| fault("no random bytes"))?;
        let mut sealed = Vec::with_capacity(plain.len() + SEAL_OVERHEAD_BYTES);
        sealed.push(current.id);
        sealed.extend_from_slice(&nonce);
        let body = sealed.len();
        sealed.extend_from_slice(plain);
        let tag = current
            .key
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(place),
                &mut sealed[body..],
            )
            .map_err(|_| fault("cipher refused"))?;
        sealed.extend_from_slice(tag.as_ref());
        Ok(sealed)
    }

    /// Opens what [`Keyring::seal`] sealed at the same place.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`] when the key is unknown or the bytes are not what was sealed.
    pub fn open(&self, sealed: &[u8], place: &[u8]) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let unreadable = |what: &str| StoreError::Unreadable(what.to_owned());
        let (id, rest) = sealed.split_first().ok_or_else(|| unreadable("empty"))?;
        let seal = self
            .seals
            .iter()
            .find(|seal| seal.id == *id)
            .ok_or_else(|| {
                unreadable(&format!("sealed with key {id}, which the key file lacks"))
            })?;
        let (nonce, body) = rest
            .split_at_checked(NONCE_LEN)
            .ok_or_else(|| unreadable("too short"))?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| unreadable("bad nonce"))?;
        let mut body = Zeroizing::new(body.to_vec());
        let length = seal
            .key
            .open_in_place(nonce, Aad::from(place), &mut body)
            .map_err(|_| unreadable("sealed with another key, or damaged"))?
            .len();
        body.truncate(length);
        Ok(body)
    }
}

fn key_bytes(text: &str, line: usize) -> Result<Zeroizing<[u8; KEY_BYTES]>, String> {
    let mut bytes = Zeroizing::new([0u8; KEY_BYTES]);
    hex::decode_to_slice(text, &mut *bytes)
        .map_err(|_| format!("line {line}: a key is 64 hex digits"))?;
    Ok(bytes)
}

fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyring() -> Keyring {
        Keyring::parse(&Keyring::generate().expect("random")).expect("own text")
    }

    #[test]
    fn what_is_sealed_opens_at_its_place_only() {
        let keys = keyring();
        let sealed = keys.seal(b"13700000000", b"row 1").expect("sealed");
        assert_eq!(
            &**keys.open(&sealed, b"row 1").expect("opened"),
            b"13700000000"
        );
        assert!(keys.open(&sealed, b"row 2").is_err());
        assert!(keyring().open(&sealed, b"row 1").is_err());
        for index in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[index] ^= 1;
            assert!(keys.open(&damaged, b"row 1").is_err(), "byte {index}");
        }
    }

    #[test]
    fn an_old_key_still_opens_after_rotation() {
        let old = "index 00000000000000000000000000000000000000000000000000000000000000aa\nseal 1 00000000000000000000000000000000000000000000000000000000000000bb\n";
        let sealed = Keyring::parse(old)
            .expect("old")
            .seal(b"secret", b"")
            .expect("sealed");
        let rotated = format!(
            "{old}seal 2 00000000000000000000000000000000000000000000000000000000000000cc\n"
        );
        let keys = Keyring::parse(&rotated).expect("rotated");
        assert_eq!(&**keys.open(&sealed, b"").expect("opened"), b"secret");
        assert_eq!(keys.seal(b"new", b"").expect("sealed")[0], 2);
    }

    #[test]
    fn derived_keys_and_signatures_are_for_one_purpose_each() {
        let keys = keyring();
        let derive = |purpose: &str, context: &[u8]| *keys.derive(1, purpose, context).expect("1");
        assert_eq!(keys.sealing_id(), 1);
        assert_eq!(derive("a", b"x"), derive("a", b"x"));
        assert_ne!(derive("a", b"x"), derive("a", b"y"));
        assert_ne!(derive("a", b"x"), derive("b", b"x"));
        assert_ne!(
            derive("a", b"x"),
            *keyring().derive(1, "a", b"x").expect("1")
        );
        assert!(keys.derive(2, "a", b"x").is_err(), "there is no key 2");
        let signature = keys.sign("a", b"x");
        assert!(keys.signed("a", b"x", &signature));
        assert!(!keys.signed("b", b"x", &signature));
        assert!(!keys.signed("a", b"y", &signature));
        assert!(!keys.signed("a", b"x", &signature[..31]));
        assert!(!keyring().signed("a", b"x", &signature));
    }

    #[test]
    fn the_index_differs_by_account_and_number() {
        let keys = keyring();
        let number = |text| PhoneNumber::parse(text).expect("number");
        let other = AccountId::new(2_100_000_002).expect("id");
        let key = keys.party_key(AccountId::DEFAULT, number("13700000000"));
        assert_eq!(
            key,
            keys.party_key(AccountId::DEFAULT, number("13700000000"))
        );
        assert_ne!(
            key,
            keys.party_key(AccountId::DEFAULT, number("13700000001"))
        );
        assert_ne!(key, keys.party_key(other, number("13700000000")));
    }
}
