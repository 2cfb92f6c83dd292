//! The chore `bench-store`: durable binds a second, the store beside the usual ways to do it, one
//! after the other on one machine.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

use super::Extent;
use super::measurement::{build, lines, median, number, text};
use super::page::{self, table, thousands};
use super::redis;
use crate::postgres::{self, Database};

/// What PostgreSQL is given in every comparison: memory for its pages, and no checkpoint within a
/// measurement.
const SETTINGS: [&str; 3] = [
    "shared_buffers=2GB",
    "max_wal_size=16GB",
    "checkpoint_timeout=30min",
];

/// What is asked for: how much, and of whom.
struct Wish {
    extent: Extent,
    /// Contenders by the names they are printed with; all when empty.
    only: Vec<String>,
    /// Live bindings; what belongs to the extent when empty.
    sizes: Vec<u64>,
}

impl Wish {
    fn parse(arguments: &[String]) -> Result<Self> {
        let (mut only, mut sizes, mut others) = (Vec::new(), Vec::new(), Vec::new());
        let mut rest = arguments.iter();
        while let Some(flag) = rest.next() {
            match flag.as_str() {
                "--only" => {
                    for name in list(flag, rest.next())? {
                        let known = NAMES.iter().any(|(subject, _)| *subject == name);
                        ensure!(known, "--only: there is no contender {name:?}");
                        only.push(name.to_owned());
                    }
                }
                "--live" => {
                    for size in list(flag, rest.next())? {
                        sizes.push(size.parse().context("--live takes numbers")?);
                    }
                }
                _ => others.push(flag.clone()),
            }
        }
        Ok(Self {
            extent: Extent::parse(&others)?,
            only,
            sizes,
        })
    }

    /// A part only; it is not put on the page.
    fn is_partial(&self) -> bool {
        !self.only.is_empty() || !self.sizes.is_empty()
    }

    fn wants(&self, subject: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == subject)
    }

    fn sizes(&self) -> &[u64] {
        if !self.sizes.is_empty() {
            return &self.sizes;
        }
        match self.extent {
            Extent::Quick => &[10_000],
            Extent::Usual => &[10_000, 1_000_000],
            Extent::Long => &[10_000, 1_000_000, 10_000_000],
        }
    }
}

fn list<'a>(flag: &str, value: Option<&'a String>) -> Result<Vec<&'a str>> {
    let value = value.with_context(|| format!("{flag} needs a list"))?;
    Ok(value.split(',').collect())
}

/// The chore.
pub(crate) fn store(arguments: &[String]) -> Result<()> {
    let wish = Wish::parse(arguments)?;
    if wish.wants("redis") {
        redis::install()?;
    }
    let bench = Bench {
        program: build("bench-store", "store")?,
        database: postgres::provide_tuned(&SETTINGS)?,
        folder: tempfile::tempdir().context("could not make a folder for the data")?,
        seconds: match wish.extent {
            Extent::Quick => "2",
            Extent::Usual => "3",
            Extent::Long => "4",
        },
        // Three of the figure that the targets speak about; the median counts.
        callers: "1,64,64,64,256",
        wish: &wish,
    };
    let sizes = wish.sizes();
    let mut all = Vec::new();
    for live in sizes {
        all.extend(bench.size(*live)?);
    }
    let command = format!("cargo xtask bench-store{}", wish.extent.flag());
    let provenance = page::provenance(&command)?;
    let version = if wish.wants("redis") {
        format!(" Redis {}.", redis::version()?)
    } else {
        String::new()
    };
    let mut part = format!("{provenance}{version}\n");
    for live in sizes {
        part.push_str(&size_table(&all, *live));
    }
    part.push_str(&targets(&all, sizes));
    println!("\n{part}");
    if wish.is_partial() {
        return Ok(());
    }
    page::write("store", &part)
}

struct Bench<'a> {
    program: PathBuf,
    database: Database,
    folder: TempDir,
    seconds: &'static str,
    callers: &'static str,
    wish: &'a Wish,
}

