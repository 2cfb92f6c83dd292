//! A store on a place of its own, one account, one pool, and short words for what scenarios do.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use axbridge_domain::{
    account::{AccountId, AccountTerms},
    binding::{Binding, DisplayType, Terms},
    city::CityCode,
    city_order::Tier,
    phone::PhoneNumber,
    pool::{Pool, PoolKind, PoolNo, PoolRules},
    route_table::Load,
    time::Timestamp,
};
use axbridge_store::{
    Location, Store, StoreOptions,
    error::{BindRefusal, ChangeRefusal, NumberRefusal, StoreError},
    keyring::Keyring,
    model::{
        Account, BindCommand, BindingChange, BindingRef, Bound, CallQuery, CallRoute, Event,
        Idempotency, Imported, NewNumber, NumberFilter, Page, Placement, PoolChange, PoolChanged,
        Topic,
    },
};

pub(crate) const SECOND: i64 = 1_000;
pub(crate) const MINUTE: i64 = 60 * SECOND;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;
/// When bindings end unless a scenario says otherwise.
pub(crate) const LIFE: i64 = 30 * DAY;
pub(crate) const ALL: Page = Page {
    offset: 0,
    limit: 500,
};

/// A moment, in milliseconds since the scenario began.
pub(crate) fn at(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(1_800_000_000_000 + ms)
}

fn mobile(network: u64, index: u64) -> PhoneNumber {
    PhoneNumber::parse(&format!("{network}{index:08}")).expect("a mobile number")
}

/// A privacy number.
pub(crate) fn x(index: u64) -> PhoneNumber {
    mobile(138, index)
}

/// A party that mostly is an A.
pub(crate) fn a(index: u64) -> PhoneNumber {
    mobile(139, 40_000_000 + index)
}

/// A party that mostly is a B.
pub(crate) fn b(index: u64) -> PhoneNumber {
    mobile(137, 60_000_000 + index)
}

pub(crate) fn city(code: &str) -> CityCode {
    CityCode::parse(code).expect("a city in force")
}

pub(crate) fn pool_no(digits: u64) -> PoolNo {
    PoolNo::new(digits).expect("18 digits")
}

pub(crate) fn other_account() -> AccountId {
    AccountId::new(2_100_000_002).expect("ten digits")
}

pub(crate) fn main_pool() -> PoolNo {
    pool_no(1)
}

/// Runs each scenario on each backend.
macro_rules! scenarios {
    ($($scenario:ident),+ $(,)?) => {
        mod on_sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $scenario() {
                    $crate::world::on_sqlite(super::$scenario).await;
                }
            )+
        }

        mod on_postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $scenario() {
                    $crate::world::on_postgres(super::$scenario).await;
                }
            )+
        }
    };
}

pub(crate) async fn on_sqlite(scenario: impl AsyncFnOnce(&mut World)) {
    let directory = tempfile::tempdir().expect("a directory");
    let location = Location::Directory(directory.path().to_owned());
    let mut world = World::open(location).await;
    scenario(&mut world).await;
    world.store.close().await;
}

pub(crate) async fn on_postgres(scenario: impl AsyncFnOnce(&mut World)) {
    let server = std::env::var("TEST_DATABASE_URL").unwrap_or_default();
    if server.is_empty() {
        println!("skipped: TEST_DATABASE_URL is not set");
        return;
    }
    let name = fresh_database_name();
    execute(&server, &format!("CREATE DATABASE {name}")).await;
    let mut world = World::open(Location::Postgres(with_database(&server, &name))).await;
    scenario(&mut world).await;
    world.store.close().await;
    execute(&server, &format!("DROP DATABASE {name} WITH (FORCE)")).await;
}

fn fresh_database_name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let clock = SystemTime::now().duration_since(UNIX_EPOCH);
    format!(
        "conformance_{}_{}_{}",
        std::process::id(),
        clock.map_or(0, |since| since.subsec_nanos()),
        NEXT.fetch_add(1, Ordering::Relaxed)
    )
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

/// A plain connection, for what lies outside the store's face.
pub(crate) async fn connect(url: &str) -> tokio_postgres::Client {
    let connecting = tokio_postgres::connect(url, tokio_postgres::NoTls).await;
    let (client, connection) = connecting.expect("TEST_DATABASE_URL names a server");
    tokio::spawn(connection);
    client
}

async fn execute(url: &str, statement: &str) {
    let done = connect(url).await.batch_execute(statement).await;
    done.unwrap_or_else(|error| panic!("{statement}: {error}"));
}

pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) location: Location,
    pub(crate) options: StoreOptions,
    pub(crate) key_text: String,
    nonce: AtomicU32,
}

