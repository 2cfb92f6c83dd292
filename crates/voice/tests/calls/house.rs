//! The platform under test: store, app and voice plane in one process, a clock that only moves when
//! it is told to, and a carrier on each side.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axbridge_app::{
    App, AppSettings,
    bind::{BindRequest, XWish},
    chance::Chance,
    clock::Clock,
    model::{BindingRef, CallFilter, CallRecord, Page},
    recordings::RecordingSettings,
    records::CallSettings,
    trunks::TrunkChange,
};
use axbridge_domain::{
    account::{AccountId, AccountTerms},
    binding::{Binding, DisplayType, SubId, Terms},
    numbering::Numbering,
    phone::{PhoneNumber, ServiceNumbers},
    pool::PoolKind,
    time::Timestamp,
};
use axbridge_store::{
    Location, StoreOptions,
    keyring::{Keyring, Secret},
    model::Prompt,
};
use axbridge_voice::{
    audio::Codec,
    media::EngineSettings,
    plane::{VoicePlane, VoiceSettings},
    stack::{Listen, Transport},
};
use tempfile::TempDir;

use crate::{
    leaks::{assert_no_leak, leaks_in_files},
    peer::Peer,
};

pub(crate) const A: &str = "13700000001";
pub(crate) const B: &str = "13800000002";
pub(crate) const STRANGER: &str = "13700000003";
pub(crate) const X: &str = "13900000004";

/// Whatever the platform leaves lying about must tell none of them.
const NUMBERS: [&str; 3] = [A, B, STRANGER];

const START_UNIX_S: i64 = 1_748_949_702;
/// How long the bindings of the tests live.
const BOUND_S: i64 = 3_600;

pub(crate) fn number(text: &str) -> PhoneNumber {
    PhoneNumber::parse(text).expect("a number")
}

pub(crate) struct House {
    pub(crate) app: Arc<App>,
    pub(crate) plane: VoicePlane,
    pub(crate) clock: Clock,
    pub(crate) account: AccountId,
    pool: axbridge_domain::pool::PoolNo,
    node: Node,
    directory: TempDir,
}

/// What a scenario wants otherwise.
pub(crate) struct Setup {
    pub(crate) settings: Box<dyn FnOnce(&mut VoiceSettings)>,
    pub(crate) terms: AccountTerms,
    pub(crate) trunk_a: Vec<(&'static str, String)>,
    pub(crate) trunk_b: Vec<(&'static str, String)>,
    pub(crate) password_b: Option<String>,
    /// What A's trunk must prove.
    pub(crate) password_a: Option<String>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            settings: Box::new(|_| ()),
            terms: AccountTerms {
                may_show_real_numbers: true,
                ..AccountTerms::default()
            },
            trunk_a: Vec::new(),
            trunk_b: Vec::new(),
            password_b: None,
            password_a: None,
        }
    }
}

