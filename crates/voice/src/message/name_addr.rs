//! Values that name somebody: From, To, Contact, P-Asserted-Identity, Remote-Party-ID
//! (RFC 3261 §20.10, RFC 3325 §9).

use super::{Uri, UriFlaw, is_token, separated};

/// A display name, a URI and the parameters after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameAddr<'a> {
    /// The display name as written, quotes included; empty if there is none.
    pub display: &'a str,
    /// The URI as written.
    pub uri: &'a str,
    parameters: &'a str,
}

/// Why a value names nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the value must be NAME <URI>;PARAMETERS, with the name in quotes unless it is plain words"
)]
pub struct NameAddrFlaw;

impl<'a> NameAddr<'a> {
    /// Reads a value.
    ///
    /// # Errors
    /// If it is malformed; its URI is not read yet.
    pub fn parse(value: &'a str) -> Result<NameAddr<'a>, NameAddrFlaw> {
        let Some(open) = outside_of_quotes(value, b'<')? else {
            return Self::without_brackets(value);
        };
        let display = value[..open].trim();
        if !is_display_name(display) {
            return Err(NameAddrFlaw);
        }
        let rest = &value[open + 1..];
        let close = rest.find('>').ok_or(NameAddrFlaw)?;
        let uri = &rest[..close];
        let after = rest[close + 1..].trim();
        let parameters = match after.strip_prefix(';') {
            Some(parameters) => parameters,
            None if after.is_empty() => "",
            None => return Err(NameAddrFlaw),
        };
        // A space within the brackets is what RFC 4475 §3.1.2.14 refuses.
        if uri.is_empty() || uri.contains([' ', '\t', '<']) || !are_plain(parameters)? {
            return Err(NameAddrFlaw);
        }
        Ok(NameAddr {
            display,
            uri,
            parameters,
        })
    }

    /// Without brackets every parameter belongs to the header field, and the URI must not hold
    /// what could be mistaken (§20.10).
    fn without_brackets(value: &'a str) -> Result<NameAddr<'a>, NameAddrFlaw> {
        let (uri, parameters) = value.split_once(';').unwrap_or((value, ""));
        let uri = uri.trim();
        if uri.is_empty()
            || uri.contains(['?', ',', ' ', '\t', '"', '>'])
            || !are_plain(parameters)?
        {
            return Err(NameAddrFlaw);
        }
        Ok(NameAddr {
            display: "",
            uri,
            parameters,
        })
    }

    /// The URI, if it is one that can be called.
    ///
    /// # Errors
    /// See [`UriFlaw`].
    pub fn parsed_uri(&self) -> Result<Uri<'a>, UriFlaw> {
        Uri::parse(self.uri)
    }

    /// The value of a parameter; empty if it has none.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&'a str> {
        separated(self.parameters, b';').find_map(|parameter| {
            let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The tag of a dialog's end; `None` if there is none or an empty one.
    #[must_use]
    pub fn tag(&self) -> Option<&'a str> {
        self.parameter("tag").filter(|tag| is_token(tag))
    }
}

/// Words, or one quoted string.
fn is_display_name(text: &str) -> bool {
    if let Some(inner) = text.strip_prefix('"') {
        return text.len() >= 2 && closing_quote(inner) == Some(inner.len() - 1);
    }
    // Words beyond ASCII should stand in quotes; phones leave these out.
    let is_word = |word: &str| {
        word.split(|char: char| !char.is_ascii())
            .filter(|part| !part.is_empty())
            .all(is_token)
    };
    text.split([' ', '\t'])
        .filter(|word| !word.is_empty())
        .all(is_word)
}

fn closing_quote(inner: &str) -> Option<usize> {
    let mut escaped = false;
    for (index, byte) in inner.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(index),
            _ => {}
        }
    }
    None
}

/// Whether parameters hold nothing outside of quotes that begins another value or a URI: a reader
/// who takes it for that would not see the parameters behind it.
fn are_plain(parameters: &str) -> Result<bool, NameAddrFlaw> {
    for mark in [b',', b'<', b'>'] {
        if outside_of_quotes(parameters, mark)?.is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Where `wanted` first stands outside of quotes; an error if a quote is never closed.
fn outside_of_quotes(text: &str, wanted: u8) -> Result<Option<usize>, NameAddrFlaw> {
    let bytes = text.as_bytes();
    let mut index = 0;
    while index < bytes.len() {
        match bytes[index] {
            b'"' => {
                let inner = &text[index + 1..];
                index += closing_quote(inner).ok_or(NameAddrFlaw)? + 1;
            }
            byte if byte == wanted => return Ok(Some(index)),
            _ => {}
        }
        index += 1;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_name_is_read() {
        let cases = [
            ("sip:a@b;tag=1", "", "sip:a@b", Some("1")),
            (
                "<sip:a@b;p>;x=\"y;tag=9\";TAG=1",
                "",
                "sip:a@b;p",
                Some("1"),
            ),
            ("caller<sip:a@b>;tag=323", "caller", "sip:a@b", Some("323")),
            (
                r#""J \"R\" <x>, y" <sip:a@b> ; tag = 98"#,
                r#""J \"R\" <x>, y""#,
                "sip:a@b",
                Some("98"),
            ),
            ("Bell Labs <tel:+861>", "Bell Labs", "tel:+861", None),
            ("<sip:a@b>;tag=", "", "sip:a@b", None),
        ];
        for (text, display, uri, tag) in cases {
            let read = NameAddr::parse(text).expect(text);
            assert_eq!(
                (read.display, read.uri, read.tag()),
                (display, uri, tag),
                "{text}"
            );
        }
    }

    #[test]
    fn names_that_two_readers_could_read_two_ways_are_refused() {
        for text in [
            r#""Mr. J. User <sip:a@b>"#,
            "Bell, Alexander <sip:a@b>;tag=43",
            "\"Watson\" < sip:a@b >",
            "<sip:a@b",
            "<sip:a@b> x",
            "<>",
            "",
            "sip:a@b, sip:c@d",
            "sip:a@b?Route=x",
            "<sip:a@b>;x, <sip:c@d>",
            "<sip:a@b>;x<=2;tag=1",
            "<sip:a@b>;x>;tag=1",
            "sip:a@b;x>;tag=1",
            "<sip:a@b>;x=\"y",
            "sip:a@b;x=\"y",
            "\"",
        ] {
            assert_eq!(NameAddr::parse(text), Err(NameAddrFlaw), "{text}");
        }
    }
}
