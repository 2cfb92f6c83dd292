//! A primary and its synchronous standby, from the installed programs, as an
//! unprivileged user on free ports of the loopback address.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::guard::{Guarded, POLL_INTERVAL, free_port};
use crate::postgres::{self, Owner, START_TIMEOUT, SUPERUSER};
use crate::process::capture;

/// The database of the nodes, and its owner, who has no other rights.
pub(crate) const DATABASE: &str = "axbridge";

/// The name by which the primary knows its standby.
const STANDBY_NAME: &str = "standby";

/// How long a standby may take to catch up, or to become the primary.
const STANDBY_TIMEOUT: Duration = Duration::from_secs(60);

const HOST: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// Both servers.
pub(super) struct Cluster {
    programs: PathBuf,
    primary: Server,
    standby: Server,
}

/// One server and its folder.
struct Server {
    port: u16,
    /// Before the folder, so that it stops first.
    process: Guarded,
    _folder: TempDir,
}

/// Where a server is going to be.
struct Place {
    owner: Owner,
    folder: TempDir,
    port: u16,
}

impl Place {
    fn choose() -> Result<Self> {
        let owner = Owner::choose()?;
        Ok(Self {
            folder: postgres::private_folder(&owner)?,
            port: free_port()?,
            owner,
        })
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn command(&self, program: &Path) -> Command {
        self.owner.command(program, self.folder.path())
    }

    fn start(self, programs: &Path) -> Result<Server> {
        let mut postgres = self.command(&programs.join("postgres"));
        postgres.arg("-D").arg(self.data());
        postgres.arg("-k").arg(self.folder.path());
        postgres.args(["-p", &self.port.to_string(), "-h", &HOST.to_string()]);
        postgres.args(["-c", "max_connections=100"]);
        let log = self.folder.path().join("log");
        let mut process = Guarded::start(&mut postgres, &log, self.folder.path(), "INT")?;
        let port = self.port;
        let url = superuser_url(port, "postgres");
        process.wait_until(START_TIMEOUT, || postgres::accepts_queries(programs, &url))?;
        Ok(Server {
            port,
            process,
            _folder: self.folder,
        })
    }
}

impl Cluster {
    /// Starts both, and waits until the primary waits for the standby with every
    /// commit.
    pub(super) fn start() -> Result<Self> {
        let programs = postgres::binaries()?;
        println!("PostgreSQL from {}", programs.display());
        let primary = start_primary(&programs)?;
        let standby = start_standby(&programs, primary.port)?;
        let cluster = Self {
            programs,
            primary,
            standby,
        };
        // After the copy, so that the standby, once promoted, waits for nobody.
        let names =
            format!("ALTER SYSTEM SET synchronous_standby_names = 'FIRST 1 ({STANDBY_NAME})'");
        cluster.ask(cluster.primary.port, "postgres", &names)?;
        cluster.ask(cluster.primary.port, "postgres", "SELECT pg_reload_conf()")?;
        cluster.wait_for(
            cluster.primary.port,
            "sync",
            "SELECT sync_state FROM pg_stat_replication",
        )?;
        for statement in [
            format!("CREATE ROLE {DATABASE} LOGIN"),
            format!("CREATE DATABASE {DATABASE} OWNER {DATABASE}"),
        ] {
            cluster.ask(cluster.primary.port, "postgres", &statement)?;
        }
        println!(
            "primary on port {}, synchronous standby on port {}",
            cluster.primary.port, cluster.standby.port
        );
        Ok(cluster)
    }

    /// What the nodes are given: both servers, and the wish for the one that
    /// takes writes.
    pub(super) fn url(&self) -> String {
        format!(
            "postgres://{DATABASE}@{HOST}:{},{HOST}:{}/{DATABASE}?target_session_attrs=read-write",
            self.primary.port, self.standby.port
        )
    }

    /// Kills every process of the primary at once, as a power cut would.
    pub(super) fn kill_primary(&self) -> Result<()> {
        let postmaster = self.primary.process.id();
        let mut victims = vec![postmaster.to_string()];
        victims.extend(children_of(postmaster)?);
        ensure!(victims.len() > 1, "the primary has no processes to kill");
        // A child may end on its own between the look and the kill.
        let _ = capture(Command::new("kill").args(["-s", "KILL"]).args(&victims));
        let url = superuser_url(self.primary.port, "postgres");
        ensure!(
            !postgres::accepts_queries(&self.programs, &url),
            "the primary lives on after it was killed"
        );
        Ok(())
    }

