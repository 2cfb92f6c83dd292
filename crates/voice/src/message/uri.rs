//! SIP, SIPS and tel URIs (RFC 3261 §19.1, RFC 3966), as far as a call needs them.

use std::borrow::Cow;
use std::net::Ipv6Addr;

use super::decimal;

/// The kinds of URI that can be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// `sip:`.
    Sip,
    /// `sips:`, which asks for TLS on every hop.
    Sips,
    /// `tel:`, a number without a host (RFC 3966).
    Tel,
}

/// A URI as written; its parts are still escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uri<'a> {
    /// Its scheme.
    pub scheme: Scheme,
    /// The user with its own parameters, or the number of a tel URI; empty if there is none.
    pub user: &'a str,
    /// The host; empty for tel.
    pub host: &'a str,
    /// The port.
    pub port: Option<u16>,
    /// The parameters after the host, without the first semicolon.
    pub parameters: &'a str,
}

/// Why a text is no URI that can be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UriFlaw {
    /// Another scheme, well-formed (416, RFC 3261 §8.2.2.1).
    #[error("the scheme must be sip, sips or tel")]
    Scheme,
    /// Not a URI at all, or with parts that are not allowed here.
    #[error("the URI must be SCHEME:USER@HOST without spaces, angle brackets and headers")]
    Form,
    /// `%00` somewhere.
    #[error("the URI must not hold an escaped NUL")]
    EscapedNul,
}

impl<'a> Uri<'a> {
    /// Reads a URI.
    ///
    /// # Errors
    /// See [`UriFlaw`].
    pub fn parse(text: &'a str) -> Result<Uri<'a>, UriFlaw> {
        let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_plain || text.contains(['<', '>', '"']) {
            return Err(UriFlaw::Form);
        }
        let (scheme, rest) = text.split_once(':').ok_or(UriFlaw::Form)?;
        let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
        if !is_scheme {
            return Err(UriFlaw::Form);
        }
        refuse_escaped_nul(rest)?;
        match scheme.to_ascii_lowercase().as_str() {
            "sip" => Self::with_host(Scheme::Sip, rest),
            "sips" => Self::with_host(Scheme::Sips, rest),
            "tel" => Ok(Self::number(rest)),
            _ => Err(UriFlaw::Scheme),
        }
    }

    fn number(rest: &'a str) -> Self {
        let (number, parameters) = rest.split_once(';').unwrap_or((rest, ""));
        Uri {
            scheme: Scheme::Tel,
            user: number,
            host: "",
            port: None,
            parameters,
        }
    }

    fn with_host(scheme: Scheme, rest: &'a str) -> Result<Self, UriFlaw> {
        let (user, rest) = match rest.split_once('@') {
            Some((user, rest)) if !user.is_empty() && !rest.contains('@') => (user, rest),
            Some(_) => return Err(UriFlaw::Form),
            None => ("", rest),
        };
        // Headers make no sense in a request (§19.1.1); a peer that sends some wants us to copy.
        if rest.contains('?') {
            return Err(UriFlaw::Form);
        }
        let (host_port, parameters) = rest.split_once(';').unwrap_or((rest, ""));
        let (host, port) = split_port(host_port).ok_or(UriFlaw::Form)?;
        // A password is sent in clear and never asked for.
        let user = user.split_once(':').map_or(user, |(user, _)| user);
        Ok(Uri {
            scheme,
            user,
            host,
            port,
            parameters,
        })
    }

    /// The value of a parameter; empty if it has none.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&'a str> {
        self.parameters.split(';').find_map(|parameter| {
            let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The user without its own parameters, such as `;phone-context=…`, unescaped.
    #[must_use]
    pub fn plain_user(&self) -> Cow<'a, str> {
        let user = self
            .user
            .split_once(';')
            .map_or(self.user, |(user, _)| user);
        percent_decoded(user)
    }
}

/// Splits `host[:port]`; `None` if either is malformed.
pub(super) fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (address, after) = rest.split_once(']')?;
        address.parse::<Ipv6Addr>().ok()?;
        let port = match after {
            "" => None,
            _ => Some(read_port(after.strip_prefix(':')?)?),
        };
        return Some((&text[..address.len() + 2], port));
    }
    let (host, port) = match text.split_once(':') {
        Some((host, port)) => (host, Some(read_port(port)?)),
        None => (text, None),
    };
    is_host(host).then_some((host, port))
}

