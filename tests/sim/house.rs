//! The whole application over the real embedded store, with a clock and dice in the simulation's
//! hand. A crash is a copy of the files as they are, opened elsewhere.

use std::{path::Path, sync::Arc};

use axbridge_app::DeleteRefusal;
use axbridge_app::{
    App, AppError, AppSettings,
    bind::{BindRequest, BindingView, XWish},
    bindings::UpgradeRequest,
    chance::Chance,
    clock::Clock,
    model::{
        BindingChange, BindingRef, CallQuery, CallRoute, NumberFilter, NumberRow, Page, PoolChange,
    },
    records::CallSettings,
};
use axbridge_domain::{
    account::{AccountId, AccountTerms},
    binding::{DisplayType, SubId, Terms},
    city_order::{CityOf, CityWish, DegradeCity, Tier},
    numbering::Numbering,
    phone::{PhoneNumber, ServiceNumbers},
    pool::{PoolKind, PoolNo},
    time::Timestamp,
};
use axbridge_store::{Location, StoreOptions, keyring::Keyring};
use tempfile::TempDir;

use crate::{
    cast,
    flaw::Meddling,
    judge,
    request::{Answer, Bind, Change, Operation, Request, What, Why, Wish},
};

const DATABASE: &str = "axbridge.db";
const LOG: &str = "axbridge.db-wal";

/// How a process ends.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum End {
    /// It finishes its work and closes its files.
    Closed,
    /// It dies between two requests.
    Crashed,
    /// It dies while it writes to the log of the database.
    Torn,
}

/// An installation.
pub(crate) struct House {
    directory: TempDir,
    app: Arc<App>,
    pub(crate) clock: Clock,
    chance: Chance,
    keys: Arc<Keyring>,
    terms: judge::Terms,
    accounts: Vec<AccountId>,
    pools: Vec<PoolNo>,
    meddling: Option<Meddling>,
}

impl House {
    /// An installation with the cast's accounts and pools, and no numbers yet.
    pub(crate) async fn build(seed: u64, terms: judge::Terms, meddling: Option<Meddling>) -> Self {
        let keys = Keyring::parse(&format!("index {0}\nseal 1 {0}\n", "5a".repeat(32)));
        let keys = Arc::new(keys.expect("a key file's text"));
        let (clock, chance) = (Clock::manual(cast::at(0)), Chance::seeded(seed));
        let directory = tempfile::tempdir().expect("a temporary directory");
        let app = open(directory.path(), &clock, &chance, &keys, terms).await;
        app.first_start().await.expect("the first start");
        let mut accounts = vec![AccountId::DEFAULT];
        while accounts.len() < cast::ACCOUNTS {
            let account = app.create_account("another").await;
            accounts.push(account.expect("a new account").id);
        }
        let mut pools = Vec::new();
        for owner in cast::POOL_OWNERS {
            let pool = app.create_pool(accounts[owner], "pool", PoolKind::Axb, None);
            pools.push(pool.await.expect("a new pool").pool_no);
        }
        let house = Self {
            directory,
            app,
            clock,
            chance,
            keys,
            terms,
            accounts,
            pools,
            meddling,
        };
        for pool in 0..cast::POOL_OWNERS.len() {
            house.set_rules(pool, 0).await;
        }
        house
    }

    fn meddles(&self, meddling: Meddling) -> bool {
        self.meddling == Some(meddling)
    }

    /// Ends the process and starts another on what is on the disk.
    pub(crate) async fn restart(&mut self, end: End) {
        if end == End::Closed {
            self.app.close().await;
        } else {
            let elsewhere = tempfile::tempdir().expect("a temporary directory");
            self.copy_files(elsewhere.path(), end);
            self.app.close().await;
            self.directory = elsewhere;
        }
        let path = self.directory.path();
        self.app = open(path, &self.clock, &self.chance, &self.keys, self.terms).await;
    }

    fn copy_files(&self, elsewhere: &Path, end: End) {
        let read = |name: &str| std::fs::read(self.directory.path().join(name)).unwrap_or_default();
        let write = |name: &str, bytes: Vec<u8>| {
            std::fs::write(elsewhere.join(name), bytes).expect("a copy of a file");
        };
        write(DATABASE, read(DATABASE));
        let mut log = read(LOG);
        if end == End::Torn && !log.is_empty() {
            // The beginning of a frame that was never finished.
            log.extend([0x5a; 1000]);
        }
        if self.meddles(Meddling::LogLost) {
            log.clear();
        }
        write(LOG, log);
    }

