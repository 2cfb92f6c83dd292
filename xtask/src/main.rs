//! The chores of the repository, as `cargo xtask CHORE`. Anything longer than a
//! line of shell lives here; nothing here is part of the product.

mod announcements;
mod bench;
mod check;
mod crash;
mod docs;
mod fuzz;
mod guard;
mod ha;
mod install;
mod postgres;
mod process;
mod report;
mod sdk;
mod sim;
mod soak;
mod test;

use std::process::ExitCode;

use anyhow::{Result, bail};

const HELP: &str = "\
cargo xtask CHORE

  test    everything that CI runs: checks, tests on both stores, the suites of
          the vendor's clients; installs what it needs and says so
  check   formatting, clippy, rustdoc, and cargo-deny if it is installed
  sdk     only the suites of the vendor's clients
  announcements
          speaks what callers hear anew, from crates/voice/announcements/texts.tsv;
          installs the speech program if it is missing
  docs    writes the generated reference pages anew
  fuzz [--seconds N] [TARGET]
          the fuzzer on one target or on each of them, 60 s if not said
          otherwise; installs cargo-fuzz if it is missing
  crash [--rounds N] [--seed N] [--only CLASS]
          kills the program, its disk and PostgreSQL again and again, 50 rounds
          on each store if not said otherwise, and judges what is left
  deliveries [--quick]
          a thousand events a second to ten callbacks, with and without a dead
          one among them, on both stores, 40 s each or 10, and how long each
          took; writes its figures to docs/performance.md
  sim [--steps N | --long | --only HISTORY] [--seed S] [--application]
          the simulation in release: the heart for 5 million steps and the
          application for 10 thousand, at --long for 100 million and 100
          thousand; or one history again, as a failure prints it
  soak [--minutes N] [--cps N]
          calls with sound and recordings through the program in release, for an
          hour and two a second if not said otherwise: none fails, each leaves
          what it should, memory, files and ports stay flat
  bench-heart [--quick | --long]
          time and memory of the in-memory heart, how many numbers a pool needs,
          and, without --quick, the gateway's hot functions
  bench-store [--quick | --long] [--only CONTENDERS] [--live SIZES]
          durable binds a second, beside the usual ways to do it; with --only
          (postgres,naive) or --live (10000,1000000) nothing is written
  bench-http [--quick | --long]
          signed requests through the whole server, and what a flood by one
          account does to another. All three write their figures to
          docs/performance.md; --quick leaves the larger sizes out, --long adds
          10 million live bindings
  bench-media [--quick | --long]
          400 calls relayed and recorded on loopback, 30 s each way of doing it,
          10 s or 5 minutes if asked; writes its figures to docs/performance.md
  bench-voice [--quick | --long]
          calls at 300 a second and more, 400 relayed and recorded, beside
          Kamailio with rtpengine; installs them if they are missing; writes its
          figures to docs/performance.md
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
        Some("crash") => crash::crash(&arguments[1..]),
        Some("deliveries") => bench::deliveries(&arguments[1..]),
        Some("soak") => soak::soak(&arguments[1..]),
        Some("sim") => sim::simulate(&arguments[1..]),
        Some("bench-heart") => bench::heart(&arguments[1..]),
        Some("bench-media") => bench::media(&arguments[1..]),
        Some("bench-store") => bench::store(&arguments[1..]),
        Some("bench-voice") => bench::voice(&arguments[1..]),
        Some("bench-http") => bench::http(&arguments[1..]),
        Some("ha-rehearsal") => ha::rehearse(&arguments[1..]),
        Some("announcements") => announcements::generate(),
        Some("docs") => docs::generate(),
        Some("pg") => postgres::serve_until_enter(),
        Some("help" | "--help" | "-h") | None => {
            print!("{HELP}");
            Ok(())
        }
        Some(other) => bail!("there is no chore {other:?}\n\n{HELP}"),
    }
}
