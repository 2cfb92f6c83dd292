//! How a stream of ours becomes a connection of the stack.
//!
//! The stack makes a TLS connection by asking the one connector of the process for a stream. Ours
//! opens nothing: it hands out streams that were left here under a ticket. So whatever the stack
//! wants to open by itself fails, and every connection is one that we made and checked.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use rsipstack::{
    platform::tls::{TlsClientConfig, TlsConnector, TlsStream, set_client_connector},
    transport::{SipConnection, tls_platform::PlatformTlsConnection},
};
use tokio_util::sync::CancellationToken;

use super::super::{StackFault, Transport, lock, sip_addr};

#[derive(Default)]
struct Counter {
    left: Mutex<HashMap<String, Box<dyn TlsStream>>>,
    next: AtomicU64,
}

static COUNTER: OnceLock<&'static Counter> = OnceLock::new();

fn counter() -> &'static Counter {
    COUNTER.get_or_init(|| {
        // One for the whole process and for all its time, as the stack's own place for it is.
        let counter: &'static Counter = Box::leak(Box::default());
        set_client_connector(std::sync::Arc::new(Handover(counter)));
        counter
    })
}

struct Handover(&'static Counter);

#[async_trait]
impl TlsConnector for Handover {
    async fn connect(
        &self,
        config: &TlsClientConfig,
        _address: SocketAddr,
    ) -> rsipstack::Result<Box<dyn TlsStream>> {
        let left = lock(&self.0.left).remove(&config.server_name);
        left.ok_or_else(|| {
            rsipstack::Error::Error("TLS connections are made outside of the stack".to_owned())
        })
    }
}

/// Makes a connection of a stream. `token` is cancelled when the stack lets it go.
pub(super) async fn adopt(
    stream: Box<dyn TlsStream>,
    peer: SocketAddr,
    token: CancellationToken,
) -> Result<SipConnection, StackFault> {
    let counter = counter();
    let number = counter.next.fetch_add(1, Ordering::Relaxed);
    // No host is called so, so nothing that the stack asks for can be mistaken for it.
    let ticket = format!("#{number}");
    lock(&counter.left).insert(ticket.clone(), stream);
    let peer = sip_addr(Transport::Tls, peer);
    let adopted = PlatformTlsConnection::connect(&peer, Some(&ticket), Some(token)).await;
    lock(&counter.left).remove(&ticket);
    adopted
        .map(SipConnection::TlsPlatform)
        .map_err(StackFault::of)
}
