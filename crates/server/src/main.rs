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

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let output = output::Output::new(cli.global.json);
    match commands::run(cli) {
        Ok(code) => code,
        Err(failure) => failure.report(output),
    }
}
