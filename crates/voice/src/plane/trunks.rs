//! The trunks as this node knows them: read from the app every second, their peers asked by OPTIONS
//! whether they live.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::Duration,
};

use axbridge_app::{App, Secret};
use axbridge_domain::{
    draws::Draws,
    phone::PhoneNumber,
    trunk::{Host, NoWayOut, Peer, Standing, Transport, Trunk, TrunkName, WireNumber, ways_out},
};
use ipnet::IpNet;
use tokio_util::sync::CancellationToken;

use super::counts::Counts;
use crate::{
    guard::{Acl, Guard},
    stack::{Credentials, Stack},
};

/// How old a trunk's description may be, in milliseconds.
const REFRESH_MS: u64 = 1_000;
/// How long names of peers may take to be looked up, in milliseconds.
const LOOKUP_MS: u64 = 2_000;
/// Addresses of one name that are tried.
const ADDRESSES_MAX: usize = 4;

/// A trunk and what answers its challenges.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) trunk: Trunk,
    pub(super) credentials: Option<Credentials>,
    /// What it must answer our challenges with.
    inbound: Option<Credentials>,
}

/// One attempt to reach somebody.
#[derive(Clone, Debug)]
pub(super) struct Way {
    pub(super) known: Arc<Known>,
    pub(super) transport: Transport,
    pub(super) address: SocketAddr,
    /// The name that its certificate must bear, over TLS.
    pub(super) certificate_name: String,
    /// The peer as messages name it.
    pub(super) host: String,
    pub(super) dialled: WireNumber,
}

/// What a peer's last OPTIONS came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Health {
    up: bool,
}

/// The trunks of a node.
pub(super) struct Trunks {
    app: Arc<App>,
    guard: Arc<Guard>,
    counts: Counts,
    known: RwLock<Arc<Vec<Arc<Known>>>>,
    health: Mutex<HashMap<(TrunkName, Peer), Health>>,
}

impl Trunks {
    pub(super) async fn load(app: Arc<App>, guard: Arc<Guard>, counts: Counts) -> Arc<Self> {
        let trunks = Arc::new(Self {
            app,
            guard,
            counts,
            known: RwLock::default(),
            health: Mutex::default(),
        });
        trunks.refresh().await;
        trunks
    }

    /// Reads the trunks anew. When that fails, what was known stays.
    async fn refresh(&self) {
        let records = match self.app.trunks().await {
            Ok(records) => records,
            Err(error) => {
                tracing::warn!(%error, "the trunks could not be read; the last known stay");
                return;
            }
        };
        let known: Vec<Arc<Known>> = records
            .iter()
            .map(|record| {
                let credentials = |user: &str, secret: &Option<_>| {
                    secret.as_ref().map(|secret: &Secret| Credentials {
                        user: user.to_owned(),
                        password: secret.reveal().to_owned(),
                    })
                };
                let trunk = record.trunk.clone();
                Arc::new(Known {
                    credentials: credentials(&trunk.outbound_user, &record.outbound_secret),
                    inbound: credentials(&trunk.inbound_user, &record.inbound_secret),
                    trunk,
                })
            })
            .collect();
        let before = self.all();
        let is_same = before.len() == known.len()
            && before.iter().zip(&known).all(|(old, new)| {
                old.trunk == new.trunk
                    && old.credentials == new.credentials
                    && old.inbound == new.inbound
            });
        if !is_same {
            let passwords = known.iter().map(|known| {
                let inbound = known.inbound.as_ref();
                (
                    &known.trunk,
                    inbound.map(|inbound| inbound.password.clone()),
                )
            });
            self.guard.set_acl(Acl::with_passwords(passwords));
            *self.known.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(known);
        }
    }

