//! SIP messages as they stand on the wire: start line, header fields, body (RFC 3261 §7, §25).
//!
//! For judging and for reading what a peer said; the stack makes our own messages. Text is read
//! strictly where a lenient reading could differ from the stack's: a line ends with CRLF and with
//! nothing else, and nothing is guessed.

mod name_addr;
mod uri;
mod via;

pub use name_addr::{NameAddr, NameAddrFlaw};
pub use uri::{Scheme, Uri, UriFlaw, percent_decoded};
pub use via::{Via, ViaFlaw};

use std::borrow::Cow;

/// The largest message that is read at all, in bytes (what a UDP datagram can hold).
pub const MESSAGE_BYTES_MAX: usize = 65_535;

/// The most header fields of one message. The longest of RFC 4475 has 52.
pub const HEADERS_MAX: usize = 160;

/// The longest header field with its continuation lines, in bytes.
pub const HEADER_BYTES_MAX: usize = 8_192;

/// The most Via values of one message; each is a hop.
pub const VIAS_MAX: usize = 70;

/// The end of the header section.
pub(crate) const HEAD_END: &[u8] = b"\r\n\r\n";

/// Why bytes are no SIP message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Flaw {
    /// Longer than [`MESSAGE_BYTES_MAX`].
    #[error("a message is at most 65535 bytes long")]
    TooLong,
    /// No empty line ends the header section.
    #[error("an empty line (CR LF CR LF) must end the header section")]
    NoHeadEnd,
    /// A CR or LF that is not half of a CRLF, or a NUL.
    #[error("lines must end with CR LF, and hold no NUL and no other CR or LF")]
    StrayControl,
    /// The first line is neither a request line nor a status line.
    #[error("the first line must be METHOD SP URI SP VERSION or VERSION SP CODE SP REASON")]
    StartLine,
    /// A line that is no header field.
    #[error("each line of the header section must be NAME: VALUE")]
    HeaderLine,
    /// More than [`HEADERS_MAX`] header fields.
    #[error("a message has at most 160 header fields")]
    TooManyHeaders,
    /// A header field longer than [`HEADER_BYTES_MAX`].
    #[error("a header field is at most 8192 bytes long")]
    HeaderTooLong,
}

/// The first line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartLine<'a> {
    /// Of a request.
    Request {
        /// The method as written; methods are case-sensitive.
        method: &'a str,
        /// The Request-URI as written.
        uri: &'a str,
        /// The protocol's version as written.
        version: &'a str,
    },
    /// Of a response.
    Response {
        /// The protocol's version as written.
        version: &'a str,
        /// The status code as written.
        code: &'a str,
    },
}

/// One header field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header<'a> {
    /// The long form of the name, if it was compact; else as written.
    pub name: &'a str,
    /// The value, unfolded, without white space around it.
    pub value: Cow<'a, str>,
}

/// The header section and where the body starts; split first, because the text of the section
/// has to live somewhere while the message is read.
#[derive(Debug)]
pub struct Halves<'a> {
    /// The header section as text; each byte that is no UTF-8 is a question mark.
    pub head: Cow<'a, str>,
    /// Everything after the empty line.
    pub rest: &'a [u8],
    /// Whether the header section was UTF-8 (RFC 3261 §7.3.1).
    pub is_utf8: bool,
}

/// Splits a message at the empty line.
///
/// # Errors
/// If it is too long, or there is no such line.
pub fn halves(bytes: &[u8]) -> Result<Halves<'_>, Flaw> {
    if bytes.len() > MESSAGE_BYTES_MAX {
        return Err(Flaw::TooLong);
    }
    // Empty lines before the start line are to be ignored (§7.5).
    let mut start = 0;
    while bytes[start..].starts_with(b"\r\n") {
        start += 2;
    }
    let bytes = &bytes[start..];
    let end = bytes
        .windows(HEAD_END.len())
        .position(|window| window == HEAD_END)
        .ok_or(Flaw::NoHeadEnd)?;
    let head = readable(&bytes[..end]);
    Ok(Halves {
        is_utf8: matches!(head, Cow::Borrowed(_)),
        head,
        rest: &bytes[end + HEAD_END.len()..],
    })
}

