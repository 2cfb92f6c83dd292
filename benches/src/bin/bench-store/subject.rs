//! The store itself, on either engine, through its public face.
//!
//! Time is virtual: each bind is a millisecond later than the one before, and is held for as many
//! milliseconds as there are live bindings, so that the number of live ones stays the same however
//! fast the store is.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use axbridge_benches::{
    samples::Samples,
    world::{NUMBERS, START, number, pool},
};
use axbridge_domain::{
    account::{AccountId, AccountTerms},
    binding::{DisplayType, Terms},
    city_order::Tier,
    pool::{Pool, PoolKind, PoolRules},
    time::Timestamp,
};
use axbridge_store::{
    Location, Store, StoreOptions,
    keyring::Keyring,
    model::{Account, BindCommand, Bound, NewNumber, Placement},
};
use serde_json::json;

use crate::{
    arguments::Arguments,
    closed_loop::{self, Caller},
    traffic::{Load, Traffic, phone},
};

/// Bindings of the one B of the hot load that are live at once, and as many in quarantine: half
/// of the numbers are closed to it.
const HOT_LIVE: i64 = NUMBERS as i64 / 4;
const NUMBERS_PER_CALL: usize = 1000;
const FILLERS: usize = 512;
const WAVE: usize = 64;

struct Binder {
    store: Store,
    clock: Arc<AtomicI64>,
    hold_ms: i64,
    traffic: Traffic,
}

impl Binder {
    fn command(&mut self, now: Timestamp) -> BindCommand {
        let (a, b) = self.traffic.next_pair();
        BindCommand {
            account: AccountId::DEFAULT,
            pool: pool(),
            placement: Placement::Select {
                tiers: vec![Tier::WholePool],
                policy: None,
            },
            terms: Terms {
                a: phone(a),
                b: Some(phone(b)),
                expires_at: now.plus_ms(self.hold_ms),
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
            nonce: self.traffic.next_u64() as u32,
            seed: self.traffic.next_u64(),
        }
    }
}

impl Caller for Binder {
    async fn bind(&mut self) -> Result<()> {
        let now = START.plus_ms(self.clock.fetch_add(1, Ordering::Relaxed));
        let command = self.command(now);
        match self.store.bind(command, now).await? {
            Ok(Bound::New(_)) => Ok(()),
            Ok(_) => bail!("the store answered a bind of another request"),
            Err(refusal) => bail!("a bind was refused: {refusal:?}"),
        }
    }
}

/// One or more nodes with their shared clock.
struct Nodes {
    stores: Vec<Store>,
    clock: Arc<AtomicI64>,
    live: u64,
}

impl Nodes {
    async fn open(locations: &[Location], live: u64) -> Result<Self> {
        let text = Keyring::generate()?;
        let options = StoreOptions {
            remember_ms: HOT_LIVE,
            ..StoreOptions::default()
        };
        let mut stores = Vec::new();
        for location in locations {
            let keys = Keyring::parse(&text).map_err(anyhow::Error::msg)?;
            stores.push(Store::open(location, Arc::new(keys), options, START).await?);
        }
        let first = stores.first().context("no place for the data was named")?;
        prepare(first).await?;
        let nodes = Self {
            stores,
            clock: Arc::new(AtomicI64::new(0)),
            live,
        };
        closed_loop::fill(nodes.binders(Load::Uniform, FILLERS, live as i64), live).await?;
        Ok(nodes)
    }

    fn binders(&self, load: Load, count: usize, hold_ms: i64) -> Vec<Binder> {
        let stores = self.stores.iter().cycle().take(count);
        let binder = |(index, store): (usize, &Store)| Binder {
            store: store.clone(),
            clock: Arc::clone(&self.clock),
            hold_ms,
            traffic: Traffic::new(load, self.live, {
                // Another stream each time, or the same pairs would come again.
                let moment = self.clock.load(Ordering::Relaxed) as u64;
                moment.wrapping_mul(1 << 16).wrapping_add(index as u64)
            }),
        };
        stores.enumerate().map(binder).collect()
    }

    fn committed(&self) -> (u64, u64) {
        let now = self.stores.iter().map(|store| store.counters().now());
        now.fold((0, 0), |(commits, committed), counters| {
            (commits + counters.commits, committed + counters.committed)
        })
    }

