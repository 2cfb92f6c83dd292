//! Kamailio with the files of `deploy/kamailio`, our addresses put in.

use std::{
    fs,
    net::{SocketAddr, UdpSocket},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

const PROGRAM: &str = "kamailio";
const MODULES: &str = "/usr/lib/x86_64-linux-gnu/kamailio/modules/";

/// One running Kamailio; it ends with this value.
pub(crate) struct Front {
    child: Child,
    address: SocketAddr,
    // Its files, for as long as it runs.
    _directory: tempfile::TempDir,
}

impl Front {
    pub(crate) fn is_installed() -> bool {
        let mut version = Command::new(PROGRAM);
        let version = version
            .arg("-v")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        version.status().is_ok_and(|status| status.success())
    }

    pub(crate) fn start(nodes: &[SocketAddr], carrier: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name);
        let deploy = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../deploy/kamailio");
        fs::copy(deploy.join("kamailio.cfg"), path("kamailio.cfg")).expect("the configuration");
        let address = free_address();
        let (nodes_file, trunks_file) = (path("nodes.list"), path("trunks.list"));
        let local = format!(
            "listen=udp:{address}\nmpath=\"{MODULES}\"\n\
             #!define NODES_FILE \"{}\"\n#!define TRUNKS_FILE \"{}\"\n",
            nodes_file.display(),
            trunks_file.display()
        );
        fs::write(path("local.cfg"), local).expect("written");
        let nodes: String = nodes.iter().map(|node| format!("1 sip:{node}\n")).collect();
        fs::write(nodes_file, nodes).expect("written");
        fs::write(trunks_file, format!("1 {}\n", carrier.replace('/', " "))).expect("written");
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

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it; a failed test ends it by dropping.
    pub(crate) fn stop(self) {
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

/// An address that was free a moment ago.
fn free_address() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.local_addr().expect("an address")
}
