//! What the callee's carrier is sent: the Request-URI, From and, if the trunk wants one, an
//! identity field. Everything is built from the numbers given; nothing is taken over.

use axbridge_domain::{
    phone::PhoneNumber,
    trunk::{CallerIdHeader, Trunk, WireNumber},
};

/// What an INVITE says about the two numbers.
#[derive(Clone, PartialEq, Eq)]
pub struct Shown {
    /// The Request-URI, and the URI of To.
    pub callee_uri: String,
    /// The URI of From and of Contact.
    pub caller_uri: String,
    /// Identity fields beside From, by name.
    pub headers: Vec<(&'static str, String)>,
}

/// It holds numbers in clear.
impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shown").finish_non_exhaustive()
    }
}

impl Shown {
    /// Writes an INVITE's numbers for a trunk: `dialled` rings ([`Trunk::dial`]) and sees `shown`.
    /// `own_host` is our address as the trunk knows it, `peer_host` the peer's, each with its port
    /// unless it is the usual one.
    #[must_use]
    pub fn write(
        trunk: &Trunk,
        dialled: &WireNumber,
        shown: PhoneNumber,
        own_host: &str,
        peer_host: &str,
    ) -> Self {
        let caller = trunk.caller_id_form.write(shown);
        let caller_uri = format!("sip:{}@{own_host}", caller.expose());
        let headers = match trunk.caller_id_header {
            CallerIdHeader::From => Vec::new(),
            CallerIdHeader::PAssertedIdentity => {
                vec![("P-Asserted-Identity", format!("<{caller_uri}>"))]
            }
            CallerIdHeader::RemotePartyId => vec![(
                "Remote-Party-ID",
                format!("<{caller_uri}>;party=calling;screen=yes;privacy=off"),
            )],
        };
        Self {
            callee_uri: format!("sip:{}@{peer_host}", dialled.expose()),
            caller_uri,
            headers,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(fields: &[(&str, &str)]) -> Shown {
        let mut trunk = Trunk::new("carrier".parse().expect("a name"));
        for (field, text) in fields {
            trunk.set(field, text).expect("fits");
        }
        let x = PhoneNumber::parse("02131075869").expect("a number");
        let b = PhoneNumber::parse("13700000002").expect("a number");
        let dialled = trunk.dial(b).expect("dialled");
        Shown::write(&trunk, &dialled, x, "192.0.2.1", "198.51.100.7:5080")
    }

    #[test]
    fn numbers_are_written_as_the_trunk_wants_them() {
        let plain = shown(&[]);
        assert_eq!(plain.caller_uri, "sip:02131075869@192.0.2.1");
        assert_eq!(plain.callee_uri, "sip:13700000002@198.51.100.7:5080");
        assert!(plain.headers.is_empty());
        assert_eq!(format!("{plain:?}"), "Shown { .. }");
        let rich = shown(&[
            ("CallerIdForm", "+86"),
            ("CallerIdHeader", "P-Asserted-Identity"),
            ("PrefixRules", "*>17909"),
        ]);
        assert_eq!(rich.callee_uri, "sip:1790913700000002@198.51.100.7:5080");
        let identity = "<sip:+862131075869@192.0.2.1>".to_owned();
        assert_eq!(rich.headers, [("P-Asserted-Identity", identity)]);
        let party = shown(&[("CallerIdHeader", "Remote-Party-ID")]);
        assert_eq!(
            party.headers[0].1,
            "<sip:02131075869@192.0.2.1>;party=calling;screen=yes;privacy=off"
        );
    }
}
