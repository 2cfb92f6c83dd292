//! The servers that are measured: each is started afresh, takes calls, and names its processes.

use std::fmt::Write as _;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use super::load::Load;
use crate::bench::redis::{self, Redis};
use crate::guard::Guarded;
use crate::install;
use crate::process::which;

/// Printed when the server serves.
const SERVES: &str = "metrics and health on ";
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// Bindings that the calls go by, one after the other.
pub(super) const PAIRS: &str = "2000";

/// Who is where: hosts of the loopback network.
pub(super) const CALLER_HOST: &str = "127.0.8.1";
pub(super) const CALLEE_HOST: &str = "127.0.8.2";
const SERVER_HOST: &str = "127.0.8.3";
const RTPENGINE_HOST: &str = "127.0.8.4";

/// The ports of sound.
const RTP_PORTS: (u16, u16) = (20_000, 39_999);

/// A server that takes calls.
pub(super) struct Contender {
    /// Where it takes them.
    pub(super) server: String,
    /// The bindings, one a line: A, X, B.
    pub(super) pairs: PathBuf,
    /// axbridge's data, for its records.
    pub(super) data: Option<PathBuf>,
    processes: Vec<(&'static str, Guarded)>,
    _redis: Option<Redis>,
    _folder: TempDir,
}

impl Contender {
    /// Its processes, as the measuring program takes them.
    pub(super) fn watch(&self) -> String {
        let mut list: Vec<String> = self
            .processes
            .iter()
            .map(|(name, process)| format!("{name}:{}", process.id()))
            .collect();
        if let Some(redis) = &self._redis {
            list.push(format!("redis:{}", redis.id()));
        }
        list.join(",")
    }
}

/// Brings in what axbridge is compared with.
pub(super) fn install_rivals() -> Result<()> {
    redis::install()?;
    let modules = Path::new("/usr/lib/x86_64-linux-gnu/kamailio/modules");
    let lacks = |module: &str| !modules.join(module).exists();
    let mut missing = Vec::new();
    if which("kamailio").is_none() {
        missing.push("kamailio");
    }
    if lacks("rtpengine.so") || lacks("topos.so") {
        missing.push("kamailio-extra-modules");
    }
    if lacks("topos_redis.so") {
        missing.push("kamailio-redis-modules");
    }
    if which("rtpengine").is_none() {
        missing.push("rtpengine-daemon");
    }
    if !missing.is_empty() {
        install::debian(&missing, "the comparison needs Kamailio and rtpengine")?;
    }
    Ok(())
}

fn folder() -> Result<TempDir> {
    let folder = tempfile::Builder::new().prefix("axbridge-bench-").tempdir();
    folder.context("could not make a folder for the servers")
}

/// A port of that host that no UDP socket held a moment ago.
fn free_udp_port(host: &str) -> Result<u16> {
    let socket = UdpSocket::bind((host, 0)).context("could not find a free port")?;
    let address = socket
        .local_addr()
        .context("could not read the free port")?;
    Ok(address.port())
}

/// axbridge with the embedded store, everything at its defaults except what would hold the load
/// up, the rates and counts of calls, and huge pages.
pub(super) fn axbridge(
    program: &Path,
    load: &Load,
    pairs: &Path,
    record: bool,
) -> Result<Contender> {
    let folder = folder()?;
    let (data, log) = (folder.path().join("data"), folder.path().join("log"));
    let server = format!("{SERVER_HOST}:{}", free_udp_port(SERVER_HOST)?);
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AXBRIDGE_") {
            command.env_remove(name);
        }
    }
    for (name, value) in [
        ("API__REQUESTS_PER_KEY_PER_S", "0"),
        ("VOICE__CALLS_PER_SOURCE_PER_S", "5000"),
        ("VOICE__CALLS_MAX", "5000"),
        ("VOICE__RECORDING_NOTICE", "false"),
    ] {
        command.env(format!("AXBRIDGE__{name}"), value);
    }
    let ports = format!("{}-{}", RTP_PORTS.0, RTP_PORTS.1);
    command.env("AXBRIDGE__VOICE__RTP_PORTS", ports);
    // Whether the kernel fills holes of the heap with huge pages hangs on what ran before; without
    // them, the memory of a call is what it holds.
    command.env("MIMALLOC_ALLOW_THP", "0");
    command.args(["serve", "--http", "127.0.0.1:0", "--sip", &server]);
    command.args(["--operator-http", "127.0.0.1:0", "--data"]);
    command.arg(&data);
    let mut process = Guarded::start(&mut command, &log, folder.path(), "TERM")?;
    let serves = || std::fs::read_to_string(&log).is_ok_and(|said| said.contains(SERVES));
    process.wait_until(START_TIMEOUT, serves)?;
    load.prepare(&data, pairs, record)?;
    Ok(Contender {
        server,
        pairs: pairs.to_owned(),
        data: Some(data),
        processes: vec![("axbridge", process)],
        _redis: None,
        _folder: folder,
    })
}