    pub(super) fn all(&self) -> Arc<Vec<Arc<Known>>> {
        self.known
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The trunk of that name.
    pub(super) fn by_name(&self, name: &str) -> Option<Arc<Known>> {
        let all = self.all();
        all.iter()
            .find(|known| known.trunk.name.as_str() == name)
            .cloned()
    }

    fn health(&self) -> MutexGuard<'_, HashMap<(TrunkName, Peer), Health>> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a peer answered last; one that was never asked counts as up.
    fn is_up(&self, trunk: &Trunk, peer: &Peer) -> bool {
        let key = (trunk.name.clone(), peer.clone());
        self.health().get(&key).is_none_or(|health| health.up)
    }

    /// How each peer of each trunk stands.
    pub(super) fn peers(&self) -> Vec<(TrunkName, String, bool)> {
        let all = self.all();
        let mut peers = Vec::new();
        for known in all.iter() {
            for peer in &known.trunk.peers {
                let up = self.is_up(&known.trunk, peer);
                peers.push((known.trunk.name.clone(), peer.address(), up));
            }
        }
        peers
    }

    /// Legs on a trunk: of all nodes where it has a limit, else of this one.
    async fn calls_on(&self, trunk: &Trunk) -> u32 {
        let own = self.counts.on_trunk(&trunk.name);
        let Some(most) = trunk.calls_max.filter(|_| trunk.outbound && trunk.enabled) else {
            return own;
        };
        match self.app.calls_on_trunk(&trunk.name, most).await {
            Ok(all) => own.max(all),
            Err(error) => {
                tracing::warn!(trunk = %trunk.name, %error, "the calls of other nodes were not counted");
                own
            }
        }
    }

    /// The ways to reach `callee` showing `shown`, best first.
    pub(super) async fn ways(
        &self,
        callee: PhoneNumber,
        shown: PhoneNumber,
        seed: u64,
    ) -> Result<Vec<Way>, NoWayOut> {
        let all = self.all();
        let mut standings: Vec<(&Trunk, Standing)> = Vec::with_capacity(all.len());
        for known in all.iter() {
            let peers = known.trunk.peers.iter();
            let standing = Standing {
                calls: self.calls_on(&known.trunk).await,
                peers_up: peers.map(|peer| self.is_up(&known.trunk, peer)).collect(),
            };
            standings.push((&known.trunk, standing));
        }
        let found = ways_out(&standings, callee, shown, &mut Draws::from_seed(seed))?;
        let mut ways = Vec::with_capacity(found.len());
        for way in found {
            let Some(known) = all.iter().find(|known| known.trunk.name == way.trunk.name) else {
                continue;
            };
            for address in addresses(way.peer).await {
                ways.push(Way {
                    known: known.clone(),
                    transport: way.peer.transport,
                    address,
                    certificate_name: known.trunk.certificate_name(&way.peer.host),
                    host: way.peer.address(),
                    dialled: way.dialled.clone(),
                });
            }
        }
        Ok(ways)
    }

    /// Keeps the trunks fresh and asks their peers, until told to stop.
    pub(super) async fn keep(self: Arc<Self>, stack: Stack, stop: CancellationToken) {
        let mut due: HashMap<(TrunkName, Peer), tokio::time::Instant> = HashMap::new();
        let mut beat = tokio::time::interval(Duration::from_millis(REFRESH_MS));
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = beat.tick() => {}
            }
            self.refresh().await;
            let now = tokio::time::Instant::now();
            let mut asked = Vec::new();
            for known in self.all().iter() {
                let trunk = &known.trunk;
                if !trunk.enabled || !trunk.outbound || trunk.keep_alive_s == 0 {
                    continue;
                }
                for peer in &trunk.peers {
                    let key = (trunk.name.clone(), peer.clone());
                    asked.push(key.clone());
                    if due.get(&key).is_none_or(|due| *due <= now) {
                        let pause = Duration::from_secs(u64::from(trunk.keep_alive_s));
                        due.insert(key.clone(), now + pause);
                        tokio::spawn(self.clone().ask(stack.clone(), key));
                    }
                }
            }
            due.retain(|key, _| asked.contains(key));
            self.health().retain(|key, _| asked.contains(key));
        }
    }

    /// Asks one peer. Any answer is a sign of life, except that it is going down (RFC 3261 §11.2).
    async fn ask(self: Arc<Self>, stack: Stack, key: (TrunkName, Peer)) {
        let (mut up, mut why) = (false, "no answer".to_owned());
        let trunks = self.all();
        let known = trunks.iter().find(|known| known.trunk.name == key.0);
        let Some(known) = known else { return };
        let name = known.trunk.certificate_name(&key.1.host);
        for address in addresses(&key.1).await {
            let asked = stack.ask_options(key.1.transport, address, &name).await;
            match asked {
                Ok(status) => up |= !matches!(status, 408 | 503),
                Err(error) => why = error.to_string(),
            }
        }
        let before = self.health().insert(key.clone(), Health { up });
        if before.is_none_or(|before| before.up != up) {
            let (trunk, peer) = (&key.0, key.1.address());
            if up {
                tracing::info!(%trunk, peer, "the trunk's peer answers");
            } else {
                tracing::warn!(%trunk, peer, why, "the trunk's peer does not answer OPTIONS");
            }
        }
    }
}

/// The addresses of a peer.
async fn addresses(peer: &Peer) -> Vec<SocketAddr> {
    match &peer.host {
        Host::Address(address) => vec![SocketAddr::new(*address, peer.port_or_default())],
        Host::Name(name) => {
            let lookup = tokio::net::lookup_host((name.clone(), peer.port_or_default()));
            match tokio::time::timeout(Duration::from_millis(LOOKUP_MS), lookup).await {
                Ok(Ok(found)) => found.take(ADDRESSES_MAX).collect(),
                _ => Vec::new(),
            }
        }
    }
}

/// The networks that a trunk's sound may come from.
pub(super) fn sound_networks(trunk: &Trunk) -> Arc<[IpNet]> {
    let networks = if trunk.media_networks.is_empty() {
        &trunk.networks
    } else {
        &trunk.media_networks
    };
    let named = networks
        .iter()
        .filter_map(|network| IpNet::new(network.first(), network.prefix_bits()).ok());
    let peers = trunk.peers.iter().filter_map(|peer| match peer.host {
        Host::Address(address) => Some(IpNet::from(IpAddr::to_canonical(&address))),
        Host::Name(_) => None,
    });
    if networks.is_empty() {
        peers.collect()
    } else {
        named.collect()
    }
}
