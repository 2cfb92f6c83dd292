//! A place that calls go to: `host[:port][;transport=udp|tcp|tls][;priority=N][;weight=N]`.

use std::{fmt, net::IpAddr, str::FromStr};

use crate::limits::HOST_CHARS_MAX;

/// How SIP messages travel.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Transport {
    /// One datagram a message.
    Udp,
    /// A stream.
    Tcp,
    /// A stream, encrypted.
    Tls,
}

impl Transport {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Udp, Self::Tcp, Self::Tls]
            .into_iter()
            .find(|it| it.name().eq_ignore_ascii_case(name))
    }

    /// The port where nobody names one (RFC 3261 §19.1.2).
    #[must_use]
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 5060,
            Self::Tls => 5061,
        }
    }
}

/// The machine of a peer.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Host {
    /// Its address.
    Address(IpAddr),
    /// A name to be looked up.
    Name(String),
}

/// One place of a trunk that calls go to.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Peer {
    /// The machine.
    pub host: Host,
    /// The port; `None` is the transport's own. Service records (RFC 3263) are not looked up.
    pub port: Option<u16>,
    /// How to speak with it.
    pub transport: Transport,
    /// Peers with the smallest priority are tried first.
    pub priority: u16,
    /// How often it is chosen among peers of its priority.
    pub weight: u16,
}

impl Peer {
    /// The port to use.
    #[must_use]
    pub fn port_or_default(&self) -> u16 {
        self.port.unwrap_or(self.transport.default_port())
    }

    /// `host:port`, as metrics and messages call it.
    #[must_use]
    pub fn address(&self) -> String {
        match &self.host {
            Host::Address(ip) => std::net::SocketAddr::new(*ip, self.port_or_default()).to_string(),
            Host::Name(name) => format!("{name}:{}", self.port_or_default()),
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Address(IpAddr::V6(address)) => write!(f, "[{address}]")?,
            Host::Address(address) => write!(f, "{address}")?,
            Host::Name(name) => f.write_str(name)?,
        }
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        if self.transport != Transport::Udp {
            write!(f, ";transport={}", self.transport.name())?;
        }
        if self.priority != DEFAULT_ORDER {
            write!(f, ";priority={}", self.priority)?;
        }
        if self.weight != DEFAULT_ORDER {
            write!(f, ";weight={}", self.weight)?;
        }
        Ok(())
    }
}

/// Priority and weight when nobody says otherwise.
const DEFAULT_ORDER: u16 = 1;

/// The text is not a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerError {
    /// Neither an address nor a name.
    Host,
    /// Not a port.
    Port,
    /// A parameter that there is not, or whose value cannot be.
    Parameter,
}

impl fmt::Display for PeerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Host => {
                "a peer begins with an address or a name, such as 192.0.2.7 or \
                           [2001:db8::7]:5070"
            }
            Self::Port => "a port is 1 to 65535",
            Self::Parameter => {
                "behind a peer may stand ;transport=udp, tcp or tls, ;priority=N \
                                and ;weight=N with N from 0 to 65535"
            }
        })
    }
}

impl std::error::Error for PeerError {}

impl FromStr for Peer {
    type Err = PeerError;

    fn from_str(text: &str) -> Result<Self, PeerError> {
        let mut parts = text.split(';').map(str::trim);
        let (host, port) = host_and_port(parts.next().unwrap_or_default())?;
        let mut peer = Self {
            host,
            port,
            transport: Transport::Udp,
            priority: DEFAULT_ORDER,
            weight: DEFAULT_ORDER,
        };
        for part in parts {
            let (name, value) = part.split_once('=').ok_or(PeerError::Parameter)?;
            let number = || value.parse().map_err(|_| PeerError::Parameter);
            match name {
                "transport" => {
                    peer.transport = Transport::from_name(value).ok_or(PeerError::Parameter)?;
                }
                "priority" => peer.priority = number()?,
                "weight" => peer.weight = number()?,
                _ => return Err(PeerError::Parameter),
            }
        }
        Ok(peer)
    }
}

fn host_and_port(text: &str) -> Result<(Host, Option<u16>), PeerError> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, behind) = rest.split_once(']').ok_or(PeerError::Host)?;
            let address: std::net::Ipv6Addr = address.parse().map_err(|_| PeerError::Host)?;
            (Host::Address(address.into()), behind.strip_prefix(':'))
        }
        None => {
            let (host, port) = match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            };
            (host_of(host)?, port)
        }
    };
    let port: Option<u16> = port
        .map(|port| port.parse().map_err(|_| PeerError::Port))
        .transpose()?;
    if port == Some(0) {
        return Err(PeerError::Port);
    }
    Ok((host, port))
}

fn host_of(text: &str) -> Result<Host, PeerError> {
    if let Ok(address) = text.parse::<std::net::Ipv4Addr>() {
        return Ok(Host::Address(address.into()));
    }
    let label_fits = |label: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (1..=63).contains(&label.len()) && label.bytes().all(fits)
    };
    let last = text.rsplit('.').next().unwrap_or_default();
    // What ends in digits was meant as an address.
    let is_name = !last.bytes().all(|byte| byte.is_ascii_digit());
    if is_name && text.len() <= HOST_CHARS_MAX && text.split('.').all(label_fits) {
        Ok(Host::Name(text.to_ascii_lowercase()))
    } else {
        Err(PeerError::Host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_written_the_same() {
        for text in [
            "192.0.2.7",
            "192.0.2.7:5070",
            "[2001:db8::7]",
            "[2001:db8::7]:5070;transport=tcp",
            "carrier.example.com;transport=tls;priority=2;weight=30",
            "carrier:5061;weight=0",
        ] {
            let peer: Peer = text.parse().expect("a peer");
            assert_eq!(peer.to_string(), text);
        }
    }

    #[test]
    fn a_port_that_nobody_named_is_the_transports_own() {
        let port = |text: &str| {
            let peer: Peer = text.parse().expect("a peer");
            (peer.port, peer.port_or_default())
        };
        assert_eq!(port("192.0.2.7"), (None, 5060));
        assert_eq!(port("192.0.2.7;transport=tls"), (None, 5061));
        assert_eq!(port("192.0.2.7:7"), (Some(7), 7));
        let peer: Peer = "[2001:db8::7]".parse().expect("a peer");
        assert_eq!(peer.address(), "[2001:db8::7]:5060");
    }

    #[test]
    fn other_texts_are_no_peers() {
        for (text, error) in [
            ("", PeerError::Host),
            ("192.0.2.256", PeerError::Host),
            ("2001:db8::7", PeerError::Host),
            ("a b", PeerError::Host),
            ("a..b", PeerError::Host),
            ("[192.0.2.7]", PeerError::Host),
            ("[2001:db8::7", PeerError::Host),
            ("192.0.2.7:0", PeerError::Port),
            ("192.0.2.7:65536", PeerError::Port),
            ("192.0.2.7:", PeerError::Port),
            ("192.0.2.7;transport=sctp", PeerError::Parameter),
            ("192.0.2.7;q", PeerError::Parameter),
            ("192.0.2.7;weight=-1", PeerError::Parameter),
        ] {
            assert_eq!(text.parse::<Peer>(), Err(error), "{text}");
        }
    }
}