/// Kamailio with rtpengine, which knows the same bindings from a Redis in memory. `hide` has one
/// side's signalling hidden from the other, as axbridge does.
pub(super) fn kamailio(pairs: &Path, load: &Load, hide: bool, record: bool) -> Result<Contender> {
    let folder = folder()?;
    let path = folder.path();
    let redis = redis::start_in_memory(path)?;
    fill(&redis, pairs, path)?;
    let (rtpengine, control) = start_rtpengine(path, record)?;
    let server = format!("{SERVER_HOST}:{}", free_udp_port(SERVER_HOST)?);
    let (host, port) = load.callee.split_once(':').context("HOST:PORT")?;
    let mut text = include_str!("kamailio.cfg").to_owned();
    if hide {
        text = text.replacen("#!KAMAILIO\n", "#!KAMAILIO\n#!define HIDE\n", 1);
    }
    for (word, value) in [
        ("SERVER", server.as_str()),
        ("RTPENGINE", &control.to_string()),
        ("REDIS", &redis.port.to_string()),
        ("CALLEE_HOST", host),
        ("CALLEE_PORT", port),
        (" RECORD", if record { " record-call=yes" } else { "" }),
    ] {
        text = text.replace(word, value);
    }
    let config = path.join("kamailio.cfg");
    std::fs::write(&config, text).context("could not write kamailio.cfg")?;
    let run = path.join("run");
    std::fs::create_dir(&run).context("could not make a folder for Kamailio")?;
    let mut command = Command::new("kamailio");
    // Whatever a server leaves behind is removed with the folder.
    command.current_dir(path);
    // In the foreground, with memory for the transactions of a minute.
    command.args(["-DD", "-E", "-m", "512", "-M", "16", "-f"]);
    command.arg(&config).arg("-Y").arg(&run);
    let log = path.join("kamailio.log");
    let mut process = Guarded::start(&mut command, &log, path, "TERM")?;
    process.wait_until(START_TIMEOUT, || answers(&server))?;
    Ok(Contender {
        server,
        pairs: pairs.to_owned(),
        data: None,
        processes: vec![("kamailio", process), ("rtpengine", rtpengine)],
        _redis: Some(redis),
        _folder: folder,
    })
}

