//! The search for what must not be there: a number or a host of the other side, in whatever
//! anybody can read. Plain, in hexadecimal, in base64 and with percent escapes, also inside of
//! something longer.
//!
//! Every suite that lets people call each other searches by this: what each side received, and what
//! lies about afterwards ([`leaks_in_files`]).

use std::path::{Path, PathBuf};

use memchr::memmem;

/// One find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leak {
    /// What was looked for.
    pub needle: String,
    /// In which form it was there: `plain`, `percent`, `hex`, `base64`.
    pub form: &'static str,
    /// Where, in bytes.
    pub at: usize,
}

/// Needles shorter than this are found by accident.
const NEEDLE_BYTES_MIN: usize = 5;

/// Every needle that `haystack` holds in any form. Letters count as equal in either case.
///
/// # Panics
/// If a needle is so short that it would be found by accident.
#[must_use]
pub fn leaks(haystack: &[u8], needles: &[&str]) -> Vec<Leak> {
    let lower = haystack.to_ascii_lowercase();
    let unescaped = percent_decoded(&lower);
    let mut found = Vec::new();
    for needle in needles {
        assert!(needle.len() >= NEEDLE_BYTES_MIN, "{needle:?} is too short");
        let bytes = needle.to_ascii_lowercase().into_bytes();
        let plain = position(&lower, &bytes);
        // Found plain it need not be told again.
        let escaped = position(&unescaped, &bytes).filter(|_| plain.is_none());
        let finds = [
            ("plain", plain),
            ("percent", escaped),
            ("hex", position(&lower, hex::encode(&bytes).as_bytes())),
            ("base64", base64_position(haystack, needle.as_bytes())),
        ];
        for (form, at) in finds {
            found.extend(at.map(|at| Leak {
                needle: (*needle).to_owned(),
                form,
                at,
            }));
        }
    }
    found
}

/// Panics with what leaked.
///
/// # Panics
/// If `haystack` holds any needle in any form.
pub fn assert_no_leak(haystack: &[u8], needles: &[&str], what: &str) {
    let found = leaks(haystack, needles);
    assert!(
        found.is_empty(),
        "{what} holds what it must not: {found:?}\n{}",
        String::from_utf8_lossy(haystack)
    );
}

/// Of a sound file as much as its headers may take: what follows is sound.
const SOUND_HEAD_BYTES: usize = 4096;

/// Searches the names of all files below `folder`, and what is in them; of sound files the head.
/// Each find is told with its file.
#[must_use]
pub fn leaks_in_files(folder: &Path, needles: &[&str]) -> Vec<(PathBuf, Leak)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name();
        let mut here = leaks(name.as_encoded_bytes(), needles);
        if path.is_dir() {
            found.extend(leaks_in_files(&path, needles));
        } else if let Ok(mut bytes) = std::fs::read(&path) {
            // What is gone meanwhile holds nothing.
            if path.extension().is_some_and(|it| it == "wav") {
                bytes.truncate(SOUND_HEAD_BYTES);
            }
            here.extend(leaks(&bytes, needles));
        }
        found.extend(here.into_iter().map(|leak| (path.clone(), leak)));
    }
    found
}

fn position(haystack: &[u8], pattern: &[u8]) -> Option<usize> {
    memmem::find(haystack, pattern)
}

fn percent_decoded(bytes: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while index < bytes.len() {
        let pair = bytes
            .get(index + 1..index + 3)
            .filter(|_| bytes[index] == b'%');
        let byte = pair.and_then(|pair| hex::decode(pair).ok());
        match byte.as_deref() {
            Some([byte]) => {
                decoded.push(byte.to_ascii_lowercase());
                index += 3;
            }
            _ => {
                decoded.push(bytes[index]);
                index += 1;
            }
        }
    }
    decoded
}

