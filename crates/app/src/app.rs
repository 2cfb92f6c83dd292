//! The application in one value: everything a use case needs, built in one place, no globals.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use axbridge_domain::{
    account::{AccountId, AccountTerms},
    city::CityCode,
    numbering::Numbering,
    phone::{PhoneNumber, ServiceNumbers},
    time::Timestamp,
};
use axbridge_store::{
    Location, Store, StoreOptions,
    error::OpenError,
    keyring::Keyring,
    model::{Account, TrunkRecord},
};
use moka::sync::Cache;

use crate::{
    callbacks::CallbackSettings, chance::Chance, clock::Clock, error::AppError, metrics::Metrics,
    prompts::PromptReader, recordings::Recordings, records::CallSettings, voice::VoiceFace,
};

/// What the application is made of.
pub struct AppSettings {
    /// Where the data is.
    pub location: Location,
    /// The keys of the data at rest.
    pub keys: Arc<Keyring>,
    /// Bounds of the store.
    pub store: StoreOptions,
    /// Which number belongs to which city.
    pub numbering: Numbering,
    /// Service numbers that may be A or B.
    pub service_numbers: ServiceNumbers,
    /// What a new account may do.
    pub default_terms: AccountTerms,
    /// Who carries calls, and how long what they leave is kept.
    pub calls: CallSettings,
    /// How callbacks are sent.
    pub callbacks: CallbackSettings,
    /// The moment.
    pub clock: Clock,
    /// The dice.
    pub chance: Chance,
}

/// The application.
pub struct App {
    pub(crate) store: Store,
    pub(crate) keys: Arc<Keyring>,
    pub(crate) numbering: Numbering,
    pub(crate) service_numbers: ServiceNumbers,
    pub(crate) default_terms: AccountTerms,
    pub(crate) call_settings: CallSettings,
    pub(crate) is_shared: bool,
    pub(crate) callbacks: CallbackSettings,
    pub(crate) clock: Clock,
    /// The latest moment that anything was decided at, in Unix milliseconds.
    latest: AtomicI64,
    pub(crate) chance: Chance,
    pub(crate) metrics: Metrics,
    pub(crate) recordings: OnceLock<Arc<Recordings>>,
    accounts: Cache<AccountId, Arc<Account>>,
    pub(crate) trunks: Cache<(), Arc<Vec<TrunkRecord>>>,
    pub(crate) trunks_of_settings: OnceLock<Vec<TrunkRecord>>,
    pub(crate) voice: OnceLock<Arc<dyn VoiceFace>>,
    pub(crate) prompt_reader: OnceLock<PromptReader>,
}

/// How long another node's change of an account's terms may go unseen.
const ACCOUNT_CACHE: Duration = Duration::from_secs(1);
const ACCOUNT_CACHE_ENTRIES: u64 = 10_000;
/// How long another node's change of a trunk may go unseen.
const TRUNK_CACHE: Duration = Duration::from_secs(1);

impl App {
    /// Opens the store and builds the application on it.
    ///
    /// # Errors
    /// [`OpenError`], which says what to do.
    pub async fn open(settings: AppSettings) -> Result<Arc<Self>, OpenError> {
        let now = settings.clock.now();
        let store = Store::open(
            &settings.location,
            settings.keys.clone(),
            settings.store,
            now,
        )
        .await?;
        let latest = AtomicI64::new(store.moment().unix_ms());
        Ok(Arc::new(Self {
            store,
            latest,
            keys: settings.keys,
            numbering: settings.numbering,
            service_numbers: settings.service_numbers,
            default_terms: settings.default_terms,
            call_settings: settings.calls,
            is_shared: matches!(settings.location, Location::Postgres(_)),
            callbacks: settings.callbacks,
            clock: settings.clock,
            chance: settings.chance,
            metrics: Metrics::new(),
            recordings: OnceLock::new(),
            accounts: Cache::builder()
                .max_capacity(ACCOUNT_CACHE_ENTRIES)
                .time_to_live(ACCOUNT_CACHE)
                .build(),
            trunks_of_settings: OnceLock::new(),
            voice: OnceLock::new(),
            prompt_reader: OnceLock::new(),
            trunks: Cache::builder()
                .max_capacity(1)
                .time_to_live(TRUNK_CACHE)
                .build(),
        }))
    }

    /// The moment.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The moment to decide at. It never goes back, whatever the clock does: what was told as over
    /// stays over.
    pub(crate) fn now(&self) -> Timestamp {
        let now = self.clock.now();
        let before = self.latest.fetch_max(now.unix_ms(), Ordering::SeqCst);
        now.max(Timestamp::from_unix_ms(before))
    }

    /// The counts.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The durable state.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Which service numbers may be A or B.
    #[must_use]
    pub fn service_numbers(&self) -> &ServiceNumbers {
        &self.service_numbers
    }

    /// The city a number belongs to, where that is known.
    #[must_use]
    pub fn city_of(&self, number: PhoneNumber) -> Option<CityCode> {
        let city = self.numbering.city_of(&number);
        if city.is_none() {
            self.metrics.city_unknown();
        }
        city
    }

    /// Whether the store can do work.
    ///
    /// # Errors
    /// Why it cannot.
    pub async fn ready(&self) -> Result<(), AppError> {
        Ok(self.store.ready().await?)
    }

    /// Finishes what was accepted and lets go of the store.
    pub async fn close(&self) {
        self.store.close().await;
    }

    pub(crate) async fn known_account(&self, id: AccountId) -> Result<Arc<Account>, AppError> {
        if let Some(account) = self.accounts.get(&id) {
            return Ok(account);
        }
        let account = self.store.account(id).await?;
        let account = Arc::new(
            account
                .ok_or_else(|| AppError::Internal(format!("account {id} of a key is missing")))?,
        );
        self.accounts.insert(id, account.clone());
        Ok(account)
    }

    pub(crate) fn forget_account(&self, id: AccountId) {
        self.accounts.invalidate(&id);
    }
}