/// Text that is no longer than its bytes, so that an answer repeating it cannot be either.
fn readable(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| '?'));
    }
    Cow::Owned(text)
}

/// A message that was split into its parts; nothing of their meaning is checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message<'a> {
    /// The first line.
    pub start: StartLine<'a>,
    headers: Vec<Header<'a>>,
    /// Everything after the header section, whatever Content-Length says.
    pub rest: &'a [u8],
}

impl<'a> Message<'a> {
    /// Reads the parts.
    ///
    /// # Errors
    /// See [`Flaw`].
    pub fn read(halves: &'a Halves<'a>) -> Result<Message<'a>, Flaw> {
        let head: &'a str = &halves.head;
        refuse_stray_controls(head)?;
        let mut lines = head.split("\r\n");
        let start = read_start_line(lines.next().unwrap_or_default())?;
        let mut headers: Vec<Header<'a>> = Vec::with_capacity(16);
        for line in lines {
            if line.starts_with([' ', '\t']) {
                let last = headers.last_mut().ok_or(Flaw::HeaderLine)?;
                continue_header(last, line)?;
            } else {
                if headers.len() == HEADERS_MAX {
                    return Err(Flaw::TooManyHeaders);
                }
                headers.push(read_header(line)?);
            }
        }
        Ok(Message {
            start,
            headers,
            rest: halves.rest,
        })
    }

    /// All header fields, in their order.
    #[must_use]
    pub fn headers(&self) -> &[Header<'a>] {
        &self.headers
    }

    /// The values of all fields of that name, each field as one value.
    pub fn all<'m>(&'m self, name: &'m str) -> impl Iterator<Item = &'m str> {
        self.headers
            .iter()
            .filter(move |header| header.name.eq_ignore_ascii_case(name))
            .map(|header| header.value.as_ref())
    }

    /// The value of the first field of that name.
    #[must_use]
    pub fn first<'m>(&'m self, name: &'m str) -> Option<&'m str> {
        self.all(name).next()
    }

    /// The single values of a field that may be written as a list or repeated (RFC 3261 §7.3.1).
    pub fn list<'m>(&'m self, name: &'m str) -> impl Iterator<Item = &'m str> {
        self.all(name).flat_map(comma_separated)
    }

    /// Whether it is a request.
    #[must_use]
    pub const fn is_request(&self) -> bool {
        matches!(self.start, StartLine::Request { .. })
    }

    /// The method, if it is a request.
    #[must_use]
    pub const fn method(&self) -> Option<&'a str> {
        match self.start {
            StartLine::Request { method, .. } => Some(method),
            StartLine::Response { .. } => None,
        }
    }

    /// The length that Content-Length declares; `None` if it is absent, an error if it is no
    /// number or larger than any message.
    ///
    /// # Errors
    /// If the field's value is no length.
    pub fn declared_length(&self) -> Result<Option<usize>, NotALength> {
        let Some(value) = self.first("Content-Length") else {
            return Ok(None);
        };
        decimal(value)
            .and_then(|length| usize::try_from(length).ok())
            .filter(|length| *length <= MESSAGE_BYTES_MAX)
            .map(Some)
            .ok_or(NotALength)
    }

    /// The body: as long as Content-Length says, or everything if it says nothing (§18.3).
    #[must_use]
    pub fn body(&self) -> &'a [u8] {
        match self.declared_length() {
            Ok(Some(length)) => self.rest.get(..length).unwrap_or(self.rest),
            _ => self.rest,
        }
    }
}

/// Content-Length is no length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotALength;

/// Reads ASCII digits and nothing else; `None` for anything else, also for what overflows.
#[must_use]
pub fn decimal(text: &str) -> Option<u64> {
    let all_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    all_digits.then(|| text.parse().ok()).flatten()
}

/// A token of RFC 3261 §25.1.
#[must_use]
pub fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| {
            byte.is_ascii_alphanumeric()
                || matches!(
                    byte,
                    b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~'
                )
        })
}

/// Splits a value at the commas that separate list items: not those in quotes or in `<>`.
pub fn comma_separated(value: &str) -> impl Iterator<Item = &str> {
    separated(value, b',')
}