/// Where `haystack` holds a base64 text that encodes something with `needle` in it, which can
/// start in three places of a group.
fn base64_position(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let haystack: Vec<u8> = haystack.iter().map(|byte| plain_base64(*byte)).collect();
    (0..3).find_map(|before| {
        let bits_before = before * 8;
        let bits_end = bits_before + needle.len() * 8;
        let mut padded = vec![0; before];
        padded.extend_from_slice(needle);
        let pattern = base64(&padded).into_bytes();
        // Which bits of a character the needle decides: those at its ends share theirs with what
        // stands around.
        let mask = |index: usize| {
            let inside = |bit: usize| (bits_before..bits_end).contains(&(index * 6 + bit));
            (0..6).fold(0_u8, |mask, bit| mask << 1 | u8::from(inside(bit)))
        };
        let whole = |index: &usize| mask(*index) == 0b11_1111;
        let first = (0..pattern.len()).find(whole)?;
        let last = (0..pattern.len()).rfind(whole)?;
        let core = memmem::find_iter(&haystack, &pattern[first..=last]);
        core.filter_map(|at| at.checked_sub(first)).find(|start| {
            (0..pattern.len()).all(|index| {
                let wanted = six_bits(pattern[index]).unwrap_or_default() & mask(index);
                let there = haystack.get(start + index).copied().and_then(six_bits);
                mask(index) == 0 || there.is_some_and(|bits| bits & mask(index) == wanted)
            })
        })
    })
}

/// The character of base64 that stands for the same as this one of base64url.
const fn plain_base64(byte: u8) -> u8 {
    match byte {
        b'-' => b'+',
        b'_' => b'/',
        other => other,
    }
}

/// What a character of base64 stands for.
const fn six_bits(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

/// RFC 4648 §4, without padding.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let mut block = [0; 3];
        block[..chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes([0, block[0], block[1], block[2]]);
        for index in 0..=chunk.len() {
            let six = (bits >> (18 - 6 * index)) & 63;
            text.push(char::from(ALPHABET[six as usize]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBER: &str = "13700000001";

    fn forms(haystack: &str) -> Vec<&'static str> {
        let found = leaks(haystack.as_bytes(), &[NUMBER, "host-a.example"]);
        found.into_iter().map(|leak| leak.form).collect()
    }

    #[test]
    fn a_number_is_found_in_every_form() {
        assert_eq!(
            forms("Via: SIP/2.0/UDP h\r\nSubject: call of +8613700000001\r\n"),
            ["plain"]
        );
        assert_eq!(forms("sip:%31370%30000001@h"), ["percent"]);
        assert_eq!(forms("X-Id: 3133373030303030303031"), ["hex"]);
        assert_eq!(forms("@HOST-A.Example>"), ["plain"]);
        for before in ["", "a", "ab", "abc", "{\"caller\":\""] {
            let text = base64(format!("{before}{NUMBER}\"}}").as_bytes());
            assert_eq!(forms(&format!("X: {text}==")), ["base64"], "{before}");
        }
    }

    #[test]
    fn names_and_contents_of_files_are_searched_and_of_sound_only_the_head() {
        let folder = tempfile::tempdir().expect("a directory");
        let within = folder.path().join("within");
        std::fs::create_dir(&within).expect("a directory");
        let write = |name: &str, bytes: &[u8]| {
            std::fs::write(within.join(name), bytes).expect("written");
        };
        write(
            "call-1.wav",
            &[&[0; SOUND_HEAD_BYTES], NUMBER.as_bytes()].concat(),
        );
        write("clean", b"nothing");
        assert_eq!(leaks_in_files(folder.path(), &[NUMBER]), []);
        write(&format!("{NUMBER}.wav"), b"RIFF");
        write("call-2.wav", format!("RIFF {NUMBER}").as_bytes());
        write("log", format!("it is {NUMBER}").as_bytes());
        let found = leaks_in_files(folder.path(), &[NUMBER]);
        assert_eq!(found.len(), 3, "{found:?}");
    }

    #[test]
    fn other_numbers_are_not_found() {
        let text = format!(
            "13700000002 {} {}",
            hex::encode("13700000002"),
            base64(b"13700000002")
        );
        assert!(forms(&text).is_empty());
    }

    #[test]
    fn base64_is_that_of_the_rfc() {
        // RFC 4648 §10, without padding.
        for (plain, text) in [
            ("f", "Zg"),
            ("fo", "Zm8"),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(plain.as_bytes()), text);
        }
    }
}
