//! The chores of the repository, as `cargo xtask CHORE`. Anything longer than a
//! line of shell lives here; nothing here is part of the product.

mod bench;
mod check;
mod docs;
mod fuzz;
mod guard;
mod ha;
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
  fuzz [--seconds N] [TARGET]
          the fuzzer on one target or on each of them, 60 s if not said
          otherwise; installs cargo-fuzz if it is missing
  bench-heart [--long]
          time and memory of the in-memory heart, the gateway's hot functions,
          and how many numbers a pool needs; at 10 million bindings with --long
  bench-store [--quick | --long]
          durable binds a second, beside the usual ways to do it; --quick at
          10 thousand bindings only, --long up to 10 million. Both write their
          figures to docs/performance.md
  ha-rehearsal [--seconds N]
          kills a PostgreSQL primary under load, promotes its synchronous
          standby and looks at everything that was acknowledged; N seconds of
          load before and after, 10 if not said otherwise
  pg      starts a throw-away PostgreSQL, prints its URL, stops it on Enter
  help    this text

TEST_DATABASE_URL names a PostgreSQL to use instead of a throw-away one; its
user must be allowed to create databases.
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<()> {
    match arguments.first().map(String::as_str) {
        Some("test") => test::everything(),
        Some("check") => test::checks_only(),
        Some("sdk") => test::sdk_only(),
        Some("fuzz") => fuzz::fuzz(&arguments[1..]),
        Some("bench-heart") => bench::heart(&arguments[1..]),
        Some("bench-store") => bench::store(&arguments[1..]),
        Some("ha-rehearsal") => ha::rehearse(&arguments[1..]),
        Some("docs") => docs::generate(),
        Some("pg") => postgres::serve_until_enter(),
        Some("help" | "--help" | "-h") | None => {
            print!("{HELP}");
            Ok(())
        }
        Some(other) => bail!("there is no chore {other:?}\n\n{HELP}"),
    }
}