    async fn measure(&self, subject: &str, arguments: &Arguments) -> Result<()> {
        for (load, callers) in arguments.rounds() {
            let hold_ms = match load {
                Load::Uniform => self.live as i64,
                Load::Hot => HOT_LIVE,
            };
            // Each node serves as many callers as one alone would.
            let callers = callers * self.stores.len();
            let before = self.committed();
            let binders = self.binders(load, callers, hold_ms);
            let outcome = closed_loop::run(binders, arguments.duration).await?;
            let after = self.committed();
            let mut line = outcome.json(subject, self.live, load.name(), callers);
            let commits = (after.0 - before.0).max(1);
            line["batch"] = json!((after.1 - before.1) as f64 / commits as f64);
            println!("{line}");
        }
        Ok(())
    }

    async fn close(self) {
        for store in self.stores {
            store.close().await;
        }
    }
}

/// The account, the pool and its numbers.
async fn prepare(store: &Store) -> Result<()> {
    let terms = AccountTerms::default();
    let account = Account {
        id: AccountId::DEFAULT,
        name: "benchmark".to_owned(),
        terms,
        created_at: START,
    };
    store.create_account(&account).await?;
    let rules = PoolRules {
        quarantine_ms: HOT_LIVE,
        quarantine_min_ms: HOT_LIVE,
        bindings_per_number_max: u32::MAX,
        ..PoolRules::default()
    };
    let pool = Pool {
        pool_no: pool(),
        account: AccountId::DEFAULT,
        name: "benchmark".to_owned(),
        kind: PoolKind::Axb,
        scene: None,
        rules,
    };
    if !store.create_pool(&pool, START).await? {
        bail!("the data directory or database is not empty");
    }
    let numbers: Vec<NewNumber> = (0..NUMBERS)
        .map(|index| NewNumber {
            x: number(index),
            city: None,
        })
        .collect();
    for some in numbers.chunks(NUMBERS_PER_CALL) {
        store
            .import_numbers(pool.pool_no, some, None, START)
            .await?
            .context("the pool is gone")?;
    }
    Ok(())
}

/// The embedded store.
pub(crate) async fn embedded(arguments: &Arguments) -> Result<()> {
    let location = Location::Directory(arguments.dir()?.clone());
    let nodes = Nodes::open(&[location], arguments.live).await?;
    nodes.measure("sqlite", arguments).await?;
    nodes.close().await;
    Ok(())
}

/// As many nodes on PostgreSQL as there are connection strings.
pub(crate) async fn shared(arguments: &Arguments) -> Result<()> {
    let locations: Vec<Location> = arguments
        .urls
        .iter()
        .map(|url| Location::Postgres(url.clone()))
        .collect();
    let nodes = Nodes::open(&locations, arguments.live).await?;
    let subject = match locations.len() {
        1 => "postgres".to_owned(),
        count => format!("postgres-{count}-nodes"),
    };
    nodes.measure(&subject, arguments).await?;
    nodes.close().await;
    Ok(())
}

/// The embedded store in batches of exactly 64: all of them wait, then all of them ask again.
pub(crate) async fn waves(arguments: &Arguments) -> Result<()> {
    let location = Location::Directory(arguments.dir()?.clone());
    let nodes = Nodes::open(&[location], arguments.live).await?;
    let mut binders = nodes.binders(Load::Uniform, WAVE, nodes.live as i64);
    let before = nodes.committed();
    let (mut samples, mut busy) = (Samples::default(), Duration::ZERO);
    while busy < arguments.duration {
        let started = Instant::now();
        let mut wave = tokio::task::JoinSet::new();
        for mut binder in binders.drain(..) {
            wave.spawn(async move {
                binder.bind().await?;
                anyhow::Ok(binder)
            });
        }
        while let Some(binder) = wave.join_next().await {
            binders.push(binder.context("a caller panicked")??);
        }
        let took = started.elapsed();
        busy += took;
        samples.note(took);
    }
    let after = nodes.committed();
    let per_second = (samples.len() * WAVE) as f64 / busy.as_secs_f64();
    let outcome = closed_loop::Outcome {
        per_second,
        samples,
    };
    let mut line = outcome.json("waves", arguments.live, "uniform", WAVE);
    let commits = (after.0 - before.0).max(1);
    line["batch"] = json!((after.1 - before.1) as f64 / commits as f64);
    println!("{line}");
    nodes.close().await;
    Ok(())
}