fn read_port(text: &str) -> Option<u16> {
    let port = u16::try_from(decimal(text)?).ok()?;
    (port != 0).then_some(port)
}

/// A host name or an IPv4 address. Underscores are not allowed by the grammar but used.
fn is_host(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 255
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
}

/// A NUL in a name is how a reader in C and one that counts are told different things.
fn refuse_escaped_nul(text: &str) -> Result<(), UriFlaw> {
    match text.contains("%00") {
        true => Err(UriFlaw::EscapedNul),
        false => Ok(()),
    }
}

/// Undoes percent escapes; what is no escape stays as it is.
#[must_use]
pub fn percent_decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while index < bytes.len() {
        let pair = (bytes[index] == b'%')
            .then(|| text.get(index + 1..index + 3))
            .flatten();
        // `from_str_radix` alone would take a sign.
        let pair = pair.filter(|pair| pair.bytes().all(|byte| byte.is_ascii_hexdigit()));
        match pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(byte) => {
                decoded.push(byte);
                index += 3;
            }
            None => {
                decoded.push(bytes[index]);
                index += 1;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&decoded).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found_in_every_form() {
        let uri = Uri::parse("sip:+8613700000000;ext=1:pw@[2001:db8::1]:5070;transport=udp;lr");
        let uri = uri.expect("a URI");
        assert_eq!(
            (uri.user, uri.host, uri.port),
            ("+8613700000000;ext=1", "[2001:db8::1]", Some(5070))
        );
        assert_eq!(uri.plain_user(), "+8613700000000");
        assert_eq!(uri.parameter("Transport"), Some("udp"));
        assert_eq!(uri.parameter("lr"), Some(""));
        let uri = Uri::parse("tel:+86-137-0000-0000;phone-context=x").expect("a URI");
        assert_eq!((uri.scheme, uri.user), (Scheme::Tel, "+86-137-0000-0000"));
        assert_eq!(
            Uri::parse("SIPS:a.b").map(|uri| (uri.scheme, uri.host)),
            Ok((Scheme::Sips, "a.b"))
        );
    }

    #[test]
    fn what_is_no_uri_is_told_apart_from_what_we_do_not_call() {
        let cases = [
            ("<sip:a@b>", UriFlaw::Form),
            ("sip:a@b?Route=%3Csip:c%3E", UriFlaw::Form),
            ("sip:a@b c", UriFlaw::Form),
            ("sip:@b", UriFlaw::Form),
            ("sip:a@b:0", UriFlaw::Form),
            ("sip:a@b:99999", UriFlaw::Form),
            ("sip:a@[::1", UriFlaw::Form),
            ("sip:a@b@c", UriFlaw::Form),
            ("sip:", UriFlaw::Form),
            ("137", UriFlaw::Form),
            ("sip:a%00@b", UriFlaw::EscapedNul),
            ("http://a.b/", UriFlaw::Scheme),
            ("soap.beep://192.0.2.103:3002", UriFlaw::Scheme),
        ];
        for (text, flaw) in cases {
            assert_eq!(Uri::parse(text), Err(flaw), "{text}");
        }
    }

    #[test]
    fn escapes_are_undone_and_broken_ones_kept() {
        assert_eq!(percent_decoded("%75se%72%"), "user%");
        assert_eq!(percent_decoded("%zz%4"), "%zz%4");
        assert_eq!(percent_decoded("%+1"), "%+1");
    }
}
