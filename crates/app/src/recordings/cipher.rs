//! Encryption of a recording's files, by chunks, so that any part can be read without the rest.
//!
//! A file is a header of 32 bytes (mark, key id, chunk size, salt) and then its chunks of 64 KiB,
//! each sealed with AES-256-GCM and followed by its tag; the last one may be shorter or empty. Each
//! file has a key of its own, derived from the installation's sealing key, the salt and the file's
//! place, so the nonce can be the chunk's number. The nonce also says whether the chunk is the last
//! and the header is authenticated with every chunk: chunks that were changed, reordered, moved to
//! another file or cut off at the end do not open.

use std::ops::Range;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use axbridge_store::keyring::Keyring;

/// Bytes of a chunk before it is sealed.
pub(crate) const CHUNK_BYTES: u64 = 64 * 1024;
/// Bytes before the first chunk.
pub(crate) const HEADER_BYTES: usize = 32;
/// Bytes that sealing adds to a chunk.
const TAG_BYTES: u64 = 16;
/// Bytes of a chunk as it is stored.
pub(crate) const SEALED_CHUNK_BYTES: usize = (CHUNK_BYTES + TAG_BYTES) as usize;

const MARK: &[u8; 4] = b"AXR1";
const SALT_BYTES: usize = 16;
const PURPOSE: &str = "recording";

/// The bytes are not what was sealed, or cannot be opened with the keys at hand.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct CipherError(pub(crate) String);

fn fault(what: &str) -> CipherError {
    CipherError(what.to_owned())
}

/// The header and key of one file.
pub(crate) struct FileCipher {
    header: [u8; HEADER_BYTES],
    key: LessSafeKey,
}

impl FileCipher {
    /// The cipher of a new file at `place`.
    pub(crate) fn new(
        keys: &Keyring,
        key_id: u8,
        place: &str,
        salt: [u8; SALT_BYTES],
    ) -> Result<Self, CipherError> {
        let mut header = [0; HEADER_BYTES];
        header[..4].copy_from_slice(MARK);
        header[4] = key_id;
        header[8..12].copy_from_slice(&(CHUNK_BYTES as u32).to_be_bytes());
        header[HEADER_BYTES - SALT_BYTES..].copy_from_slice(&salt);
        Self::of(keys, header, place)
    }

    /// The cipher of the file at `place` that begins with this header.
    pub(crate) fn read(keys: &Keyring, header: &[u8], place: &str) -> Result<Self, CipherError> {
        let header: [u8; HEADER_BYTES] = header
            .try_into()
            .map_err(|_| fault("the file is too short"))?;
        if header[..4] != *MARK || header[8..12] != (CHUNK_BYTES as u32).to_be_bytes() {
            return Err(fault("the file is not one that was encrypted here"));
        }
        Self::of(keys, header, place)
    }

    fn of(keys: &Keyring, header: [u8; HEADER_BYTES], place: &str) -> Result<Self, CipherError> {
        let mut context = header[HEADER_BYTES - SALT_BYTES..].to_vec();
        context.extend_from_slice(place.as_bytes());
        let key = keys.derive(header[4], PURPOSE, &context);
        let key = key.map_err(|error| CipherError(error.to_string()))?;
        let key = UnboundKey::new(&AES_256_GCM, &*key).map_err(|_| fault("no AES-256 key"))?;
        Ok(Self {
            header,
            key: LessSafeKey::new(key),
        })
    }

    /// What the file begins with.
    pub(crate) fn header(&self) -> &[u8; HEADER_BYTES] {
        &self.header
    }

    /// Seals chunk `index` in place. No index may be sealed twice.
    pub(crate) fn seal(
        &self,
        index: u64,
        is_last: bool,
        chunk: &mut Vec<u8>,
    ) -> Result<(), CipherError> {
        self.key
            .seal_in_place_append_tag(nonce(index, is_last), Aad::from(self.header), chunk)
            .map_err(|_| fault("the cipher refused"))
    }

    /// Opens chunk `index` in place.
    pub(crate) fn open(
        &self,
        index: u64,
        is_last: bool,
        chunk: &mut Vec<u8>,
    ) -> Result<(), CipherError> {
        let opened = self
            .key
            .open_in_place(nonce(index, is_last), Aad::from(self.header), chunk)
            .map_err(|_| fault("a chunk is damaged, or not at its place"))?
            .len();
        chunk.truncate(opened);
        Ok(())
    }
}

