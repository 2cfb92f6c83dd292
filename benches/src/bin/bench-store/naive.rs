//! What most people would write first: one transaction a bind, which looks for a free number with
//! `SELECT … FOR UPDATE` and inserts what it found, five round trips in all.
//!
//! It is given what it needs to be right and as fast as it can be: an index for every look-up, a
//! unique key that keeps two bindings off one route, a random place to start looking, prepared
//! statements, a connection for each caller, and another try when the unique key refuses.

use anyhow::{Context, Result, bail};
use axbridge_benches::world::NUMBERS;
use tokio_postgres::{Client, NoTls, Statement, error::SqlState};

use crate::{
    arguments::Arguments,
    closed_loop::{self, Caller},
    traffic::Traffic,
};

const FIRST_X: i64 = 17_000_000_000;
const TRIES_MAX: usize = 100;

const SCHEMA: &str = "
CREATE TABLE number (x bigint PRIMARY KEY, pool int NOT NULL, place int NOT NULL, enabled bool NOT NULL);
CREATE TABLE binding (id bigserial PRIMARY KEY, x bigint NOT NULL, a bigint NOT NULL, b bigint NOT NULL,
    expires_at bigint NOT NULL, created_at bigint NOT NULL, out_id text);
CREATE TABLE route (party bigint NOT NULL, x bigint NOT NULL, peer bigint NOT NULL, binding bigint NOT NULL);
";

/// The preload in bulk, then the keys; repeats of a route are left out.
const FILL: &str = "
INSERT INTO number SELECT $x + n, 1, n, true FROM generate_series(0, $numbers - 1) n;
CREATE UNIQUE INDEX ON number (pool, place);
CREATE TEMP TABLE made AS
    SELECT i AS id, $x + ((i % $bs) * 7919 + i / $bs) % $numbers AS x,
        13000000000 + (i * 2654435761) % $as AS a, 15000000000 + i % $bs AS b
    FROM generate_series(0::bigint, $live - 1) i;
DELETE FROM made m USING (
    SELECT id, row_number() OVER (PARTITION BY x, a ORDER BY id) AS nth FROM made) r
    WHERE r.id = m.id AND r.nth > 1;
INSERT INTO binding SELECT id, x, a, b, 1900000000000, 1800000000000, 'order' FROM made;
INSERT INTO route SELECT a, x, b, id FROM made UNION ALL SELECT b, x, a, id FROM made;
ALTER TABLE route ADD PRIMARY KEY (party, x);
SELECT setval('binding_id_seq', $live + 1);
";

struct Naive {
    client: Client,
    find: Statement,
    bind: Statement,
    route: Statement,
    traffic: Traffic,
}

impl Naive {
    async fn connect(url: &str, traffic: Traffic) -> Result<Self> {
        let client = connect(url).await?;
        let find = "SELECT n.x FROM number n WHERE n.pool = 1 AND n.enabled AND n.place >= $3
            AND NOT EXISTS (SELECT 1 FROM route r WHERE r.party = $1 AND r.x = n.x)
            AND NOT EXISTS (SELECT 1 FROM route r WHERE r.party = $2 AND r.x = n.x)
            ORDER BY n.place LIMIT 1 FOR UPDATE OF n";
        let bind = "INSERT INTO binding (x, a, b, expires_at, created_at, out_id)
            VALUES ($1, $2, $3, 1900000000000, 1800000000000, 'order') RETURNING id";
        let route = "INSERT INTO route VALUES ($1, $2, $3, $4), ($3, $2, $1, $4)";
        Ok(Self {
            find: client.prepare(find).await?,
            bind: client.prepare(bind).await?,
            route: client.prepare(route).await?,
            client,
            traffic,
        })
    }

    /// False when another caller took the number meanwhile, or none was found.
    async fn attempt(&mut self, a: i64, b: i64, place: i32) -> Result<bool> {
        let transaction = self.client.transaction().await?;
        let found = transaction.query_opt(&self.find, &[&a, &b, &place]).await?;
        let Some(found) = found else {
            transaction.rollback().await?;
            return Ok(false);
        };
        let x: i64 = found.try_get(0)?;
        let bound = transaction.query_one(&self.bind, &[&x, &a, &b]).await?;
        let id: i64 = bound.try_get(0)?;
        match transaction.execute(&self.route, &[&a, &x, &b, &id]).await {
            Ok(_) => {
                transaction.commit().await?;
                Ok(true)
            }
            Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => {
                transaction.rollback().await?;
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }
}

impl Caller for Naive {
    async fn bind(&mut self) -> Result<()> {
        let (a, b) = self.traffic.next_pair();
        for _ in 0..TRIES_MAX {
            let place = self.traffic.next_u64() % NUMBERS as u64;
            if self.attempt(a as i64, b as i64, place as i32).await? {
                return Ok(());
            }
        }
        bail!("no number after {TRIES_MAX} tries");
    }
}

async fn connect(url: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls)
        .await
        .context("could not connect")?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            eprintln!("a connection ended: {error}");
        }
    });
    Ok(client)
}

/// The naive transaction on the database of `--url`, which must be empty.
pub(crate) async fn run(arguments: &Arguments) -> Result<()> {
    let url = arguments.url()?;
    let live = arguments.live;
    arguments.uniform_only()?;
    let client = connect(url).await?;
    client.batch_execute(SCHEMA).await?;
    let uniform = live / axbridge_benches::world::BINDINGS_PER_B;
    let fill = FILL
        .replace("$x", &FIRST_X.to_string())
        .replace("$numbers", &NUMBERS.to_string())
        .replace("$bs", &uniform.max(1).to_string())
        .replace("$as", &(live / 2).max(1).to_string())
        .replace("$live", &live.to_string());
    client.batch_execute(&fill).await?;
    client.batch_execute("VACUUM ANALYZE").await?;
    client.batch_execute("CHECKPOINT").await?;
    for (round, (load, callers)) in arguments.rounds().enumerate() {
        let mut all = Vec::new();
        for index in 0..callers {
            let seed = (round * callers + index) as u64 + 1;
            all.push(Naive::connect(url, Traffic::new(load, live, seed)).await?);
        }
        let outcome = closed_loop::run(all, arguments.duration).await?;
        println!("{}", outcome.json("naive", live, load.name(), callers));
    }
    Ok(())
}
