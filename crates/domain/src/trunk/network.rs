//! A range of addresses, written `192.0.2.0/24` or `2001:db8::/32`; an address alone is itself.

use std::{fmt, net::IpAddr, str::FromStr};

/// A range of addresses.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network {
    first: IpAddr,
    prefix_bits: u8,
}

impl Network {
    /// Whether the address lies in it. An IPv4 address that came in IPv6's clothes counts as what
    /// it is.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.first, plain(address)) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                masked(first.to_bits().into(), 32, self.prefix_bits)
                    == masked(address.to_bits().into(), 32, self.prefix_bits)
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => {
                masked(first.to_bits(), 128, self.prefix_bits)
                    == masked(address.to_bits(), 128, self.prefix_bits)
            }
            _ => false,
        }
    }

    /// The first address of the range.
    #[must_use]
    pub const fn first(&self) -> IpAddr {
        self.first
    }

    /// How many bits all its addresses share.
    #[must_use]
    pub const fn prefix_bits(&self) -> u8 {
        self.prefix_bits
    }
}

/// An IPv4 address that came in IPv6's clothes, as what it is.
pub(super) fn plain(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

fn masked(bits: u128, width: u8, prefix_bits: u8) -> u128 {
    // A shift by the whole width is not defined for a shift operator.
    let shift = u32::from(width.saturating_sub(prefix_bits));
    bits.checked_shr(shift).unwrap_or(0)
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix_bits)
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The text is not a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NetworkError {
    /// Not an address, or not a count of bits.
    Form,
    /// The address has bits behind the prefix.
    HostBits,
}

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "a network is written 192.0.2.0/24, 2001:db8::/32 or as one address",
            Self::HostBits => {
                "a network begins with its first address: 192.0.2.0/24, not 192.0.2.7/24"
            }
        })
    }
}

impl std::error::Error for NetworkError {}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let first: IpAddr = address.parse().map_err(|_| NetworkError::Form)?;
        let width: u8 = if first.is_ipv4() { 32 } else { 128 };
        let prefix_bits = match bits {
            None => width,
            Some(bits) => bits.parse().map_err(|_| NetworkError::Form)?,
        };
        if prefix_bits > width {
            return Err(NetworkError::Form);
        }
        let all = match first {
            IpAddr::V4(first) => first.to_bits().into(),
            IpAddr::V6(first) => first.to_bits(),
        };
        let shift = u32::from(width - prefix_bits);
        let kept = masked(all, width, prefix_bits)
            .checked_shl(shift)
            .unwrap_or(0);
        if kept != all {
            return Err(NetworkError::HostBits);
        }
        Ok(Self { first, prefix_bits })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(network: &str, address: &str) -> bool {
        let network: Network = network.parse().expect("a network");
        network.contains(address.parse().expect("an address"))
    }

    #[test]
    fn an_address_lies_in_its_network_and_in_no_other() {
        for (network, address, lies) in [
            ("192.0.2.0/24", "192.0.2.255", true),
            ("192.0.2.0/24", "192.0.3.0", false),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.6", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "2001:db8::1", true),
            ("2001:db8::/33", "2001:db8:7fff::1", true),
            ("2001:db8::/33", "2001:db8:8000::1", false),
            ("192.0.2.0/24", "::ffff:192.0.2.1", true),
        ] {
            assert_eq!(contains(network, address), lies, "{network} {address}");
        }
    }

    #[test]
    fn what_is_read_is_written_the_same() {
        for text in ["192.0.2.0/24", "0.0.0.0/0", "2001:db8::/32", "::1/128"] {
            let network: Network = text.parse().expect("a network");
            assert_eq!(network.to_string(), text);
        }
        let alone: Network = "192.0.2.7".parse().expect("a network");
        assert_eq!(alone.to_string(), "192.0.2.7/32");
    }

    #[test]
    fn other_texts_are_no_networks() {
        for text in [
            "",
            "192.0.2.0/33",
            "192.0.2/24",
            "a/8",
            "192.0.2.0/",
            "::/129",
        ] {
            assert_eq!(text.parse::<Network>(), Err(NetworkError::Form), "{text}");
        }
        let loose = "192.0.2.7/24".parse::<Network>();
        assert_eq!(loose, Err(NetworkError::HostBits));
        assert_eq!("1.0.0.0/0".parse::<Network>(), Err(NetworkError::HostBits));
    }
}
