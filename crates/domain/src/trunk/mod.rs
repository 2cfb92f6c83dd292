//! Trunks: the SIP peers over which calls come and go, as an operator describes them.
//!
//! Plain values: what a trunk is ([`Trunk`]), how its parts are written ([`Peer`], [`Network`],
//! [`NumberForm`], [`PrefixRule`]), the one table of its fields ([`FIELDS`]) that storage, API and
//! command line read, and the choice of a way out ([`ways_out`]). Secrets are kept apart: nothing
//! here holds one. Not here: sockets, messages, the state of a trunk.

mod choice;
mod fields;
mod network;
mod number_form;
mod peer;

use std::{fmt, net::IpAddr, str::FromStr};

pub use choice::{NoWayOut, Standing, WayOut, ways_out};
pub use fields::{FIELDS, TrunkField, TrunkFieldError};
pub use network::{Network, NetworkError};
pub use number_form::{NumberForm, PrefixRule, PrefixRuleError, WireNumber, read_number};
pub use peer::{Host, Peer, PeerError, Transport};

use crate::limits;

/// A trunk's name: what logs, metrics and records call it. Small letters, digits and hyphens, so
/// that no real number stands in it by accident of form.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrunkName(String);

impl TrunkName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TrunkName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TrunkName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is not a trunk's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrunkNameError;

impl fmt::Display for TrunkNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a trunk's name is 1 to {} small letters, digits and hyphens and begins with a letter, \
             for example carrier-1",
            limits::TRUNK_NAME_CHARS_MAX
        )
    }
}

impl std::error::Error for TrunkNameError {}

impl FromStr for TrunkName {
    type Err = TrunkNameError;

    fn from_str(text: &str) -> Result<Self, TrunkNameError> {
        let fits = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
        let begins = text
            .bytes()
            .next()
            .is_some_and(|it| it.is_ascii_lowercase());
        if begins && text.len() <= limits::TRUNK_NAME_CHARS_MAX && text.bytes().all(fits) {
            Ok(Self(text.to_owned()))
        } else {
            Err(TrunkNameError)
        }
    }
}

/// Which header carries the number of who calls, both in what a trunk sends us and in what we
/// send it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CallerIdHeader {
    /// `From` (RFC 3261 §20.20).
    From,
    /// `P-Asserted-Identity` (RFC 3325 §9.1); `From` shows the same.
    PAssertedIdentity,
    /// `Remote-Party-ID`, which never became an RFC and is still asked for; `From` shows the same.
    RemotePartyId,
}

/// A codec that a trunk may be offered.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TrunkCodec {
    /// G.711 A-law (payload type 8, RFC 3551 §6).
    Pcma,
    /// G.711 µ-law (payload type 0, RFC 3551 §6).
    Pcmu,
}

/// How a password is hashed when a trunk proves who it is (RFC 7616, RFC 8760).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DigestAlgorithm {
    /// SHA-256.
    Sha256,
    /// MD5, which is all that older gear knows.
    Md5,
}

/// Where a trunk writes the number that was dialled.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DialledIn {
    /// In the Request-URI, as RFC 3261 wants it.
    RequestUri,
    /// In `To`, for carriers that put an account's name into the Request-URI.
    To,
}

