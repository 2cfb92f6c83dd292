//! Our own narrow face over the SIP stack: legs, their signals, and what may be asked of them.
//!
//! Nothing of the stack's types leaves this module at all, so that the stack can
//! be replaced. What is used of it are the transports and the transactions of RFC 3261 §17 and
//! RFC 6026; dialogs are ours, because every header that goes out is ours: the two legs of a call
//! share not one header, tag or Call-ID.
//!
//! Not here: what a call does ([`crate::call`]), who may speak to us ([`crate::guard`]).

mod authenticate;
mod dialog;
mod inbound;
mod info;
mod inspect;
mod leg;
mod message;
mod outbound;
mod reliable;
mod requests;
mod tcp;
mod tls;

use std::{
    collections::HashMap,
    fmt, io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use rsipstack::{
    EndpointBuilder,
    sip::HostWithPort,
    transaction::endpoint::{Endpoint, EndpointInnerRef, EndpointOption},
    transport::{SipAddr, SipConnection, TransportLayer},
};
use tokio::{net::UdpSocket, sync::mpsc};
use tokio_util::sync::CancellationToken;

use crate::guard::{Guard, stack::guarded_udp};

pub use self::{
    leg::{Leg, LegId, OfferId, Signal, Signals},
    message::{Abilities, Extra, Refresher},
    outbound::{CallOut, Credentials},
    tls::{TlsError, TlsFiles, TlsMaterial, certificate_expiry},
};

/// What identifies us in `User-Agent` and `Server`, on both legs alike.
const AGENT: &str = "axbridge";
/// The methods we take, as `Allow` says it.
pub(crate) const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO";
/// Calls that may wait for the plane to look at them.
const ARRIVALS_MAX: usize = 1024;
/// A connection over which nothing came for this long is closed, in seconds.
const STREAM_IDLE_S: u64 = 600;

pub use axbridge_domain::trunk::Transport;

const fn of_stack(transport: rsipstack::sip::Transport) -> Option<Transport> {
    match transport {
        rsipstack::sip::Transport::Udp => Some(Transport::Udp),
        rsipstack::sip::Transport::Tcp => Some(Transport::Tcp),
        rsipstack::sip::Transport::Tls => Some(Transport::Tls),
        _ => None,
    }
}

const fn to_stack(transport: Transport) -> rsipstack::sip::Transport {
    match transport {
        Transport::Udp => rsipstack::sip::Transport::Udp,
        Transport::Tcp => rsipstack::sip::Transport::Tcp,
        Transport::Tls => rsipstack::sip::Transport::Tls,
    }
}

/// An address that we listen on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Listen {
    /// How.
    pub transport: Transport,
    /// Where; port 0 takes a free one.
    pub address: SocketAddr,
    /// The address that peers reach it by, when it is another.
    pub public: Option<SocketAddr>,
}

/// The stack could not start.
#[derive(Debug)]
pub struct StackError {
    what: String,
    address: SocketAddr,
}

impl StackError {
    fn of(address: SocketAddr, what: impl fmt::Display) -> Self {
        Self {
            what: what.to_string(),
            address,
        }
    }
}

impl fmt::Display for StackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "cannot listen for SIP on {}: {}; choose another address or stop what holds it",
            self.address, self.what
        )
    }
}

impl std::error::Error for StackError {}

/// Times of RFC 3261 §17, in milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SipTimes {
    /// T1: how long a message takes there and back.
    pub t1_ms: u64,
    /// T2: the longest pause between two repeats.
    pub t2_ms: u64,
}

impl Default for SipTimes {
    fn default() -> Self {
        Self {
            t1_ms: 500,
            t2_ms: 4_000,
        }
    }
}

impl SipTimes {
    /// 64 × T1: when a request without an answer has failed.
    #[must_use]
    pub const fn give_up_ms(self) -> u64 {
        self.t1_ms * 64
    }

    /// T4: how long a message lives in the network (5 s, 10 × T1).
    #[must_use]
    pub const fn lifetime_ms(self) -> u64 {
        self.t1_ms * 10
    }
}

/// A place that messages leave by.
#[derive(Clone)]
struct Outlet {
    transport: Transport,
    /// What Via and Contact say.
    public: SocketAddr,
    /// The socket itself, for datagrams.
    socket: Option<SipConnection>,
}

/// A call that came in, not answered yet.
pub struct Arrived {
    /// The request.
    pub message: Vec<u8>,
    /// Its body: what the caller offers.
    pub sdp: Vec<u8>,
    /// What the caller can do.
    pub abilities: Abilities,
    /// The address it came from, by the socket.
    pub source: SocketAddr,
    /// How it came.
    pub transport: Transport,
    /// The trunk that the gate found for it.
    pub trunk: Arc<str>,
    /// The leg that answers it.
    pub leg: Leg,
    /// Where its signals go: hand it to the call.
    pub signals: mpsc::Receiver<(LegId, Signal)>,
    /// The sender for the call's other legs.
    pub sender: Signals,
}