impl World {
    async fn open(location: Location) -> Self {
        let key_text = Keyring::generate().expect("random bytes").to_string();
        let options = StoreOptions {
            connections_max: 4,
            ..StoreOptions::default()
        };
        let store = open_store(&location, &key_text, options, at(0)).await;
        let world = Self {
            store,
            location,
            options,
            key_text,
            nonce: AtomicU32::new(1),
        };
        world.add_account(AccountId::DEFAULT).await;
        world
            .add_pool(AccountId::DEFAULT, main_pool(), PoolKind::Axb)
            .await;
        world
    }

    /// Closes the store and opens it again at `now`.
    pub(crate) async fn reopen(&mut self, now: Timestamp) {
        self.store.close().await;
        self.store = open_store(&self.location, &self.key_text, self.options, now).await;
    }

    pub(crate) async fn add_account(&self, id: AccountId) {
        let account = Account {
            id,
            name: format!("account {id}"),
            terms: AccountTerms::default(),
            created_at: at(0),
        };
        let made = self.store.create_account(&account).await;
        assert!(made.expect("the store works"), "account {id} is new");
    }

    pub(crate) async fn add_pool(&self, account: AccountId, pool_no: PoolNo, kind: PoolKind) {
        let pool = Pool {
            pool_no,
            account,
            name: format!("pool {}", pool_no.digits()),
            kind,
            scene: None,
            rules: PoolRules::default(),
        };
        let made = self.store.create_pool(&pool, at(0)).await;
        assert!(made.expect("the store works"), "{pool_no} is new");
    }

    /// Changes the rules of the main pool.
    pub(crate) async fn set_rules(&self, now: Timestamp, change: impl FnOnce(&mut PoolRules)) {
        let pool = self.store.pool(main_pool()).await.expect("the store works");
        let mut rules = pool.expect("it exists").rules;
        change(&mut rules);
        let change = PoolChange {
            rules: Some(rules),
            ..PoolChange::default()
        };
        let changed = self
            .store
            .update_pool(AccountId::DEFAULT, main_pool(), &change, now)
            .await
            .expect("the store works");
        assert!(matches!(changed, PoolChanged::Done(_)), "{changed:?}");
    }

    pub(crate) async fn import_into(&self, pool: PoolNo, numbers: &[(PhoneNumber, &str)]) {
        let numbers: Vec<NewNumber> = numbers
            .iter()
            .map(|(x, code)| NewNumber {
                x: *x,
                city: Some(city(code)),
            })
            .collect();
        let imported = self.store.import_numbers(pool, &numbers, None, at(0)).await;
        let imported = imported.expect("the store works").expect("a pool");
        assert_eq!(imported, vec![Imported::Added; numbers.len()]);
    }

    /// Imports numbers into the main pool.
    pub(crate) async fn import(&self, numbers: &[(PhoneNumber, &str)]) {
        self.import_into(main_pool(), numbers).await;
    }

    /// Imports the first `count` privacy numbers into the main pool, all of one city.
    pub(crate) async fn stock(&self, count: u64) {
        let numbers: Vec<_> = (0..count).map(|index| (x(index), "010")).collect();
        self.import(&numbers).await;
    }

