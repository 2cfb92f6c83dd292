//! A throw-away PostgreSQL: found or installed, started as an unprivileged user
//! on a free port of the loopback address, gone at the end.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::guard::{Guarded, free_port};
use crate::install;
use crate::process::{capture, group_id, is_root, user_id, which};

/// The oldest major version that the store supports.
const MAJOR_MIN: u32 = 15;

/// Longest folder that still leaves room for a socket's name in its address.
const SOCKET_FOLDER_BYTES_MAX: usize = 80;

/// How long a server may take until it answers.
pub(crate) const START_TIMEOUT: Duration = Duration::from_secs(60);
const PROBE_TIMEOUT: Duration = Duration::from_millis(500);
/// The user who may do everything on a throw-away server.
pub(crate) const SUPERUSER: &str = "postgres";

/// A database server that tests may use.
pub(crate) struct Database {
    /// Where tests connect, as a user who may create databases.
    pub(crate) url: String,
    /// The server, if it is ours. Before the folder, so that it stops first.
    _server: Option<Guarded>,
    _folder: Option<TempDir>,
}

/// The server that `TEST_DATABASE_URL` names, or a throw-away one.
pub(crate) fn provide() -> Result<Database> {
    match std::env::var("TEST_DATABASE_URL") {
        Ok(url) if !url.is_empty() => {
            println!("using the server of TEST_DATABASE_URL");
            Ok(Database {
                url,
                _server: None,
                _folder: None,
            })
        }
        _ => start(&binaries()?, &[]),
    }
}

/// A throw-away server with these settings (`name=value`), whatever `TEST_DATABASE_URL` says.
pub(crate) fn provide_tuned(settings: &[&str]) -> Result<Database> {
    start(&binaries()?, settings)
}

/// The chore `pg`.
pub(crate) fn serve_until_enter() -> Result<()> {
    let database = start(&binaries()?, &[])?;
    println!("TEST_DATABASE_URL={}", database.url);
    println!("press Enter to stop it");
    let mut line = String::new();
    std::io::stdin()
        .read_line(&mut line)
        .context("could not read from the terminal")?;
    Ok(())
}

/// Makes an empty database beside `url` and returns its own URL.
pub(crate) fn create_database(url: &str, name: &str) -> Result<String> {
    let psql = psql()?;
    for statement in [
        format!("DROP DATABASE IF EXISTS {name}"),
        format!("CREATE DATABASE {name}"),
    ] {
        capture(Command::new(&psql).args([
            "-X",
            "-q",
            "-v",
            "ON_ERROR_STOP=1",
            "-c",
            &statement,
            url,
        ]))?;
    }
    Ok(with_database(url, name))
}

/// Removes a database that `create_database` made.
pub(crate) fn drop_database(url: &str, name: &str) -> Result<()> {
    let statement = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
    capture(Command::new(psql()?).args(["-X", "-q", "-c", &statement, url])).map(drop)
}

fn psql() -> Result<PathBuf> {
    let beside = find_binaries().map(|folder| folder.join("psql"));
    beside
        .filter(|path| path.is_file())
        .or_else(|| which("psql"))
        .context("psql is missing; install PostgreSQL's client (Debian: postgresql-client)")
}

/// The same server and options, another database.
fn with_database(url: &str, name: &str) -> String {
    let (address, options) = url
        .split_once('?')
        .map_or((url, None), |(address, options)| (address, Some(options)));
    let authority_start = address.find("://").map_or(0, |at| at + 3);
    let authority_end = address[authority_start..]
        .find('/')
        .map_or(address.len(), |at| authority_start + at);
    let options = options.map_or(String::new(), |options| format!("?{options}"));
    format!("{}/{name}{options}", &address[..authority_end])
}

/// The folder of the server's programs, installed first if there is none.
pub(crate) fn binaries() -> Result<PathBuf> {
    if let Some(folder) = find_binaries() {
        return Ok(folder);
    }
    let reason = format!("the tests need PostgreSQL {MAJOR_MIN} or newer");
    install::debian(&["postgresql"], &reason)?;
    find_binaries().with_context(|| {
        format!("{reason}, and the installed package is older; put a newer one into the PATH")
    })
}

/// The newest usable version among the PATH and Debian's folders.
fn find_binaries() -> Option<PathBuf> {
    let in_path = which("initdb").and_then(|path| path.canonicalize().ok());
    let mut folders: Vec<PathBuf> = in_path
        .and_then(|path| path.parent().map(Path::to_owned))
        .into_iter()
        .collect();
    if let Ok(versions) = fs::read_dir("/usr/lib/postgresql") {
        folders.extend(versions.flatten().map(|version| version.path().join("bin")));
    }
    folders
        .into_iter()
        .filter(|folder| folder.join("initdb").is_file())
        .filter_map(|folder| Some((major_version(&folder.join("postgres"))?, folder)))
        .filter(|(major, _)| *major >= MAJOR_MIN)
        .max_by_key(|(major, _)| *major)
        .map(|(_, folder)| folder)
}

