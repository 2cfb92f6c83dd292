//! Digits that come as INFO. No RFC says how: RFC 6086 knows packages, of which none for digits was
//! ever agreed on, so phones use the older way of RFC 2976 with a body of their makers' invention.

use rsipstack::sip::Headers;

use super::message::{Extra, header};

/// What an INFO is answered with, and the digit that it told of.
pub(super) struct Taken {
    pub(super) status: u16,
    pub(super) extras: Vec<Extra>,
    pub(super) digit: Option<char>,
}

impl Taken {
    const fn ok(digit: Option<char>) -> Self {
        Self {
            status: 200,
            extras: Vec::new(),
            digit,
        }
    }
}

/// Reads an INFO. One that tells of nothing we know (a hook flash, an empty body to keep a
/// connection alive) is answered and passed over.
pub(super) fn take(headers: &Headers, body: &[u8]) -> Taken {
    if header(headers, "Info-Package").is_some() {
        // We take none (RFC 6086 §4.2.2), and say so.
        return Taken {
            status: 469,
            extras: vec![Extra::new("Recv-Info", "")],
            digit: None,
        };
    }
    let Ok(text) = std::str::from_utf8(body) else {
        return Taken::ok(None);
    };
    let kind = header(headers, "Content-Type").or_else(|| header(headers, "c"));
    let kind = kind.unwrap_or_default().split(';').next();
    let word = match kind.unwrap_or_default().trim() {
        kind if kind.eq_ignore_ascii_case("application/dtmf-relay") => signal_of(text),
        kind if kind.eq_ignore_ascii_case("application/dtmf") => Some(text),
        _ => None,
    };
    Taken::ok(word.and_then(|word| key_of(word.trim())))
}

/// The value of the line `Signal=5`, beside which stands `Duration=160`.
fn signal_of(text: &str) -> Option<&str> {
    text.lines().find_map(|line| {
        let (name, value) = line.split_once('=')?;
        name.trim().eq_ignore_ascii_case("Signal").then_some(value)
    })
}

/// A key by its name, or by its number in RFC 4733 where that has two digits.
fn key_of(word: &str) -> Option<char> {
    match word {
        "10" => Some('*'),
        "11" => Some('#'),
        "12" => Some('A'),
        "13" => Some('B'),
        "14" => Some('C'),
        "15" => Some('D'),
        _ => {
            let mut letters = word.chars();
            let key = letters.next()?.to_ascii_uppercase();
            let is_key = matches!(key, '0'..='9' | '*' | '#' | 'A'..='D');
            (is_key && letters.next().is_none()).then_some(key)
        }
    }
}

#[cfg(test)]
mod tests {
    use rsipstack::sip::{Header, headers::make_header};

    use super::*;

    fn taken(kind: &str, body: &str) -> Option<char> {
        let mut headers = Headers::default();
        headers.push(Header::ContentType(kind.into()));
        let taken = take(&headers, body.as_bytes());
        assert_eq!(taken.status, 200);
        taken.digit
    }

    #[test]
    fn digits_are_read_as_phones_write_them() {
        for (kind, body, digit) in [
            (
                "application/dtmf-relay",
                "Signal=5\r\nDuration=160\r\n",
                Some('5'),
            ),
            (
                "application/dtmf-relay",
                "Signal= #\r\nDuration= 250",
                Some('#'),
            ),
            (
                "Application/DTMF-Relay;x=y",
                "duration=1\nsignal = *",
                Some('*'),
            ),
            ("application/dtmf-relay", "Signal=11\r\n", Some('#')),
            ("application/dtmf-relay", "Signal=hf\r\n", None),
            ("application/dtmf-relay", "Signal=16\r\n", None),
            ("application/dtmf-relay", "Signal=\r\n", None),
            ("application/dtmf-relay", "5", None),
            ("application/dtmf", "5", Some('5')),
            ("application/dtmf", "d\r\n", Some('D')),
            ("application/dtmf", "55", None),
            ("application/dtmf", "", None),
            ("text/plain", "5", None),
        ] {
            assert_eq!(taken(kind, body), digit, "{kind} {body:?}");
        }
    }

    #[test]
    fn a_package_is_refused_with_the_list_of_ours_which_is_empty() {
        let mut headers = Headers::default();
        headers.push(make_header("Info-Package", "dtmf".to_owned()));
        let taken = take(&headers, b"5");
        assert_eq!((taken.status, taken.digit), (469, None));
        assert_eq!(
            (taken.extras[0].name, &*taken.extras[0].value),
            ("Recv-Info", "")
        );
    }
}