    pub(crate) async fn close(&self) {
        self.app.close().await;
    }

    /// Puts a request to the application.
    pub(crate) async fn put(&self, request: &Request) -> Answer {
        let account = self.accounts[request.account];
        let kept = request.key.filter(|_| !self.meddles(Meddling::KeyDropped));
        let idempotency_key = kept.map(|key| key.to_string());
        let binding = |sub_id| BindingRef {
            account,
            pool: None,
            sub_id,
        };
        let answered = match &request.what {
            What::Bind(bind) => self.bind(account, bind, idempotency_key).await,
            What::Unbind(_) if self.meddles(Meddling::UnbindSwallowed) => return Answer::Done,
            What::Unbind(sub_id) => match self.app.unbind(binding(*sub_id)).await {
                Ok(()) => return Answer::Done,
                Err(error) => Err(error),
            },
            What::Update(sub_id, change) => {
                let change = match change {
                    Change::A(a) => BindingChange::PhoneA(cast::person(*a)),
                    Change::B(b) => BindingChange::PhoneB(cast::person(*b)),
                    Change::X(number) => BindingChange::PhoneX(cast::number(*number)),
                    Change::Until(until) => BindingChange::ExpiresAt(*until),
                };
                match self.app.update_binding(binding(*sub_id), change).await {
                    Ok(_) => return Answer::Done,
                    Err(error) => Err(error),
                }
            }
            What::Upgrade(sub_id, b) => {
                let request = UpgradeRequest {
                    action: "Upgrade",
                    ax: binding(*sub_id),
                    b: cast::person(*b),
                    display: None,
                    user_data: None,
                    out_id: None,
                    idempotency_key,
                };
                self.app.upgrade(request).await
            }
        };
        answer_of(answered)
    }

    async fn bind(
        &self,
        account: AccountId,
        bind: &Bind,
        idempotency_key: Option<String>,
    ) -> Result<BindingView, AppError> {
        let x = match &bind.wish {
            Wish::Named(number) => XWish::Named(cast::number(*number)),
            Wish::Select { tiers, random } => XWish::Select {
                city: wish_of(tiers),
                random: *random,
            },
        };
        let request = BindRequest {
            action: "Bind",
            account,
            pool: self.pools[bind.pool],
            x,
            terms: Terms {
                a: cast::person(bind.parties.a),
                b: bind.parties.b.map(cast::person),
                expires_at: bind.until,
                display: DisplayType::default(),
                record: true,
                verify: false,
                exclusive: bind.exclusive,
                user_data: None,
                out_id: None,
                voice_code: None,
                order_id: None,
                industrial_id: None,
                talk_s_max: None,
            },
            idempotency_key,
            dry_run: bind.dry_run,
        };
        self.app.bind(request).await
    }

    /// Does an operator's work.
    pub(crate) async fn operate(&self, operation: Operation) -> Answer {
        match operation {
            Operation::Import(number) => {
                let pool = self.pools[cast::NUMBER_POOLS[number]];
                let line = format!("{},{}", cast::digits(number), cast::city_of(number));
                let report = self.app.import_numbers(pool, &line).await;
                match report.expect("an import").added {
                    0 => Answer::Unchanged,
                    _ => Answer::Done,
                }
            }
            Operation::Delete(number) => {
                let pool = self.pools[cast::NUMBER_POOLS[number]];
                let deleted = self.app.delete_numbers(pool, &[cast::number(number)]).await;
                let mut deleted = deleted.expect("a deletion").into_iter();
                match deleted.next().expect("an answer for the number").1 {
                    Ok(()) => Answer::Done,
                    Err(DeleteRefusal::NotInPool) => Answer::Refused(Why::NotInPool),
                    Err(DeleteRefusal::CarriesBindings) => Answer::Refused(Why::CarriesBindings),
                }
            }
            Operation::Enable(number, enabled) => {
                let account = self.accounts[cast::owner_of(number)];
                let numbers = [cast::number(number)];
                let set = self
                    .app
                    .set_numbers_enabled(account, &numbers, enabled, false);
                match set.await {
                    Ok(()) => Answer::Done,
                    Err(_) => Answer::Refused(Why::NotInPool),
                }
            }
            Operation::Rules(pool, index) => {
                if !self.meddles(Meddling::RulesSwallowed) {
                    self.set_rules(pool, index).await;
                }
                Answer::Done
            }
        }
    }