impl House {
    pub(crate) async fn start(a: &Peer, b: &Peer, setup: Setup) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let location = Location::Directory(directory.path().join("data"));
        Self::start_at(a, b, setup, location, directory).await
    }

    pub(crate) async fn start_at(
        a: &Peer,
        b: &Peer,
        setup: Setup,
        location: Location,
        directory: TempDir,
    ) -> Self {
        crate::log::listen();
        let clock = Clock::manual(Timestamp::from_unix_s(START_UNIX_S));
        let keys = Keyring::generate().expect("new keys");
        let node = Node {
            location,
            keys: Arc::new(Keyring::parse(&keys).expect("the keys just made")),
            terms: setup.terms,
            clock: clock.clone(),
        };
        let app = node.open("one").await;
        let key = app
            .first_start()
            .await
            .expect("the first start")
            .expect("a key");
        let account = key.account;
        let pool = app
            .create_pool(account, "calls", PoolKind::Axb, None)
            .await
            .expect("a pool")
            .pool_no;
        let report = app
            .import_numbers(pool, &format!("{X},010\n"))
            .await
            .expect("an import");
        assert_eq!(report.added, 1, "{report:?}");
        let secret = |password: Option<String>| password.map(Secret::new);
        let of_a = (None, secret(setup.password_a));
        let of_b = (secret(setup.password_b), None);
        for (name, peer, prefix, fields, (outbound_password, inbound_password)) in [
            ("carrier-a", a, "137", setup.trunk_a, of_a),
            ("carrier-b", b, "138", setup.trunk_b, of_b),
        ] {
            let mut all = vec![
                ("Peers", peer.address.to_string()),
                ("PrefixRules", prefix.to_owned()),
                ("KeepAliveSeconds", "0".to_owned()),
            ];
            all.extend(fields);
            let change = TrunkChange {
                fields: all,
                outbound_password,
                inbound_password,
            };
            app.create_trunk(name, change).await.expect("a trunk");
        }
        let spool = directory.path().join("spool");
        let kept = directory.path().join("recordings");
        app.keep_recordings(RecordingSettings::in_directory(kept, spool.clone()))
            .expect("a place for recordings");
        tokio::spawn(app.clone().recordings_until(std::future::pending()));
        let plane = start_plane(app.clone(), spool, setup.settings).await;
        Self {
            app,
            plane,
            clock,
            account,
            pool,
            node,
            directory,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.plane.addresses()[0].1
    }

    pub(crate) fn tcp_address(&self) -> SocketAddr {
        self.plane.addresses()[1].1
    }

    pub(crate) fn tls_address(&self) -> SocketAddr {
        self.plane.addresses()[2].1
    }

    /// Keeps a prompt of the account: a tone.
    pub(crate) async fn keep_prompt(&self, code: &str, hz: f32) {
        let tone = axbridge_voice::audio::sine(hz, Duration::from_millis(600));
        let samples = tone.samples().iter();
        let prompt = Prompt {
            account: self.account,
            code: code.to_owned(),
            audio: samples.map(|sample| Codec::Pcma.encode(*sample)).collect(),
            created_at: self.clock.now(),
        };
        let kept = self.app.store().keep_prompt(&prompt, 10).await;
        assert!(kept.expect("the store"));
    }

    /// Another node on the same store, with its own plane.
    pub(crate) async fn second_node(&self) -> (Arc<App>, VoicePlane) {
        let app = self.node.open("two").await;
        let spool = self.directory.path().join("spool-two");
        let plane = start_plane(app.clone(), spool, |_| ()).await;
        (app, plane)
    }

    /// How long the recording of a call is, once it is kept, in milliseconds.
    pub(crate) async fn recorded_ms(&self, call: &CallRecord) -> u64 {
        for _ in 0..500 {
            let kept = self.app.store().recording(call.account, call.id).await;
            if let Some(recording) = kept.expect("the store") {
                assert_eq!(recording.failed, None);
                return recording.duration_ms;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the recording is not kept");
    }

    pub(crate) async fn unbind(&self, sub_id: SubId) {
        let binding = BindingRef {
            account: self.account,
            pool: None,
            sub_id,
        };
        self.app.unbind(binding).await.expect("it is live");
    }

    pub(crate) async fn bind(&self, b: Option<&str>, change: impl FnOnce(&mut Terms)) -> Binding {
        let mut terms = Terms {
            a: number(A),
            b: b.map(number),
            expires_at: self.clock.now().plus_ms(BOUND_S * 1000),
            display: DisplayType::BothSeeX,
            record: false,
            verify: false,
            exclusive: false,
            user_data: None,
            out_id: None,
            voice_code: None,
            order_id: None,
            industrial_id: None,
            talk_s_max: None,
        };
        change(&mut terms);
        let request = BindRequest {
            action: "SelectNumberAndBindAXB",
            account: self.account,
            pool: self.pool,
            x: XWish::Named(number(X)),
            terms,
            idempotency_key: None,
            dry_run: false,
        };
        self.app.bind(request).await.expect("a binding").binding
    }

    /// Every call that has ended, newest first, once there are so many.
    pub(crate) async fn ended_calls(&self, count: usize) -> Vec<CallRecord> {
        for _ in 0..500 {
            let calls = self.calls().await;
            let ended: Vec<CallRecord> = calls
                .into_iter()
                .filter(|call| call.end.is_some())
                .collect();
            if ended.len() >= count {
                return ended;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{count} calls were to end: {:#?}", self.calls().await);
    }

    pub(crate) async fn calls(&self) -> Vec<CallRecord> {
        let page = Page {
            offset: 0,
            limit: 100,
        };
        let found = self.app.list_calls(&CallFilter::default(), page).await;
        let rows = found.expect("calls").rows.into_iter();
        rows.map(|view| view.call).collect()
    }

    /// The plane, which reads the trunks every second, knows of so many peers.
    pub(crate) async fn knows_peers(&self, count: usize) {
        for _ in 0..500 {
            if self.plane.statistics().peers.len() == count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the plane did not read the trunks");
    }

    /// No call, port or dialog is left, once what is on its way is done.
    pub(crate) async fn is_empty(&self) {
        self.metrics_tell_no_number().await;
        for _ in 0..1_000 {
            let now = self.plane.statistics();
            if now.calls == 0 && now.media.port_pairs_in_use == 0 && now.stack.dialogs == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("something is left: {:#?}", self.plane.statistics());
    }

    /// Nothing that an operator's tools read tells a number.
    async fn metrics_tell_no_number(&self) {
        let text = self.app.metrics_text().await.expect("metrics");
        assert_no_leak(text.as_bytes(), &NUMBERS, "metrics");
    }
}

impl Drop for House {
    /// Every scenario ends with the search of what the platform leaves: names and contents of its
    /// files (the store's too), and its log.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let found = leaks_in_files(self.directory.path(), &NUMBERS);
            assert!(found.is_empty(), "{found:?}");
            crate::log::tells_no_number();
        }
    }
}

/// What all nodes of a platform share.
struct Node {
    location: Location,
    keys: Arc<Keyring>,
    terms: AccountTerms,
    clock: Clock,
}

impl Node {
    async fn open(&self, name: &str) -> Arc<App> {
        App::open(AppSettings {
            location: self.location.clone(),
            keys: self.keys.clone(),
            store: StoreOptions::default(),
            numbering: Numbering::built_in(),
            service_numbers: ServiceNumbers::from_texts::<&str>([]).expect("none"),
            default_terms: self.terms,
            calls: CallSettings {
                node: name.to_owned(),
                ..CallSettings::default()
            },
            callbacks: axbridge_app::callbacks::CallbackSettings::default(),
            clock: self.clock.clone(),
            chance: Chance::system(),
        })
        .await
        .expect("the store opens")
    }
}

async fn start_plane(
    app: Arc<App>,
    spool: std::path::PathBuf,
    change: impl FnOnce(&mut VoiceSettings),
) -> VoicePlane {
    let media = EngineSettings {
        bind_address: "127.0.0.1".parse().expect("an address"),
        public_address: None,
        ports: 20_000..=40_000,
        threads: 1,
    };
    let listen = [Transport::Udp, Transport::Tcp].map(|transport| Listen {
        transport,
        address: "127.0.0.1:0".parse().expect("an address"),
        public: None,
    });
    let mut settings = VoiceSettings::new(listen.to_vec(), media, spool);
    settings.recording_notice = false;
    change(&mut settings);
    VoicePlane::start(app, settings)
        .await
        .expect("the plane starts")
}
