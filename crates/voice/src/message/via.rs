//! Via values (RFC 3261 §20.42).

use super::{is_token, separated, uri::split_port};

/// What a branch of RFC 3261 starts with (§8.1.1.7).
const MAGIC_COOKIE: &str = "z9hG4bK";

/// One hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Via<'a> {
    /// The protocol's version, `2.0`.
    pub version: &'a str,
    /// The transport as written.
    pub transport: &'a str,
    /// The sender's host as it says itself. Never a proof of where a message came from.
    pub host: &'a str,
    /// The sender's port as it says itself.
    pub port: Option<u16>,
    /// The branch.
    pub branch: Option<&'a str>,
}

/// A Via that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a Via must be SIP/2.0/TRANSPORT HOST;branch=BRANCH")]
pub struct ViaFlaw;

impl<'a> Via<'a> {
    /// Reads one value.
    ///
    /// # Errors
    /// If it is malformed.
    pub fn parse(value: &'a str) -> Result<Via<'a>, ViaFlaw> {
        let mut parts = separated(value, b';');
        let sent = parts.next().ok_or(ViaFlaw)?;
        let (name, rest) = sent.split_once('/').ok_or(ViaFlaw)?;
        let (version, rest) = rest.split_once('/').ok_or(ViaFlaw)?;
        let rest = rest.trim_start();
        let (transport, sent_by) = rest.split_once([' ', '\t']).ok_or(ViaFlaw)?;
        let version = version.trim();
        let names_fit =
            name.trim().eq_ignore_ascii_case("SIP") && is_token(version) && is_token(transport);
        // White space is allowed around the port's colon, and nowhere else.
        let (host, port) = match sent_by.split_once([' ', '\t']) {
            None => split_port(sent_by).ok_or(ViaFlaw)?,
            Some(_) => split_port(sent_by.trim()).ok_or(ViaFlaw)?,
        };
        let mut branch = None;
        for parameter in parts {
            let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            if !is_token(key.trim()) {
                return Err(ViaFlaw);
            }
            if key.trim().eq_ignore_ascii_case("branch") {
                branch = Some(value.trim());
            }
        }
        if !names_fit {
            return Err(ViaFlaw);
        }
        Ok(Via {
            version,
            transport,
            host,
            port,
            branch,
        })
    }

    /// Whether its branch tells transactions apart: a token, and more than the cookie if it
    /// starts with it (RFC 4475 §3.2.1).
    #[must_use]
    pub fn has_usable_branch(&self) -> bool {
        self.branch
            .is_some_and(|branch| is_token(branch) && branch != MAGIC_COOKIE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hops_are_read_with_white_space_where_it_is_allowed() {
        let via =
            Via::parse("SIP  / 2.0  / TCP     spindle.example.com   ; branch  =   z9hG4bK9ikj8")
                .expect("a Via");
        assert_eq!(
            (via.version, via.transport, via.host),
            ("2.0", "TCP", "spindle.example.com")
        );
        assert!(via.has_usable_branch());
        let via = Via::parse("SIP/2.0/UDP [2001:db8::9]:5062;received=192.0.2.1;branch=z9hG4bK")
            .expect("a Via");
        assert_eq!((via.host, via.port), ("[2001:db8::9]", Some(5062)));
        assert!(!via.has_usable_branch());
    }

    #[test]
    fn broken_hops_are_refused() {
        for text in [
            "SIP/2.0/UDP 192.0.2.15;;",
            "SIP/2.0/UDP 192.0.2.15;",
            "SIP/2.0/UDP",
            "SIP/2.0/UDP ;branch=z9hG4bK1",
            "HTTP/2.0/UDP a;branch=z9hG4bK1",
            "SIP/2.0 UDP a;branch=z9hG4bK1",
            "SIP/2.0/UDP a b;branch=z9hG4bK1",
            "SIP/2.0/UDP a:x;branch=z9hG4bK1",
            "",
        ] {
            assert_eq!(Via::parse(text), Err(ViaFlaw), "{text}");
        }
    }
}