    /// Makes the standby the primary.
    pub(super) fn promote_standby(&self) -> Result<()> {
        let wait_s = STANDBY_TIMEOUT.as_secs();
        let statement = format!("SELECT pg_promote(true, {wait_s})");
        let promoted = self.ask_standby("postgres", &statement)?;
        ensure!(promoted == "t", "the standby was not promoted: {promoted}");
        self.wait_for(self.standby.port, "f", "SELECT pg_is_in_recovery()")
    }

    /// What the standby answers to a superuser, as bare text.
    pub(super) fn ask_standby(&self, database: &str, statement: &str) -> Result<String> {
        self.ask(self.standby.port, database, statement)
    }

    /// What both servers printed, for the reader of a failure.
    pub(super) fn logs(&self) -> String {
        let log = |name: &str, server: &Server| format!("{name}: {}", server.process.log());
        [log("primary", &self.primary), log("standby", &self.standby)].join("\n")
    }

    fn ask(&self, port: u16, database: &str, statement: &str) -> Result<String> {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args([
            "-X",
            "-q",
            "-A",
            "-t",
            "-v",
            "ON_ERROR_STOP=1",
            "-c",
            statement,
        ]);
        psql.arg(superuser_url(port, database));
        Ok(capture(&mut psql)?.trim().to_owned())
    }

    fn wait_for(&self, port: u16, wanted: &str, statement: &str) -> Result<()> {
        let started = Instant::now();
        loop {
            let found = self.ask(port, "postgres", statement)?;
            if found == wanted {
                return Ok(());
            }
            ensure!(
                started.elapsed() < STANDBY_TIMEOUT,
                "`{statement}` says {found:?} instead of {wanted:?} after {} s; {}",
                STANDBY_TIMEOUT.as_secs(),
                self.logs()
            );
            std::thread::sleep(POLL_INTERVAL);
        }
    }
}

fn start_primary(programs: &Path) -> Result<Server> {
    let place = Place::choose()?;
    let mut initdb = place.command(&programs.join("initdb"));
    // Processes die here, not machines, so the first copies need not reach the disk.
    initdb.args(["--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]);
    initdb.args(["--no-instructions", "--username", SUPERUSER, "--pgdata"]);
    capture(initdb.arg(place.data()))?;
    place.start(programs)
}

/// `-R` writes what the copy needs to follow the primary.
fn start_standby(programs: &Path, primary: u16) -> Result<Server> {
    let place = Place::choose()?;
    let follow =
        format!("host={HOST} port={primary} user={SUPERUSER} application_name={STANDBY_NAME}");
    let mut copy = place.command(&programs.join("pg_basebackup"));
    copy.args([
        "-R",
        "-X",
        "stream",
        "--checkpoint=fast",
        "-d",
        &follow,
        "-D",
    ]);
    capture(copy.arg(place.data())).context("could not copy the primary")?;
    place.start(programs)
}

fn superuser_url(port: u16, database: &str) -> String {
    format!("postgres://{SUPERUSER}@{HOST}:{port}/{database}?connect_timeout=5")
}

/// The direct children of a process. Each server process of PostgreSQL is a
/// child of the first one, in a process group of its own.
fn children_of(parent: u32) -> Result<Vec<String>> {
    let entries = std::fs::read_dir("/proc").context("the rehearsal needs Linux's /proc")?;
    let mut children = Vec::new();
    for entry in entries.flatten() {
        // A process that ended since has no file any more.
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        if parent_in(&stat) == Some(parent) {
            children.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    Ok(children)
}

/// The parent in a line of `/proc/PID/stat`: `PID (name) state PARENT …`. The
/// name may hold anything.
fn parent_in(stat: &str) -> Option<u32> {
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_whitespace().nth(1)?.parse().ok()
}

#[test]
fn a_parent_is_found_whatever_the_name_of_the_program() {
    assert_eq!(parent_in("12 (postgres) S 7 12 12 0"), Some(7));
    assert_eq!(parent_in("12 (a) b (c) S 7 12"), Some(7));
    assert_eq!(parent_in(""), None);
}
