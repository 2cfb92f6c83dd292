//! The program, a carrier for A and one for B, and short words for what scenarios do.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use axbridge_tests::leaks::{assert_no_leak, leaks, leaks_in_files};
pub(crate) use axbridge_tests::program::{PATIENCE, POLL, Server};
use axbridge_voice::{
    audio::{Clip, ClipLimits, tone_share},
    phone::{CallReport, Phone, PhoneCall, Script},
};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const A: &str = "13700000001";
pub(crate) const B: &str = "13800000002";
pub(crate) const STRANGER: &str = "13700000003";
pub(crate) const X: &str = "17000000004";

/// Hosts of the two carriers, which the other side must not learn.
pub(crate) const A_HOST: &str = "127.0.0.2";
pub(crate) const B_HOST: &str = "127.0.0.3";

/// What the two say.
pub(crate) const A_HZ: f32 = 440.0;
pub(crate) const B_HZ: f32 = 880.0;
/// How much of a tone counts as heard.
pub(crate) const HEARD: Duration = Duration::from_millis(300);

/// Everything of a scenario.
pub(crate) struct House {
    pub(crate) server: Server,
    pub(crate) a: Phone,
    pub(crate) b: Phone,
    pub(crate) pool: String,
    pub(crate) folder: TempDir,
    /// What A's side and B's side are shown, because a binding says so.
    pub(crate) shown: [Option<&'static str>; 2],
}

impl Drop for House {
    /// Every scenario ends with the search for what must not be there.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.assert_no_leaks();
        }
    }
}

impl House {
    /// A server with one X, and two carriers: A's numbers are at one, B's at the other.
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    /// The same with other settings.
    pub(crate) async fn with(settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a directory");
        let data = folder.path().join("data");
        let server = Server::start(&data, &folder.path().join("logs"), settings);
        let (a, b) = (phone(A_HOST).await, phone(B_HOST).await);
        let house = Self {
            pool: stock(&server),
            server,
            a,
            b,
            folder,
            shown: [None; 2],
        };
        house.connect_carriers();
        house.a.answer_others(Script::tone(A_HZ));
        house.b.answer_others(Script::tone(B_HZ));
        house
    }

    fn connect_carriers(&self) {
        for (name, phone, prefix) in [("carrier-a", &self.a, "137"), ("carrier-b", &self.b, "138")]
        {
            let trunk = json!({
                "TrunkName": name, "Peers": [phone.address().to_string()],
                "PrefixRules": [prefix], "KeepAliveSeconds": 0,
            });
            self.server.call("CreateTrunk", trunk);
        }
    }

    /// Binds with these other parameters; the SubId.
    pub(crate) fn bind(&self, more: Value) -> String {
        bind_at(&self.server, &self.pool, more)
    }

    /// A calls X by this script.
    pub(crate) async fn a_calls(&self, script: Script) -> PhoneCall {
        self.a.call(self.server.sip(), A, X, script).await
    }

    /// The one record of a call by this binding, once it is over.
    pub(crate) async fn record(&self, sub_id: &str) -> Value {
        self.record_where(json!({"SubId": sub_id})).await
    }

    /// The one record of a call that this asks for, once it is over.
    pub(crate) async fn record_where(&self, asked: Value) -> Value {
        let started = Instant::now();
        loop {
            let found = self.server.call("ListCalls", asked.clone());
            let records = found["Records"].as_array().expect("a list");
            assert!(records.len() < 2, "{found}");
            if let Some(record) = records.iter().find(|it| it["State"] == "ended") {
                return record.clone();
            }
            assert!(started.elapsed() < PATIENCE, "no record: {found}");
            tokio::time::sleep(POLL).await;
        }
    }

    /// Searches all that each side received, and all that the server leaves lying about.
    pub(crate) fn assert_no_leaks(&self) {
        let [own_a, own_b] = [self.own_of(&self.a), self.own_of(&self.b)];
        let of_a = [&[A, STRANGER], &texts(&own_a)[..]].concat();
        let of_b = [&[B], &texts(&own_b)[..]].concat();
        assert_learnt_nothing("A", &self.a, &of_b, self.shown[0]);
        assert_learnt_nothing("B", &self.b, &of_a, self.shown[1]);
        self.assert_nothing_left();
        if self.server.is_running() {
            let hidden = [&of_a[..], &of_b].concat();
            self.assert_exports_tell_no_more_than_they_say(&hidden);
        }
    }

    /// What a carrier says of itself, and nobody else is to read anywhere: host, address, Call-IDs.
    pub(crate) fn own_of(&self, phone: &Phone) -> Vec<String> {
        let address = phone.address();
        let mut own = call_ids(phone);
        own.extend([address.ip().to_string(), address.to_string()]);
        own
    }

    /// Searches logs, metrics, and the names and contents of files for real numbers.
    fn assert_nothing_left(&self) {
        let numbers = [A, B, STRANGER];
        let found = leaks_in_files(self.folder.path(), &numbers);
        assert!(found.is_empty(), "{found:?}");
        if self.server.is_running() {
            assert_no_leak(self.server.metrics().as_bytes(), &numbers, "metrics");
        }
    }