impl Bench<'_> {
    /// Every subject at one size.
    fn size(&self, live: u64) -> Result<Vec<Value>> {
        println!("\n== {} live bindings", thousands(live as f64));
        let mut all = self.probe(live)?;
        for (subject, callers, loads) in [
            ("raw", "64", "uniform"),
            ("waves", "64", "uniform"),
            ("sqlite", self.callers, "uniform,hot"),
        ] {
            if !self.wish.wants(subject) {
                continue;
            }
            let data = self.fresh_folder(subject)?;
            let dir = data.to_string_lossy().into_owned();
            all.extend(self.subject(subject, live, callers, loads, &["--dir", &dir])?);
            std::fs::remove_dir_all(&data).context("could not remove the data")?;
        }
        all.extend(self.probe(live)?);
        for (name, subject, callers, loads, nodes) in [
            ("postgres", "postgres", self.callers, "uniform,hot", 1),
            ("postgres-2-nodes", "postgres", "64,64,64", "uniform,hot", 2),
            ("naive", "naive", "64,64,64", "uniform", 1),
        ] {
            if self.wish.wants(name) {
                all.extend(self.on_postgres(subject, live, callers, loads, nodes)?);
            }
        }
        if self.wish.wants("redis") {
            let server = redis::start(self.folder.path())?;
            let port = server.port.to_string();
            all.extend(self.subject("redis", live, "64,64,64", "uniform", &["--port", &port])?);
        }
        all.extend(self.probe(live)?);
        Ok(all)
    }

    fn fresh_folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.folder.path().join(name);
        std::fs::create_dir(&path).context("could not make a folder for the data")?;
        Ok(path)
    }

    fn probe(&self, live: u64) -> Result<Vec<Value>> {
        let dir = self.folder.path().to_string_lossy().into_owned();
        self.subject("fdatasync", live, "1", "uniform", &["--dir", &dir])
            .map(|mut lines| {
                for line in &mut lines {
                    line["live"] = live.into();
                }
                lines
            })
    }

    /// A subject on a database of its own, by as many nodes.
    fn on_postgres(
        &self,
        subject: &str,
        live: u64,
        callers: &str,
        loads: &str,
        nodes: usize,
    ) -> Result<Vec<Value>> {
        const NAME: &str = "bench";
        let url = postgres::create_database(&self.database.url, NAME)?;
        let mut place = Vec::new();
        for _ in 0..nodes {
            place.extend(["--url", url.as_str()]);
        }
        let lines = self.subject(subject, live, callers, loads, &place);
        postgres::drop_database(&self.database.url, NAME)?;
        lines
    }

    fn subject(
        &self,
        subject: &str,
        live: u64,
        callers: &str,
        loads: &str,
        place: &[&str],
    ) -> Result<Vec<Value>> {
        println!("-- {subject}");
        let mut command = Command::new(&self.program);
        command.args([subject, "--live", &live.to_string(), "--callers", callers]);
        command.args(["--load", loads, "--seconds", self.seconds]);
        command.args(place);
        lines(&mut command)
    }
}

/// What each subject is called on the page.
const NAMES: [(&str, &str); 7] = [
    ("raw", "the heart and a bare file, 64 a write"),
    ("waves", "embedded, 64 at a time"),
    ("sqlite", "embedded"),
    ("postgres", "PostgreSQL, one node"),
    ("postgres-2-nodes", "PostgreSQL, two nodes"),
    ("naive", "`SELECT … FOR UPDATE`"),
    ("redis", "Lua in Redis, `appendfsync always`"),
];

/// The median of a figure of one subject at one load; `None` when it was not measured.
fn figure(
    all: &[Value],
    subject: &str,
    live: u64,
    load: &str,
    callers: f64,
    field: &str,
) -> Option<f64> {
    let of_it = all.iter().filter(|line| {
        text(line, "subject") == subject
            && number(line, "live") as u64 == live
            && (load.is_empty() || text(line, "load") == load)
            && (callers == 0.0 || (number(line, "callers") - callers).abs() < 0.5)
    });
    let values: Vec<f64> = of_it.map(|line| number(line, field)).collect();
    (!values.is_empty()).then(|| median(values))
}

fn size_table(all: &[Value], live: u64) -> String {
    let rate = |subject| figure(all, subject, live, "uniform", 64.0, "per_s");
    let mut rows = Vec::new();
    for (subject, name) in NAMES {
        for load in ["uniform", "hot"] {
            for callers in [1.0, 64.0, 128.0, 256.0] {
                let of_it = |field| figure(all, subject, live, load, callers, field);
                let Some(per_s) = of_it("per_s") else {
                    continue;
                };
                let times = |base: Option<f64>| {
                    base.map_or("–".to_owned(), |base| format!("{:.1}", per_s / base))
                };
                let us = |field| of_it(field).map_or("–".to_owned(), thousands);
                let batch = of_it("batch").filter(|batch| *batch > 0.0);
                rows.push(vec![
                    name.to_owned(),
                    load.to_owned(),
                    format!("{callers}"),
                    thousands(per_s),
                    us("p50_us"),
                    us("p99_us"),
                    batch.map_or("–".to_owned(), |batch| format!("{batch:.0}")),
                    times(rate("naive")),
                    times(rate("redis")),
                ]);
            }
        }
    }
    let probe =
        |field| figure(all, "fdatasync", live, "", 0.0, field).map_or("–".to_owned(), thousands);
    let head = [
        "what", "load", "callers", "binds/s", "p50 µs", "p99 µs", "batch", "× naive", "× Redis",
    ];
    format!(
        "\n### {} live bindings\n\nThe disk beside it: {} durable 4 KiB writes a second, p50 {} µs, p99 {} µs (median of three probes).\n\n{}",
        thousands(live as f64),
        probe("per_s"),
        probe("p50_us"),
        probe("p99_us"),
        table(&head, &rows)
    )
}

