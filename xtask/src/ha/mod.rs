//! The chore `ha-rehearsal`: a primary with a synchronous standby, two nodes of
//! axbridge under load; the primary is killed, the standby promoted, and what
//! was acknowledged is looked at. All of it is made for the rehearsal and gone
//! afterwards, also when it fails.
//!
//! Not here: who decides that a primary is dead. In production that is Patroni
//! (docs/operations/postgres-ha.md); here it is this program.

mod cluster;
mod load;
mod nodes;

use std::path::PathBuf;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::process::{cargo, root};
use crate::report::Report;
use cluster::{Cluster, DATABASE};
use load::Load;
use nodes::Nodes;

/// The time between the death of the primary and the promotion, in which a
/// cluster manager would make sure of the death.
const DETECTION: Duration = Duration::from_secs(1);

/// Load before and after the failover, each, if nobody says otherwise.
const SECONDS_DEFAULT: u64 = 10;

/// The same in the form that is part of the tests.
const SECONDS_SHORT: u64 = 2;

/// What stands in the promoted database, each with the count that is right: 0.
const CHECKS: [(&str, &str); 3] = [
    (
        "live bindings without both of their routes",
        "SELECT count(*) FROM binding b LEFT JOIN (
             SELECT account, sub_id, live_until, count(*) AS routes
             FROM route GROUP BY account, sub_id, live_until) r
             ON r.account = b.account AND r.sub_id = b.sub_id AND r.live_until = b.expires_at
         WHERE b.ended_at IS NULL AND coalesce(r.routes, 0) <> 2",
    ),
    (
        "routes that stand twice, counted without the index",
        "SET enable_indexscan = off; SET enable_indexonlyscan = off; SET enable_bitmapscan = off;
         SELECT count(*) - count(DISTINCT (account, x, selector)) FROM route",
    ),
    (
        "difference between the bindings and the counts of their numbers",
        "SELECT coalesce(sum(ax + axb), 0) - (SELECT count(*) FROM binding WHERE counted)
         FROM number",
    ),
];

/// The programs of the repository that take part.
struct Programs {
    axbridge: PathBuf,
    load: PathBuf,
}

/// The chore.
pub(crate) fn rehearse(arguments: &[String]) -> Result<()> {
    let seconds = read(arguments)?;
    let mut report = Report::default();
    let outcome = suite(&mut report, seconds);
    report.summary();
    outcome
}

/// The short form, as one suite among others.
pub(crate) fn short(report: &mut Report) -> Result<()> {
    suite(report, SECONDS_SHORT)
}

fn suite(report: &mut Report, seconds: u64) -> Result<()> {
    let programs = report.step("Building axbridge and its load", build)?;
    report.suite("Failover to a synchronous standby", || {
        failover(&programs, seconds)
    })
}

fn read(arguments: &[String]) -> Result<u64> {
    match arguments {
        [] => Ok(SECONDS_DEFAULT),
        [flag, number] if flag == "--seconds" => {
            let seconds = number
                .parse()
                .with_context(|| format!("--seconds needs a number, not {number:?}"))?;
            ensure!(seconds > 0, "--seconds needs a number above zero");
            Ok(seconds)
        }
        _ => bail!("the chore is written: cargo xtask ha-rehearsal [--seconds N]"),
    }
}

fn build() -> Result<Programs> {
    let mut command = cargo();
    command.args(["build", "--package", "axbridge"]);
    command.args(["--package", "axbridge-tests", "--bin", "axbridge"]);
    command.args(["--bin", "ha-load"]);
    command.arg("--message-format=json-render-diagnostics");
    let built = command
        .stderr(Stdio::inherit())
        .output()
        .context("could not start cargo")?;
    ensure!(built.status.success(), "cargo could not build them");
    let printed = String::from_utf8_lossy(&built.stdout);
    let find = |name: &str| {
        let found = printed.lines().find_map(|line| {
            let message: Value = serde_json::from_str(line).ok()?;
            let path = root().join(message.get("executable")?.as_str()?);
            path.ends_with(name).then_some(path)
        });
        found.with_context(|| format!("cargo built no program {name}"))
    };
    Ok(Programs {
        axbridge: find("axbridge")?,
        load: find("ha-load")?,
    })
}

