//! The program, a carrier for A and one for B, and short words for what scenarios do.

use std::{
    fs::File,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::OnceLock,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use axbridge_tests::{
    leaks::{assert_no_leak, leaks, leaks_in_files},
    signed_client::SignedClient,
};
use axbridge_voice::phone::{CallReport, Phone, PhoneCall, Script};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const A: &str = "13700000001";
pub(crate) const B: &str = "13800000002";
pub(crate) const STRANGER: &str = "13700000003";
pub(crate) const X: &str = "17000000004";

/// Hosts of the two carriers, which the other side must not learn.
const A_HOST: &str = "127.0.0.2";
const B_HOST: &str = "127.0.0.3";

/// What the two say.
pub(crate) const A_HZ: f32 = 440.0;
pub(crate) const B_HZ: f32 = 880.0;
/// How much of a tone counts as heard.
pub(crate) const HEARD: Duration = Duration::from_millis(300);

/// After this long a test has hung.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
pub(crate) const POLL: Duration = Duration::from_millis(20);

/// The program, built in the profile of this test if it is not yet.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let this = std::env::current_exe().expect("this test has a path");
        let profile = this.ancestors().nth(2).expect("target/PROFILE/deps/test");
        let mut build = Command::new(env!("CARGO"));
        build.current_dir(env!("CARGO_MANIFEST_DIR"));
        build.args(["build", "--quiet", "--package", "axbridge", "--target-dir"]);
        build.arg(profile.parent().expect("target"));
        if profile.ends_with("release") {
            build.arg("--release");
        }
        let built = build.status().expect("cargo can be started");
        assert!(built.success(), "axbridge can be built");
        profile.join("axbridge")
    })
}

/// One running server.
pub(crate) struct Server {
    child: Child,
    pub(crate) data: PathBuf,
    logs: PathBuf,
}

impl Server {
    /// Starts it with these settings from the environment and waits until it takes calls.
    pub(crate) fn start(data: &Path, logs: &Path, settings: &[(&str, &str)]) -> Self {
        std::fs::create_dir_all(logs).expect("a directory of logs");
        let mut command = Command::new(program());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("AXBRIDGE_") {
                command.env_remove(name);
            }
        }
        // What is said at the least severe level must not tell either.
        command.env("AXBRIDGE__LOG__LEVEL", "trace,tokio_postgres=warn");
        command.env("AXBRIDGE__VOICE__LANGUAGES", "en");
        for (name, value) in settings {
            command.env(format!("AXBRIDGE__{name}"), value);
        }
        command.args(["serve", "--http", "127.0.0.1:0", "--sip", "127.0.0.1:0"]);
        command.args(["--operator-http", "127.0.0.1:0", "--data"]);
        let file = |name: &str| File::create(logs.join(name)).expect("a log can be made");
        let child = command
            .arg(data)
            .stdin(Stdio::null())
            .stdout(file("out"))
            .stderr(file("err"))
            .spawn()
            .expect("the program can be started");
        let mut server = Self {
            child,
            data: data.to_owned(),
            logs: logs.to_owned(),
        };
        let started = Instant::now();
        while !server.read("out").contains("metrics and health on ") {
            let ended = server.child.try_wait().expect("it can be waited for");
            assert!(ended.is_none(), "it ended: {}", server.read("err"));
            assert!(started.elapsed() < PATIENCE, "{}", server.read("err"));
            std::thread::sleep(POLL);
        }
        server
    }

    /// The memory it holds, in KiB.
    pub(crate) fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
        kib.expect("a size").trim().parse().expect("a number")
    }

    /// What a command of the program prints about this server.
    pub(crate) fn command(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(program());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("AXBRIDGE_") {
                command.env_remove(name);
            }
        }
        let done = command.arg("--data").arg(&self.data).args(arguments);
        let done = done.output().expect("the program can be started");
        let printed = String::from_utf8(done.stdout).expect("text");
        let error = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{arguments:?}: {printed}{error}");
        printed
    }

    /// Whether it has not ended yet; what has ended and was not waited for is a zombie.
    fn is_running(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()));
        stat.is_ok_and(|stat| !stat.contains(") Z "))
    }

    /// What it printed.
    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.logs.join(name)).unwrap_or_default()
    }

    fn file(&self) -> Value {
        let text = std::fs::read_to_string(self.data.join("operator.json"));
        serde_json::from_str(&text.expect("it has written operator.json")).expect("JSON")
    }

    /// Where it takes calls.
    pub(crate) fn sip(&self) -> SocketAddr {
        let text = self.file()["SipEndpoint"]
            .as_str()
            .expect("SIP is on")
            .to_owned();
        text.parse().expect("an address")
    }

    /// Calls an action as its operator.
    pub(crate) fn call(&self, action: &str, parameters: Value) -> Value {
        let mut client = SignedClient::of_operator(&self.data);
        client.call(action, &parameters).done(action)
    }

    /// Its metrics.
    pub(crate) fn metrics(&self) -> String {
        use std::io::{Read as _, Write as _};
        let url = self.file()["OperatorEndpoint"]
            .as_str()
            .expect("on")
            .to_owned();
        let address = url.trim_start_matches("http://").to_owned();
        let mut stream = std::net::TcpStream::connect(&address).expect("it answers");
        let request =
            format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("sent");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("read");
        text
    }

    /// Asks it to stop in order.
    pub(crate) fn terminate(&self) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(sent.expect("there is `kill`").success());
    }

    /// Ends it at once.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }

    /// Waits for its end.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                return status;
            }
            assert!(started.elapsed() < PATIENCE, "{}", self.read("err"));
            tokio::time::sleep(POLL).await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

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
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("after 1970");
        let mut wish = json!({
            "NumberPoolNo": self.pool, "PhoneNoA": A, "PhoneNoB": B,
            "ExpireTime": now.as_secs() + 3600, "AudioRecordFlag": 0,
        });
        for (name, value) in more.as_object().expect("an object") {
            wish[name] = value.clone();
        }
        let bound = self.server.call("SelectNumberAndBindAXB", wish);
        assert_eq!(bound["PhoneNoX"], X);
        bound["SubId"].as_str().expect("a SubId").to_owned()
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
