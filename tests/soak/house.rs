//! The program, its two carriers, the pairs who call each other, and a receiver.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{SystemTime, UNIX_EPOCH},
};

use axbridge_tests::{leaks::assert_no_leak, program::Server};
use axbridge_voice::phone::{Phone, PhoneCall};
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::receiver::{Receiver, TOKEN};

/// Pairs of people; each calls at most once at a time.
pub(crate) const PAIRS: usize = 60;
/// Privacy numbers that they share.
const NUMBERS: usize = 4;
/// Somebody without a binding.
pub(crate) const STRANGER: &str = "13990009999";

const A_HOST: &str = "127.0.0.2";
const B_HOST: &str = "127.0.0.3";
/// What the numbers of each side begin with.
const A_PREFIX: &str = "1370000";
const B_PREFIX: &str = "1380000";

/// Two people and the number between them.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    pub(crate) a: String,
    pub(crate) b: String,
    pub(crate) x: String,
    pub(crate) sub_id: String,
}

/// A carrier: a phone, and who waits for a call to which number.
pub(crate) struct Carrier {
    pub(crate) phone: Phone,
    waiting: Mutex<HashMap<String, oneshot::Sender<PhoneCall>>>,
    unexpected: Mutex<usize>,
}

impl Carrier {
    async fn start(host: &str) -> Arc<Self> {
        let address = format!("{host}:0").parse().expect("an address");
        let carrier = Arc::new(Self {
            phone: Phone::open(address).await.expect("a free port"),
            waiting: Mutex::default(),
            unexpected: Mutex::default(),
        });
        let weak = Arc::downgrade(&carrier);
        tokio::spawn(async move {
            while let Some(carrier) = weak.upgrade() {
                let Some(call) = carrier.phone.next_call().await else {
                    return;
                };
                let mut waiting = carrier.waiting.lock().expect("no panic");
                let handed = waiting.remove(call.dialled()).map(|it| it.send(call));
                if !matches!(handed, Some(Ok(()))) {
                    *carrier.unexpected.lock().expect("no panic") += 1;
                }
            }
        });
        carrier
    }

    /// The next call to this number.
    pub(crate) fn expect(&self, number: &str) -> oneshot::Receiver<PhoneCall> {
        let (sender, receiver) = oneshot::channel();
        let mut waiting = self.waiting.lock().expect("no panic");
        waiting.insert(number.to_owned(), sender);
        receiver
    }

    /// Calls that nobody waited for.
    pub(crate) fn unexpected(&self) -> usize {
        *self.unexpected.lock().expect("no panic")
    }
}

/// Everything of the soak.
pub(crate) struct House {
    pub(crate) server: Server,
    pub(crate) a: Arc<Carrier>,
    pub(crate) b: Arc<Carrier>,
    pub(crate) pairs: Vec<Pair>,
    pub(crate) receiver: Receiver,
    folder: TempDir,
}

impl House {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a directory");
        let settings = [
            ("LOG__LEVEL", "info"),
            ("CALLBACKS__HTTP_HOSTS", "127.0.0.1"),
            ("CALLBACKS__ALLOWED_RANGES", "127.0.0.0/8"),
        ];
        let path = |name: &str| folder.path().join(name);
        let server = Server::start(&path("data"), &path("logs"), &settings);
        let receiver = Receiver::start().await;
        let kinds = ["call_status", "call_record", "recording"];
        server.call(
            "SetCallback",
            json!({"Url": receiver.url(), "EventKinds": kinds, "AuthToken": TOKEN}),
        );
        let (a, b) = (Carrier::start(A_HOST).await, Carrier::start(B_HOST).await);
        for (name, carrier, prefix) in [("carrier-a", &a, A_PREFIX), ("carrier-b", &b, B_PREFIX)] {
            let trunk = json!({
                "TrunkName": name, "Peers": [carrier.phone.address().to_string()],
                "PrefixRules": [prefix],
            });
            server.call("CreateTrunk", trunk);
        }
        Self {
            pairs: bind(&server),
            server,
            a,
            b,
            receiver,
            folder,
        }
    }

    /// Searches what each carrier received since the last time.
    pub(crate) fn assert_no_leaks(&self) {
        for (whose, carrier, needles) in [
            ("A's carrier", &self.a, [B_PREFIX, B_HOST]),
            ("B's carrier", &self.b, [A_PREFIX, A_HOST]),
        ] {
            let messages = carrier.phone.take_messages();
            for message in messages.iter().filter(|it| !it.sent) {
                assert_no_leak(&message.bytes, &needles, whose);
            }
        }
    }

    /// The kept files of a call: of both voices, of the caller, of the callee.
    pub(crate) fn recording(&self, call: &str) -> Option<[PathBuf; 3]> {
        let accounts = std::fs::read_dir(self.server.data.join("recordings")).ok()?;
        let months = accounts.flatten().flat_map(|account| {
            let months = std::fs::read_dir(account.path());
            months.into_iter().flatten().flatten()
        });
        let mut folders = months.map(|month| month.path());
        folders.find_map(|folder| {
            let files = ["", "-left", "-right"];
            let files = files.map(|track| folder.join(format!("{call}{track}.wav")));
            files.iter().all(|file| file.is_file()).then_some(files)
        })
    }

    /// Files that wait in the spool.
    pub(crate) fn spooled(&self) -> usize {
        let files = std::fs::read_dir(self.server.data.join("spool"));
        let files = files.into_iter().flatten().flatten();
        files.filter(|file| file.path().is_file()).count()
    }

    /// All that lies about, on the disk, in MB.
    pub(crate) fn disk_mb(&self) -> u64 {
        fn bytes(folder: &std::path::Path) -> u64 {
            let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
            let sizes = entries.map(|entry| match entry.metadata() {
                Ok(about) if about.is_dir() => bytes(&entry.path()),
                Ok(about) => about.len(),
                Err(_) => 0,
            });
            sizes.sum()
        }
        bytes(self.folder.path()) / 1_000_000
    }
}

fn bind(server: &Server) -> Vec<Pair> {
    let wish = json!({"Name": "soak", "ServiceType": 200, "SubServiceType": 201});
    let made = server.call("CreateNumberPool", wish);
    let pool = made["NumberPoolNo"].as_str().expect("a number").to_owned();
    let csv: String = (1..=NUMBERS)
        .map(|nth| format!("1700000000{nth},010\n"))
        .collect();
    server.call("ImportNumbers", json!({"NumberPoolNo": pool, "Csv": csv}));
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let expires = now.expect("after 1970").as_secs() + 86_400;
    let pairs = (0..PAIRS).map(|nth| {
        let (a, b) = (format!("{A_PREFIX}{nth:04}"), format!("{B_PREFIX}{nth:04}"));
        let wish = json!({
            "NumberPoolNo": pool, "PhoneNoA": a, "PhoneNoB": b, "ExpireTime": expires,
        });
        let bound = server.call("SelectNumberAndBindAXB", wish);
        let text = |name: &str| bound[name].as_str().expect("a text").to_owned();
        let (x, sub_id) = (text("PhoneNoX"), text("SubId"));
        Pair { a, b, x, sub_id }
    });
    pairs.collect()
}