/// A named SIP peer and how to speak with it. Made with [`Trunk::new`], changed field by field
/// with [`Trunk::set`], judged as a whole with [`Trunk::check`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trunk {
    /// What it is called.
    pub name: TrunkName,
    /// Whether it is used at all.
    pub enabled: bool,
    /// Whether calls may come over it.
    pub inbound: bool,
    /// Whether calls may go over it.
    pub outbound: bool,
    /// Where calls go, and keep-alives.
    pub peers: Vec<Peer>,
    /// From where its signalling may come; empty is the addresses of its peers.
    pub networks: Vec<Network>,
    /// From where its sound may come when its descriptions name an address that is not the real
    /// one; empty is where its signalling may come from.
    pub media_networks: Vec<Network>,
    /// The user name with which we answer its challenges (RFC 3261 §22); empty answers none.
    pub outbound_user: String,
    /// The user name that it must answer our challenges with; empty challenges nothing.
    pub inbound_user: String,
    /// What it may answer with, the liked one first (RFC 8760 §2.4); much gear reads only the first.
    pub inbound_algorithms: Vec<DigestAlgorithm>,
    /// How the number of who calls is written for it.
    pub caller_id_form: NumberForm,
    /// Which header carries it.
    pub caller_id_header: CallerIdHeader,
    /// How the dialled number is written for it, where no prefix rule says otherwise.
    pub dialled_form: NumberForm,
    /// Where it writes the number that was dialled.
    pub dialled_in: DialledIn,
    /// Which numbers it takes and how they are dialled; empty takes all.
    pub prefix_rules: Vec<PrefixRule>,
    /// Beginnings of the numbers that it may show; empty shows all.
    pub shown_prefixes: Vec<String>,
    /// Codecs, the liked ones first.
    pub codecs: Vec<TrunkCodec>,
    /// The most calls on it at once; `None` is no limit.
    pub calls_max: Option<u32>,
    /// Whether sound goes back to where it came from, for peers behind address translation.
    pub symmetric_rtp: bool,
    /// Whether a refused call is answered so that its announcement is heard, instead of played as
    /// early media.
    pub answer_refusals: bool,
    /// The name that a peer's certificate must bear over TLS; empty is the peer's own name or address.
    pub tls_name: String,
    /// Seconds between two OPTIONS; 0 sends none and takes every peer as up.
    pub keep_alive_s: u32,
    /// Trunks with the smallest priority that take a number are tried first.
    pub priority: u16,
    /// How often it is chosen among trunks of its priority.
    pub weight: u16,
}

impl Trunk {
    /// A trunk that has nothing but its name and the defaults.
    #[must_use]
    pub fn new(name: TrunkName) -> Self {
        Self {
            name,
            enabled: true,
            inbound: true,
            outbound: true,
            peers: Vec::new(),
            networks: Vec::new(),
            media_networks: Vec::new(),
            outbound_user: String::new(),
            inbound_user: String::new(),
            inbound_algorithms: vec![DigestAlgorithm::Sha256, DigestAlgorithm::Md5],
            caller_id_form: NumberForm::National,
            caller_id_header: CallerIdHeader::From,
            dialled_form: NumberForm::National,
            dialled_in: DialledIn::RequestUri,
            prefix_rules: Vec::new(),
            shown_prefixes: Vec::new(),
            codecs: vec![TrunkCodec::Pcma, TrunkCodec::Pcmu],
            calls_max: None,
            symmetric_rtp: false,
            answer_refusals: false,
            tls_name: String::new(),
            keep_alive_s: limits::TRUNK_KEEP_ALIVE_S_DEFAULT,
            priority: 1,
            weight: 1,
        }
    }

    /// Whether signalling from this address is the trunk's. Peers that are named and not numbered
    /// need a network.
    #[must_use]
    pub fn is_from(&self, address: IpAddr) -> bool {
        if self.networks.is_empty() {
            let is_peer = |peer: &Peer| peer.host == Host::Address(network::plain(address));
            return self.peers.iter().any(is_peer);
        }
        self.networks
            .iter()
            .any(|network| network.contains(address))
    }

    /// The name that the certificate of a peer must bear over TLS.
    #[must_use]
    pub fn certificate_name(&self, host: &Host) -> String {
        match host {
            _ if !self.tls_name.is_empty() => self.tls_name.clone(),
            Host::Address(address) => address.to_string(),
            Host::Name(name) => name.clone(),
        }
    }

    /// Whether sound from this address may be the trunk's.
    #[must_use]
    pub fn sound_may_come_from(&self, address: IpAddr) -> bool {
        if self.media_networks.is_empty() {
            return self.is_from(address);
        }
        let mut networks = self.media_networks.iter();
        networks.any(|network| network.contains(address))
    }

    /// How a number is to be dialled over this trunk; `None` when it does not take it. The longest
    /// prefix decides.
    #[must_use]
    pub fn dial(&self, number: crate::phone::PhoneNumber) -> Option<WireNumber> {
        number_form::dial(&self.prefix_rules, self.dialled_form, number)
    }

