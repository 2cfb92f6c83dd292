//! Connections that peers open to us.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rsipstack::transport::{SipConnection, tcp::TcpConnection};
use tokio::net::{TcpListener, TcpStream};

use super::{Inner, Transport, sip_addr};
use crate::guard::Guard;

/// Connections that wait to be accepted.
const BACKLOG: u32 = 128;
/// Connections held at once, from all peers.
const CONNECTIONS_MAX: usize = 4096;
/// How long to wait after a failed accept: the usual cause is that file handles ran out.
pub(super) const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

pub(super) fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv6() {
        tokio::net::TcpSocket::new_v6()?
    } else {
        tokio::net::TcpSocket::new_v4()?
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

pub(super) async fn accept(
    inner: Arc<Inner>,
    listener: TcpListener,
    public: SocketAddr,
    guard: Arc<Guard>,
) {
    let held = Arc::new(AtomicUsize::new(0));
    loop {
        let accepted = tokio::select! {
            () = inner.stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                // A stranger's connection is closed without a word.
                if guard.knows(peer.ip()) && held.load(Ordering::Relaxed) < CONNECTIONS_MAX {
                    take(&inner, stream, public, &held);
                }
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a SIP connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn take(inner: &Arc<Inner>, stream: TcpStream, public: SocketAddr, held: &Arc<AtomicUsize>) {
    let token = inner.stop.child_token();
    let ours = sip_addr(Transport::Tcp, public);
    match TcpConnection::from_stream(stream, ours, Some(token.clone())) {
        Ok(connection) => {
            held.fetch_add(1, Ordering::Relaxed);
            let held = held.clone();
            inner
                .endpoint
                .transport_layer
                .add_connection(SipConnection::Tcp(connection));
            tokio::spawn(async move {
                // The stack cancels a connection's token when it retires it.
                token.cancelled().await;
                held.fetch_sub(1, Ordering::Relaxed);
            });
        }
        Err(error) => tracing::debug!(%error, "a SIP connection was gone before it was taken"),
    }
}
