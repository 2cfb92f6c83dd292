//! From a name to the addresses that may be connected to.
//!
//! A name is looked up once for a connection, every address is judged, and the connection goes to
//! one that was judged: a name that answers differently the next moment gains nothing.

use std::{
    fmt,
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
};

use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::{is_public, is_within};

/// The addresses of a name, when they have come.
pub type Found = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Who knows the addresses of names.
pub trait Lookup: Send + Sync {
    /// Asks for the addresses of a name.
    fn addresses(&self, name: &str) -> Found;
}

/// The system's resolver.
#[derive(Debug, Clone, Copy)]
pub struct SystemLookup;

impl Lookup for SystemLookup {
    fn addresses(&self, name: &str) -> Found {
        let name = name.to_owned();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// A name leads to no address that callbacks may reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoAllowedAddress;

impl fmt::Display for NoAllowedAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the host has no public address; the operator can allow private ranges with \
             callbacks.allowed_ranges",
        )
    }
}

impl std::error::Error for NoAllowedAddress {}

/// Which addresses may be reached.
#[derive(Clone)]
pub(super) struct Guard {
    allowed: Arc<[IpNet]>,
    lookup: Arc<dyn Lookup>,
}

impl Guard {
    pub(super) fn new(allowed: &[IpNet], lookup: Arc<dyn Lookup>) -> Self {
        Self {
            allowed: allowed.into(),
            lookup,
        }
    }

    /// Whether a connection may go to this address.
    pub(super) fn allows(&self, address: IpAddr) -> bool {
        is_public(address) || is_within(address, &self.allowed)
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let found = self.lookup.addresses(name.as_str());
        let guard = self.clone();
        Box::pin(async move {
            let mut addresses: Vec<SocketAddr> = Vec::new();
            for address in found.await? {
                if guard.allows(address) {
                    // Port 0 stands for that of the URL.
                    addresses.push(SocketAddr::new(address, 0));
                }
            }
            if addresses.is_empty() {
                return Err(NoAllowedAddress.into());
            }
            let addresses: Addrs = Box::new(addresses.into_iter());
            Ok(addresses)
        })
    }
}
