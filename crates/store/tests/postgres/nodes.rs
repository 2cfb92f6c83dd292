//! Several stores on one database, and what must hold in it whatever happened.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use axbridge_domain::{
    account::{AccountId, AccountTerms},
    binding::{DisplayType, Terms},
    city::CityCode,
    city_order::Tier,
    phone::PhoneNumber,
    pool::{Pool, PoolKind, PoolNo, PoolRules},
    time::Timestamp,
};
use axbridge_store::{
    Location, Store, StoreOptions,
    error::{BindRefusal, OpenError, StoreError},
    keyring::Keyring,
    model::{Account, BindCommand, Bound, Idempotency, NewNumber, Placement},
};
use tokio_postgres::{Client, NoTls};

pub(crate) const HOUR: i64 = 3_600_000;
pub(crate) type Answer = Result<Result<Bound, BindRefusal>, StoreError>;

/// A moment, in milliseconds since the test began.
pub(crate) fn at(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(1_800_000_000_000 + ms)
}

fn mobile(network: u64, index: u64) -> PhoneNumber {
    PhoneNumber::parse(&format!("{network}{index:08}")).expect("a mobile number")
}

pub(crate) fn x(index: u64) -> PhoneNumber {
    mobile(138, index)
}

pub(crate) fn a(index: u64) -> PhoneNumber {
    mobile(139, 40_000_000 + index)
}

pub(crate) fn b(index: u64) -> PhoneNumber {
    mobile(137, 60_000_000 + index)
}

pub(crate) fn pool() -> PoolNo {
    PoolNo::new(1).expect("18 digits")
}

/// A database of its own.
pub(crate) struct Database {
    server: String,
    name: String,
    pub(crate) url: String,
    keys: Arc<Keyring>,
}

impl Database {
    /// Makes one; without a server to make it on, says so and answers `None`.
    pub(crate) async fn make() -> Option<Self> {
        let server = std::env::var("TEST_DATABASE_URL").unwrap_or_default();
        if server.is_empty() {
            println!("skipped: TEST_DATABASE_URL is not set");
            return None;
        }
        Some(Self::make_on(server).await)
    }

    /// Makes one on this server.
    pub(crate) async fn make_on(server: String) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let clock = SystemTime::now().duration_since(UNIX_EPOCH);
        let name = format!(
            "nodes_{}_{}_{}",
            std::process::id(),
            clock.map_or(0, |since| since.subsec_nanos()),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        execute(&server, &format!("CREATE DATABASE {name}")).await;
        let text = Keyring::generate().expect("random bytes");
        Self {
            url: with_database(&server, &name),
            server,
            name,
            keys: Arc::new(Keyring::parse(&text).expect("own text")),
        }
    }

    pub(crate) async fn open(&self) -> Result<Store, OpenError> {
        self.open_by(&self.url).await
    }

    /// A node that reaches the database by another address.
    pub(crate) async fn open_by(&self, url: &str) -> Result<Store, OpenError> {
        let options = StoreOptions {
            connections_max: 6,
            ..StoreOptions::default()
        };
        let location = Location::Postgres(url.to_owned());
        Store::open(&location, Arc::clone(&self.keys), options, at(0)).await
    }

    /// A node.
    pub(crate) async fn node(&self) -> Store {
        self.open().await.expect("the store opens")
    }

    /// Two nodes, an account and a pool of `numbers` numbers with these rules.
    pub(crate) async fn two_nodes(&self, numbers: u64, rules: PoolRules) -> [Store; 2] {
        let nodes = [self.node().await, self.node().await];
        let account = Account {
            id: AccountId::DEFAULT,
            name: "nodes".to_owned(),
            terms: AccountTerms::default(),
            created_at: at(0),
        };
        assert!(nodes[0].create_account(&account).await.expect("works"));
        let new_pool = Pool {
            pool_no: pool(),
            account: AccountId::DEFAULT,
            name: "pool".to_owned(),
            kind: PoolKind::Axb,
            scene: None,
            rules,
        };
        assert!(nodes[0].create_pool(&new_pool, at(0)).await.expect("works"));
        let city = CityCode::parse("010").ok();
        let lines: Vec<NewNumber> = (0..numbers)
            .map(|index| NewNumber { x: x(index), city })
            .collect();
        let imported = nodes[1].import_numbers(pool(), &lines, None, at(0)).await;
        assert!(imported.expect("works").is_some());
        nodes
    }