impl fmt::Debug for Arrived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arrived")
            .field("source", &self.source)
            .field("trunk", &self.trunk)
            .finish_non_exhaustive()
    }
}

struct Inner {
    endpoint: EndpointInnerRef,
    outlets: Vec<Outlet>,
    /// Opens connections by TLS, where we have a certificate.
    dialler: Option<tls::Dialler>,
    guard: Arc<Guard>,
    times: SipTimes,
    dialogs: Mutex<HashMap<DialogKey, Weak<leg::LegState>>>,
    /// INVITEs in work by (Call-ID, From tag, CSeq), against merged requests (RFC 3261 §8.2.2.2).
    invites: Mutex<HashMap<(String, String, u32), ()>>,
    next_leg: AtomicU64,
    /// No new calls.
    closed: AtomicBool,
    stop: CancellationToken,
}

/// A dialog is found by its Call-ID and our tag; the peer's tag is checked after that.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct DialogKey {
    call_id: String,
    local_tag: String,
}

impl Inner {
    fn outlet(&self, transport: Transport) -> Option<&Outlet> {
        self.outlets
            .iter()
            .find(|outlet| outlet.transport == transport)
    }

    fn next_leg(&self) -> LegId {
        LegId(self.next_leg.fetch_add(1, Ordering::Relaxed))
    }
}

/// A lock that a panic elsewhere does not take away from us: what it guards is whole between any
/// two statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The SIP stack of one node.
#[derive(Clone)]
pub struct Stack {
    inner: Arc<Inner>,
}

impl fmt::Debug for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stack")
            .field("addresses", &self.addresses())
            .finish_non_exhaustive()
    }
}

/// What the stack holds at the moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct StackHolds {
    /// Transactions that run.
    pub transactions: usize,
    /// Transactions remembered for late repeats.
    pub finished: usize,
    /// Dialogs.
    pub dialogs: usize,
}

/// Takes the connections that carriers make to a listener; over TLS if there is `material`.
fn accept(
    inner: Arc<Inner>,
    listener: tokio::net::TcpListener,
    public: SocketAddr,
    guard: Arc<Guard>,
    material: Option<Arc<TlsMaterial>>,
) {
    match material {
        Some(material) => tokio::spawn(tls::accept(inner, listener, public, guard, material)),
        None => tokio::spawn(tcp::accept(inner, listener, public, guard)),
    };
}

impl Stack {
    /// Binds every listener and starts to serve. Calls come out of the receiver. `tls` is who we
    /// are on listeners for TLS.
    ///
    /// # Errors
    /// An address that cannot be had, or one for TLS without a certificate.
    pub async fn start(
        listen: &[Listen],
        times: SipTimes,
        guard: Arc<Guard>,
        tls: Option<Arc<TlsMaterial>>,
    ) -> Result<(Self, mpsc::Receiver<Arrived>), StackError> {
        let stop = CancellationToken::new();
        let transports = TransportLayer::new(stop.child_token());
        transports.set_stream_idle_timeout(std::time::Duration::from_secs(STREAM_IDLE_S));
        let mut outlets = Vec::with_capacity(listen.len());
        let mut listeners = Vec::new();
        let mut dialler = None;
        for place in listen {
            match place.transport {
                Transport::Udp => {
                    outlets.push(Self::bind_udp(*place, &transports, &guard, &stop).await?);
                }
                Transport::Tcp | Transport::Tls => {
                    let (listener, public) = Self::bind_tcp(*place)?;
                    outlets.push(Outlet {
                        transport: place.transport,
                        public,
                        socket: None,
                    });
                    let material = match place.transport {
                        Transport::Tls => Some(tls.clone().ok_or_else(|| {
                            StackError::of(place.address, "TLS needs a certificate and its key")
                        })?),
                        _ => None,
                    };
                    if let Some(material) = material.clone() {
                        dialler.get_or_insert_with(|| {
                            tls::Dialler::new(material, guard.clone(), public)
                        });
                    }
                    listeners.push((listener, public, material));
                }
            }
        }
        let endpoint = Self::endpoint(transports, times, &guard, &stop);
        let inner = Arc::new(Inner {
            endpoint: endpoint.inner.clone(),
            outlets,
            dialler,
            guard: guard.clone(),
            times,
            dialogs: Mutex::new(HashMap::new()),
            invites: Mutex::new(HashMap::new()),
            next_leg: AtomicU64::new(1),
            closed: AtomicBool::new(false),
            stop,
        });
        let (arrivals, arrived) = mpsc::channel(ARRIVALS_MAX);
        match endpoint.incoming_transactions() {
            Ok(incoming) => tokio::spawn(inbound::dispatch(inner.clone(), incoming, arrivals)),
            // It can be taken once, and this is a new endpoint.
            Err(error) => return Err(StackError::of(SocketAddr::from(([0; 4], 0)), error)),
        };
        tokio::spawn(async move {
            if let Err(error) = endpoint.inner.serve().await {
                tracing::error!(%error, "the SIP stack stopped");
            }
        });
        for (listener, public, material) in listeners {
            accept(inner.clone(), listener, public, guard.clone(), material);
        }
        Ok((Self { inner }, arrived))
    }

