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
    let (plain, length) = plain_of(a, b);
    keys.seal(&plain[..length], sub_id.to_string().as_bytes())
}

/// Seals the parties of a binding at their keys: what is moved to a row of other parties does not
/// open, and the SubId need not be known yet.
pub(crate) fn seal_at_keys(
    keys: &Keyring,
    shape: &Shape,
    a: PhoneNumber,
    b: Option<PhoneNumber>,
) -> Result<Vec<u8>, StoreError> {
    let (plain, length) = plain_of(a, b);
    keys.seal(&plain[..length], &place_of(shape))
}

/// Opens what [`seal_at_keys`] sealed.
pub(crate) fn open_at_keys(
    keys: &Keyring,
    shape: &Shape,
    sub_id: SubId,
    sealed: &[u8],
) -> Result<(PhoneNumber, Option<PhoneNumber>), StoreError> {
    parties_of(&keys.open(sealed, &place_of(shape))?, sub_id)
}

/// The keys of A and B; zeros where there is no B, which no party's key is.
fn place_of(shape: &Shape) -> [u8; 32] {
    let mut place = [0; 32];
    place[..16].copy_from_slice(shape.a().as_bytes());
    if let Some(b) = shape.b() {
        place[16..].copy_from_slice(b.as_bytes());
    }
    place
}

fn plain_of(a: PhoneNumber, b: Option<PhoneNumber>) -> ([u8; 16], usize) {
    let mut plain = [0; 16];
    plain[..8].copy_from_slice(&a.to_bits().to_be_bytes());
    let Some(b) = b else {
        return (plain, 8);
    };
    plain[8..].copy_from_slice(&b.to_bits().to_be_bytes());
    (plain, 16)
}

/// Opens what [`seal_parties`] sealed.
pub(crate) fn open_parties(
    keys: &Keyring,
    sub_id: SubId,
    sealed: &[u8],
) -> Result<(PhoneNumber, Option<PhoneNumber>), StoreError> {
    parties_of(&keys.open(sealed, sub_id.to_string().as_bytes())?, sub_id)
}

fn parties_of(
    plain: &[u8],
    sub_id: SubId,
) -> Result<(PhoneNumber, Option<PhoneNumber>), StoreError> {
    let number = |bytes: &[u8]| {
        let bits = bytes.try_into().map(u64::from_be_bytes).ok();
        bits.and_then(PhoneNumber::from_bits)
            .ok_or_else(|| StoreError::Unreadable(format!("parties of {sub_id}")))
    };
    match plain.len() {
        8 => Ok((number(plain)?, None)),
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