/// rtpengine without its kernel module, at its defaults; and the port it is asked by.
fn start_rtpengine(folder: &Path, record: bool) -> Result<(Guarded, u16)> {
    let control = free_udp_port("127.0.0.1")?;
    let mut command = Command::new("rtpengine");
    command.current_dir(folder);
    command.args([
        "--foreground",
        "--log-stderr",
        "--log-level=3",
        "--table=-1",
    ]);
    command.args(["--config-file=none", "--no-redis-required"]);
    command.arg(format!("--interface={RTPENGINE_HOST}"));
    command.arg(format!("--listen-ng=127.0.0.1:{control}"));
    command.arg(format!("--port-min={}", RTP_PORTS.0));
    command.arg(format!("--port-max={}", RTP_PORTS.1));
    command.arg(format!(
        "--pidfile={}",
        folder.join("rtpengine.pid").display()
    ));
    if record {
        let recordings = folder.join("recordings");
        std::fs::create_dir(&recordings).context("could not make a folder for recordings")?;
        command.arg(format!("--recording-dir={}", recordings.display()));
        command.args(["--recording-method=pcap", "--recording-format=eth"]);
    }
    let log = folder.join("rtpengine.log");
    let mut process = Guarded::start(&mut command, &log, folder, "TERM")?;
    let asked = format!("127.0.0.1:{control}");
    process.wait_until(START_TIMEOUT, || pings(&asked))?;
    Ok((process, control))
}

/// Puts the bindings into Redis, both ways.
fn fill(redis: &Redis, pairs: &Path, folder: &Path) -> Result<()> {
    let text = std::fs::read_to_string(pairs).context("could not read the bindings")?;
    let mut commands = String::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [a, x, b] = words.as_slice() else {
            anyhow::bail!("a line of the bindings is A, X and B");
        };
        // Writing to a String cannot fail.
        let _ = writeln!(commands, "SET {x}:{a} {b}\r\nSET {x}:{b} {a}\r");
    }
    let file = folder.join("bindings");
    std::fs::write(&file, commands).context("could not write the bindings")?;
    let input = std::fs::File::open(&file).context("could not read the bindings")?;
    let status = Command::new("redis-cli")
        .args(["-p", &redis.port.to_string()])
        .stdin(input)
        .stdout(Stdio::null())
        .status()
        .context("could not run redis-cli")?;
    ensure!(status.success(), "redis-cli ended with {status}");
    Ok(())
}

/// Whether something answers a SIP request there.
fn answers(server: &str) -> bool {
    let ask = || -> std::io::Result<bool> {
        let socket = UdpSocket::bind((CALLER_HOST, 0))?;
        socket.set_read_timeout(Some(Duration::from_millis(200)))?;
        let own = socket.local_addr()?;
        let text = format!(
            "OPTIONS sip:{server} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKready\r\n\
             Max-Forwards: 70\r\nFrom: <sip:ready@{own}>;tag=r\r\nTo: <sip:{server}>\r\n\
             Call-ID: ready@{own}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        );
        socket.send_to(text.as_bytes(), server)?;
        let length = socket.recv(&mut [0; 4096])?;
        Ok(length > 0)
    };
    ask().unwrap_or(false)
}

/// Whether rtpengine answers (its control protocol NG: a cookie and a bencoded dictionary).
fn pings(server: &str) -> bool {
    let ask = || -> std::io::Result<bool> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.set_read_timeout(Some(Duration::from_millis(200)))?;
        socket.send_to(b"1 d7:command4:pinge", server)?;
        let mut buffer = [0; 256];
        let length = socket.recv(&mut buffer)?;
        Ok(buffer[..length].windows(4).any(|word| word == b"pong"))
    };
    ask().unwrap_or(false)
}

/// What the programs of the comparison say of their versions.
pub(super) fn versions() -> Result<String> {
    let version = |program: &str| -> Result<String> {
        let output = Command::new(program).arg("-v").output();
        let output = output.with_context(|| format!("could not start {program}"))?;
        // rtpengine tells its version on standard error.
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        let mut words = said.split_whitespace();
        let found = words.find(|word| word.starts_with(|first: char| first.is_ascii_digit()));
        Ok(found.unwrap_or("of unknown version").to_owned())
    };
    let (kamailio, rtpengine) = (version("kamailio")?, version("rtpengine")?);
    let redis = redis::version()?;
    Ok(format!(
        "Kamailio {kamailio}, rtpengine {rtpengine} without its kernel module, Redis {redis} in memory"
    ))
}

/// A free address of that host.
pub(super) fn free_address(host: &str) -> Result<String> {
    Ok(format!("{host}:{}", free_udp_port(host)?))
}