    fn endpoint(
        transports: TransportLayer,
        times: SipTimes,
        guard: &Arc<Guard>,
        stop: &CancellationToken,
    ) -> Endpoint {
        EndpointBuilder::new()
            .with_user_agent(AGENT)
            .with_transport_layer(transports)
            .with_option(EndpointOption {
                t1: std::time::Duration::from_millis(times.t1_ms),
                t2: std::time::Duration::from_millis(times.t2_ms),
                t4: std::time::Duration::from_millis(times.lifetime_ms()),
                t1x64: std::time::Duration::from_millis(times.give_up_ms()),
                ..EndpointOption::default()
            })
            .with_transport_inspector(Box::new(inspect::Doorman::new(guard.clone())))
            .with_inspector(Box::new(inspect::Scribe))
            .with_cancel_token(stop.clone())
            .build()
    }

    fn bind_tcp(place: Listen) -> Result<(tokio::net::TcpListener, SocketAddr), StackError> {
        let failed = |error: io::Error| StackError::of(place.address, error);
        let listener = tcp::bind(place.address).map_err(failed)?;
        let bound = listener.local_addr().map_err(failed)?;
        Ok((listener, place.public.unwrap_or(bound)))
    }

    async fn bind_udp(
        place: Listen,
        transports: &TransportLayer,
        guard: &Arc<Guard>,
        stop: &CancellationToken,
    ) -> Result<Outlet, StackError> {
        let failed = |error: &dyn fmt::Display| StackError::of(place.address, error);
        let socket = UdpSocket::bind(place.address)
            .await
            .map_err(|error| failed(&error))?;
        let socket = guarded_udp(socket, place.public, guard.clone(), stop.child_token())
            .await
            .map_err(|error| failed(&error))?;
        let public = socket
            .get_addr()
            .get_socketaddr()
            .map_err(|error| failed(&error))?;
        let socket = SipConnection::Udp(socket);
        transports.add_transport(socket.clone());
        Ok(Outlet {
            transport: Transport::Udp,
            public,
            socket: Some(socket),
        })
    }

    /// Where peers reach us, in the order of the listeners.
    #[must_use]
    pub fn addresses(&self) -> Vec<(Transport, SocketAddr)> {
        self.inner
            .outlets
            .iter()
            .map(|outlet| (outlet.transport, outlet.public))
            .collect()
    }

    /// Refuses every new call from now on with 503.
    pub fn close(&self) {
        self.inner.closed.store(true, Ordering::Release);
    }

    /// Stops at once.
    pub fn stop(&self) {
        self.inner.stop.cancel();
    }

    /// What it holds.
    #[must_use]
    pub fn holds(&self) -> StackHolds {
        let stats = self.inner.endpoint.get_stats();
        StackHolds {
            transactions: stats.running_transactions,
            finished: stats.finished_transactions,
            dialogs: lock(&self.inner.dialogs).len(),
        }
    }

    /// Rings somebody. The leg's signals say what comes of it.
    ///
    /// # Errors
    /// No listener of that transport, or a request that cannot be written.
    pub fn call_out(&self, what: CallOut, signals: Signals) -> Result<Leg, StackFault> {
        outbound::call_out(&self.inner, what, signals)
    }

    /// Asks a peer whether it lives (OPTIONS, RFC 3261 §11); the status it answers. Over TLS its
    /// certificate must bear the name.
    ///
    /// # Errors
    /// No listener of that transport, no connection, or a request that cannot be written.
    pub async fn ask_options(
        &self,
        transport: Transport,
        peer: SocketAddr,
        certificate_name: &str,
    ) -> Result<u16, StackFault> {
        outbound::ask_options(&self.inner, transport, peer, certificate_name).await
    }
}

/// A request could not be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackFault(String);

impl fmt::Display for StackFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StackFault {}

impl StackFault {
    fn of(what: impl fmt::Display) -> Self {
        Self(what.to_string())
    }
}

fn sip_addr(transport: Transport, address: SocketAddr) -> SipAddr {
    SipAddr::new(to_stack(transport), HostWithPort::from(address))
}
