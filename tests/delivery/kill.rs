//! The sender is killed at random moments, and nothing is lost for it.
//!
//! The real program, as a process: embedded here; [`crate::nodes`] has two of them on PostgreSQL.

use std::{
    collections::BTreeSet,
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{JoinHandle, sleep},
    time::{Duration, Instant},
};

use axbridge_domain::draws::Draws;
use axbridge_tests::{
    program::{clean, program},
    signed_client::{Reply, SignedClient},
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    authority::Authority,
    house::wait_for,
    receiver::{Mood, Receiver, TOKEN},
};

/// After this long a test has hung.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(10);
const ROUNDS: u64 = 6;
const LIFE_MS_MAX: u64 = 700;
/// Bindings are made at most this quickly, so that what is owed stays a moment's work.
const PAUSE: Duration = Duration::from_millis(4);

/// A folder in which a node lives, and how to start it there.
pub(crate) struct Place {
    folder: TempDir,
    settings: Vec<(String, String)>,
}

impl Place {
    pub(crate) fn new(settings: &[(&str, &str)]) -> Self {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self {
            folder: tempfile::tempdir().expect("a folder"),
            settings: settings.iter().map(own).collect(),
        }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Starts a node and waits until it serves.
    pub(crate) fn start(&self) -> Node {
        let mut command = clean(program());
        for (name, value) in [
            ("API__REQUESTS_PER_KEY_PER_S", "0"),
            ("CALLBACKS__ALLOWED_RANGES", "127.0.0.0/8"),
            ("CALLBACKS__POLL_MS", "10"),
            ("CALLBACKS__TIMEOUT_MS", "500"),
            ("CALLBACKS__RETRY_S", "1,1"),
            ("CALLBACKS__RETRY_ROUND_S", "1"),
            ("CALLBACKS__BREAK_S", "1"),
        ] {
            command.env(format!("AXBRIDGE__{name}"), value);
        }
        command.envs(self.settings.iter().cloned());
        command.args(["serve", "--http", "127.0.0.1:0"]);
        command.args(["--operator-http", "127.0.0.1:0", "--data"]);
        command.arg(self.data());
        let out = self.folder.path().join("out");
        let err = self.folder.path().join("err");
        let file = |path: &Path| File::create(path).expect("a log can be made");
        let child = command
            .stdin(Stdio::null())
            .stdout(file(&out))
            .stderr(file(&err))
            .spawn()
            .expect("the program can be started");
        let node = Node { child, err };
        let started = Instant::now();
        while !std::fs::read_to_string(&out)
            .unwrap_or_default()
            .contains("metrics and health on ")
        {
            assert!(started.elapsed() < PATIENCE, "it hangs: {}", node.said());
            sleep(POLL);
        }
        node
    }

    /// A client with the operator key of the node.
    pub(crate) fn client(&self) -> SignedClient {
        SignedClient::of_operator(&self.data())
    }
}

/// A running node, killed when it is dropped: at once, as a power failure would.
pub(crate) struct Node {
    child: Child,
    err: PathBuf,
}

impl Node {
    fn said(&self) -> String {
        std::fs::read_to_string(&self.err).unwrap_or_default()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let panicked = self.said().contains("panicked");
        assert!(std::thread::panicking() || !panicked, "{}", self.said());
    }
}

/// Makes a pool and a callback; gives the pool.
pub(crate) fn furnish(client: &mut SignedClient, url: &str, ca_pem: &str) -> String {
    let wish = json!({"Name": "test", "ServiceType": "200", "SubServiceType": "201"});
    let made = client.call("CreateNumberPool", &wish).done("a pool");
    let pool = made["NumberPoolNo"].as_str().expect("a pool").to_owned();
    let rows: Vec<String> = (0..50).map(|it| format!("1700000{it:04},010")).collect();
    let numbers = json!({"NumberPoolNo": pool, "Csv": rows.join("\n")});
    client.call("ImportNumbers", &numbers).done("numbers");
    let callback = json!({"Url": url, "AuthToken": TOKEN, "CaCertificates": ca_pem});
    client.call("SetCallback", &callback).done("a callback");
    pool
}

/// Binds, changes and unbinds, one pair after the other, until told to stop.
pub(crate) fn work(
    mut client: SignedClient,
    pool: String,
    next: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
) -> JoinHandle<()> {
    std::thread::spawn(move || {
        while !stop.load(Ordering::SeqCst) {
            sleep(PAUSE);
            let index = next.fetch_add(1, Ordering::SeqCst);
            let expires = json!({
                "NumberPoolNo": pool,
                "PhoneNoA": format!("137{index:08}"),
                "PhoneNoB": format!("139{index:08}"),
                "ExpireTime": 2_000_000_000,
            });
            let Reply::Done(bound) = client.call("SelectNumberAndBindAXB", &expires) else {
                continue;
            };
            let named = json!({"NumberPoolNo": pool, "SubId": bound["SubId"]});
            let mut changed = named.clone();
            changed["UpdateType"] = json!("updateOutId");
            changed["OutId"] = json!("changed");
            // What comes of these does not matter: what happened is in the log of events.
            client.call("UpdateAXB", &changed);
            client.call("UnbindAXB", &named);
        }
    })
}

/// The ids of all events that have a message.
fn events(client: &mut SignedClient, state: Option<&str>) -> BTreeSet<i64> {
    let mut found = BTreeSet::new();
    let mut before = Value::Null;
    loop {
        let asked = json!({"Limit": 500, "BeforeEventId": before, "State": state});
        let page = client.call("ListEvents", &asked).done("a list");
        let records = page["Records"].as_array().expect("records");
        for record in records {
            found.insert(record["EventId"].as_i64().expect("an id"));
            before = record["EventId"].clone();
        }
        if page["HasMore"] != true {
            return found;
        }
    }
}

/// Waits until nothing is owed, then holds what was taken against what happened since the callback
/// was made.
pub(crate) async fn settle(client: &mut SignedClient, receiver: &Receiver, first: i64) -> usize {
    let nothing_owed = async || {
        ["waiting", "due"]
            .into_iter()
            .all(|state| events(client, Some(state)).is_empty())
            && !receiver.taken().is_empty()
    };
    wait_for("everything is delivered", nothing_owed).await;
    let happened: BTreeSet<i64> = events(client, None)
        .into_iter()
        .filter(|event| *event >= first)
        .collect();
    let delivered = async || {
        let taken = receiver.taken();
        let taken: BTreeSet<i64> = taken.iter().map(|one| one.event()).collect();
        happened.is_subset(&taken)
    };
    wait_for("every event was taken", delivered).await;
    receiver.assert_order();
    happened.len()
}

/// A receiver of which every seventh request goes wrong.
pub(crate) async fn receiver(authority: &Authority) -> Receiver {
    let receiver = Receiver::start("127.0.0.1", authority.acceptor(&["localhost"])).await;
    receiver.behave(|number| match number % 7 {
        3 => Mood::Refuse(500),
        _ => Mood::Take,
    });
    receiver
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_sender_that_is_killed_again_and_again_loses_nothing_and_keeps_the_order() {
    let authority = Authority::new();
    let receiver = receiver(&authority).await;
    let place = Place::new(&[]);
    let mut draws = Draws::from_seed(5);
    let mut pool = None;
    let next = Arc::new(AtomicU64::new(0));
    for _ in 0..ROUNDS {
        let node = place.start();
        let mut client = place.client();
        let url = receiver.url("localhost");
        let pool = pool.get_or_insert_with(|| furnish(&mut client, &url, authority.pem()));
        let stop = Arc::new(AtomicBool::new(false));
        let worker = work(client, pool.clone(), Arc::clone(&next), Arc::clone(&stop));
        sleep(Duration::from_millis(100 + draws.next_u64() % LIFE_MS_MAX));
        drop(node);
        stop.store(true, Ordering::SeqCst);
        worker.join().expect("it works");
    }
    let _node = place.start();
    let happened = settle(&mut place.client(), &receiver, 1).await;
    assert!(happened > 30, "only {happened} events");
}
