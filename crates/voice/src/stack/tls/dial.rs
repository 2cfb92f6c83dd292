//! Connections that we open to trunks. One serves all that goes to an address whose certificate
//! bears the same name, for as long as it lives.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axbridge_domain::trunk::{Host, Transport, Trunk};
use rsipstack::transport::SipConnection;
use rustls::pki_types::ServerName;
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;

use super::{
    super::{Inner, StackFault},
    TlsMaterial,
    handover::adopt,
    stream::GuardedTls,
};
use crate::{guard::Guard, stack::lock};

/// How long a connection with its handshake may take; less than a peer's time for its first sign
/// of life, so that the next one is tried in time.
const DIAL_TIMEOUT: Duration = Duration::from_secs(4);

type Place = (SocketAddr, ServerName<'static>);
/// A connection, or the place of one that somebody is opening.
type Slot = Arc<tokio::sync::Mutex<Option<SipConnection>>>;

/// Opens connections.
pub(in crate::stack) struct Dialler {
    material: Arc<TlsMaterial>,
    guard: Arc<Guard>,
    /// What we call our end.
    public: SocketAddr,
    slots: Mutex<HashMap<Place, Slot>>,
}

impl Dialler {
    pub(in crate::stack) fn new(
        material: Arc<TlsMaterial>,
        guard: Arc<Guard>,
        public: SocketAddr,
    ) -> Self {
        Self {
            material,
            guard,
            public,
            slots: Mutex::default(),
        }
    }

    /// A connection to `peer`, whose certificate bears `name`.
    pub(in crate::stack) async fn connection(
        &self,
        inner: &Inner,
        peer: SocketAddr,
        name: &str,
    ) -> Result<SipConnection, StackFault> {
        let name = ServerName::try_from(name.to_owned())
            .map_err(|_| StackFault::of("the peer's name is none that a certificate can bear"))?;
        // Whoever waits for another's attempt waits no longer than for their own.
        let connection = timeout(DIAL_TIMEOUT, self.held_or_new(inner, peer, name)).await;
        connection
            .unwrap_or_else(|_| Err(StackFault::of("the peer made no TLS connection in time")))
    }

    async fn held_or_new(
        &self,
        inner: &Inner,
        peer: SocketAddr,
        name: ServerName<'static>,
    ) -> Result<SipConnection, StackFault> {
        let slot = self.slot((peer, name.clone()));
        let mut held = slot.lock().await;
        if let Some(connection) = held.as_ref().filter(|it| is_alive(it)) {
            return Ok(connection.clone());
        }
        let connection = self.dial(inner, peer, name).await?;
        *held = Some(connection.clone());
        Ok(connection)
    }

    fn slot(&self, place: Place) -> Slot {
        let mut slots = lock(&self.slots);
        if !slots.contains_key(&place) {
            // Forget what is dead and what nobody is opening, so that addresses that came and
            // went are not kept.
            slots.retain(|_, slot| {
                slot.try_lock()
                    .map_or(true, |held| held.as_ref().is_some_and(is_alive))
            });
        }
        slots.entry(place).or_default().clone()
    }

    async fn dial(
        &self,
        inner: &Inner,
        peer: SocketAddr,
        name: ServerName<'static>,
    ) -> Result<SipConnection, StackFault> {
        let stream = TcpStream::connect(peer).await.map_err(StackFault::of)?;
        let _ = stream.set_nodelay(true);
        let connector = TlsConnector::from(self.material.client());
        let stream = connector.connect(name, stream).await;
        let stream = stream.map_err(|error| StackFault::of(format!("TLS: {error}")))?;
        let token = inner.stop.child_token();
        let guarded = GuardedTls::new(
            stream.into(),
            self.public,
            peer,
            self.guard.clone(),
            token.clone(),
        );
        let connection = adopt(Box::new(guarded), peer, token).await?;
        let layer = &inner.endpoint.transport_layer;
        layer.add_connection(connection.clone());
        Ok(connection)
    }
}

fn is_alive(connection: &SipConnection) -> bool {
    connection
        .cancel_token()
        .is_none_or(|token| !token.is_cancelled())
}

/// The name that the certificate of whoever called us must bear when we have to connect to them:
/// what the trunk says, else what its peer at that address is called.
pub(in crate::stack) fn name_for(trunk: Option<&Trunk>, address: SocketAddr) -> String {
    let Some(trunk) = trunk else {
        return address.ip().to_string();
    };
    let mut encrypted = trunk
        .peers
        .iter()
        .filter(|peer| peer.transport == Transport::Tls);
    let same = |host: &Host| *host == Host::Address(address.ip());
    let found = encrypted.find(|peer| same(&peer.host) || matches!(peer.host, Host::Name(_)));
    let host = found.map_or(Host::Address(address.ip()), |peer| peer.host.clone());
    trunk.certificate_name(&host)
}
