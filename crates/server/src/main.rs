//! The program `axbridge`: settings, wiring, commands.
//!
//! Invariant: nothing else lives here. Rules are the domain's, use cases the
//! app's, the wire the API's.

mod cli;
mod client;
mod commands;
mod config;
mod failure;
mod logging;
mod operator_file;
mod output;
mod suggest;
mod wire;

use std::process::ExitCode;

use clap::Parser as _;

/// A request makes and drops some hundred small values, on whichever thread goes
/// on with it. With the C library's allocator that was a seventh of a bind's
/// processor time (`docs/performance.md`, "Through HTTP").
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let output = output::Output::new(cli.global.json);
    match commands::run(cli) {
        Ok(code) => code,
        Err(failure) => failure.report(output),
    }
}
