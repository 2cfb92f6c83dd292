//! The vendor's own clients, unmodified, against the real program, on both
//! stores. What they check lies in `tests/sdk`.

mod call;
mod node;
mod python;
mod server;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::postgres::{self, Database};
use crate::process::{self, capture, cargo, root};
use crate::report::Report;
use server::{Account, Server};

/// The database that the suites use; made anew for each run.
const DATABASE: &str = "axbridge_sdk";

/// The installed clients.
pub(crate) struct Clients {
    python: PathBuf,
    node: node::Node,
}

impl Clients {
    /// Installs the clients into `target`, unless they are there already.
    pub(crate) fn provide() -> Result<Self> {
        Ok(Self {
            python: python::provide()?,
            node: node::provide()?,
        })
    }

    /// One command for each client, in the order in which they run.
    fn suites(&self) -> Vec<(&'static str, Command)> {
        vec![
            (
                "Python volcengine",
                python::suite(&self.python, "test_volcengine"),
            ),
            (
                "Python volcengine-python-sdk",
                python::suite(&self.python, "test_volcengine_python_sdk"),
            ),
            (
                "Node @volcengine/openapi",
                self.node.suite("openapi.test.mjs"),
            ),
            (
                "Node @volcengine/sdk-core",
                self.node.suite("sdk_core.test.mjs"),
            ),
        ]
    }
}

/// Runs every client against a server on each store.
pub(crate) fn run(report: &mut Report, clients: &Clients, database: &Database) -> Result<()> {
    let program = report.step("Building axbridge", build)?;
    let embedded = report.step("Starting axbridge on the embedded store", || {
        Server::start(&program, None)
    })?;
    on_server(report, clients, &embedded, "embedded store")?;
    drop(embedded);
    let on_postgres = report.step("Starting axbridge on PostgreSQL", || {
        let url = postgres::create_database(&database.url, DATABASE)?;
        Server::start(&program, Some(&url))
    })?;
    on_server(report, clients, &on_postgres, "PostgreSQL")?;
    drop(on_postgres);
    postgres::drop_database(&database.url, DATABASE)
}

fn on_server(report: &mut Report, clients: &Clients, server: &Server, store: &str) -> Result<()> {
    for (index, (client, mut command)) in clients.suites().into_iter().enumerate() {
        report.suite(&format!("{client} on {store}"), || {
            let account = server.prepare(index)?;
            isolate(&mut command, &account);
            process::run(&mut command).with_context(|| server.log())
        })?;
    }
    Ok(())
}

/// The clients read settings of the user's own and of proxies; keep them out.
fn isolate(command: &mut Command, account: &Account) {
    for name in ["http_proxy", "https_proxy", "all_proxy"] {
        command.env_remove(name).env_remove(name.to_uppercase());
    }
    for name in ["VOLC_ACCESSKEY", "VOLC_SECRETKEY", "VOLC_PROXY_PORT"] {
        command.env_remove(name);
    }
    command
        .env("NO_PROXY", "127.0.0.1")
        .env("HOME", &account.home)
        .env("AXBRIDGE_TEST_ENDPOINT", &account.endpoint)
        .env("AXBRIDGE_TEST_ACCESS_KEY", &account.access_key)
        .env("AXBRIDGE_TEST_SECRET_KEY", &account.secret_key)
        .env("AXBRIDGE_TEST_POOL", &account.pool)
        .env("AXBRIDGE_TEST_CALL", &account.call)
        .env("AXBRIDGE_TEST_NUMBERS", account.numbers.join(","));
}

/// Builds the program and returns its path.
fn build() -> Result<PathBuf> {
    let mut command = cargo();
    command.args([
        "build",
        "--package",
        "axbridge",
        "--message-format=json-render-diagnostics",
    ]);
    let printed = capture(&mut command)?;
    let executable = printed.lines().find_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let path = message.get("executable")?.as_str()?.to_owned();
        Some(root().join(path))
    });
    executable.context("cargo built no program")
}