    /// Whether it may show this number.
    #[must_use]
    pub fn may_show(&self, number: crate::phone::PhoneNumber) -> bool {
        self.shown_prefixes.is_empty() || number_form::begins(number, &self.shown_prefixes)
    }

    /// Judges what no field alone shows to be wrong.
    ///
    /// # Errors
    /// The first fault, with the field to change.
    pub fn check(&self) -> Result<(), TrunkFieldError> {
        let wrong = |field, why: &str| Err(TrunkFieldError::new(field, why));
        if !self.inbound && !self.outbound {
            return wrong("Inbound", "a trunk is used inbound, outbound or both");
        }
        if self.outbound && self.peers.is_empty() {
            return wrong(
                "Peers",
                "an outbound trunk needs a peer, such as 192.0.2.7:5060",
            );
        }
        let numbered = |peer: &Peer| matches!(peer.host, Host::Address(_));
        if self.inbound && self.networks.is_empty() && !self.peers.iter().any(numbered) {
            return wrong(
                "Networks",
                "an inbound trunk needs the networks that it sends from, such as 192.0.2.0/24: \
                 its peers are names, and names are no proof of origin",
            );
        }
        if self.inbound_algorithms.is_empty() {
            let why = "a trunk needs an algorithm to prove itself by: sha-256, md5";
            return wrong("InboundAlgorithms", why);
        }
        if self.codecs.is_empty() {
            return wrong("Codecs", "a trunk needs a codec: pcma, pcmu");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain() {
        for good in ["a", "carrier-1", "x23456789012345678901234567890ab"] {
            assert_eq!(
                good.parse::<TrunkName>().map(|it| it.0),
                Ok(good.to_owned())
            );
        }
        for bad in ["", "-a", "1a", "A", "a b", "a_b", "号", &"a".repeat(33)] {
            assert_eq!(bad.parse::<TrunkName>(), Err(TrunkNameError), "{bad}");
        }
    }

    fn trunk(fields: &[(&str, &str)]) -> Trunk {
        let mut trunk = Trunk::new("carrier".parse().expect("a name"));
        for (field, text) in fields {
            trunk.set(field, text).expect("fits");
        }
        trunk
    }

    #[test]
    fn without_networks_a_trunk_speaks_from_its_peers() {
        let peers = trunk(&[(
            "Peers",
            "192.0.2.7, carrier.example.com, [2001:db8::7]:5070",
        )]);
        for ours in ["192.0.2.7", "2001:db8::7", "::ffff:192.0.2.7"] {
            assert!(peers.is_from(ours.parse().expect("an address")), "{ours}");
        }
        assert!(!peers.is_from("192.0.2.8".parse().expect("an address")));
        let networks = trunk(&[("Peers", "192.0.2.7"), ("Networks", "198.51.100.0/28")]);
        assert!(networks.is_from("198.51.100.15".parse().expect("an address")));
        assert!(!networks.is_from("192.0.2.7".parse().expect("an address")));
        assert!(networks.sound_may_come_from("198.51.100.15".parse().expect("an address")));
        let media = trunk(&[("Peers", "192.0.2.7"), ("MediaNetworks", "203.0.113.0/24")]);
        assert!(media.sound_may_come_from("203.0.113.9".parse().expect("an address")));
        assert!(!media.sound_may_come_from("192.0.2.7".parse().expect("an address")));
    }

    #[test]
    fn a_trunk_that_cannot_work_is_told_which_field_to_change() {
        let fault = |fields: &[(&str, &str)]| trunk(fields).check().map_err(|it| it.field);
        assert_eq!(fault(&[("Peers", "192.0.2.7")]), Ok(()));
        assert_eq!(fault(&[]), Err("Peers"));
        assert_eq!(fault(&[("Peers", "carrier.example.com")]), Err("Networks"));
        assert_eq!(
            fault(&[("Peers", "carrier.example.com"), ("Inbound", "false")]),
            Ok(())
        );
        let unused = [("Inbound", "false"), ("Outbound", "false")];
        assert_eq!(fault(&unused), Err("Inbound"));
        assert_eq!(
            fault(&[("Peers", "192.0.2.7"), ("Codecs", "")]),
            Err("Codecs")
        );
    }
}