fn failover(programs: &Programs, seconds: u64) -> Result<()> {
    let mut cluster = Cluster::start()?;
    let nodes = Nodes::start(&programs.axbridge, &cluster.url())?;
    let mut load = Load::start(&programs.load, nodes.data())?;
    let outcome = under_load(&mut cluster, &mut load, seconds);
    let report = match outcome {
        Ok(report) => report,
        Err(error) => bail!("{error:#}\n{}\n{}", nodes.logs(), cluster.logs()),
    };
    show(&report);
    judge(&report).with_context(|| nodes.logs())?;
    println!("acknowledged and lost, or come back after its end: 0");
    for (what, statement) in CHECKS {
        let found = cluster.ask_standby(DATABASE, statement)?;
        println!("{what}: {found}");
        ensure!(found == "0", "{what}: {found}");
    }
    Ok(())
}

/// The drama itself; gives what the load has found.
fn under_load(cluster: &mut Cluster, load: &mut Load, seconds: u64) -> Result<Value> {
    load.wait_until_running()?;
    let began = Instant::now();
    let say = |what: &str| println!("{:>7.2} s  {what}", began.elapsed().as_secs_f64());
    say("both nodes acknowledge binds");
    sleep(Duration::from_secs(seconds));
    cluster.kill_primary()?;
    say("primary killed");
    sleep(DETECTION);
    say("promoting the standby");
    cluster.promote_standby()?;
    say("standby promoted");
    sleep(Duration::from_secs(seconds));
    let report = load.finish()?;
    say("load stopped and everything acknowledged looked at");
    Ok(report)
}

fn show(report: &Value) {
    println!(
        "{} binds acknowledged, {} of them ended; {} calls resolved",
        report["Bound"], report["Ended"], report["Resolved"]
    );
    println!(
        "{} tries without an answer; {} requests were answered when they were repeated; the \
         longest try took {} ms",
        report["WithoutAnswer"], report["SettledByRetry"], report["LongestWaitForAnAnswerMs"]
    );
    let nodes = report["WithoutService"].as_array();
    for (index, node) in nodes.into_iter().flatten().enumerate() {
        println!(
            "node {}: {} ms without service, {} s of them because nobody promoted yet",
            index + 1,
            node["Ms"],
            DETECTION.as_secs()
        );
    }
}

fn judge(report: &Value) -> Result<()> {
    for (name, promise) in [
        ("Faults", "acknowledged bindings do not hold"),
        ("Refused", "a client was refused what it may ask"),
    ] {
        let found = report[name].as_array().context("the load says nothing")?;
        ensure!(found.is_empty(), "{promise}: {:#}", report[name]);
    }
    ensure!(
        report["WithoutAnswer"].as_u64() > Some(0),
        "nobody noticed that the primary died, so nothing was rehearsed"
    );
    let nodes = report["WithoutService"].as_array();
    let served_again = nodes.is_some_and(|it| it.iter().all(|node| node["Ms"] != 0));
    ensure!(served_again, "a node did not serve again: {report:#}");
    Ok(())
}

#[test]
fn the_length_of_the_load_may_be_said_and_nonsense_is_refused() {
    let arguments = |text: &str| -> Vec<String> {
        let words = text.split_whitespace();
        words.map(str::to_owned).collect()
    };
    let seconds = |text: &str| read(&arguments(text)).ok();
    assert_eq!(seconds(""), Some(SECONDS_DEFAULT));
    assert_eq!(seconds("--seconds 60"), Some(60));
    for nonsense in ["--seconds", "--seconds 0", "--seconds x", "60"] {
        assert_eq!(seconds(nonsense), None, "{nonsense}");
    }
}

#[test]
fn a_lost_binding_a_refusal_and_a_failover_that_nobody_noticed_fail() {
    let report = |change: fn(&mut Value)| {
        let mut report = serde_json::json!({
            "Faults": [], "Refused": [], "WithoutAnswer": 3, "WithoutService": [{"Ms": 5}]
        });
        change(&mut report);
        report
    };
    assert!(judge(&report(|_| {})).is_ok());
    let broken: [fn(&mut Value); 4] = [
        |it| it["Faults"] = serde_json::json!(["one was lost"]),
        |it| it["Refused"] = serde_json::json!(["NumberNotEnough"]),
        |it| it["WithoutAnswer"] = 0.into(),
        |it| it["WithoutService"] = serde_json::json!([{"Ms": 5}, {"Ms": 0}]),
    ];
    for change in broken {
        assert!(judge(&report(change)).is_err());
    }
}
