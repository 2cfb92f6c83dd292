//! One mixing function for the in-memory tables. Party keys are keyed digests already, so nobody
//! outside can steer two of them into one bucket; speed is all that is asked of the mix.

/// Mixes two words into one whose high and low bits are both usable.
#[inline]
pub(crate) fn mix(a: u64, b: u64) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let wide =
        u128::from(a ^ ODD).wrapping_mul(u128::from(b.rotate_left(29) ^ 0xd6e8_feb8_6659_fd93));
    let folded = (wide as u64) ^ ((wide >> 64) as u64);
    (folded ^ (folded >> 32)).wrapping_mul(ODD)
}

/// The two words of a 16-byte key.
#[inline]
pub(crate) fn words(bytes: &[u8; 16]) -> (u64, u64) {
    let (mut low, mut high) = ([0u8; 8], [0u8; 8]);
    low.copy_from_slice(&bytes[..8]);
    high.copy_from_slice(&bytes[8..]);
    (u64::from_le_bytes(low), u64::from_le_bytes(high))
}
