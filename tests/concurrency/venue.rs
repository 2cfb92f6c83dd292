//! Where stores are opened for a test: a directory of their own, or a database of their own that
//! several nodes share.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use axbridge_domain::{
    account::{AccountId, AccountTerms},
    city::CityCode,
    phone::PhoneNumber,
    pool::{Pool, PoolKind, PoolNo, PoolRules},
    time::Timestamp,
};
use axbridge_store::{
    Location, Store, StoreOptions,
    keyring::Keyring,
    model::{Account, NewNumber},
};
use tempfile::TempDir;
use tokio_postgres::NoTls;

/// Numbers of one import call.
const IMPORT_MAX: usize = 1_000;

/// A moment, in milliseconds since the test began.
pub(crate) fn at(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(1_800_000_000_000 + ms)
}

fn mobile(network: u64, index: u64) -> PhoneNumber {
    PhoneNumber::parse(&format!("{network}{index:08}")).expect("a mobile number")
}

/// A number of the pool.
pub(crate) fn x(index: u64) -> PhoneNumber {
    mobile(138, index)
}

/// A person.
pub(crate) fn person(index: u64) -> PhoneNumber {
    mobile(139, 40_000_000 + index)
}

pub(crate) fn pool() -> PoolNo {
    PoolNo::new(1).expect("18 digits")
}

/// What keeps the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    /// One node, embedded.
    Embedded,
    /// So many nodes on one PostgreSQL database.
    Shared(usize),
}

enum Ground {
    Directory(TempDir),
    Database { server: String, name: String },
}

/// Nodes with one pool between them.
pub(crate) struct Venue {
    pub(crate) nodes: Vec<Store>,
    ground: Ground,
}

impl Venue {
    /// Opens the nodes on a pool of `numbers` numbers. Without a server to do it on, says so and
    /// answers `None`.
    pub(crate) async fn open(engine: Engine, numbers: u64, rules: PoolRules) -> Option<Self> {
        let (ground, location, count) = match engine {
            Engine::Embedded => {
                let directory = TempDir::new().expect("a temporary directory");
                let location = Location::Directory(directory.path().to_owned());
                (Ground::Directory(directory), location, 1)
            }
            Engine::Shared(nodes) => {
                let (server, name) = make_database().await?;
                let location = Location::Postgres(with_database(&server, &name));
                (Ground::Database { server, name }, location, nodes)
            }
        };
        let text = Keyring::generate().expect("random bytes");
        let keys = Arc::new(Keyring::parse(&text).expect("own text"));
        let options = StoreOptions {
            connections_max: 6,
            ..StoreOptions::default()
        };
        let mut nodes = Vec::new();
        for _ in 0..count {
            let opened = Store::open(&location, Arc::clone(&keys), options, at(0)).await;
            nodes.push(opened.expect("the store opens"));
        }
        stock(&nodes[0], numbers, rules).await;
        Some(Self { nodes, ground })
    }

    /// Closes the nodes and removes what they kept.
    pub(crate) async fn close(self) {
        for node in self.nodes {
            node.close().await;
        }
        match self.ground {
            Ground::Directory(directory) => directory.close().expect("it can be removed"),
            Ground::Database { server, name } => {
                execute(&server, &format!("DROP DATABASE {name} WITH (FORCE)")).await;
            }
        }
    }
}

async fn stock(store: &Store, numbers: u64, rules: PoolRules) {
    let account = Account {
        id: AccountId::DEFAULT,
        name: "concurrency".to_owned(),
        terms: AccountTerms::default(),
        created_at: at(0),
    };
    assert!(store.create_account(&account).await.expect("works"));
    let new_pool = Pool {
        pool_no: pool(),
        account: AccountId::DEFAULT,
        name: "pool".to_owned(),
        kind: PoolKind::Axb,
        scene: None,
        rules,
    };
    assert!(store.create_pool(&new_pool, at(0)).await.expect("works"));
    let city = CityCode::parse("010").ok();
    let lines: Vec<NewNumber> = (0..numbers)
        .map(|index| NewNumber { x: x(index), city })
        .collect();
    for lines in lines.chunks(IMPORT_MAX) {
        let imported = store.import_numbers(pool(), lines, None, at(0)).await;
        assert!(imported.expect("works").is_some());
    }
}

async fn make_database() -> Option<(String, String)> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let server = std::env::var("TEST_DATABASE_URL").unwrap_or_default();
    if server.is_empty() {
        println!("skipped: TEST_DATABASE_URL is not set");
        return None;
    }
    let clock = SystemTime::now().duration_since(UNIX_EPOCH);
    let name = format!(
        "concurrency_{}_{}_{}",
        std::process::id(),
        clock.map_or(0, |since| since.subsec_nanos()),
        NEXT.fetch_add(1, Ordering::Relaxed)
    );
    execute(&server, &format!("CREATE DATABASE {name}")).await;
    Some((server, name))
}

async fn execute(url: &str, statement: &str) {
    let connecting = tokio_postgres::connect(url, NoTls).await;
    let (client, connection) = connecting.expect("TEST_DATABASE_URL names a server");
    tokio::spawn(connection);
    let done = client.batch_execute(statement).await;
    done.unwrap_or_else(|error| panic!("{statement}: {error}"));
}

/// The same server and options, another database.
fn with_database(url: &str, name: &str) -> String {
    let (address, options) = url.split_once('?').unwrap_or((url, ""));
    let authority_start = address.find("://").map_or(0, |at| at + 3);
    let authority = address[authority_start..].find('/');
    let authority_end = authority.map_or(address.len(), |at| authority_start + at);
    let question = if options.is_empty() { "" } else { "?" };
    format!("{}/{name}{question}{options}", &address[..authority_end])
}
