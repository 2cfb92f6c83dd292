//! A throw-away Redis: one that makes every write durable before it answers, or one that keeps
//! everything in memory.

use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::guard::{Guarded, free_port};
use crate::install;
use crate::process::{capture, which};

const START_TIMEOUT: Duration = Duration::from_secs(30);
const PROBE_TIMEOUT: Duration = Duration::from_millis(500);

/// A running server; dropping it stops it and removes its data.
pub(super) struct Redis {
    /// Its port on the loopback address.
    pub(super) port: u16,
    server: Guarded,
    _folder: TempDir,
}

impl Redis {
    /// Its process.
    pub(super) fn id(&self) -> u32 {
        self.server.id()
    }
}

/// Brings the server in if the machine lacks it.
pub(super) fn install() -> Result<()> {
    if which("redis-server").is_none() {
        install::debian(&["redis-server"], "the comparison needs redis-server")?;
    }
    Ok(())
}

/// What `redis-server --version` says of itself.
pub(super) fn version() -> Result<String> {
    let printed = capture(Command::new("redis-server").arg("--version"))?;
    let mut words = printed.split_whitespace();
    let version = words.find_map(|word| word.strip_prefix("v="));
    Ok(version.unwrap_or("of unknown version").to_owned())
}

/// Starts an empty server with its data below `parent`, every write on disk before its answer.
pub(super) fn start(parent: &Path) -> Result<Redis> {
    let durable = [
        "--appendonly",
        "yes",
        "--appendfsync",
        "always",
        "--auto-aof-rewrite-percentage",
        "0",
    ];
    start_with(parent, &durable)
}

/// Starts an empty server that writes nothing to disk.
pub(super) fn start_in_memory(parent: &Path) -> Result<Redis> {
    start_with(parent, &["--appendonly", "no"])
}

fn start_with(parent: &Path, arguments: &[&str]) -> Result<Redis> {
    let folder = tempfile::Builder::new()
        .prefix("axbridge-redis-")
        .tempdir_in(parent)
        .context("could not make a folder for Redis")?;
    let port = free_port()?;
    let mut command = Command::new("redis-server");
    command.current_dir(folder.path());
    command.args([
        "--port",
        &port.to_string(),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
    ]);
    command.args(arguments);
    command.arg("--dir").arg(folder.path());
    let log = folder.path().join("log");
    let mut server = Guarded::start(&mut command, &log, folder.path(), "TERM")?;
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let answers = || TcpStream::connect_timeout(&address, PROBE_TIMEOUT).is_ok();
    server.wait_until(START_TIMEOUT, answers)?;
    Ok(Redis {
        port,
        server,
        _folder: folder,
    })
}