/// A subject under a load with so many callers.
type Measured = (&'static str, &'static str, f64);

/// What is asked of the store at one size: a name, the least ratio, and what is divided by what.
const RATIOS: [(&str, f64, Measured, Measured); 8] = [
    (
        "embedded, 64 callers, against naive",
        30.0,
        ("sqlite", "uniform", 64.0),
        ("naive", "uniform", 64.0),
    ),
    (
        "embedded, 64 callers, against Redis",
        5.0,
        ("sqlite", "uniform", 64.0),
        ("redis", "uniform", 64.0),
    ),
    (
        "PostgreSQL, one node, against naive",
        15.0,
        ("postgres", "uniform", 64.0),
        ("naive", "uniform", 64.0),
    ),
    (
        "PostgreSQL, one node, against Redis",
        3.0,
        ("postgres", "uniform", 64.0),
        ("redis", "uniform", 64.0),
    ),
    (
        "PostgreSQL, two nodes against one",
        1.0,
        ("postgres-2-nodes", "uniform", 128.0),
        ("postgres", "uniform", 64.0),
    ),
    (
        "embedded at batch 64 against the bare file",
        0.6,
        ("waves", "uniform", 64.0),
        ("raw", "uniform", 64.0),
    ),
    (
        "embedded, everybody bound to one B, against uniform",
        0.8,
        ("sqlite", "hot", 64.0),
        ("sqlite", "uniform", 64.0),
    ),
    (
        "PostgreSQL, everybody bound to one B, against uniform",
        0.8,
        ("postgres", "hot", 64.0),
        ("postgres", "uniform", 64.0),
    ),
];

/// What is asked of the store as it grows.
const GROWTH: [(&str, &str); 2] = [
    ("embedded, 10 million against 1 million", "sqlite"),
    ("PostgreSQL, 10 million against 1 million", "postgres"),
];

/// What is asked of the store, and what it does.
fn targets(all: &[Value], sizes: &[u64]) -> String {
    let usual = sizes.iter().copied().filter(|size| *size <= 1_000_000);
    let live = usual.max().unwrap_or_default();
    let rate = |(subject, load, callers): Measured, live| {
        figure(all, subject, live, load, callers, "per_s")
    };
    let ratio = |one: Option<f64>, other: Option<f64>| Some(one? / other?);
    let mut rows: Vec<Vec<String>> = Vec::new();
    for (name, target, one, other) in RATIOS {
        rows.extend(
            ratio(rate(one, live), rate(other, live)).map(|found| row(name, "≥", target, found)),
        );
    }
    for (name, subject) in GROWTH {
        let at = |live| rate((subject, "uniform", 64.0), live);
        let found = ratio(at(10_000_000), at(1_000_000));
        rows.extend(found.map(|found| row(name, "≥", 0.8, found)));
    }
    let p99 = figure(all, "sqlite", live, "uniform", 64.0, "p99_us");
    let flush = figure(all, "fdatasync", live, "", 0.0, "p50_us");
    rows.extend(ratio(p99, flush).map(|found| {
        let name = "embedded, 64 callers: p99 of a bind against p50 of a flush";
        row(name, "≤", 10.0, found)
    }));
    format!(
        "\n### Against the targets, at {} live bindings unless said otherwise\n\n{}",
        thousands(live as f64),
        table(&["ratio", "target", "measured", ""], &rows)
    )
}

#[test]
fn contenders_and_sizes_are_read_and_a_part_is_told_from_the_whole() {
    let words = |text: &str| -> Vec<String> { text.split(' ').map(str::to_owned).collect() };
    let wish = Wish::parse(&words("--quick --only postgres,naive --live 30000")).expect("good");
    assert!(wish.is_partial() && wish.wants("naive") && !wish.wants("redis"));
    assert_eq!(wish.sizes(), [30_000]);
    let wish = Wish::parse(&[]).expect("good");
    assert!(!wish.is_partial() && wish.wants("redis"));
    assert_eq!(wish.sizes(), [10_000, 1_000_000]);
    for bad in ["--only", "--only oracle", "--live some", "--slow"] {
        assert!(Wish::parse(&words(bad)).is_err(), "{bad}");
    }
}

fn row(name: &str, relation: &str, target: f64, found: f64) -> Vec<String> {
    let met = if relation == "≥" {
        found >= target
    } else {
        found <= target
    };
    vec![
        name.to_owned(),
        format!("{relation} {target}"),
        format!("{found:.2}"),
        if met { "met" } else { "missed" }.to_owned(),
    ]
}