/// Reads "postgres (PostgreSQL) 15.14 (Debian …)".
fn major_version(postgres: &Path) -> Option<u32> {
    let printed = capture(Command::new(postgres).arg("--version")).ok()?;
    let version = printed.split_whitespace().nth(2)?;
    version.split('.').next()?.parse().ok()
}

fn start(binaries: &Path, settings: &[&str]) -> Result<Database> {
    let owner = Owner::choose()?;
    let folder = private_folder(&owner)?;
    let data = folder.path().join("data");
    println!(
        "PostgreSQL from {}, data in {}",
        binaries.display(),
        data.display()
    );
    let mut initdb = owner.command(&binaries.join("initdb"), folder.path());
    initdb
        .args([
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--no-instructions",
        ])
        .args(["--username", SUPERUSER, "--pgdata"])
        .arg(&data);
    capture(&mut initdb)?;
    let port = free_port()?;
    let log = folder.path().join("log");
    let mut postgres = owner.command(&binaries.join("postgres"), folder.path());
    postgres.arg("-D").arg(&data).arg("-k").arg(folder.path());
    postgres.args(["-p", &port.to_string(), "-h", "127.0.0.1"]);
    postgres.args(["-c", "max_connections=200", "-c", "fsync=on"]);
    for setting in settings {
        postgres.args(["-c", setting]);
    }
    let mut server = Guarded::start(&mut postgres, &log, folder.path(), "INT")?;
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let answers = || TcpStream::connect_timeout(&address, PROBE_TIMEOUT).is_ok();
    let url = format!("postgres://{SUPERUSER}@{address}/postgres");
    let ready = || answers() && accepts_queries(binaries, &url);
    server.wait_until(START_TIMEOUT, ready)?;
    Ok(Database {
        url,
        _server: Some(server),
        _folder: Some(folder),
    })
}

/// Whether the server at `url` answers a query.
pub(crate) fn accepts_queries(binaries: &Path, url: &str) -> bool {
    capture(Command::new(binaries.join("psql")).args(["-X", "-q", "-c", "SELECT 1", url])).is_ok()
}

/// A folder that only its owner may read, with a path short enough for sockets.
pub(crate) fn private_folder(owner: &Owner) -> Result<TempDir> {
    let mut parent = std::env::temp_dir();
    if parent.as_os_str().len() > SOCKET_FOLDER_BYTES_MAX {
        parent = PathBuf::from("/tmp");
    }
    let folder = tempfile::Builder::new()
        .prefix("axbridge-pg-")
        .tempdir_in(&parent)
        .with_context(|| format!("could not make a folder in {}", parent.display()))?;
    if let Owner::Other { user, group } = owner {
        std::os::unix::fs::chown(folder.path(), Some(*user), Some(*group))
            .with_context(|| format!("could not give away {}", folder.path().display()))?;
    }
    Ok(folder)
}

/// Who runs the server: PostgreSQL refuses root.
pub(crate) enum Owner {
    Ourselves,
    Other { user: u32, group: u32 },
}

impl Owner {
    /// Ourselves, unless we are root.
    pub(crate) fn choose() -> Result<Self> {
        if !is_root() {
            return Ok(Self::Ourselves);
        }
        for name in ["postgres", "nobody"] {
            if let (Some(user), Some(group)) = (user_id(&[name]), group_id(&[name])) {
                return Ok(Self::Other { user, group });
            }
        }
        bail!("PostgreSQL does not run as root, and there is no user postgres or nobody to run it")
    }

    /// A command as this owner, in a folder that the owner may enter.
    pub(crate) fn command(&self, program: &Path, folder: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(folder).env("LC_ALL", "C");
        if let Self::Other { user, group } = self {
            command.uid(*user).gid(*group);
        }
        command
    }
}

#[test]
fn a_url_keeps_server_and_options_when_its_database_changes() {
    let cases = [
        (
            "postgres://u@127.0.0.1:5/postgres",
            "postgres://u@127.0.0.1:5/new",
        ),
        ("postgres://u:p@h", "postgres://u:p@h/new"),
        (
            "postgresql://h/a?sslmode=disable",
            "postgresql://h/new?sslmode=disable",
        ),
    ];
    for (from, to) in cases {
        assert_eq!(with_database(from, "new"), to);
    }
}
