//! What of a binding is sealed at rest: the digits of A and B, together, bound to their SubId.

use axbridge_domain::{
    account::AccountId,
    binding::{Shape, SubId},
    phone::PhoneNumber,
};

use crate::{error::StoreError, keyring::Keyring};

/// Seals the parties of a binding.
pub(crate) fn seal_parties(
    keys: &Keyring,
    sub_id: SubId,
    a: PhoneNumber,
    b: Option<PhoneNumber>,
) -> Result<Vec<u8>, StoreError> {
    let mut plain = a.to_bits().to_be_bytes().to_vec();
    if let Some(b) = b {
        plain.extend_from_slice(&b.to_bits().to_be_bytes());
    }
    keys.seal(&plain, sub_id.to_string().as_bytes())
}

/// Opens what [`seal_parties`] sealed.
pub(crate) fn open_parties(
    keys: &Keyring,
    sub_id: SubId,
    sealed: &[u8],
) -> Result<(PhoneNumber, Option<PhoneNumber>), StoreError> {
    let plain = keys.open(sealed, sub_id.to_string().as_bytes())?;
    let number = |bytes: &[u8]| {
        let bits = bytes.try_into().map(u64::from_be_bytes).ok();
        bits.and_then(PhoneNumber::from_bits)
            .ok_or_else(|| StoreError::Unreadable(format!("parties of {sub_id}")))
    };
    match plain.len() {
        8 => Ok((number(&plain)?, None)),
        16 => Ok((number(&plain[..8])?, Some(number(&plain[8..])?))),
        _ => Err(StoreError::Unreadable(format!("parties of {sub_id}"))),
    }
}

/// The shape of an AX or AXB by the keys of its parties.
pub(crate) fn shape_of(
    keys: &Keyring,
    account: AccountId,
    a: PhoneNumber,
    b: Option<PhoneNumber>,
) -> Shape {
    let a = keys.party_key(account, a);
    match b {
        None => Shape::Ax { a },
        Some(b) => Shape::Axb {
            a,
            b: keys.party_key(account, b),
        },
    }
}
