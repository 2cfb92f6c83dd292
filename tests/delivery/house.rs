//! The application in this process, on a store in a folder, with a receiver on loopback.

use std::{sync::Arc, time::Duration};

use axbridge_api::callbacks::render;
use axbridge_app::{
    App, AppSettings,
    bind::{BindRequest, XWish},
    callbacks::{CallbackSettings, ReceiverChange},
    calls::{Admission, Arrival, CallEnd},
    chance::Chance,
    clock::Clock,
    model::{BindingChange, BindingRef},
    records::CallSettings,
};
use axbridge_domain::{
    account::{AccountId, AccountTerms},
    binding::{Binding, DisplayType, Terms},
    call::{CallId, CallResult, ReleasedBy},
    delivery::{BreakerRules, Kinds, ReceiverId, Schedule},
    numbering::Numbering,
    phone::{PhoneNumber, ServiceNumbers},
    pool::{PoolKind, PoolNo},
};
use axbridge_store::{Location, StoreOptions, keyring::Keyring};
use tempfile::TempDir;
use tokio::{sync::oneshot, task::JoinHandle};

use crate::receiver::TOKEN;

/// After this long a test has hung.
const PATIENCE: Duration = Duration::from_secs(60);

/// Settings that make retries quick and loopback reachable.
pub(crate) fn quick() -> CallbackSettings {
    CallbackSettings {
        timeout: Duration::from_millis(400),
        poll: Duration::from_millis(10),
        allowed_ranges: vec!["127.0.0.0/8".parse().expect("a range")],
        schedule: Schedule {
            quick_ms: vec![20, 40, 80],
            round_ms: 100,
            ..Schedule::default()
        },
        breaker: BreakerRules {
            failures: 5,
            open_ms: 50,
            open_ms_max: 200,
        },
        ..CallbackSettings::default()
    }
}

/// The application, delivering.
pub(crate) struct House {
    pub(crate) app: Arc<App>,
    pub(crate) pool: PoolNo,
    courier: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
    keys: String,
    location: Location,
    _folder: Option<TempDir>,
}

/// Fewer connections than receivers: who holds one must not wait for another.
fn few_connections() -> StoreOptions {
    StoreOptions {
        connections_max: 4,
        ..StoreOptions::default()
    }
}

async fn open(
    location: Location,
    keys: &str,
    callbacks: CallbackSettings,
    store: StoreOptions,
) -> Arc<App> {
    let settings = AppSettings {
        location,
        keys: Arc::new(Keyring::parse(keys).expect("keys")),
        store,
        numbering: Numbering::built_in(),
        service_numbers: ServiceNumbers::default(),
        default_terms: AccountTerms::default(),
        calls: CallSettings::default(),
        callbacks,
        clock: Clock::system(),
        chance: Chance::system(),
    };
    App::open(settings).await.expect("it opens")
}

impl House {
    pub(crate) async fn open(callbacks: CallbackSettings) -> Self {
        Self::open_on(callbacks, None).await
    }

    /// One that keeps its data there, or else in a folder of its own.
    pub(crate) async fn open_on(callbacks: CallbackSettings, location: Option<Location>) -> Self {
        Self::open_with(callbacks, location, few_connections()).await
    }

    pub(crate) async fn open_with(
        callbacks: CallbackSettings,
        location: Option<Location>,
        store: StoreOptions,
    ) -> Self {
        // Once in a process; a second call only says that it is done.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let folder = tempfile::tempdir().expect("a folder");
        let keys = Keyring::generate().expect("random bytes");
        let location = location.unwrap_or(Location::Directory(folder.path().to_owned()));
        let app = open(location.clone(), &keys, callbacks, store).await;
        app.first_start().await.expect("an account");
        let pool = pool_of(&app, AccountId::DEFAULT, 0).await;
        let mut house = Self {
            app,
            pool,
            courier: None,
            keys: String::clone(&keys),
            location,
            _folder: Some(folder),
        };
        house.deliver();
        house
    }

    /// Another node on the same database.
    pub(crate) async fn beside(&self, callbacks: CallbackSettings) -> Self {
        let mut house = Self {
            app: open(
                self.location.clone(),
                &self.keys,
                callbacks,
                few_connections(),
            )
            .await,
            pool: self.pool,
            courier: None,
            keys: self.keys.clone(),
            location: self.location.clone(),
            _folder: None,
        };
        house.deliver();
        house
    }

    /// Begins to deliver.
    pub(crate) fn deliver(&mut self) {
        let (stop, stopped) = oneshot::channel::<()>();
        let app = Arc::clone(&self.app);
        let task = tokio::spawn(async move {
            let until = async {
                let _ = stopped.await;
            };
            app.deliver_until(render, until).await.expect("it delivers");
        });
        self.courier = Some((stop, task));
    }

