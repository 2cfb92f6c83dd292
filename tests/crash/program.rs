//! The real program as a process that may die at any moment.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

pub(crate) use axbridge_tests::program::program;
use axbridge_tests::{program::clean, signed_client::SignedClient};

/// After this long a test has hung.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(5);

/// The program without the user's own settings and without a limit of requests.
fn unlimited(program: &Path) -> Command {
    let mut command = clean(program);
    command.env("AXBRIDGE__API__REQUESTS_PER_KEY_PER_S", "0");
    command.env("AXBRIDGE__SWEEP__INTERVAL_S", "1");
    command
}

/// `serve` on a data directory and free ports.
pub(crate) fn serve(data: &Path) -> Command {
    serve_by(program(), data)
}

/// [`serve`] by another copy of the program.
pub(crate) fn serve_by(program: &Path, data: &Path) -> Command {
    let mut command = unlimited(program);
    command.args(["serve", "--http", "127.0.0.1:0"]);
    command.args(["--operator-http", "127.0.0.1:0", "--data"]);
    command.arg(data);
    command
}

/// A started program. Killed when it is dropped.
pub(crate) struct Node {
    child: Child,
    out: PathBuf,
    err: PathBuf,
    data: PathBuf,
}

impl Node {
    /// Starts it, with what it prints in `logs`; does not wait.
    pub(crate) fn launch(command: &mut Command, data: &Path, logs: &Path) -> Self {
        let (out, err) = (logs.join("out"), logs.join("err"));
        let file = |path: &Path| File::create(path).expect("a log can be made");
        let child = command
            .stdin(Stdio::null())
            .stdout(file(&out))
            .stderr(file(&err))
            .spawn()
            .expect("the program can be started");
        Self {
            child,
            out,
            err,
            data: data.to_owned(),
        }
    }

    /// Starts it and waits until it serves.
    pub(crate) fn start(command: &mut Command, data: &Path, logs: &Path) -> Self {
        let mut node = Self::launch(command, data, logs);
        let ended = node.until_serving();
        assert!(ended.is_none(), "it ended ({ended:?}): {}", node.said());
        node
    }

    /// Waits until it serves, or gives how it ended.
    pub(crate) fn until_serving(&mut self) -> Option<ExitStatus> {
        let started = Instant::now();
        loop {
            let out = std::fs::read_to_string(&self.out).unwrap_or_default();
            if out.contains("metrics and health on ") {
                return None;
            }
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                return Some(status);
            }
            assert!(started.elapsed() < PATIENCE, "it hangs: {}", self.said());
            sleep(POLL);
        }
    }

    /// Waits for its end.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                return status;
            }
            assert!(started.elapsed() < PATIENCE, "it hangs: {}", self.said());
            sleep(POLL);
        }
    }

    /// A client with its operator key.
    pub(crate) fn client(&self) -> SignedClient {
        SignedClient::of_operator(&self.data)
    }

    /// What it printed on standard error.
    pub(crate) fn said(&self) -> String {
        std::fs::read_to_string(&self.err).unwrap_or_default()
    }

    /// Waits until it has said something: its log may come late.
    pub(crate) fn until_it_says(&self, text: &str) {
        let started = Instant::now();
        while !self.said().contains(text) {
            let waits = started.elapsed() < PATIENCE;
            assert!(waits, "no word of {text:?}: {}", self.said());
            sleep(POLL);
        }
    }

    /// Ends it as the kernel does when it must: at once.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    /// Asks it to stop in order.
    pub(crate) fn terminate(&self) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(sent.expect("there is `kill`").success());
    }

    /// Stops it in order.
    pub(crate) fn stop(mut self) {
        self.terminate();
        let status = self.ended();
        assert!(status.success(), "it stops in order: {}", self.said());
    }

    fn end(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let said = self.said();
        let panicked = said.contains("panicked");
        assert!(std::thread::panicking() || !panicked, "it panicked: {said}");
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.end();
    }
}

/// Runs it until it ends by itself, as it must; what it said.
pub(crate) fn refused_start(command: &mut Command, data: &Path, logs: &Path) -> String {
    let mut node = Node::launch(command, data, logs);
    let ended = node.until_serving();
    let said = node.said();
    let ended = ended.unwrap_or_else(|| panic!("it must not start: {said}"));
    assert_eq!(ended.code(), Some(1), "{said}");
    assert!(said.contains("error: "), "{said}");
    said
}
