//! The chore `bench-http`: signed binds through the whole server, and what a flood by one account
//! does to another.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

use super::Extent;
use super::measurement::{build_server, median, number};
use super::page::{self, table, thousands};
use crate::guard::Guarded;
use crate::process::capture;

/// Printed when the server serves.
const SERVES: &str = "metrics and health on ";
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// What is asked of a signed bind with 64 connections.
const BINDS_PER_S_MIN: f64 = 15_000.0;
const CPU_US_MAX: f64 = 40.0;

/// What the flood may do to the p99 of the other account.
const P99_TIMES_MAX: f64 = 2.0;

/// Requests a second that a key may send while there is a flood, and that the flood sends.
const ALLOWED_PER_S: &str = "200";
const FLOOD_PER_S: &str = "2000";

/// The chore.
pub(crate) fn http(arguments: &[String]) -> Result<()> {
    let extent = Extent::parse(arguments)?;
    let seconds = match extent {
        Extent::Quick => 3,
        Extent::Usual => 8,
        Extent::Long => 30,
    };
    let program = build_server()?;
    let loads = loads(&program, seconds)?;
    let floods = floods(&program, seconds)?;
    let provenance = page::provenance(&format!("cargo xtask bench-http{}", extent.flag()))?;
    let part = format!("{provenance}\n\n{loads}\n{floods}");
    println!("\n{part}");
    page::write("http", &part)
}

/// A running server; dropping it stops it and removes its data.
struct Server {
    program: PathBuf,
    process: Guarded,
    folder: TempDir,
}

impl Server {
    /// Starts one on a fresh directory; `allowed` is the limit of each key, 0 for none.
    fn start(program: &Path, allowed: &str) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("axbridge-bench-")
            .tempdir()
            .context("could not make a folder for the server")?;
        let log = folder.path().join("log");
        let mut command = command(program);
        command.env("AXBRIDGE__API__REQUESTS_PER_KEY_PER_S", allowed);
        command.args(["serve", "--http", "127.0.0.1:0"]);
        command.args(["--operator-http", "127.0.0.1:0", "--data"]);
        command.arg(folder.path().join("data"));
        let mut process = Guarded::start(&mut command, &log, folder.path(), "TERM")?;
        let serves = || std::fs::read_to_string(&log).is_ok_and(|said| said.contains(SERVES));
        process.wait_until(START_TIMEOUT, serves)?;
        Ok(Self {
            program: program.to_owned(),
            process,
            folder,
        })
    }

    /// A client command by the server's operator.
    fn ask(&self, words: &[&str]) -> Command {
        let mut command = command(&self.program);
        command.arg("--json").args(words);
        command.arg("--data").arg(self.folder.path().join("data"));
        command
    }

    fn json(&self, words: &[&str]) -> Result<Value> {
        let printed = capture(&mut self.ask(words))?;
        serde_json::from_str(&printed).with_context(|| format!("not JSON: {printed}"))
    }
}

/// The program, with nothing of this shell's settings.
fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AXBRIDGE_") {
            command.env_remove(name);
        }
    }
    command
}

/// What one load came to.
struct Measured {
    per_s: f64,
    cpu_us: f64,
    p50_ms: f64,
    p99_ms: f64,
}

fn measured(report: &Value) -> Measured {
    let series = report["LatencyMilliseconds"].as_object();
    let all = series.and_then(|all| all.values().max_by_key(|one| one["Count"].as_u64()));
    let latency = all.cloned().unwrap_or_default();
    Measured {
        per_s: number(report, "SuccessesPerSecond"),
        cpu_us: number(report, "ServerCpuMicrosecondsPerRequest"),
        p50_ms: number(&latency, "P50"),
        p99_ms: number(&latency, "P99"),
    }
}

/// Everything that one caller after the other asks, on one server.
fn loads(program: &Path, seconds: u64) -> Result<String> {
    let server = Server::start(program, "0")?;
    let (pid, time) = (server.process.id().to_string(), seconds.to_string());
    let run = |more: &[&str]| -> Result<Measured> {
        let mut words = vec!["bench", "--server-pid", &pid, "--duration-s", &time];
        words.extend(more);
        let found = measured(&server.json(&words)?);
        println!(
            "   {}: {:.0} a second, {:.1} µs, p50 {:.1} ms, p99 {:.1} ms",
            more.join(" "),
            found.per_s,
            found.cpu_us,
            found.p50_ms,
            found.p99_ms
        );
        Ok(found)
    };
    println!("-- loads");
    let mut rows = Vec::new();
    let (mut rates, mut costs) = (Vec::new(), Vec::new());
    for (name, more) in [
        ("bind, 64 connections", &["--connections", "64"][..]),
        ("bind, 64 connections", &["--connections", "64"]),
        ("bind, 64 connections", &["--connections", "64"]),
        ("bind, 8 connections", &["--connections", "8"]),
        ("bind and unbind", &["--mix", "bind-unbind"]),
        ("resolve", &["--mix", "resolve"]),
        ("bind, 2,000 due a second", &["--rate", "2000"]),
    ] {
        let found = run(more)?;
        if more == ["--connections", "64"] {
            rates.push(found.per_s);
            costs.push(found.cpu_us);
        }
        rows.push(vec![
            name.to_owned(),
            thousands(found.per_s),
            format!("{:.1}", found.cpu_us),
            format!("{:.2}", found.p50_ms),
            format!("{:.2}", found.p99_ms),
        ]);
    }
    let head = [
        "what is asked",
        "a second",
        "server's processor time each, µs",
        "p50 ms",
        "p99 ms",
    ];
    let (rate, cost) = (median(rates), median(costs));
    let targets = [
        row(
            "binds a second, 64 connections (median)",
            "≥ 15,000",
            thousands(rate),
            rate >= BINDS_PER_S_MIN,
        ),
        row(
            "server's processor time for a bind (median)",
            "≤ 40 µs",
            format!("{cost:.1} µs"),
            cost <= CPU_US_MAX,
        ),
    ];
    Ok(format!(
        "{}\n{}",
        table(&head, &rows),
        table(&TARGET_HEAD, &targets)
    ))
}

