//! The real program, started for a test and ended with it.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::signed_client::SignedClient;

/// After this long a test has hung.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// How often to look again for what tells nobody when it happens.
pub const POLL: Duration = Duration::from_millis(20);

/// The program, built in the profile of this test if it is not yet.
///
/// # Panics
/// When it cannot be built.
pub fn program() -> &'static Path {
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

/// A command that inherits no setting of axbridge from its surroundings.
pub fn clean(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AXBRIDGE_") {
            command.env_remove(name);
        }
    }
    command
}

/// One running server.
pub struct Server {
    child: Child,
    /// Its data directory.
    pub data: PathBuf,
    logs: PathBuf,
}

impl Server {
    /// Starts it with these settings (as `SECTION__KEY`) and waits until it takes calls.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(data: &Path, logs: &Path, settings: &[(&str, &str)]) -> Self {
        std::fs::create_dir_all(logs).expect("a directory of logs");
        let mut command = clean(program());
        // What is said at the least severe level must not tell either.
        command.env("AXBRIDGE__LOG__LEVEL", "trace,tokio_postgres=warn");
        command.env("AXBRIDGE__VOICE__LANGUAGES", "en");
        // Memory is what it holds, not what the kernel rounds up to huge pages behind its back.
        command.env("MIMALLOC_ALLOW_THP", "0");
        for (name, value) in settings {
            command.env(format!("AXBRIDGE__{name}"), value);
        }
        command.args([
            "serve",
            "--http",
            "127.0.0.1:0",
            "--operator-http",
            "127.0.0.1:0",
        ]);
        if !settings.iter().any(|(name, _)| *name == "VOICE__SIP") {
            command.args(["--sip", "127.0.0.1:0"]);
        }
        command.arg("--data");
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

    /// What it printed: `out`, or its log: `err`.
    #[must_use]
    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.logs.join(name)).unwrap_or_default()
    }

    /// The memory it holds, in KiB.
    ///
    /// # Panics
    /// When it has ended.
    #[must_use]
    pub fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
        kib.expect("a size").trim().parse().expect("a number")
    }

    /// What a command of the program prints about this server.
    ///
    /// # Panics
    /// When the command fails.
    pub fn command(&self, arguments: &[&str]) -> String {
        let mut command = clean(program());
        let done = command.arg("--data").arg(&self.data).args(arguments);
        let done = done.output().expect("the program can be started");
        let printed = String::from_utf8(done.stdout).expect("text");
        let error = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{arguments:?}: {printed}{error}");
        printed
    }

    /// Whether it has not ended yet; what has ended and was not waited for is a zombie.
    #[must_use]
    pub fn is_running(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()));
        stat.is_ok_and(|stat| !stat.contains(") Z "))
    }

    /// The number of its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    fn file(&self) -> Value {
        let text = std::fs::read_to_string(self.data.join("operator.json"));
        serde_json::from_str(&text.expect("it has written operator.json")).expect("JSON")
    }

    /// Where it takes calls.
    ///
    /// # Panics
    /// When it takes none.
    #[must_use]
    pub fn sip(&self) -> SocketAddr {
        let file = self.file();
        let text = file["SipEndpoint"].as_str().expect("SIP is on");
        text.parse().expect("an address")
    }

    /// Where it takes calls by `tcp` or `tls`.
    ///
    /// # Panics
    /// When it does not say so.
    #[must_use]
    pub fn sip_by(&self, transport: &str) -> SocketAddr {
        let said = self.read("out");
        let begin = format!("taking calls on sip over {transport} ");
        let address = said.lines().find_map(|line| line.strip_prefix(&begin));
        let address = address.unwrap_or_else(|| panic!("no {transport}: {said}"));
        address.trim().parse().expect("an address")
    }

    /// A client with its operator key.
    ///
    /// # Panics
    /// When there is no key.
    #[must_use]
    pub fn client(&self) -> SignedClient {
        SignedClient::of_operator(&self.data)
    }

    /// Calls an action as its operator.
    ///
    /// # Panics
    /// When it is refused.
    pub fn call(&self, action: &str, parameters: Value) -> Value {
        self.client().call(action, &parameters).done(action)
    }

    /// Its metrics, with the head of the answer.
    ///
    /// # Panics
    /// When it does not answer.
    #[must_use]
    pub fn metrics(&self) -> String {
        let file = self.file();
        let url = file["OperatorEndpoint"].as_str().expect("on");
        let address = url.trim_start_matches("http://").to_owned();
        let mut stream = TcpStream::connect(&address).expect("it answers");
        let request =
            format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("sent");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("read");
        text
    }

    /// The sum of one metric over all its labels; `name` goes without `axbridge_`.
    ///
    /// # Panics
    /// When it does not answer.
    #[must_use]
    pub fn metric(&self, name: &str) -> f64 {
        sum_of(&self.metrics(), name)
    }

    /// Asks it to stop in order.
    ///
    /// # Panics
    /// When it cannot be asked.
    pub fn terminate(&self) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(sent.expect("there is `kill`").success());
    }

    /// Ends it at once.
    ///
    /// # Panics
    /// When it does not run.
    pub fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it does not end.
    pub async fn ended(&mut self) -> ExitStatus {
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

/// The sum of one metric in this text over all its labels; `name` goes without `axbridge_`.
#[must_use]
pub fn sum_of(metrics: &str, name: &str) -> f64 {
    let name = format!("axbridge_{name}");
    let values = metrics.lines().filter_map(|line| {
        let rest = line.strip_prefix(&name)?;
        let value = rest
            .starts_with([' ', '{'])
            .then(|| rest.rsplit(' ').next())?;
        value?.parse::<f64>().ok()
    });
    values.sum()
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
