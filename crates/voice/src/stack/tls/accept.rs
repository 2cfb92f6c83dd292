//! Connections that peers open to us.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use super::{super::Inner, TlsMaterial, handover::adopt, stream::GuardedTls};
use crate::{
    guard::{Cause, Guard},
    stack::{lock, tcp},
};

/// How long a handshake may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// Handshakes in work at once.
const HANDSHAKES_MAX: usize = 128;
/// Handshakes of one address in work at once.
const HANDSHAKES_PER_SOURCE_MAX: usize = 32;
/// Connections held at once, from all peers.
const CONNECTIONS_MAX: usize = 4096;

struct Door {
    inner: Arc<Inner>,
    public: SocketAddr,
    guard: Arc<Guard>,
    material: Arc<TlsMaterial>,
    places: Arc<Semaphore>,
    handshakes: Arc<Semaphore>,
    by_source: Mutex<HashMap<IpAddr, usize>>,
}

/// Accepts until the stack stops.
pub(in crate::stack) async fn accept(
    inner: Arc<Inner>,
    listener: TcpListener,
    public: SocketAddr,
    guard: Arc<Guard>,
    material: Arc<TlsMaterial>,
) {
    let door = Arc::new(Door {
        inner,
        public,
        guard,
        material,
        places: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
        handshakes: Arc::new(Semaphore::new(HANDSHAKES_MAX)),
        by_source: Mutex::default(),
    });
    loop {
        let accepted = tokio::select! {
            () = door.inner.stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => door.clone().knocked(stream, peer),
            Err(error) => {
                tracing::warn!(%error, "cannot accept a SIP connection");
                tokio::time::sleep(tcp::ACCEPT_PAUSE).await;
            }
        }
    }
}

impl Door {
    /// A stranger's connection, and one too many, are closed without a word.
    fn knocked(self: Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        if !self.guard.knows(peer.ip()) {
            return self.guard.count(Cause::Stranger);
        }
        let place = self.places.clone().try_acquire_owned();
        let handshake = self.handshakes.clone().try_acquire_owned();
        let source = BySource::take(&self, peer.ip());
        let (Ok(place), Ok(handshake), Some(source)) = (place, handshake, source) else {
            return self.guard.count(Cause::Flood);
        };
        tokio::spawn(async move {
            self.take(stream, peer, place).await;
            drop((handshake, source));
        });
    }

    async fn take(&self, stream: TcpStream, peer: SocketAddr, place: OwnedSemaphorePermit) {
        // Small messages that somebody waits for.
        let _ = stream.set_nodelay(true);
        let acceptor = TlsAcceptor::from(self.material.server());
        let stream = tokio::select! {
            () = self.inner.stop.cancelled() => return,
            stream = timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)) => stream,
        };
        let stream = match stream {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                tracing::info!(%peer, %error, "a trunk's TLS handshake failed");
                return self.guard.count(Cause::Handshake);
            }
            Err(_) => return self.guard.count(Cause::Handshake),
        };
        let token = self.inner.stop.child_token();
        let guarded = GuardedTls::new(
            stream.into(),
            self.public,
            peer,
            self.guard.clone(),
            token.clone(),
        );
        match adopt(Box::new(guarded), peer, token.clone()).await {
            Ok(connection) => {
                self.inner
                    .endpoint
                    .transport_layer
                    .add_connection(connection);
                tokio::spawn(async move {
                    // The stack cancels a connection's token when it retires it.
                    token.cancelled().await;
                    drop(place);
                });
            }
            Err(error) => tracing::debug!(%error, "a SIP connection was gone before it was taken"),
        }
    }
}

/// One handshake that counts for its address.
struct BySource(Arc<Door>, IpAddr);

impl BySource {
    fn take(door: &Arc<Door>, source: IpAddr) -> Option<Self> {
        let mut counts = lock(&door.by_source);
        let count = counts.entry(source).or_insert(0);
        (*count < HANDSHAKES_PER_SOURCE_MAX).then(|| {
            *count += 1;
            Self(door.clone(), source)
        })
    }
}

impl Drop for BySource {
    fn drop(&mut self) {
        let mut counts = lock(&self.0.by_source);
        if let Some(count) = counts.get_mut(&self.1) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(&self.1);
            }
        }
    }
}
