//! Kamailio with the files of `deploy/kamailio`, our addresses put in.

use std::{
    fs,
    net::{SocketAddr, UdpSocket},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::program::PATIENCE;

const PROGRAM: &str = "kamailio";
const MODULES: &str = "/usr/lib/x86_64-linux-gnu/kamailio/modules/";

/// One running Kamailio; it ends with this value.
pub struct Front {
    child: Child,
    address: SocketAddr,
    // Its files, for as long as it runs.
    _directory: tempfile::TempDir,
}

impl Front {
    /// Whether the machine has it; says so if not.
    #[must_use]
    pub fn is_installed() -> bool {
        let mut version = Command::new(PROGRAM);
        let version = version
            .arg("-v")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let found = version.status().is_ok_and(|status| status.success());
        if !found {
            eprintln!("kamailio is not installed; nothing was tried (apt-get install kamailio)");
        }
        found
    }

    /// Starts it at a free port of `ip`, in front of these nodes, for carriers from these networks
    /// (`127.0.0.2/32`). It may take a moment until it answers.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(ip: &str, nodes: &[SocketAddr], carriers: &[&str]) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name);
        let deploy = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../deploy/kamailio");
        fs::copy(deploy.join("kamailio.cfg"), path("kamailio.cfg")).expect("the configuration");
        let address = free_address(ip);
        let (nodes_file, trunks_file) = (path("nodes.list"), path("trunks.list"));
        let local = format!(
            // One worker keeps the order of messages, which scripted phones count on.
            "listen=udp:{address}\nmpath=\"{MODULES}\"\n#!define WORKERS 1\n\
             #!define NODES_FILE \"{}\"\n#!define TRUNKS_FILE \"{}\"\n",
            nodes_file.display(),
            trunks_file.display()
        );
        fs::write(path("local.cfg"), local).expect("written");
        let nodes: String = nodes.iter().map(|node| format!("1 sip:{node}\n")).collect();
        fs::write(nodes_file, nodes).expect("written");
        let carriers = carriers.iter().map(|it| it.replace('/', " "));
        let carriers: String = carriers.map(|it| format!("1 {it}\n")).collect();
        fs::write(trunks_file, carriers).expect("written");
        let log = fs::File::create(path("log")).expect("a log");
        let child = Command::new(PROGRAM)
            .arg("-f")
            .arg(path("kamailio.cfg"))
            // In the foreground, with little memory, its run-time files beside the others.
            .args(["-DD", "-E", "-m", "32", "-M", "4", "-Y"])
            .arg(directory.path())
            .current_dir(directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("Kamailio starts");
        Self {
            child,
            address,
            _directory: directory,
        }
    }

    /// Where it takes calls.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it; a failed test ends it by dropping.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        // The main process ends its children when asked, and not when killed.
        let pid = self.child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &pid]).status();
        if !asked.is_ok_and(|status| status.success()) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// An address of this host that was free a moment ago.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn free_address(ip: &str) -> SocketAddr {
    let socket = UdpSocket::bind((ip, 0)).expect("a socket");
    socket.local_addr().expect("an address")
}

/// Asks from this host with OPTIONS until there is an answer of success.
///
/// # Panics
/// When there is none.
pub fn until_answered(host: &str, to: SocketAddr) {
    const REPEAT: Duration = Duration::from_millis(200);
    let socket = UdpSocket::bind((host, 0)).expect("a socket");
    let from = socket.local_addr().expect("an address");
    socket.set_read_timeout(Some(REPEAT)).expect("a time");
    let started = Instant::now();
    for nth in 0.. {
        let ask = format!(
            "OPTIONS sip:{to} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bK-ask-{nth}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{from}>;tag=ask{nth}\r\nTo: <sip:{to}>\r\n\
             Call-ID: ask-{nth}-{from}\r\nCSeq: 1 OPTIONS\r\nContact: <sip:{from}>\r\n\
             Content-Length: 0\r\n\r\n"
        );
        socket.send_to(ask.as_bytes(), to).expect("sent");
        let mut answer = [0; 4096];
        if socket.recv_from(&mut answer).is_ok() && answer.starts_with(b"SIP/2.0 200") {
            return;
        }
        assert!(started.elapsed() < PATIENCE, "{to} does not answer {from}");
    }
}
