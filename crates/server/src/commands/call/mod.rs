//! `call`: any action of the table, signed, from the shell.

mod help;
mod table;
mod words;

use std::process::ExitCode;

use crate::cli::{Call, Global};
use crate::client::unix_now_s;
use crate::failure::Failure;
use crate::output::{self, Output, say};
use crate::suggest::closest;
use words::Asked;

/// Runs the command.
pub(crate) async fn run(mut global: Global, call: &Call) -> Result<ExitCode, Failure> {
    let Some((name, words)) = call.words.split_first() else {
        say(&help::catalogue());
        return Ok(ExitCode::SUCCESS);
    };
    if ["--help", "-h"].contains(&name.as_str()) {
        say(&help::catalogue());
        return Ok(ExitCode::SUCCESS);
    }
    let action = table::find(name).ok_or_else(|| unknown(name))?;
    let parameters = match words::read(&action, words, &mut global, unix_now_s())? {
        Asked::Parameters(parameters) => parameters,
        Asked::Help => {
            say(&help::page(&action));
            return Ok(ExitCode::SUCCESS);
        }
    };
    let client = super::client(&global)?;
    let output = Output::new(global.json);
    let result = client.call(action.name, &parameters).await?;
    output.show(&result, output::result);
    Ok(ExitCode::SUCCESS)
}

fn unknown(name: &str) -> Failure {
    let actions = table::actions();
    let names: Vec<&str> = actions.iter().map(|it| it.name).collect();
    let failure = Failure::usage(format!("there is no action `{name}`"));
    match closest(name, &names).first() {
        Some(near) => failure.hint(format!("did you mean {near}?")),
        None => failure.hint("`axbridge call` lists all actions"),
    }
}