    async fn set_rules(&self, pool: usize, index: u64) {
        let change = PoolChange {
            rules: Some(cast::rules(index, self.terms.scale)),
            ..PoolChange::default()
        };
        let owner = self.accounts[cast::POOL_OWNERS[pool]];
        let changed = self.app.update_pool(Some(owner), self.pools[pool], change);
        changed.await.expect("a change of rules");
    }

    /// The latest moment that the store knows to be past.
    pub(crate) fn moment(&self) -> Timestamp {
        self.app.store().moment()
    }

    pub(crate) async fn sweep(&self) {
        self.app.sweep().await.expect("a sweep");
    }

    /// How many bindings are live; from here on the store knows of this moment.
    pub(crate) async fn live(&self) -> u64 {
        let live = self.app.store().live_bindings(self.clock.now()).await;
        live.expect("a count")
    }

    pub(crate) async fn call(&self, x: PhoneNumber, caller: Option<PhoneNumber>) -> CallRoute {
        let query = CallQuery {
            x,
            caller,
            extension: None,
        };
        self.app.route_call(query).await.expect("a routed call")
    }

    pub(crate) async fn numbers(&self) -> Vec<NumberRow> {
        let page = Page {
            offset: 0,
            limit: 100,
        };
        let listed = self.app.list_numbers(&NumberFilter::default(), page).await;
        listed.expect("a list of numbers").rows
    }

    /// A binding as its account sees it: its X, its end, and whether it lives.
    pub(crate) async fn show(
        &self,
        account: usize,
        sub_id: SubId,
    ) -> Option<(PhoneNumber, Timestamp, bool)> {
        let binding = BindingRef {
            account: self.accounts[account],
            pool: None,
            sub_id,
        };
        let view = self.app.binding(binding).await.ok()?;
        let binding = view.binding;
        Some((binding.x, binding.terms.expires_at, view.live))
    }
}

async fn open(
    directory: &Path,
    clock: &Clock,
    chance: &Chance,
    keys: &Arc<Keyring>,
    terms: judge::Terms,
) -> Arc<App> {
    let settings = AppSettings {
        location: Location::Directory(directory.to_owned()),
        keys: keys.clone(),
        store: StoreOptions {
            remember_ms: terms.remember_ms,
            idempotency_ms: terms.keys_kept_ms,
            ..StoreOptions::default()
        },
        numbering: Numbering::built_in(),
        service_numbers: ServiceNumbers::default(),
        default_terms: AccountTerms::default(),
        calls: CallSettings::default(),
        callbacks: axbridge_app::callbacks::CallbackSettings::default(),
        clock: clock.clone(),
        chance: chance.clone(),
    };
    App::open(settings).await.expect("the store opens")
}

/// The wish that leads to these places; without a city, A's own decides.
fn wish_of(tiers: &[Tier]) -> CityWish {
    let mut cities = tiers.iter().filter_map(|tier| tier.city());
    CityWish {
        city: cities.next(),
        city_of: CityOf::A,
        degrade: cities.map(DegradeCity::City).collect(),
    }
}

fn answer_of(answered: Result<BindingView, AppError>) -> Answer {
    let why = match answered {
        Ok(view) => {
            return Answer::Bound {
                sub_id: view.binding.sub_id,
                x: view.binding.x,
            };
        }
        Err(AppError::DryRun(x)) => return Answer::WouldBind(x),
        Err(AppError::Unavailable(_)) => return Answer::Unavailable,
        Err(AppError::NumberNotEnough(refusal)) => Why::NoneEligible(refusal),
        Err(AppError::IllegalX) => Why::NotInPool,
        Err(AppError::BlockedX) => Why::Disabled,
        Err(AppError::Conflict(_)) => Why::Conflict,
        Err(AppError::Quarantined) => Why::Quarantined,
        Err(AppError::AtCap) => Why::AtCap,
        Err(AppError::NoSuchBinding) => Why::NoSuchBinding,
        Err(AppError::Unsupported(_) | AppError::NotAnAx) => Why::WrongMode,
        Err(AppError::IdempotencyMismatch) => Why::Mismatch,
        Err(AppError::Invalid { parameter, .. }) => match parameter {
            "ExpireTime" => Why::TooSoon,
            "NumberPoolNo" => Why::UnknownPool,
            _ => Why::SameNumber,
        },
        Err(error) => panic!("no request of the simulation deserves this: {error}"),
    };
    Answer::Refused(why)
}
