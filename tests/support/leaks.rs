//! The search for what must not be there: a number or a host of the other side, in whatever
//! anybody can read. Plain, in hexadecimal, in base64 and with percent escapes, also inside of
//! something longer.

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

fn position(haystack: &[u8], pattern: &[u8]) -> Option<usize> {
    haystack
        .windows(pattern.len())
        .position(|window| window == pattern)
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
    (0..3).find_map(|before| {
        let bits_before = before * 8;
        let bits_end = bits_before + needle.len() * 8;
        let mut padded = vec![0; before];
        padded.extend_from_slice(needle);
        let pattern: Vec<u8> = base64(&padded).bytes().filter_map(six_bits).collect();
        // Characters that share bits with what stands around are compared in the needle's bits.
        let masks: Vec<u8> = (0..pattern.len())
            .map(|index| {
                let inside = |bit: usize| (bits_before..bits_end).contains(&(index * 6 + bit));
                (0..6).fold(0, |mask, bit| mask << 1 | u8::from(inside(bit)))
            })
            .collect();
        haystack.windows(pattern.len()).position(|window| {
            let mut places = window.iter().zip(&pattern).zip(&masks);
            places.all(|((byte, wanted), mask)| match six_bits(*byte) {
                Some(bits) => bits & mask == wanted & mask,
                None => *mask == 0,
            })
        })
    })
}

/// What a character of base64 or base64url stands for.
fn six_bits(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
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
