//! A COMMIT that nobody answers: the node must find out what stands before it says anything.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use axbridge_domain::{account::AccountId, pool::PoolRules};
use axbridge_store::{
    Store,
    model::{BindingChange, BindingRef, Bound, UpgradeCommand},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tokio_postgres::config::Host;

use crate::nodes::{Database, a, at, b, select};

/// What becomes of the next COMMITs that pass.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Cut {
    /// The server gets it, the answer is lost.
    AfterCommit,
    /// The server never gets it.
    BeforeCommit,
}

/// A wire between a node and the server that can be cut at a COMMIT.
struct Wire {
    address: SocketAddr,
    cuts_left: Arc<AtomicU32>,
}

impl Wire {
    async fn lay(server: SocketAddr, cut: Cut) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let cuts_left = Arc::new(AtomicU32::new(0));
        let left = Arc::clone(&cuts_left);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, server, cut, Arc::clone(&left)));
            }
        });
        Self { address, cuts_left }
    }

    fn cut_next(&self) {
        self.cuts_left.store(1, Ordering::SeqCst);
    }

    fn was_cut(&self) -> bool {
        self.cuts_left.load(Ordering::SeqCst) == 0
    }
}

async fn carry(client: TcpStream, server: SocketAddr, cut: Cut, cuts_left: Arc<AtomicU32>) {
    let Ok(server) = TcpStream::connect(server).await else {
        return;
    };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let back = tokio::spawn(async move {
        let _ = tokio::io::copy(&mut from_server, &mut to_client).await;
    });
    let mut buffer = vec![0; 65536];
    while let Ok(length @ 1..) = from_client.read(&mut buffer).await {
        let commits = buffer[..length].windows(6).any(|word| word == b"COMMIT");
        let spend = |left: u32| left.checked_sub(1);
        if commits
            && cuts_left
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, spend)
                .is_ok()
        {
            back.abort();
            if cut == Cut::AfterCommit {
                let _ = to_server.write_all(&buffer[..length]).await;
            }
            return;
        }
        if to_server.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
    back.abort();
}

/// The server's address, and the connection string that goes by `wire` instead.
async fn server_of(url: &str) -> SocketAddr {
    let config: tokio_postgres::Config = url.parse().expect("a connection string");
    let port = config.get_ports().first().copied().unwrap_or(5432);
    let Some(Host::Tcp(host)) = config.get_hosts().first() else {
        panic!("TEST_DATABASE_URL names a host");
    };
    let mut found = tokio::net::lookup_host((host.as_str(), port))
        .await
        .expect("an address");
    found.next().expect("an address")
}

fn by_wire(url: &str, wire: SocketAddr) -> String {
    let (head, rest) = url.split_once("://").expect("a URL");
    let (authority, path) = rest.split_once('/').expect("a database");
    let user = authority.rsplit_once('@').map_or("", |(user, _)| user);
    let mark = if user.is_empty() { "" } else { "@" };
    format!("{head}://{user}{mark}{wire}/{path}")
}

fn named(sub_id: axbridge_domain::binding::SubId) -> BindingRef {
    BindingRef {
        account: AccountId::DEFAULT,
        pool: None,
        sub_id,
    }
}

/// Binds, updates, upgrades and unbinds, each with its COMMIT cut.
async fn live_through(node: &Store, wire: &Wire) {
    wire.cut_next();
    let bound = node.bind(select(1, a(1), None), at(0)).await;
    let Ok(Ok(Bound::New(ax))) = bound else {
        panic!("not bound: {bound:?}");
    };
    assert!(wire.was_cut());

    wire.cut_next();
    let change = BindingChange::PhoneA(a(2));
    let changed = node.update_binding(named(ax.sub_id), change, at(1)).await;
    let changed = changed.expect("settled").expect("not refused");
    assert_eq!(changed.terms.a, a(2));
    assert!(wire.was_cut());

    wire.cut_next();
    let command = UpgradeCommand {
        ax: named(ax.sub_id),
        b: b(1),
        display: None,
        user_data: None,
        out_id: None,
        idempotency: None,
        nonce: 77,
    };
    let axb = node.upgrade(command, at(2)).await;
    let axb = axb.expect("settled").expect("not refused");
    assert_eq!((axb.terms.a, axb.terms.b), (a(2), Some(b(1))));
    assert!(wire.was_cut());

    wire.cut_next();
    let ended = node.unbind(named(axb.sub_id), at(3)).await;
    assert_eq!(ended.expect("settled"), Ok(()));
    assert!(wire.was_cut());
}

async fn survive(cut: Cut) {
    let Some(database) = Database::make().await else {
        return;
    };
    let nodes = database.two_nodes(3, PoolRules::default()).await;
    let wire = Wire::lay(server_of(&database.url).await, cut).await;
    let url = by_wire(&database.url, wire.address);
    let node = database.open_by(&url).await.expect("the store opens");
    live_through(&node, &wire).await;
    let told = node.events(0, 100).await.expect("works");
    let told: Vec<&str> = told.iter().map(|event| event.topic.name()).collect();
    let expected = [
        "binding.bound",
        "binding.updated",
        "binding.unbound",
        "binding.bound",
        "binding.unbound",
    ];
    assert_eq!(told, expected, "{cut:?}");
    database.check(at(3)).await;
    database.done(nodes.into_iter().chain([node])).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_server_committed_unheard_is_found_and_not_done_again() {
    survive(Cut::AfterCommit).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_server_never_heard_of_is_done_again() {
    survive(Cut::BeforeCommit).await;
}
