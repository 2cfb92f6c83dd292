//! The dice: secrets from the system's secure source, seeds for selections.

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};

use crate::error::AppError;

const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Random bytes that nobody can guess.
///
/// # Errors
/// [`AppError::Internal`] when the system has none to give.
pub(crate) fn secure_bytes<const N: usize>() -> Result<[u8; N], AppError> {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| AppError::Internal("the system gave no random bytes".to_owned()))?;
    Ok(bytes)
}

/// A random number that nobody can guess.
///
/// # Errors
/// As [`secure_bytes`].
pub fn secure_u64() -> Result<u64, AppError> {
    secure_bytes().map(u64::from_le_bytes)
}

/// `length` letters and digits that nobody can guess.
///
/// # Errors
/// As [`secure_bytes`].
pub fn secure_text(length: usize) -> Result<String, AppError> {
    let mut text = String::with_capacity(length);
    while text.len() < length {
        // 248 is the largest multiple of 62 in a byte: bytes above it would favour some letters.
        let fresh = secure_bytes::<64>()?;
        let letters = fresh
            .iter()
            .filter(|byte| **byte < 248)
            .map(|byte| usize::from(*byte) % LETTERS.len());
        for letter in letters
            .filter_map(|index| LETTERS.get(index))
            .take(length - text.len())
        {
            text.push(char::from(*letter));
        }
    }
    Ok(text)
}