    fn command(&self, placement: Placement, a: PhoneNumber, b: Option<PhoneNumber>) -> BindCommand {
        let nonce = self.nonce.fetch_add(1, Ordering::Relaxed);
        BindCommand {
            account: AccountId::DEFAULT,
            pool: main_pool(),
            placement,
            terms: Terms {
                a,
                b,
                expires_at: at(LIFE),
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
            seed: u64::from(nonce),
        }
    }

    /// A bind that leaves the choice of X to the store, in the whole main pool.
    pub(crate) fn select(&self, a: PhoneNumber, b: impl Into<Option<PhoneNumber>>) -> BindCommand {
        let placement = Placement::Select {
            tiers: vec![Tier::WholePool],
            policy: None,
        };
        self.command(placement, a, b.into())
    }

    /// The same, in these cities one after the other.
    pub(crate) fn select_in(
        &self,
        cities: &[&str],
        a: PhoneNumber,
        b: impl Into<Option<PhoneNumber>>,
    ) -> BindCommand {
        let placement = Placement::Select {
            tiers: cities.iter().map(|code| Tier::City(city(code))).collect(),
            policy: None,
        };
        self.command(placement, a, b.into())
    }

    /// A bind that names its X.
    pub(crate) fn named(
        &self,
        x: PhoneNumber,
        a: PhoneNumber,
        b: impl Into<Option<PhoneNumber>>,
    ) -> BindCommand {
        self.command(Placement::Named(x), a, b.into())
    }

    pub(crate) async fn bind(
        &self,
        command: BindCommand,
        now: Timestamp,
    ) -> Result<Bound, BindRefusal> {
        let answer = self.store.bind(command, now).await;
        answer.expect("the store works")
    }

    /// Binds anew.
    pub(crate) async fn bound(&self, command: BindCommand, now: Timestamp) -> Binding {
        match self.bind(command, now).await {
            Ok(Bound::New(binding)) => binding,
            other => panic!("not bound anew: {other:?}"),
        }
    }

    /// Binds in vain.
    pub(crate) async fn refused(&self, command: BindCommand, now: Timestamp) -> BindRefusal {
        match self.bind(command, now).await {
            Err(refusal) => refusal,
            Ok(bound) => panic!("not refused: {bound:?}"),
        }
    }

    /// Names an X in vain.
    pub(crate) async fn x_refused(&self, command: BindCommand, now: Timestamp) -> NumberRefusal {
        match self.refused(command, now).await {
            BindRefusal::Number(refusal) => refusal,
            other => panic!("refused otherwise: {other:?}"),
        }
    }

    /// The number that a bind would get, without binding.
    pub(crate) async fn would_get(&self, mut command: BindCommand, now: Timestamp) -> PhoneNumber {
        command.dry_run = true;
        match self.bind(command, now).await {
            Ok(Bound::WouldBind(x)) => x,
            other => panic!("not a dry run's answer: {other:?}"),
        }
    }

    pub(crate) async fn unbind(
        &self,
        binding: &Binding,
        now: Timestamp,
    ) -> Result<(), ChangeRefusal> {
        let answer = self.store.unbind(named_by(binding), now).await;
        answer.expect("the store works")
    }

    pub(crate) async fn update(
        &self,
        binding: &Binding,
        change: BindingChange,
        now: Timestamp,
    ) -> Result<Binding, ChangeRefusal> {
        let answer = self
            .store
            .update_binding(named_by(binding), change, now)
            .await;
        answer.expect("the store works")
    }

    /// The binding as the store shows it.
    pub(crate) async fn shown(&self, binding: &Binding, now: Timestamp) -> Binding {
        let found = self.store.binding(named_by(binding), now).await;
        found.expect("the store works").expect("it exists")
    }

    pub(crate) async fn call(
        &self,
        x: PhoneNumber,
        caller: impl Into<Option<PhoneNumber>>,
        now: Timestamp,
    ) -> CallRoute {
        let query = CallQuery {
            x,
            caller: caller.into(),
            extension: None,
        };
        let answer = self.store.route_call(query, now).await;
        answer.expect("the store works")
    }

    /// Whom a call to X rings, if anybody.
    pub(crate) async fn rings(
        &self,
        x: PhoneNumber,
        caller: impl Into<Option<PhoneNumber>>,
        now: Timestamp,
    ) -> Option<PhoneNumber> {
        match self.call(x, caller, now).await {
            CallRoute::Connect { callee, .. } => Some(callee),
            _ => None,
        }
    }

    pub(crate) async fn events_after(&self, after: i64) -> Vec<Event> {
        let events = self.store.events(after, 1_000).await;
        events.expect("the store works")
    }

    /// The id of the newest event, or 0.
    pub(crate) async fn last_event(&self) -> i64 {
        let events = self.events_after(0).await;
        events.last().map_or(0, |event| event.id)
    }

    pub(crate) async fn topics_after(&self, after: i64) -> Vec<Topic> {
        let events = self.events_after(after).await;
        events.into_iter().map(|event| event.topic).collect()
    }

    /// Sweeps, and tells how many expiries were announced.
    pub(crate) async fn sweep(&self, now: Timestamp) -> u64 {
        let swept = self.store.sweep(now).await;
        swept.expect("the store works").expired
    }

    pub(crate) async fn load(&self, x: PhoneNumber, now: Timestamp) -> Load {
        let filter = NumberFilter {
            numbers: vec![x],
            ..NumberFilter::default()
        };
        let found = self.store.list_numbers(&filter, ALL, now).await;
        let found = found.expect("the store works");
        found.rows.first().expect("the number is listed").load
    }
}

pub(crate) async fn open_store(
    location: &Location,
    key_text: &str,
    options: StoreOptions,
    now: Timestamp,
) -> Store {
    let keys = Arc::new(Keyring::parse(key_text).expect("a key file's text"));
    let opened = Store::open(location, keys, options, now).await;
    opened.unwrap_or_else(|error| panic!("the store does not open: {error}"))
}

pub(crate) fn named_by(binding: &Binding) -> BindingRef {
    BindingRef {
        account: binding.account,
        pool: Some(binding.pool),
        sub_id: binding.sub_id,
    }
}

pub(crate) fn key(action: &'static str, key: &str, fingerprint: u8) -> Option<Idempotency> {
    Some(Idempotency {
        action,
        key: key.to_owned(),
        fingerprint: [fingerprint; 32],
    })
}

pub(crate) fn is_unreadable<T>(answer: &Result<T, StoreError>) -> bool {
    matches!(answer, Err(StoreError::Unreadable(_)))
}