/// Splits at `separator` where it stands outside of quotes and `<>`; trims each part.
pub(crate) fn separated(value: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(value);
    std::iter::from_fn(move || {
        let text = rest?;
        let end = next_outside(text, separator);
        rest = end.map(|end| &text[end + 1..]);
        Some(text[..end.unwrap_or(text.len())].trim())
    })
}

/// Where `wanted` first stands outside of quotes and `<>`.
pub(crate) fn next_outside(text: &str, wanted: u8) -> Option<usize> {
    let (mut quoted, mut angled, mut escaped) = (false, false, false);
    for (index, byte) in text.bytes().enumerate() {
        if escaped {
            escaped = false;
        } else if quoted {
            match byte {
                b'\\' => escaped = true,
                b'"' => quoted = false,
                _ => {}
            }
        } else if byte == wanted && !angled {
            return Some(index);
        } else {
            match byte {
                b'"' => quoted = true,
                b'<' => angled = true,
                b'>' => angled = false,
                _ => {}
            }
        }
    }
    None
}

fn refuse_stray_controls(head: &str) -> Result<(), Flaw> {
    let bytes = head.as_bytes();
    let mut index = 0;
    while index < bytes.len() {
        match bytes[index] {
            b'\r' if bytes.get(index + 1) == Some(&b'\n') => index += 1,
            b'\r' | b'\n' | 0 => return Err(Flaw::StrayControl),
            _ => {}
        }
        index += 1;
    }
    Ok(())
}

fn read_start_line(line: &str) -> Result<StartLine<'_>, Flaw> {
    let mut parts = line.splitn(3, ' ');
    let (Some(first), Some(second)) = (parts.next(), parts.next()) else {
        return Err(Flaw::StartLine);
    };
    let third = parts.next();
    if names_sip(first) {
        // RFC 4475 §3.1.1.13: the reason may be empty, its space may not be missing. Some peers
        // leave both out; the stack reads that too.
        let is_code = second.len() == 3 && second.bytes().all(|byte| byte.is_ascii_digit());
        return match is_code {
            true => Ok(StartLine::Response {
                version: first,
                code: second,
            }),
            false => Err(Flaw::StartLine),
        };
    }
    let version = third.ok_or(Flaw::StartLine)?;
    let well_formed = is_token(first)
        && !second.is_empty()
        && names_sip(version)
        && !version.contains([' ', '\t'])
        && !second.contains('\t');
    if !well_formed {
        return Err(Flaw::StartLine);
    }
    Ok(StartLine::Request {
        method: first,
        uri: second,
        version,
    })
}

/// Whether it is a version of SIP: the protocol's name and a slash.
fn names_sip(version: &str) -> bool {
    version
        .split_once('/')
        .is_some_and(|(name, number)| name.eq_ignore_ascii_case("SIP") && !number.is_empty())
}

fn read_header(line: &str) -> Result<Header<'_>, Flaw> {
    if line.len() > HEADER_BYTES_MAX {
        return Err(Flaw::HeaderTooLong);
    }
    let (name, value) = line.split_once(':').ok_or(Flaw::HeaderLine)?;
    let name = name.trim_end_matches([' ', '\t']);
    if !is_token(name) {
        return Err(Flaw::HeaderLine);
    }
    Ok(Header {
        name: long_form(name),
        value: Cow::Borrowed(value.trim()),
    })
}

/// Adds a continuation line: line end and white space become one space (§7.3.1).
fn continue_header(header: &mut Header<'_>, line: &str) -> Result<(), Flaw> {
    let more = line.trim();
    if header.value.len() + more.len() + 1 > HEADER_BYTES_MAX {
        return Err(Flaw::HeaderTooLong);
    }
    if more.is_empty() {
        return Ok(());
    }
    let value = header.value.to_mut();
    if !value.is_empty() {
        value.push(' ');
    }
    value.push_str(more);
    Ok(())
}