    /// A plain connection, for looking behind the store's face.
    pub(crate) async fn client(&self) -> Client {
        connect(&self.url).await
    }

    /// Fails when routes, bindings, counts and events contradict each other at `now`.
    pub(crate) async fn check(&self, now: Timestamp) {
        let client = self.client().await;
        let contradictions = [
            (
                "a live binding without its two routes (or its one, as an AX)",
                "SELECT count(*) FROM binding b WHERE ended_at IS NULL AND expires_at > $1 AND
                    (SELECT count(*) FROM route r WHERE r.account = b.account AND r.x = b.x
                        AND r.sub_id = b.sub_id AND r.live_until = b.expires_at)
                    <> CASE WHEN any_caller THEN 1 ELSE 2 END",
            ),
            (
                "a live route without its live binding",
                "SELECT count(*) FROM route r WHERE live_until > $1 AND NOT EXISTS
                    (SELECT 1 FROM binding b WHERE b.account = r.account AND b.sub_id = r.sub_id
                        AND b.x = r.x AND b.ended_at IS NULL AND b.expires_at = r.live_until)",
            ),
            (
                "a number whose counts are not those of its bindings",
                "SELECT count(*) FROM number n CROSS JOIN LATERAL
                    (SELECT count(*) FILTER (WHERE any_caller) AS ax,
                            count(*) FILTER (WHERE NOT any_caller) AS axb
                     FROM binding b WHERE b.account = n.account AND b.x = n.x AND b.counted) c
                 WHERE $1::int8 > 0 AND (n.ax <> c.ax OR n.axb <> c.axb)",
            ),
            (
                "a binding that was not told of exactly once",
                "SELECT count(*) FROM binding b WHERE $1::int8 > 0 AND 1 <>
                    (SELECT count(*) FROM
                        (SELECT topic, subject FROM outbox UNION ALL
                         SELECT topic, subject FROM outbox_entry) e
                     WHERE e.topic = 'binding.bound' AND e.subject = b.sub_id)",
            ),
        ];
        for (what, query) in contradictions {
            let found = client.query_one(query, &[&now.unix_ms()]).await;
            let found: i64 = found
                .unwrap_or_else(|error| panic!("{what}: {error}"))
                .get(0);
            assert_eq!(found, 0, "{what}");
        }
    }

    /// Closes the nodes and removes the database.
    pub(crate) async fn done(self, nodes: impl IntoIterator<Item = Store>) {
        for node in nodes {
            node.close().await;
        }
        let name = &self.name;
        execute(&self.server, &format!("DROP DATABASE {name} WITH (FORCE)")).await;
    }
}

async fn connect(url: &str) -> Client {
    let connecting = tokio_postgres::connect(url, NoTls).await;
    let (client, connection) = connecting.expect("TEST_DATABASE_URL names a server");
    tokio::spawn(connection);
    client
}

async fn execute(url: &str, statement: &str) {
    let done = connect(url).await.batch_execute(statement).await;
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

/// A bind in the whole pool; with `b` an AXB. `nonce` tells it apart from all others.
pub(crate) fn select(nonce: u32, a: PhoneNumber, b: Option<PhoneNumber>) -> BindCommand {
    BindCommand {
        account: AccountId::DEFAULT,
        pool: pool(),
        placement: Placement::Select {
            tiers: vec![Tier::WholePool],
            policy: None,
        },
        terms: Terms {
            a,
            b,
            expires_at: at(HOUR),
            display: DisplayType::BothSeeX,
            record: true,
            verify: false,
            exclusive: false,
            user_data: None,
            out_id: None,
            voice_code: None,
            order_id: None,
            industrial_id: None,
            talk_s_max: None,
        },
        idempotency: None,
        live_bindings_max: None,
        dry_run: false,
        nonce,
        seed: nonce.into(),
    }
}

/// A key for a safe retry.
pub(crate) fn key(text: &str) -> Option<Idempotency> {
    Some(Idempotency {
        action: "SelectNumberAndBindAXB",
        key: text.to_owned(),
        fingerprint: [7; 32],
    })
}

/// Sends all binds at once, every other one to the other node.
pub(crate) async fn at_once(nodes: &[Store], commands: Vec<BindCommand>) -> Vec<Answer> {
    let tasks: Vec<_> = commands
        .into_iter()
        .zip(nodes.iter().cycle())
        .map(|(command, node)| {
            let node = node.clone();
            tokio::spawn(async move { node.bind(command, at(0)).await })
        })
        .collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.expect("no panic"));
    }
    answers
}
