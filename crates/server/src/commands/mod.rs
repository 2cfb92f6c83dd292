//! The commands, each in its own file.

mod bench;
mod call;
mod callback;
mod cdr;
mod completions;
mod demo;
mod doctor;
mod event;
mod generate_docs;
mod import;
mod key;
mod number;
mod phone;
mod pool;
mod prompt;
mod resolve;
mod risk;
mod serve;
mod trace;
mod trunk;

use std::process::ExitCode;

use crate::cli::{Cli, Command, Global};
use crate::client::{Client, Target};
use crate::failure::Failure;
use crate::output::Output;

/// Runs the command that was asked for.
pub(crate) fn run(cli: Cli) -> Result<ExitCode, Failure> {
    // Once in a process; a second call would only say that it is done.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|error| Failure::new(format!("the runtime cannot start: {error}")))?;
    runtime.block_on(dispatch(cli))
}

async fn dispatch(cli: Cli) -> Result<ExitCode, Failure> {
    let global = cli.global;
    let output = Output::new(global.json);
    match &cli.command {
        Command::Demo(demo) => demo::run(output, demo).await?,
        Command::Serve(serve) => serve::run(&global, serve).await?,
        Command::Key(key) => key::run(&client(&global)?, output, key).await?,
        Command::Pool(pool) => pool::run(&client(&global)?, output, pool).await?,
        Command::Cdr(cdr) => cdr::run(&client(&global)?, output, cdr).await?,
        Command::Number(number) => return number::run(&client(&global)?, output, number).await,
        Command::Callback(it) => callback::run(&client(&global)?, output, it).await?,
        Command::Event(it) => event::run(&client(&global)?, output, it).await?,
        Command::Risk(risk) => risk::run(&client(&global)?, output, risk).await?,
        Command::Call(call) => return call::run(global, call).await,
        Command::Resolve(asked) => resolve::resolve(&client(&global)?, output, asked).await?,
        Command::Explain(asked) => resolve::explain(&client(&global)?, output, asked).await?,
        Command::Trunk(trunk) => trunk::run(&client(&global)?, output, trunk).await?,
        Command::Prompt(prompt) => prompt::run(&client(&global)?, output, prompt).await?,
        Command::Phone(phone) => return phone::run(&global, output, phone).await,
        Command::Trace(asked) => return trace::run(asked),
        Command::Doctor(settings) => return doctor::run(&global, output, settings).await,
        Command::Bench(asked) => return bench::run(client(&global)?, output, asked).await,
        Command::Completions { shell } => completions::run(*shell),
        Command::GenerateDocs(docs) => generate_docs::run(docs)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A client of the server that the flags, the environment or the data directory
/// name.
fn client(global: &Global) -> Result<Client, Failure> {
    Client::new(Target::find(global, |name| std::env::var(name).ok())?)
}
