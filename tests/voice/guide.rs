//! `docs/guide/testing-without-a-carrier.md` works as it stands: its commands are taken from the
//! page and run as a reader would paste them. Changed is only where: 127.0.0.1 becomes an address
//! that no other test uses, and `NP…` the pool that was made, as the reader does it.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    time::Instant,
};

use axbridge_tests::program::{PATIENCE, POLL, clean, program};
use axbridge_voice::phone::{Ended, Phone, Script, Stage};

use crate::house::report;

const GUIDE: &str = include_str!("../../docs/guide/testing-without-a-carrier.md");

const HOST: &str = "127.0.7.1";

/// The commands of the page's blocks, in their order, each on one line.
fn commands() -> Vec<String> {
    let blocks = GUIDE.split("```sh\n").skip(1);
    let blocks = blocks.map(|rest| rest.split_once("```").expect("its end").0);
    let lines = blocks.flat_map(|block| {
        let joined = block.replace("\\\n", " ");
        let lines: Vec<String> = joined.lines().map(str::to_owned).collect();
        lines
    });
    lines.collect()
}

/// The flags of the table, each with what the page says that they show.
fn rows() -> Vec<(String, String)> {
    let rows = GUIDE
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains("`--"));
    let rows = rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").collect();
        let flags = cells[1].split('`').nth(1).expect("flags");
        (cells[0].trim().to_owned(), flags.to_owned())
    });
    rows.collect()
}

/// A shell in a directory of its own in which `axbridge` is the program.
struct Shell<'s> {
    folder: &'s Path,
    pool: String,
}

impl Shell<'_> {
    fn command(&self, line: &str) -> Command {
        let bound = format!("--bind {HOST}:5080");
        let line = line
            .replace("127.0.0.1", HOST)
            .replace("NP…", &self.pool)
            .replace("phone call", &format!("phone call {bound}"))
            .replace("phone listen", &format!("phone listen {bound}"));
        let programs = program().parent().expect("its directory");
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = clean("sh");
        command.arg("-c").arg(format!("exec 2>&1; {line}"));
        command.current_dir(self.folder);
        command.env("PATH", format!("{}:{path}", programs.display()));
        // The ports that the page does not name are those of everybody.
        command.env("AXBRIDGE__HTTP__LISTEN", format!("{HOST}:0"));
        command.env("AXBRIDGE__OPERATOR__LISTEN", format!("{HOST}:0"));
        command.env("AXBRIDGE__VOICE__LANGUAGES", "en");
        command.stdin(Stdio::null());
        command
    }

    /// Runs a line to its end; what it printed, if it succeeded.
    fn run(&self, line: &str) -> String {
        let done = self.command(line).output().expect("there is a shell");
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(done.status.success(), "{line}\n{said}");
        said
    }

    fn start(&self, line: &str) -> Started {
        let out = std::fs::File::create(self.folder.join("out")).expect("a file");
        // The shell becomes the command, so that this can be ended.
        let child = self.command(&format!("exec {line}")).stdout(out).spawn();
        Started(child.expect("there is a shell"))
    }
}

struct Started(Child);

impl Drop for Started {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < PATIENCE, "not in time: {what}");
        tokio::time::sleep(POLL).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_guide_to_tests_without_a_carrier_works_as_it_stands() {
    let folder = tempfile::tempdir().expect("a directory");
    let mut shell = Shell {
        folder: folder.path(),
        pool: String::new(),
    };
    let commands = commands();
    let (serve, rest) = commands.split_first().expect("commands");
    assert!(serve.starts_with("axbridge serve "), "{serve}");
    let _server = shell.start(serve);
    let operator_file = folder.path().join("data/operator.json");
    until("it serves", || operator_file.is_file()).await;

    let mut calls = 0;
    let mut listening = None;
    for line in rest {
        if line.contains(" phone listen ") {
            listening = Some(line);
            continue;
        }
        let said = shell.run(line);
        if line.contains(" pool create ") {
            let found = said.split(|letter: char| !letter.is_ascii_alphanumeric());
            let mut pools = found.filter(|word| word.starts_with("NP") && word.len() == 20);
            shell.pool = pools.next().expect("a pool's number").to_owned();
        }
        if line.contains(" phone call ") {
            assert!(said.contains("passed"), "{said}");
            calls += 1;
        }
    }
    assert_eq!(calls, 1, "the page places a call");
    table_holds(&shell);
    apart_holds(&shell, listening.expect("the page listens")).await;
}

/// Each row of the table of expectations holds.
fn table_holds(shell: &Shell<'_>) {
    let rows = rows();
    assert!(rows.len() >= 4, "{rows:?}");
    for (what, flags) in rows {
        let stranger = flags.replace("STRANGER", "13900000009");
        let from = if stranger.contains("--from") {
            ""
        } else {
            "--from 13700000000"
        };
        let ends = if stranger.contains("--key") {
            "--for 8s"
        } else {
            "--for 3s"
        };
        let call = "axbridge --data data --json phone call --to 17000000001";
        let said = shell.run(&format!("{call} {from} {ends} {stranger}"));
        let said: serde_json::Value = serde_json::from_str(&said).expect("JSON");
        assert_eq!(said["Passed"], true, "{what}: {said}");
        if flags.contains("--key 1234") {
            assert_eq!(said["Callee"]["Digits"], "1234", "{said}");
        }
    }
}

/// A phone that only answers, called by another.
async fn apart_holds(shell: &Shell<'_>, line: &str) {
    let mut listener = shell.start(line);
    until("it listens", || {
        let address: std::net::SocketAddr = format!("{HOST}:5080").parse().expect("one");
        std::net::UdpSocket::bind(address).is_err()
    })
    .await;
    let address = format!("{HOST}:0").parse().expect("an address");
    let own = Phone::open(address).await.expect("a free port");
    let server = format!("{HOST}:5060").parse().expect("an address");
    let mut call = own
        .call(server, "13700000000", "17000000001", Script::default())
        .await;
    assert!(call.reaches(Stage::Answered).await);
    call.hang_up().await;
    assert_eq!(report(call).await.ended, Ended::HungUp);
    let started = Instant::now();
    let status = loop {
        match listener.0.try_wait().expect("it can be waited for") {
            Some(status) => break status,
            None => assert!(started.elapsed() < PATIENCE, "it goes on"),
        }
        tokio::time::sleep(POLL).await;
    };
    let said = std::fs::read_to_string(shell.folder.join("out")).expect("its output");
    assert!(status.success(), "{said}");
    let said: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(
        (&said["Passed"], &said["Calls"][0]["CallerId"]),
        (&true.into(), &"17000000001".into())
    );
}