fn nonce(index: u64, is_last: bool) -> Nonce {
    let mut bytes = [0; NONCE_LEN];
    bytes[0] = u8::from(is_last);
    bytes[4..].copy_from_slice(&index.to_be_bytes());
    Nonce::assume_unique_for_key(bytes)
}

/// How many chunks a file of so many plain bytes has: at least one, so that even an empty file has
/// an end that cannot be cut off.
pub(crate) fn chunks_of(plain_bytes: u64) -> u64 {
    plain_bytes.div_ceil(CHUNK_BYTES).max(1)
}

/// How long a file of so many plain bytes is once it is sealed.
pub(crate) fn sealed_bytes(plain_bytes: u64) -> u64 {
    HEADER_BYTES as u64 + plain_bytes + chunks_of(plain_bytes) * TAG_BYTES
}

/// Where the chunks are that hold a range of plain bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Span {
    /// The first chunk.
    pub(crate) first: u64,
    /// Their bytes in the sealed file.
    pub(crate) sealed: Range<u64>,
    /// Plain bytes of the first chunk that are before the range.
    pub(crate) skip: u64,
}

/// The chunks of `range`, which must be within the file and, unless the file is empty, not empty.
pub(crate) fn span(plain_bytes: u64, range: &Range<u64>) -> Span {
    let sealed_chunk = CHUNK_BYTES + TAG_BYTES;
    let first = range.start / CHUNK_BYTES;
    let after = range.end.div_ceil(CHUNK_BYTES).max(first + 1);
    let from = HEADER_BYTES as u64 + first * sealed_chunk;
    let until = HEADER_BYTES as u64 + after * sealed_chunk;
    Span {
        first,
        sealed: from..until.min(sealed_bytes(plain_bytes)),
        skip: range.start - first * CHUNK_BYTES,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keyring() -> Keyring {
        Keyring::parse(&Keyring::generate().expect("random")).expect("own text")
    }

    /// Bytes that differ from place to place.
    fn plain(length: usize) -> Vec<u8> {
        (0..length)
            .map(|index| ((index as u64 * 2_654_435_761) >> 7) as u8)
            .collect()
    }

    fn seal(keys: &Keyring, place: &str, plain: &[u8]) -> Vec<u8> {
        let cipher = FileCipher::new(keys, 1, place, [7; SALT_BYTES]).expect("a cipher");
        let mut sealed = cipher.header().to_vec();
        let chunks = chunks_of(plain.len() as u64);
        for index in 0..chunks {
            let from = (index * CHUNK_BYTES) as usize;
            let until = plain.len().min(from + CHUNK_BYTES as usize);
            let mut chunk = plain[from..until].to_vec();
            cipher
                .seal(index, index + 1 == chunks, &mut chunk)
                .expect("sealed");
            sealed.extend_from_slice(&chunk);
        }
        sealed
    }

    /// Opens a range as a reader does: the header, then the chunks of the span.
    fn open(
        keys: &Keyring,
        place: &str,
        sealed: &[u8],
        plain_bytes: u64,
        range: Range<u64>,
    ) -> Result<Vec<u8>, CipherError> {
        let header = sealed.get(..HEADER_BYTES).unwrap_or_default();
        let cipher = FileCipher::read(keys, header, place)?;
        let span = span(plain_bytes, &range);
        let bytes = sealed
            .get(span.sealed.start as usize..span.sealed.end as usize)
            .ok_or_else(|| fault("the file is too short"))?;
        let mut opened = Vec::new();
        for (index, chunk) in (span.first..).zip(bytes.chunks(SEALED_CHUNK_BYTES)) {
            let mut chunk = chunk.to_vec();
            cipher.open(index, index + 1 == chunks_of(plain_bytes), &mut chunk)?;
            opened.extend_from_slice(&chunk);
        }
        let skip = span.skip as usize;
        Ok(opened[skip..skip + (range.end - range.start) as usize].to_vec())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn any_range_of_any_length_opens_to_what_was_sealed(
            length in prop_oneof![0..300usize, 65_500..65_600usize, 131_000..131_200usize, 0..400_000usize],
            from in 0.0..1.0f64,
            until in 0.0..1.0f64,
        ) {
            let keys = keyring();
            let plain = plain(length);
            let sealed = seal(&keys, "a/b.wav", &plain);
            prop_assert_eq!(sealed.len() as u64, sealed_bytes(length as u64));
            let (a, b) = ((from * length as f64) as u64, (until * length as f64) as u64);
            let range = a.min(b)..(a.max(b) + 1).min(length as u64);
            let opened = open(&keys, "a/b.wav", &sealed, length as u64, range.clone());
            let wanted = &plain[range.start as usize..range.end as usize];
            prop_assert_eq!(opened.as_deref(), Ok(wanted));
        }

        #[test]
        fn a_flipped_bit_anywhere_is_noticed(
            length in prop_oneof![0..300usize, 65_530..65_540usize, 70_000..140_000usize],
            place in 0.0..1.0f64,
            bit in 0..8u8,
        ) {
            let keys = keyring();
            let mut sealed = seal(&keys, "a/b.wav", &plain(length));
            let index = (place * sealed.len() as f64) as usize;
            sealed[index] ^= 1 << bit;
            let opened = open(&keys, "a/b.wav", &sealed, length as u64, 0..length as u64);
            prop_assert!(opened.is_err(), "byte {}", index);
        }

        #[test]
        fn a_file_that_was_cut_off_is_noticed_at_its_end(
            length in 1..300_000usize,
            cut in 1..200_000usize,
        ) {
            let keys = keyring();
            let sealed = seal(&keys, "a/b.wav", &plain(length));
            let cut = sealed.len() - cut.min(sealed.len());
            // Whoever believes that the file is as long as what is left of it:
            for believed in 0..=length as u64 {
                if sealed_bytes(believed) == cut as u64 && believed < length as u64 {
                    let opened = open(&keys, "a/b.wav", &sealed[..cut], believed, 0..believed);
                    prop_assert!(opened.is_err());
                }
            }
            let whole = 0..length as u64;
            prop_assert!(open(&keys, "a/b.wav", &sealed[..cut], length as u64, whole).is_err());
        }
    }

    #[test]
    fn a_file_that_ends_at_a_whole_chunk_is_noticed_to_be_cut() {
        let keys = keyring();
        let sealed = seal(&keys, "p", &plain(3 * CHUNK_BYTES as usize));
        let two = HEADER_BYTES + 2 * SEALED_CHUNK_BYTES;
        let opened = open(
            &keys,
            "p",
            &sealed[..two],
            2 * CHUNK_BYTES,
            0..2 * CHUNK_BYTES,
        );
        assert!(opened.is_err());
    }

    #[test]
    fn chunks_in_another_order_or_another_file_do_not_open() {
        let keys = keyring();
        let length = 3 * CHUNK_BYTES;
        let plain = plain(length as usize);
        let sealed = seal(&keys, "p", &plain);
        let chunk = |index: usize| {
            let from = HEADER_BYTES + index * SEALED_CHUNK_BYTES;
            &sealed[from..from + SEALED_CHUNK_BYTES]
        };
        let swapped = [&sealed[..HEADER_BYTES], chunk(1), chunk(0), chunk(2)].concat();
        assert!(open(&keys, "p", &swapped, length, 0..length).is_err());
        let repeated = [&sealed[..HEADER_BYTES], chunk(0), chunk(0), chunk(2)].concat();
        assert!(open(&keys, "p", &repeated, length, 0..length).is_err());
        assert!(open(&keys, "q", &sealed, length, 0..length).is_err());
        assert!(open(&keyring(), "p", &sealed, length, 0..length).is_err());
        assert!(open(&keys, "p", &sealed, length, 0..length).is_ok());
    }

    #[test]
    fn nothing_of_the_plain_text_shows() {
        let keys = keyring();
        let sealed = seal(&keys, "p", &[0; 1000]);
        let longest = sealed[HEADER_BYTES..]
            .chunk_by(|a, b| a == b)
            .map(<[u8]>::len)
            .max();
        assert!(longest < Some(8), "{longest:?}");
    }
}