    /// Stops in order.
    pub(crate) async fn stop(&mut self) {
        if let Some((stop, task)) = self.courier.take() {
            let _ = stop.send(());
            task.await.expect("it ends in order");
        }
    }

    /// Subscribes a URL to everything.
    pub(crate) async fn subscribe(&self, url: &str, ca_pem: Option<&str>) -> ReceiverId {
        self.subscribe_of(AccountId::DEFAULT, url, ca_pem).await
    }

    pub(crate) async fn subscribe_of(
        &self,
        account: AccountId,
        url: &str,
        ca_pem: Option<&str>,
    ) -> ReceiverId {
        let change = ReceiverChange {
            url: Some(url.to_owned()),
            kinds: Some(Kinds::all()),
            token: Some(TOKEN.to_owned()),
            ca_pem: ca_pem.map(str::to_owned),
            paused: None,
        };
        let made = self.app.create_receiver(account, change).await;
        made.expect("a callback").id
    }

    /// Binds a pair that nobody bound yet; one event.
    pub(crate) async fn bind(&self, index: u64) -> Binding {
        bind(&self.app, AccountId::DEFAULT, self.pool, 0, index).await
    }

    /// A call that rings nobody, to its end; with its result.
    pub(crate) async fn refuses(&self, arrival: &Arrival) -> (CallId, CallResult) {
        let admitted = self.app.admit_call(arrival).await;
        let Ok(Admission::Refuse {
            call: Some(call),
            result,
            ..
        }) = admitted
        else {
            panic!("{admitted:?}");
        };
        let end = CallEnd {
            result,
            released_by: ReleasedBy::Platform,
            verification: None,
        };
        self.app.call_ended(call, end).await.expect("noted");
        (call, result)
    }

    /// Four events of one binding.
    pub(crate) async fn live_and_die(&self, index: u64) {
        let binding = self.bind(index).await;
        let named = BindingRef {
            account: AccountId::DEFAULT,
            pool: None,
            sub_id: binding.sub_id,
        };
        for text in ["one", "two"] {
            let change = BindingChange::OutId(Some(text.to_owned()));
            let changed = self.app.update_binding(named, change).await;
            changed.expect("it is live");
        }
        self.app.unbind(named).await.expect("it is live");
    }

    /// Waits until nothing is owed to anybody.
    pub(crate) async fn all_delivered(&self) {
        wait_for("everything is delivered", async || {
            let standing = self.app.store().delivery_standing().await.expect("works");
            (standing.outbox, standing.unfinished) == (0, 0)
        })
        .await;
    }
}

/// Privacy numbers of a pool.
const NUMBERS: u64 = 20;

fn mobile(network: u64, index: u64) -> PhoneNumber {
    PhoneNumber::parse(&format!("{network}{index:08}")).expect("a mobile number")
}

/// The `index`-th privacy number of the `pool`-th pool.
pub(crate) fn x(pool: u64, index: u64) -> PhoneNumber {
    mobile(170, pool * NUMBERS + index % NUMBERS)
}

/// A pool of the account with numbers of its own.
pub(crate) async fn pool_of(app: &App, account: AccountId, pool: u64) -> PoolNo {
    let made = app
        .create_pool(account, "test", PoolKind::Axb, None)
        .await
        .expect("a pool");
    let numbers =
        (0..NUMBERS).map(|index| format!("{},010\n", 17_000_000_000 + pool * NUMBERS + index));
    let report = app
        .import_numbers(made.pool_no, &numbers.collect::<String>())
        .await
        .expect("numbers");
    assert!(report.refused.is_empty(), "{report:?}");
    made.pool_no
}

/// Binds the `index`-th pair of an account on a number of its `nth` pool.
pub(crate) async fn bind(
    app: &App,
    account: AccountId,
    pool: PoolNo,
    nth: u64,
    index: u64,
) -> Binding {
    let request = BindRequest {
        action: "SelectNumberAndBindAXB",
        account,
        pool,
        x: XWish::Named(x(nth, index)),
        terms: Terms {
            a: mobile(137, index),
            b: Some(mobile(139, index)),
            expires_at: app.clock().now().plus_ms(3_600_000),
            display: DisplayType::BothSeeX,
            record: true,
            verify: false,
            exclusive: false,
            user_data: Some(format!("pair {index}")),
            out_id: None,
            voice_code: None,
            order_id: None,
            industrial_id: None,
            talk_s_max: None,
        },
        idempotency_key: None,
        dry_run: false,
    };
    app.bind(request).await.expect("it binds").binding
}

/// Waits for what must happen.
pub(crate) async fn wait_for(what: &str, mut happened: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !happened().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, waiting).await;
    assert!(in_time.is_ok(), "waited too long: {what}");
}
