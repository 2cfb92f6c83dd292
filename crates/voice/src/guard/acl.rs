//! Which trunk an address belongs to.

use std::net::IpAddr;
use std::sync::Arc;

use axbridge_domain::trunk::{Host, Trunk};
use ipnet::IpNet;

/// All enabled trunks by the networks that they may send from. The most exact network decides.
#[derive(Debug, Clone, Default)]
pub struct Acl {
    /// Longest prefix first.
    networks: Vec<(IpNet, Arc<Entry>)>,
}

struct Entry {
    trunk: Arc<Trunk>,
    /// What it must answer a challenge with.
    password: Option<String>,
}

/// It may hold a password.
impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.trunk.name.fmt(f)
    }
}

impl Acl {
    /// Sorts the networks of all trunks; a trunk without any sends from its peers.
    #[must_use]
    pub fn new<'t>(trunks: impl IntoIterator<Item = &'t Trunk>) -> Self {
        Self::with_passwords(trunks.into_iter().map(|trunk| (trunk, None)))
    }

    /// As [`Acl::new`], each trunk with the password that it must answer our challenges with. A
    /// trunk with an `InboundUser` and no password can start no call.
    #[must_use]
    pub fn with_passwords<'t>(
        trunks: impl IntoIterator<Item = (&'t Trunk, Option<String>)>,
    ) -> Self {
        let mut networks = Vec::new();
        for (trunk, password) in trunks.into_iter().filter(|(trunk, _)| trunk.enabled) {
            let entry = Arc::new(Entry {
                trunk: Arc::new(trunk.clone()),
                password,
            });
            for network in networks_of(trunk) {
                networks.push((network, Arc::clone(&entry)));
            }
        }
        networks.sort_by_key(|(network, _)| std::cmp::Reverse(network.prefix_len()));
        Self { networks }
    }

    /// The trunk that an address belongs to; an IPv4 address that a dual-stack socket shows as
    /// IPv6 counts as what it is.
    #[must_use]
    pub fn trunk(&self, source: IpAddr) -> Option<&Arc<Trunk>> {
        self.entry(source).map(|entry| &entry.trunk)
    }

    /// The trunk of that address, if it must answer a challenge, and its password; without one it
    /// can prove nothing.
    pub(super) fn challenged(&self, source: IpAddr) -> Option<(&Trunk, Option<&str>)> {
        let entry = self.entry(source)?;
        let is_challenged = !entry.trunk.inbound_user.is_empty();
        is_challenged.then_some((&*entry.trunk, entry.password.as_deref()))
    }

    fn entry(&self, source: IpAddr) -> Option<&Entry> {
        let source = source.to_canonical();
        let mut networks = self.networks.iter();
        networks
            .find(|(network, _)| network.contains(&source))
            .map(|(_, entry)| &**entry)
    }
}

fn networks_of(trunk: &Trunk) -> Vec<IpNet> {
    if !trunk.networks.is_empty() {
        let of = trunk.networks.iter();
        return of
            .filter_map(|network| IpNet::new(network.first(), network.prefix_bits()).ok())
            .collect();
    }
    let peers = trunk.peers.iter();
    peers
        .filter_map(|peer| match peer.host {
            Host::Address(address) => Some(IpNet::from(address)),
            Host::Name(_) => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trunk(name: &str, fields: &[(&str, &str)]) -> Trunk {
        let mut trunk = Trunk::new(name.parse().expect("a name"));
        for (field, text) in fields {
            trunk.set(field, text).expect("fits");
        }
        trunk
    }

    #[test]
    fn the_most_exact_network_decides_and_strangers_have_no_trunk() {
        let trunks = [
            trunk("wide", &[("Networks", "10.0.0.0/8")]),
            trunk("exact", &[("Peers", "10.1.2.3, carrier.example.com")]),
            trunk("six", &[("Networks", "2001:db8::/32")]),
            trunk("off", &[("Networks", "192.0.2.0/24"), ("Enabled", "false")]),
        ];
        let acl = Acl::new(&trunks);
        let of = |ip: &str| {
            let trunk = acl.trunk(ip.parse().expect("an address"));
            trunk.map(|trunk| trunk.name.to_string())
        };
        assert_eq!(of("10.1.2.3").as_deref(), Some("exact"));
        assert_eq!(of("10.1.2.4").as_deref(), Some("wide"));
        assert_eq!(of("::ffff:10.9.9.9").as_deref(), Some("wide"));
        assert_eq!(of("2001:db8::1").as_deref(), Some("six"));
        assert_eq!(of("192.0.2.1"), None);
        assert_eq!(of("127.0.0.1"), None);
    }

    #[test]
    fn both_ways_to_ask_agree() {
        let trunk = trunk("t", &[("Networks", "10.4.0.0/14, 2001:db8::7")]);
        let acl = Acl::new([&trunk]);
        for ip in [
            "10.4.0.0",
            "10.7.255.255",
            "10.8.0.0",
            "10.3.255.255",
            "2001:db8::7",
            "::1",
        ] {
            let ip = ip.parse().expect("an address");
            assert_eq!(acl.trunk(ip).is_some(), trunk.is_from(ip), "{ip}");
        }
    }
}
