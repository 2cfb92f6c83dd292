//! A PostgreSQL of our own, whose death can be ordered.

use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use tempfile::TempDir;

use crate::dice::Dice;

/// A database server in a folder of its own. Stopped when it is dropped.
pub(crate) struct Cluster {
    binaries: PathBuf,
    folder: TempDir,
    port: u16,
    /// Who runs it, since PostgreSQL refuses root: user and group.
    owner: Option<(u32, u32)>,
}

impl Cluster {
    /// Makes and starts one. `None`, and it is said why, when PostgreSQL is not installed.
    pub(crate) fn start() -> Option<Self> {
        let Some(binaries) = binaries() else {
            println!("skipped: PostgreSQL's initdb and pg_ctl are not installed");
            return None;
        };
        let mut folders = tempfile::Builder::new();
        let folder = folders.prefix("axbridge-crash-pg-").tempdir_in("/tmp");
        let folder = folder.expect("a folder");
        let owner = (id(&["-u"]) == Some(0)).then(unprivileged);
        if let Some((user, group)) = owner {
            let given = std::os::unix::fs::chown(folder.path(), Some(user), Some(group));
            given.expect("root may give a folder away");
        }
        let port = lasting_port();
        let cluster = Self {
            binaries,
            folder,
            port,
            owner,
        };
        let mut initdb = cluster.command("initdb");
        initdb.args(["--auth=trust", "--encoding=UTF8", "--locale=C"]);
        initdb.args(["--username=postgres", "--pgdata"]);
        cluster.run(initdb.arg(cluster.data()));
        cluster.rise();
        Some(cluster)
    }

    /// Its connection string.
    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// The program that asks it.
    pub(crate) fn psql(&self) -> PathBuf {
        let beside = self.binaries.join("psql");
        if beside.is_file() {
            beside
        } else {
            "psql".into()
        }
    }

    /// Starts it, and waits until it has recovered.
    pub(crate) fn rise(&self) {
        let settings = format!(
            "-p {} -k {} -h 127.0.0.1 -c fsync=on -c max_connections=100",
            self.port,
            self.folder.path().display()
        );
        let mut command = self.command("pg_ctl");
        command.args(["start", "-w", "-t", "60", "-o", &settings, "-D"]);
        command.arg(self.data());
        command.arg("-l").arg(self.folder.path().join("log"));
        self.run(&mut command);
    }

    /// Ends it without letting anything finish: what was committed is in its log only.
    pub(crate) fn fall(&self) {
        let mut command = self.command("pg_ctl");
        command.args(["stop", "-m", "immediate", "-w", "-D"]);
        self.run(command.arg(self.data()));
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.binaries.join(name));
        command.current_dir(self.folder.path()).env("LC_ALL", "C");
        // A server keeps what it inherits, so pipes would never close.
        command.stdin(Stdio::null()).stdout(Stdio::null());
        if let Some((user, group)) = self.owner {
            command.uid(user).gid(group);
        }
        command
    }

    fn run(&self, command: &mut Command) {
        let status = command.status().expect("it can be started");
        let log = std::fs::read_to_string(self.folder.path().join("log"));
        let log = log.unwrap_or_default();
        assert!(status.success(), "{command:?} {status}: {log}");
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let mut command = self.command("pg_ctl");
        command.args(["stop", "-m", "immediate", "-D"]);
        command.stderr(Stdio::null());
        // It may lie down already.
        let _ = command.arg(self.data()).status();
    }
}

/// A free port below those that systems give to outgoing connections, so that
/// nobody takes it while the server lies dead.
fn lasting_port() -> u16 {
    let seed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let mut dice = Dice::new(seed.as_nanos() as u64);
    let tries = std::iter::repeat_with(|| 15_000 + dice.below(15_000) as u16);
    let mut free = tries.filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    free.next().expect("the tries never end")
}

fn unprivileged() -> (u32, u32) {
    let ids = ["postgres", "nobody"].map(|name| id(&["-u", name]).zip(id(&["-g", name])));
    let first = ids.into_iter().flatten().next();
    first.expect("there is a user postgres or nobody to run PostgreSQL")
}

/// What `id` answers.
pub(crate) fn id(arguments: &[&str]) -> Option<u32> {
    let answer = Command::new("id").args(arguments).output().ok()?;
    String::from_utf8(answer.stdout).ok()?.trim().parse().ok()
}

/// The folder of PostgreSQL's programs: of the search path, or Debian's newest.
fn binaries() -> Option<PathBuf> {
    let complete =
        |folder: &PathBuf| folder.join("initdb").is_file() && folder.join("pg_ctl").is_file();
    let path = std::env::var_os("PATH").unwrap_or_default();
    if let Some(found) = std::env::split_paths(&path).find(complete) {
        return Some(found);
    }
    let versions = std::fs::read_dir(Path::new("/usr/lib/postgresql")).ok()?;
    let folders = versions.flatten().map(|version| version.path().join("bin"));
    folders.filter(complete).max()
}
