//! The chores of the repository, as `cargo xtask CHORE`. Anything longer than a
//! line of shell lives here; nothing here is part of the product.

mod check;
mod docs;
mod guard;
mod install;
mod postgres;
mod process;
mod report;
mod sdk;
mod test;

use std::process::ExitCode;

use anyhow::{Result, bail};

const HELP: &str = "\
cargo xtask CHORE

  test    everything that CI runs: checks, tests on both stores, the suites of
          the vendor's clients; installs what it needs and says so
  check   formatting, clippy, rustdoc, and cargo-deny if it is installed
  sdk     only the suites of the vendor's clients
  docs    writes the generated reference pages anew
  pg      starts a throw-away PostgreSQL, prints its URL, stops it on Enter
  help    this text

TEST_DATABASE_URL names a PostgreSQL to use instead of a throw-away one; its
user must be allowed to create databases.
";

fn main() -> ExitCode {
    match run(std::env::args().nth(1).as_deref()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(chore: Option<&str>) -> Result<()> {
    match chore {
        Some("test") => test::everything(),
        Some("check") => test::checks_only(),
        Some("sdk") => test::sdk_only(),
        Some("docs") => docs::generate(),
        Some("pg") => postgres::serve_until_enter(),
        Some("help" | "--help" | "-h") | None => {
            print!("{HELP}");
            Ok(())
        }
        Some(other) => bail!("there is no chore {other:?}\n\n{HELP}"),
    }
}
