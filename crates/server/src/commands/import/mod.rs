//! `number import`: a CSV file into a pool, by the API.

mod batches;
mod report;

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::process::ExitCode;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use crate::cli::Import;
use crate::client::{CallError, Client};
use crate::failure::{Failure, about};
use crate::output::{Output, list, text};
use batches::{Batch, Batches};
use report::Report;

/// Pauses before a batch is sent again; importing a line twice changes nothing.
const RETRY_PAUSES: [Duration; 4] = [
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
];

/// Imports the file. The exit code is 1 when every line was refused.
pub(crate) async fn run(
    client: &Client,
    output: Output,
    import: &Import,
) -> Result<ExitCode, Failure> {
    let (from, bytes) = open(import)?;
    let mut report = Report::new(&import.pool, import.refused.as_deref())?;
    let bar = progress(bytes);
    let done = copy(client, import, from, &mut report, &bar).await;
    bar.finish_and_clear();
    report.finish()?;
    done?;
    output.show(&report.value(), |_| report.text());
    Ok(if report.is_all_refused() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// The file, and its length where it has one.
fn open(import: &Import) -> Result<(Box<dyn BufRead>, Option<u64>), Failure> {
    if import.file.as_os_str() == "-" {
        return Ok((Box::new(BufReader::new(io::stdin())), None));
    }
    let file = File::open(&import.file).map_err(about(&import.file))?;
    let data = file.metadata().map_err(about(&import.file))?;
    let bytes = data.is_file().then_some(data.len());
    Ok((Box::new(BufReader::new(file)), bytes))
}

/// A bar on standard error; none when that is no terminal.
fn progress(bytes: Option<u64>) -> ProgressBar {
    let (bar, form) = match bytes {
        Some(bytes) => (
            ProgressBar::new(bytes),
            "{bar:40} {percent}%  {bytes} of {total_bytes}  {eta} left  {msg}",
        ),
        None => (ProgressBar::new_spinner(), "{spinner} {bytes}  {msg}"),
    };
    match ProgressStyle::with_template(form) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

async fn copy(
    client: &Client,
    import: &Import,
    from: Box<dyn BufRead>,
    report: &mut Report,
    bar: &ProgressBar,
) -> Result<(), Failure> {
    let mut batches = Batches::new(from);
    while let Some(batch) = batches.next().map_err(about(&import.file))? {
        let sent = send(client, &import.pool, &batch).await;
        let answer = sent.map_err(|error| stopped(error, report.lines))?;
        let count = |name: &str| answer[name].as_u64().unwrap_or_default();
        report.add(count("Added"), count("Unchanged"), batch.lines);
        for (line, reason) in refused(&batch, &answer) {
            report.refuse(line, &reason)?;
        }
        bar.inc(batch.bytes);
        bar.set_message(format!("{} lines", report.lines));
    }
    Ok(())
}

async fn send(client: &Client, pool: &str, batch: &Batch) -> Result<Value, CallError> {
    let parameters = json!({"NumberPoolNo": pool, "Csv": batch.csv});
    for pause in RETRY_PAUSES {
        match client.call("ImportNumbers", &parameters).await {
            Err(error) if error.is_passing() => tokio::time::sleep(pause).await,
            outcome => return outcome,
        }
    }
    client.call("ImportNumbers", &parameters).await
}

/// Refused lines by their place in the file, those that were not sent included.
fn refused(batch: &Batch, answer: &Value) -> Vec<(u64, String)> {
    let mut lines = batch.unsent.clone();
    for refused in list(answer, "Refused") {
        let place = refused["Line"].as_u64().unwrap_or(1).max(1);
        let line = batch.first_line + place - 1;
        lines.push((line, text(refused, "Reason").to_owned()));
    }
    lines.sort_by_key(|(line, _)| *line);
    lines
}

fn stopped(error: CallError, lines: u64) -> Failure {
    if lines == 0 {
        return error.into();
    }
    Failure::new(format!("stopped after {lines} lines: {error}"))
        .hint("what was imported stays; run the same command again, which takes up the rest")
}
