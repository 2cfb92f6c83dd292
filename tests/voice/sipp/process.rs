//! One run of sipp.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use axbridge_tests::program::{PATIENCE, POLL};

const PROGRAM: &str = "sipp";
/// After so long sipp itself gives up.
const GIVES_UP_AFTER_S: u64 = 40;
/// What stands between two messages in its log.
const BETWEEN: &str = "-----------------------------------------------";

/// Whether the machine has it; says so if not.
pub(super) fn is_installed() -> bool {
    let mut version = Command::new(PROGRAM);
    let version = version
        .arg("-v")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let found = version.status().is_ok();
    if !found {
        eprintln!("sipp is not installed; nothing was tried (apt-get install sip-tester)");
    }
    found
}

/// Who plays.
#[derive(Clone, Copy, Debug)]
pub(super) struct Player<'p> {
    /// Where it listens.
    pub(super) address: SocketAddr,
    /// Its number.
    pub(super) number: &'p str,
    /// A word that only its messages hold.
    pub(super) word: &'p str,
}

/// A running sipp.
pub(super) struct Sipp {
    child: Child,
    folder: PathBuf,
}

impl Sipp {
    /// Starts a scenario; `words` stand in its text for what differs from call to call.
    pub(super) fn start(
        folder: &Path,
        scenario: &str,
        words: &[(&str, &str)],
        player: Player<'_>,
        calls: Option<(SocketAddr, &str)>,
    ) -> Self {
        fs::create_dir_all(folder).expect("a directory");
        let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("voice/sipp");
        let text = fs::read_to_string(files.join(format!("{scenario}.xml")));
        let mut text = text.unwrap_or_else(|error| panic!("{scenario}: {error}"));
        for (word, value) in words {
            text = text.replace(word, value);
        }
        fs::write(folder.join("scenario.xml"), text).expect("written");
        let host = player.address.ip().to_string();
        let mut command = Command::new(PROGRAM);
        command.current_dir(folder);
        if let Some((server, dialled)) = calls {
            command.arg(server.to_string());
            command.args(["-key", "dialled", dialled]);
            // Digest is about the Request-URI (RFC 3261 §22.4); sipp would leave out its user.
            command.args(["-auth_uri", &format!("{dialled}@{server}")]);
        }
        command.args(["-sf", "scenario.xml", "-m", "1", "-nostdin"]);
        command.args(["-i", &host, "-mi", &host, "-bind_local"]);
        command.args(["-p", &player.address.port().to_string()]);
        command.args(["-key", "me", player.number, "-key", "name", player.word]);
        command.args([
            "-timeout",
            &format!("{GIVES_UP_AFTER_S}s"),
            "-timeout_error",
        ]);
        command.args(["-trace_msg", "-message_file", "messages"]);
        command.args(["-trace_err", "-error_file", "errors"]);
        let out = fs::File::create(folder.join("out")).expect("a file");
        let child = command
            .stdin(Stdio::null())
            .stderr(out.try_clone().expect("a file"))
            .stdout(out)
            .spawn()
            .expect("sipp starts");
        Self {
            child,
            folder: folder.to_owned(),
        }
    }

    /// Waits until it listens.
    pub(super) async fn listens(&mut self, address: SocketAddr) {
        let started = Instant::now();
        while !is_bound(address) {
            let ended = self.child.try_wait().expect("it can be waited for");
            assert!(
                ended.is_none() && started.elapsed() < PATIENCE,
                "{}",
                self.said()
            );
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits for its end; an error tells what it found wrong.
    pub(super) async fn ended(&mut self) -> Result<(), String> {
        let patience = Duration::from_secs(GIVES_UP_AFTER_S) + PATIENCE;
        let started = Instant::now();
        loop {
            match self.child.try_wait().expect("it can be waited for") {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(format!("{status}\n{}", self.said())),
                None if started.elapsed() > patience => return Err("it hung".to_owned()),
                None => tokio::time::sleep(POLL).await,
            }
        }
    }

    /// What it found wrong, or else its screen, and its messages.
    pub(super) fn said(&self) -> String {
        let read = |name: &str| fs::read_to_string(self.folder.join(name)).unwrap_or_default();
        let (errors, messages) = (read("errors"), read("messages"));
        let wrong = if errors.is_empty() {
            read("out")
        } else {
            errors
        };
        format!("{wrong}\n{messages}")
    }

    /// The messages that it received.
    pub(super) fn received(&self) -> Vec<String> {
        let log = fs::read(self.folder.join("messages")).unwrap_or_default();
        let log = String::from_utf8_lossy(&log).into_owned();
        let entries = log.split(BETWEEN).filter_map(|entry| {
            let (_, entry) = entry.split_once('\n')?;
            let (what, message) = entry.split_once('\n')?;
            what.contains("received")
                .then(|| message.trim_start().to_owned())
        });
        entries.collect()
    }
}

impl Drop for Sipp {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether somebody listens on this address for UDP, by the table of proc(5).
fn is_bound(address: SocketAddr) -> bool {
    let SocketAddr::V4(address) = address else {
        return false;
    };
    let host = u32::from_le_bytes(address.ip().octets());
    let entry = format!(" {host:08X}:{:04X} ", address.port());
    let table = fs::read_to_string("/proc/net/udp").expect("Linux");
    table.contains(&entry)
}
