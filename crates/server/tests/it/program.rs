//! Runs the program and reads what it prints.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_axbridge");

/// After this long a test has hung.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program, without settings of whoever runs the tests.
pub(crate) fn program() -> Command {
    let mut command = Command::new(PROGRAM);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AXBRIDGE_") {
            command.env_remove(name);
        }
    }
    command
}

/// What a command printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Printed {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Printed {
    /// The one JSON value of a command that went well.
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.any_json()
    }

    /// The one JSON value, however the command ended.
    pub(crate) fn any_json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Runs the program to its end.
pub(crate) fn run<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Printed {
    finish(program().args(arguments))
}

/// Runs a prepared command to its end.
pub(crate) fn finish(command: &mut Command) -> Printed {
    let output = command
        .stdin(Stdio::null())
        .output()
        .expect("the program can be started");
    Printed {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).expect("it prints UTF-8"),
        err: String::from_utf8(output.stderr).expect("it prints UTF-8"),
    }
}

/// A running `axbridge` that is killed when it is dropped.
pub(crate) struct Running {
    child: Child,
    out: Arc<Mutex<String>>,
    err: Arc<Mutex<String>>,
    readers: Vec<thread::JoinHandle<()>>,
}

impl Running {
    /// Starts it.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program can be started");
        let (out, err) = (Arc::default(), Arc::default());
        let stdout = child.stdout.take().expect("it is piped");
        let stderr = child.stderr.take().expect("it is piped");
        let readers = vec![collect(stdout, &out), collect(stderr, &err)];
        Self {
            child,
            out,
            err,
            readers,
        }
    }

    /// What it printed so far.
    pub(crate) fn out(&self) -> String {
        self.out.lock().expect("no reader panics").clone()
    }

    /// What it logged so far.
    pub(crate) fn err(&self) -> String {
        self.err.lock().expect("no reader panics").clone()
    }

    /// Waits until it has printed a line that begins so, and gives the rest.
    pub(crate) fn line(&mut self, start: &str) -> String {
        self.until(start, |out| {
            let line = out.lines().find_map(|line| line.trim().strip_prefix(start));
            line.map(str::to_owned)
        })
    }

    /// Waits until what it printed has what is looked for.
    pub(crate) fn until<T>(&mut self, what: &str, find: impl Fn(&str) -> Option<T>) -> T {
        wait_for(what, || {
            let out = self.out();
            let whole = out.rfind('\n').map_or("", |end| &out[..=end]);
            if let Some(found) = find(whole) {
                return Some(found);
            }
            let ended = self.child.try_wait().expect("it can be waited for");
            assert!(ended.is_none(), "it ended: {out}{}", self.err());
            None
        })
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &pid])
            .status();
        assert!(sent.expect("there is `kill`").success());
    }

    /// Waits for its end.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let status = wait_for("its end", || {
            self.child.try_wait().expect("it can be waited for")
        });
        for reader in self.readers.drain(..) {
            reader.join().expect("no reader panics");
        }
        status
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn collect(from: impl Read + Send + 'static, into: &Arc<Mutex<String>>) -> thread::JoinHandle<()> {
    let into = into.clone();
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            let mut text = into.lock().expect("no reader panics");
            text.push_str(&line);
            text.push('\n');
        }
    })
}

/// Looks again until something is found.
pub(crate) fn wait_for<T>(what: &str, mut find: impl FnMut() -> Option<T>) -> T {
    let started = std::time::Instant::now();
    loop {
        if let Some(found) = find() {
            return found;
        }
        assert!(started.elapsed() < PATIENCE, "waited too long for {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// A server on free ports with a data directory of its own.
pub(crate) struct Server {
    pub(crate) process: Running,
    pub(crate) endpoint: String,
    folder: TempDir,
}

impl Server {
    /// Starts one on an empty directory.
    pub(crate) fn start() -> Self {
        Self::start_in(tempfile::tempdir().expect("a folder"))
    }

    /// Starts one on a folder that may have been used before.
    pub(crate) fn start_in(folder: TempDir) -> Self {
        let mut command = Self::command(&folder.path().join("data"));
        Self::start_with(&mut command, folder)
    }

    /// Starts one by a command on the folder's `data`.
    pub(crate) fn start_with(command: &mut Command, folder: TempDir) -> Self {
        let mut process = Running::start(command);
        let endpoint = process.line("listening on ");
        Self {
            process,
            endpoint,
            folder,
        }
    }

    /// How it is started.
    pub(crate) fn command(data: &Path) -> Command {
        let mut command = program();
        command.args([
            "serve",
            "--http",
            "127.0.0.1:0",
            "--operator-http",
            "127.0.0.1:0",
        ]);
        command.arg("--data").arg(data);
        command
    }

    /// Its data directory.
    pub(crate) fn data(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    /// Where the API listens.
    pub(crate) fn address(&self) -> SocketAddr {
        let (_, address) = self.endpoint.split_once("://").expect("a URL");
        address.parse().expect("an address")
    }

    /// Stops it at once, as a power failure would, and keeps the folder.
    pub(crate) fn kill(self) -> TempDir {
        let Self {
            process, folder, ..
        } = self;
        drop(process);
        folder
    }

    /// Runs a client command against it.
    pub(crate) fn cli<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Printed {
        finish(program().arg("--data").arg(self.data()).args(arguments))
    }

    /// The JSON of a client command that goes well.
    pub(crate) fn json<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Value {
        let mut command = program();
        command.arg("--data").arg(self.data()).arg("--json");
        finish(command.args(arguments)).json()
    }

    /// Makes a pool with the numbers of a CSV text.
    pub(crate) fn pool(&self, csv: &str) -> String {
        let pool = text(
            &self.json(["pool", "create", "--name", "test"]),
            "NumberPoolNo",
        );
        let file = self.file("numbers.csv", csv.as_bytes());
        let report = self.json(["number", "import", "--pool", &pool, &file]);
        assert_eq!(report["RefusedCount"], 0, "{report}");
        pool
    }

    /// Writes a file into its folder and gives its path.
    pub(crate) fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).expect("the folder can be written");
        path.to_str().expect("the path is text").to_owned()
    }

    /// Binds A and B for an hour.
    pub(crate) fn bind(&self, pool: &str, a: &str, b: &str) -> Value {
        self.json([
            "call",
            "SelectNumberAndBindAXB",
            "--number-pool-no",
            pool,
            "--phone-no-a",
            a,
            "--phone-no-b",
            b,
            "--expire-time",
            "+1h",
        ])
    }

    /// What becomes of a call.
    pub(crate) fn resolve(&self, x: &str, caller: &str) -> Value {
        self.json(["resolve", "--x", x, "--caller", caller])
    }
}

/// A text field.
pub(crate) fn text(value: &Value, name: &str) -> String {
    let found = value[name].as_str();
    found
        .unwrap_or_else(|| panic!("no text {name} in {value}"))
        .to_owned()
}

/// Sends bytes to an address and reads the answer to its end.
pub(crate) fn exchange(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("the server listens");
    stream
        .set_read_timeout(Some(PATIENCE))
        .expect("a timeout can be set");
    stream
        .write_all(request.as_bytes())
        .expect("it can be sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer comes");
    answer
}

/// Reads a page.
pub(crate) fn get(address: SocketAddr, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    exchange(address, &request)
}
