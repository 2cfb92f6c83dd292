//! The application under test.

use std::sync::Arc;

use axbridge_api::gateway::{GatewaySettings, operator_router, router};
use axbridge_app::{
    App, AppSettings, callbacks::CallbackSettings, chance::Chance, clock::Clock,
    records::CallSettings,
};
use axbridge_domain::{
    account::{AccountId, AccountTerms},
    numbering::Numbering,
    phone::ServiceNumbers,
    time::Timestamp,
};
use axbridge_store::{
    StoreOptions,
    keyring::Keyring,
    model::{AccessKey, Role},
};

use super::{client::Client, home::Home};

/// The moment at which every test begins: 2025-06-03 11:21:42 UTC.
const START_UNIX_S: i64 = 1_748_949_702;

/// What a test may want otherwise. The rate of requests is not limited unless it says so.
pub(crate) struct Setup {
    pub(crate) gateway: GatewaySettings,
    pub(crate) terms: AccountTerms,
    pub(crate) service_numbers: Vec<&'static str>,
    pub(crate) callbacks: CallbackSettings,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            gateway: GatewaySettings {
                requests_per_key_per_s: None,
                ..GatewaySettings::default()
            },
            terms: AccountTerms::default(),
            service_numbers: Vec::new(),
            callbacks: CallbackSettings::default(),
        }
    }
}

/// One application with its data.
pub(crate) struct TestApp {
    pub(crate) app: Arc<App>,
    /// The operator's key, which belongs to the default account.
    pub(crate) operator: Client,
    pub(crate) router: axum::Router,
    pub(crate) operator_port: axum::Router,
    pub(crate) clock: Clock,
    _home: Home,
}

impl TestApp {
    /// An application as it stands after its first start.
    pub(crate) async fn start() -> Self {
        Self::start_with(Setup::default()).await
    }

    pub(crate) async fn start_with(setup: Setup) -> Self {
        let home = Home::new().await;
        let clock = Clock::manual(Timestamp::from_unix_s(START_UNIX_S));
        let keys = Keyring::generate().expect("new keys");
        let app = App::open(AppSettings {
            location: home.location(),
            keys: Arc::new(Keyring::parse(&keys).expect("the keys just made")),
            store: StoreOptions::default(),
            numbering: Numbering::built_in(),
            service_numbers: ServiceNumbers::from_texts(&setup.service_numbers)
                .expect("service numbers"),
            default_terms: setup.terms,
            calls: CallSettings::default(),
            callbacks: setup.callbacks,
            clock: clock.clone(),
            chance: Chance::system(),
        })
        .await
        .expect("the store opens");
        let first = app.first_start().await.expect("the first start");
        let key = first.expect("the first start makes an operator key");
        let router = router(app.clone(), setup.gateway);
        Self {
            operator: Client::new(&router, &clock, &key),
            operator_port: operator_router(app.clone()),
            router,
            app,
            clock,
            _home: home,
        }
    }

    /// A client with a new application key of the default account.
    pub(crate) async fn application(&self) -> Client {
        self.client(AccountId::DEFAULT, Role::Application).await
    }

    /// A client with the application key of a new account.
    pub(crate) async fn other_account(&self) -> Client {
        let account = self.app.create_account("another").await;
        let account = account.expect("a new account");
        self.client(account.id, Role::Application).await
    }

    pub(crate) async fn client(&self, account: AccountId, role: Role) -> Client {
        let key = self.app.create_access_key(account, role, "test").await;
        self.client_of(&key.expect("a new key"))
    }

    pub(crate) fn client_of(&self, key: &AccessKey) -> Client {
        Client::new(&self.router, &self.clock, key)
    }

    /// Unix seconds, `after_s` from the moment of the test.
    pub(crate) fn in_s(&self, after_s: i64) -> i64 {
        self.clock.now().unix_s() + after_s
    }

    pub(crate) fn move_clock_s(&self, seconds: i64) {
        self.clock.move_by_ms(seconds * 1000);
    }
}
