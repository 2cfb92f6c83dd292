//! The real program as the suites meet it: a process of its own with a data
//! folder of its own, filled through its own command line.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use tempfile::TempDir;

use super::call;
use crate::guard::{Guarded, free_port};
use crate::process::capture;

const START_TIMEOUT: Duration = Duration::from_secs(60);
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// Cities of the numbers of each pool: Beijing, Shanghai and Jinan, the capital
/// of a province, for the fallback to it.
const CITIES: [&str; 3] = ["010", "021", "0531"];

/// Numbers of each city. Ended bindings keep theirs closed for the quarantine,
/// so each test that binds uses some up.
const NUMBERS_PER_CITY: usize = 40;

/// So that one short call leaves a record, a recording and a text.
const CALL_SETTINGS: [(&str, &str); 3] = [
    ("VOICE__LANGUAGES", "en"),
    ("VOICE__RECORDING_NOTICE", "false"),
    ("RECORDINGS__TRANSCRIBER_COMMAND", "wc,-c"),
];

/// A running axbridge.
pub(crate) struct Server {
    program: PathBuf,
    address: SocketAddr,
    data: PathBuf,
    /// Before the folder, so that it stops first.
    process: Guarded,
    folder: TempDir,
    /// The call that was made, as the suites read it.
    call: String,
}

/// What one client needs.
pub(crate) struct Account {
    pub(crate) endpoint: String,
    pub(crate) access_key: String,
    pub(crate) secret_key: String,
    pub(crate) pool: String,
    /// The pool's numbers, each as `number:city`.
    pub(crate) numbers: Vec<String>,
    /// An empty folder to be the client's home.
    pub(crate) home: PathBuf,
    /// A call that was made: its id, the account, A, B and X.
    pub(crate) call: String,
}

impl Server {
    /// Starts the program on the embedded store, or on the database `store`.
    pub(crate) fn start(program: &Path, store: Option<&str>) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("axbridge-sdk-")
            .tempdir()
            .context("could not make a folder for the server")?;
        let data = folder.path().join("data");
        let log = folder.path().join("log");
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()?));
        let operator = SocketAddr::from(([127, 0, 0, 1], free_port()?));
        let mut command = clean(program);
        command.args([
            "serve",
            "--http",
            &address.to_string(),
            "--sip",
            "127.0.0.1:0",
        ]);
        for (name, value) in CALL_SETTINGS {
            command.env(format!("AXBRIDGE__{name}"), value);
        }
        command
            .args(["--operator-http", &operator.to_string(), "--data"])
            .arg(&data);
        if let Some(url) = store {
            command.args(["--store", url]);
        }
        let mut process = Guarded::start(&mut command, &log, folder.path(), "TERM")?;
        process.wait_until(START_TIMEOUT, || is_healthy(address))?;
        let mut server = Self {
            program: program.to_owned(),
            address,
            data,
            process,
            folder,
            call: String::new(),
        };
        server.call = call::make(&server).with_context(|| server.log())?;
        Ok(server)
    }

    /// A folder that goes with it.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A key, a pool and its numbers for the client of this index.
    pub(crate) fn prepare(&self, client: usize) -> Result<Account> {
        let key = self.ask(&["key", "create", "--role", "application"])?;
        let pool = self.ask(&["pool", "create", "--name", &format!("client {client}")])?;
        let pool = text(&pool, "NumberPoolNo")?;
        let numbers = numbers(client);
        let home = self.folder.path().join(format!("home-{client}"));
        fs::create_dir(&home).context("could not make the client's home")?;
        let table = home.join("numbers.csv");
        fs::write(&table, table_of(&numbers)).context("could not write the numbers")?;
        self.ask(&[
            "number",
            "import",
            "--pool",
            &pool,
            &table.to_string_lossy(),
        ])?;
        Ok(Account {
            endpoint: self.address.to_string(),
            access_key: text(&key, "AccessKeyId")?,
            secret_key: text(&key, "SecretAccessKey")?,
            pool,
            numbers,
            home,
            call: self.call.clone(),
        })
    }

    /// What the server printed, for the reader of a failure.
    pub(crate) fn log(&self) -> String {
        format!("the server failed a client; {}", self.process.log())
    }

    /// Runs the command line against this server and returns its JSON.
    pub(super) fn ask(&self, arguments: &[&str]) -> Result<Value> {
        let mut command = clean(&self.program);
        command
            .arg("--data")
            .arg(&self.data)
            .arg("--json")
            .args(arguments);
        let printed = capture(&mut command).with_context(|| self.log())?;
        serde_json::from_str(&printed)
            .with_context(|| format!("this is not one JSON value:\n{printed}"))
    }
}

/// The program without the user's own settings.
fn clean(program: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AXBRIDGE_") {
            command.env_remove(name);
        }
    }
    command
}

fn numbers(client: usize) -> Vec<String> {
    let indexed = CITIES.iter().enumerate();
    let of_city = |(index, city): (usize, &&str)| {
        let city = (*city).to_owned();
        let first = index * NUMBERS_PER_CITY;
        (first..first + NUMBERS_PER_CITY)
            .map(move |number| format!("1700000{client}{number:03}:{city}"))
    };
    indexed.flat_map(of_city).collect()
}

fn table_of(numbers: &[String]) -> String {
    let rows = numbers.iter().map(|number| number.replace(':', ","));
    let rows: Vec<String> = rows.collect();
    format!("number,city_code\n{}\n", rows.join("\n"))
}

pub(super) fn text(value: &Value, name: &str) -> Result<String> {
    let found = value.get(name).and_then(Value::as_str);
    Ok(found
        .with_context(|| format!("the answer has no text {name}: {value}"))?
        .to_owned())
}

fn is_healthy(address: SocketAddr) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&address, PROBE_TIMEOUT)?;
        stream.set_read_timeout(Some(PROBE_TIMEOUT))?;
        write!(
            stream,
            "GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}
