//! A real number as the tables know it: a keyed digest, never the digits.

use std::fmt;

/// Blind index of a real number within one account: equal numbers of one account have equal keys,
/// and nobody without the index key can tell which number a key stands for.
///
/// The first bit is always set, so a key never equals the fixed values of the other selectors
/// ([`crate::route::Selector`]).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartyKey([u8; 16]);

impl PartyKey {
    /// A key from a digest; one bit of the digest gives way to the mark.
    #[must_use]
    pub const fn from_digest(mut digest: [u8; 16]) -> Self {
        digest[0] |= 0x80;
        Self(digest)
    }

    /// A key read back from storage; `None` when the mark is missing.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Option<Self> {
        if bytes[0] & 0x80 == 0 {
            None
        } else {
            Some(Self(bytes))
        }
    }

    /// The key's bytes, as stored.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for PartyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PartyKey({:02x}{:02x}…)", self.0[0], self.0[1])
    }
}