const TARGET_HEAD: [&str; 4] = ["what", "target", "measured", ""];

fn row(name: &str, target: &str, found: String, met: bool) -> Vec<String> {
    let verdict = if met { "met" } else { "missed" };
    vec![
        name.to_owned(),
        target.to_owned(),
        found,
        verdict.to_owned(),
    ]
}

/// An account with a key and a pool of its own.
struct Tenant {
    id: String,
    secret: String,
    pool: String,
}

impl Tenant {
    fn of(server: &Server, name: &str, first_x: u64) -> Result<Self> {
        let text = |value: &Value, field: &str| value[field].as_str().map(str::to_owned);
        let key = server.json(&["key", "create", "--account-name", name])?;
        let account = text(&key, "AccountId").context("no account")?;
        let pool = server.json(&["pool", "create", "--name", name, "--account", &account])?;
        let pool = text(&pool, "NumberPoolNo").context("no pool")?;
        let file = server.folder.path().join(format!("{name}.csv"));
        let lines = (first_x..first_x + 1_000).map(|x| format!("{x},010\n"));
        std::fs::write(&file, lines.collect::<String>()).context("could not write numbers")?;
        let file = file.to_string_lossy().into_owned();
        server.json(&["number", "import", "--pool", &pool, &file])?;
        Ok(Self {
            id: text(&key, "AccessKeyId").context("no key")?,
            secret: text(&key, "SecretAccessKey").context("no secret")?,
            pool,
        })
    }

    /// Binds by this account, so many due a second.
    fn load(&self, server: &Server, rate: &str, connections: &str, seconds: u64) -> Command {
        let seconds = seconds.to_string();
        let mut command = server.ask(&["bench", "--pool", &self.pool, "--rate", rate]);
        command.env("AXBRIDGE_SECRET_KEY", &self.secret);
        command.args(["--access-key", &self.id, "--connections", connections]);
        command.args(["--duration-s", &seconds]);
        command.stdin(Stdio::null());
        command
    }
}

/// Another account's latency before, during and after a flood.
fn floods(program: &Path, seconds: u64) -> Result<String> {
    println!("-- flood");
    let server = Server::start(program, ALLOWED_PER_S)?;
    let greedy = Tenant::of(&server, "greedy", 17_000_000_000)?;
    let quiet = Tenant::of(&server, "quiet", 17_000_001_000)?;
    let calm = |when: &str| -> Result<Measured> {
        let printed = capture(&mut quiet.load(&server, "100", "8", seconds))?;
        let report: Value = serde_json::from_str(&printed).context("not JSON")?;
        let found = measured(&report);
        println!(
            "   {when}: {:.0} a second, p50 {:.2} ms, p99 {:.2} ms",
            found.per_s, found.p50_ms, found.p99_ms
        );
        Ok(found)
    };
    let before = calm("before")?;
    // Longer than what is measured, warm-up included.
    let mut flood = greedy
        .load(&server, FLOOD_PER_S, "200", seconds + 4)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("could not start the flood")?;
    let during = calm("during the flood");
    let status = flood.wait().context("could not wait for the flood")?;
    let during = during?;
    ensure!(status.success(), "the flood itself was served nothing");
    let after = calm("after")?;
    let rows: Vec<Vec<String>> = [
        ("before", &before),
        ("during the flood", &during),
        ("after", &after),
    ]
    .iter()
    .map(|(when, found)| {
        vec![
            (*when).to_owned(),
            thousands(found.per_s),
            format!("{:.2}", found.p50_ms),
            format!("{:.2}", found.p99_ms),
        ]
    })
    .collect();
    let head = ["the other account", "binds a second", "p50 ms", "p99 ms"];
    let quiet_p99 = before.p99_ms.max(after.p99_ms);
    let times = during.p99_ms / quiet_p99;
    let target = row(
        "p99 during the flood against the quiet's (the worse of before and after)",
        "≤ 2",
        format!("{times:.2}"),
        times <= P99_TIMES_MAX,
    );
    Ok(format!(
        "A flood of {FLOOD_PER_S} requests a second on 200 connections by a key that may send \
         {ALLOWED_PER_S}, and another account with 100 binds due a second on 8 connections:\n\n{}\n{}",
        table(&head, &rows),
        table(&TARGET_HEAD, &[target])
    ))
}