    /// An export shows its owner the numbers of caller and callee, where it says so, and nothing
    /// else of anybody: no host, no Call-ID, no number in another place.
    fn assert_exports_tell_no_more_than_they_say(&self, hidden: &[&str]) {
        for line in self.exported() {
            let mut rest = line.clone();
            for column in ["Caller", "Callee"] {
                rest[column] = Value::Null;
            }
            assert_no_leak(rest.to_string().as_bytes(), hidden, "an export");
        }
    }

    /// The records of all calls, as the command exports them.
    pub(crate) fn exported(&self) -> Vec<Value> {
        let lines = self.server.command(&["cdr", "export", "--format", "jsonl"]);
        let lines = lines.lines();
        lines
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect()
    }
}

pub(crate) fn texts(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

/// Searches what a carrier received for what only the other side knows.
fn assert_learnt_nothing(whose: &str, phone: &Phone, secrets: &[&str], shown: Option<&str>) {
    let mut needles = secrets.to_vec();
    needles.retain(|it| Some(*it) != shown);
    for message in phone.messages().iter().filter(|it| !it.sent) {
        let found = leaks(&message.bytes, &needles);
        let text = String::from_utf8_lossy(&message.bytes);
        assert!(found.is_empty(), "{whose} received {found:?} in\n{text}");
    }
}

/// The Call-IDs that a carrier made up itself.
fn call_ids(phone: &Phone) -> Vec<String> {
    let mut found = Vec::new();
    for message in phone.messages().iter().filter(|it| it.sent) {
        let text = String::from_utf8_lossy(&message.bytes).into_owned();
        if text.starts_with("INVITE ") {
            let ids = text
                .lines()
                .filter_map(|line| line.strip_prefix("Call-ID: "));
            found.extend(ids.map(str::to_owned));
        }
    }
    found
}

pub(crate) async fn phone(host: &str) -> Phone {
    let address = format!("{host}:0").parse().expect("an address");
    Phone::open(address).await.expect("a free port")
}

/// A pool with X in it.
pub(crate) fn stock(server: &Server) -> String {
    let wish = json!({"Name": "calls", "ServiceType": 200, "SubServiceType": 201});
    let made = server.call("CreateNumberPool", wish);
    let pool = made["NumberPoolNo"].as_str().expect("a number").to_owned();
    let csv = json!({"NumberPoolNo": pool, "Csv": format!("{X},010\n")});
    assert_eq!(server.call("ImportNumbers", csv)["Added"], 1);
    pool
}

/// Binds A and B with these other parameters; the SubId.
pub(crate) fn bind_at(server: &Server, pool: &str, more: Value) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let mut wish = json!({
        "NumberPoolNo": pool, "PhoneNoA": A, "PhoneNoB": B,
        "ExpireTime": now.expect("after 1970").as_secs() + 3600, "AudioRecordFlag": 0,
    });
    for (name, value) in more.as_object().expect("an object") {
        wish[name] = value.clone();
    }
    let bound = server.call("SelectNumberAndBindAXB", wish);
    assert_eq!(bound["PhoneNoX"], X);
    bound["SubId"].as_str().expect("a SubId").to_owned()
}

/// All files below a directory.
pub(crate) fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            walk(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// The file of that ending, once it is there.
pub(crate) async fn file(house: &House, ending: &str) -> PathBuf {
    let started = Instant::now();
    loop {
        let mut files = Vec::new();
        walk(house.folder.path(), &mut files);
        let found = files
            .into_iter()
            .find(|it| it.to_string_lossy().ends_with(ending));
        if let Some(found) = found {
            return found;
        }
        assert!(started.elapsed() < PATIENCE, "no file …{ending}");
        tokio::time::sleep(POLL).await;
    }
}

/// How long each of these tones is in a file of sound; not at all if there is no sound in it yet.
pub(crate) fn seconds_of<const COUNT: usize>(
    path: &Path,
    tones_hz: [f32; COUNT],
) -> [Duration; COUNT] {
    let bytes = std::fs::read(path).expect("it can be read");
    let clip = Clip::read(&bytes, ClipLimits::default());
    tones_hz.map(|hz| {
        let samples = clip.as_ref().map_or(&[][..], |clip| clip.samples());
        let pieces = samples.chunks_exact(400);
        let loud = pieces.filter(|piece| tone_share(piece, hz) > 0.6).count();
        Duration::from_millis(loud as u64 * 50)
    })
}

/// The next call that a carrier takes.
pub(crate) async fn rings(phone: &Phone) -> PhoneCall {
    let next = tokio::time::timeout(PATIENCE, phone.next_call()).await;
    next.expect("it rings in time").expect("the phone is on")
}

/// Waits until a tone was heard.
pub(crate) async fn until_heard(call: &PhoneCall, frequency_hz: f32) {
    let started = Instant::now();
    while call
        .heard()
        .await
        .is_some_and(|heard| heard.tone(frequency_hz) < HEARD)
    {
        assert!(
            started.elapsed() < PATIENCE,
            "{frequency_hz} Hz is not heard"
        );
        tokio::time::sleep(POLL).await;
    }
}

/// The report of a call, once it is over.
pub(crate) async fn report(call: PhoneCall) -> CallReport {
    let report = tokio::time::timeout(PATIENCE, call.report()).await;
    report.expect("it ends in time").expect("the phone is on")
}
