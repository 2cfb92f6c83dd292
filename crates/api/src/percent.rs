//! Percent coding of queries and forms (RFC 3986 section 2.1, and `+` as a
//! blank as HTML forms write it). Bytes in, bytes out: whether they are UTF-8
//! is the question of whoever reads them.

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// Splits `a=1&b=2` into its raw name and value pairs, in order. Empty pieces
/// (`a=1&&b=2`) are skipped; a piece without `=` has an empty value.
pub(crate) fn raw_pairs(text: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    text.split(|&byte| byte == b'&')
        .filter(|piece| !piece.is_empty())
        .map(|piece| match piece.iter().position(|&byte| byte == b'=') {
            Some(at) => (&piece[..at], &piece[at + 1..]),
            None => (piece, &piece[piece.len()..]),
        })
}

/// Decodes one name or value of a query or form: `%41` is a byte, `+` a blank.
/// A `%` without two hexadecimal digits behind it stands for itself.
pub(crate) fn decode_form(raw: &[u8]) -> Vec<u8> {
    decode(raw, true)
}

/// Decodes one path segment: like [`decode_form`], but `+` stays a plus sign.
pub(crate) fn decode_path(raw: &[u8]) -> Vec<u8> {
    decode(raw, false)
}

fn decode(raw: &[u8], plus_is_blank: bool) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let [first, tail @ ..] = rest {
        let escaped = match (*first, tail) {
            (b'%', [high, low, ..]) => hex_digit(*high).zip(hex_digit(*low)),
            _ => None,
        };
        match escaped {
            Some((high, low)) => {
                decoded.push(high << 4 | low);
                rest = &tail[2..];
            }
            None => {
                decoded.push(if *first == b'+' && plus_is_blank {
                    b' '
                } else {
                    *first
                });
                rest = tail;
            }
        }
    }
    decoded
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

/// Appends `bytes` to `out`, everything but the unreserved characters of
/// RFC 3986 section 2.3 and those in `also_bare` as `%` and two upper-case
/// hexadecimal digits.
pub(crate) fn encode_into(out: &mut String, bytes: &[u8], also_bare: &[u8]) {
    for &byte in bytes {
        let unreserved = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
        if unreserved || also_bare.contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plus_is_a_blank_in_forms_and_itself_in_paths() {
        assert_eq!(decode_form(b"a+b%2B%e5"), b"a b+\xe5");
        assert_eq!(decode_path(b"a+b%2B"), b"a+b+");
    }

    #[test]
    fn a_percent_sign_without_two_digits_stands_for_itself() {
        assert_eq!(decode_form(b"%"), b"%");
        assert_eq!(decode_form(b"%4"), b"%4");
        assert_eq!(decode_form(b"%zz%41"), b"%zzA");
    }

    #[test]
    fn everything_but_unreserved_characters_is_written_in_upper_case_hex() {
        let mut out = String::new();
        encode_into(&mut out, "号 +/*~'".as_bytes(), b"'");
        assert_eq!(out, "%E5%8F%B7%20%2B%2F%2A~'");
    }

    #[test]
    fn pairs_keep_their_order_and_may_lack_a_value() {
        let pairs: Vec<_> = raw_pairs(b"a=1&&b&c==&=d").collect();
        let expected: Vec<(&[u8], &[u8])> =
            vec![(b"a", b"1"), (b"b", b""), (b"c", b"="), (b"", b"d")];
        assert_eq!(pairs, expected);
    }
}