/// The long form of a compact name (RFC 3261 §7.3.3 and the registry of header fields).
fn long_form(name: &str) -> &str {
    let &[letter] = name.as_bytes() else {
        return name;
    };
    match letter.to_ascii_lowercase() {
        b'c' => "Content-Type",
        b'e' => "Content-Encoding",
        b'f' => "From",
        b'i' => "Call-ID",
        b'k' => "Supported",
        b'l' => "Content-Length",
        b'm' => "Contact",
        b'o' => "Event",
        b'r' => "Refer-To",
        b's' => "Subject",
        b't' => "To",
        b'u' => "Allow-Events",
        b'v' => "Via",
        b'x' => "Session-Expires",
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<(String, String)>, Flaw> {
        let halves = halves(text.as_bytes())?;
        let message = Message::read(&halves)?;
        let headers = message.headers().iter();
        Ok(headers
            .map(|header| (header.name.to_owned(), header.value.to_string()))
            .collect())
    }

    #[test]
    fn compact_and_folded_fields_are_read_as_long_ones() {
        let read = read(
            "OPTIONS sip:a@b SIP/2.0\r\nv : SIP/2.0/UDP h\r\n ;branch=z\r\nT:\r\n <sip:x@y>\r\n\r\n",
        );
        let expected = [("Via", "SIP/2.0/UDP h ;branch=z"), ("To", "<sip:x@y>")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(read, Ok(expected.to_vec()));
    }

    #[test]
    fn what_the_stack_could_read_otherwise_is_no_message() {
        let cases = [
            (
                "OPTIONS sip:a@b SIP/2.0\r\nTo: x\n\r\n\r\n",
                Flaw::StrayControl,
            ),
            (
                "OPTIONS sip:a@b SIP/2.0\r\nTo: x\ry\r\n\r\n",
                Flaw::StrayControl,
            ),
            (
                "OPTIONS sip:a@b SIP/2.0\r\nTo: x\0y\r\n\r\n",
                Flaw::StrayControl,
            ),
            ("OPTIONS sip:a@b SIP/2.0\r\nTo x\r\n\r\n", Flaw::HeaderLine),
            (
                "OPTIONS sip:a@b SIP/2.0\r\n To: x\r\n\r\n",
                Flaw::HeaderLine,
            ),
            (
                "OPTIONS sip:a@b SIP/2.0\r\nT o: x\r\n\r\n",
                Flaw::HeaderLine,
            ),
            ("OPTIONS  sip:a@b SIP/2.0\r\nTo: x\r\n\r\n", Flaw::StartLine),
            ("OPTIONS sip:a@b SIP/2.0 \r\nTo: x\r\n\r\n", Flaw::StartLine),
            ("OPTIONS sip:a@b\r\nTo: x\r\n\r\n", Flaw::StartLine),
            ("SIP/2.0 99999 x\r\nTo: x\r\n\r\n", Flaw::StartLine),
            ("OPTIONS sip:a@b SIP/2.0\r\nTo: x\r\n", Flaw::NoHeadEnd),
            ("", Flaw::NoHeadEnd),
        ];
        for (text, flaw) in cases {
            assert_eq!(read(text), Err(flaw), "{text:?}");
        }
    }

    #[test]
    fn size_and_number_of_fields_are_bounded() {
        let many = "A: b\r\n".repeat(HEADERS_MAX + 1);
        let many = format!("OPTIONS sip:a@b SIP/2.0\r\n{many}\r\n");
        assert_eq!(read(&many), Err(Flaw::TooManyHeaders));
        let long = format!(
            "OPTIONS sip:a@b SIP/2.0\r\nA: {}\r\n\r\n",
            "b".repeat(HEADER_BYTES_MAX)
        );
        assert_eq!(read(&long), Err(Flaw::HeaderTooLong));
        let folded = format!(
            "OPTIONS sip:a@b SIP/2.0\r\nA: b{}\r\n\r\n",
            "\r\n bbbb".repeat(2_000)
        );
        assert_eq!(read(&folded), Err(Flaw::HeaderTooLong));
        assert!(matches!(
            halves(&vec![b'a'; MESSAGE_BYTES_MAX + 1]),
            Err(Flaw::TooLong)
        ));
    }

    #[test]
    fn commas_in_quotes_and_angle_brackets_separate_nothing() {
        let parts: Vec<&str> = comma_separated(r#""a,\",b" <sip:x,y@z>, <sip:b>,c"#).collect();
        assert_eq!(parts, [r#""a,\",b" <sip:x,y@z>"#, "<sip:b>", "c"]);
    }
}
