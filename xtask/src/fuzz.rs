//! The chore `fuzz`: every reader of hostile text under the coverage-guided
//! fuzzer, for as long as one likes. What it finds is printed and kept in
//! `fuzz/artifacts`; inputs that reach new code are kept in `target/fuzz`.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::process::{command, root, run, which};
use crate::report::Report;

/// How long each target runs if nobody says otherwise.
const SECONDS_DEFAULT: u32 = 60;

/// Larger inputs only make each run slower; the readers know no other sizes.
const INPUT_BYTES_MAX: u32 = 4096;

/// One input that takes longer than this is a finding.
const INPUT_SECONDS_MAX: u32 = 10;

/// More memory than this is a finding.
const MEMORY_MB_MAX: u32 = 1024;

/// What one run came to.
struct Outcome {
    target: String,
    /// The fuzzer's last line of figures.
    figures: String,
    /// The fuzzer's count of executions and seconds.
    done: String,
}

/// Runs one target, or all of them one after the other.
pub(crate) fn fuzz(arguments: &[String]) -> Result<()> {
    let (seconds, wanted) = read(arguments)?;
    let targets = targets()?;
    let chosen: Vec<&String> = match &wanted {
        None => targets.iter().collect(),
        Some(name) => targets.iter().filter(|target| *target == name).collect(),
    };
    ensure!(
        !chosen.is_empty(),
        "there is no such target; the targets are: {}",
        targets.join(", ")
    );
    let fuzzer = provide()?;
    let mut report = Report::default();
    let mut outcomes = Vec::new();
    let all_passed = chosen.iter().try_for_each(|target| {
        report.suite(target, || {
            outcomes.push(run_target(&fuzzer, target, seconds)?);
            Ok(())
        })
    });
    for outcome in &outcomes {
        println!("{}: {}; {}", outcome.target, outcome.done, outcome.figures);
    }
    report.summary();
    all_passed
}

fn read(arguments: &[String]) -> Result<(u32, Option<String>)> {
    let (mut seconds, mut target) = (SECONDS_DEFAULT, None);
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        if argument == "--seconds" {
            let number = rest.next().context("--seconds needs a number")?;
            seconds = number
                .parse()
                .with_context(|| format!("--seconds needs a number, not {number:?}"))?;
            ensure!(seconds > 0, "--seconds needs a number above zero");
        } else if argument.starts_with('-') || target.is_some() {
            bail!("the chore is written: cargo xtask fuzz [--seconds N] [TARGET]");
        } else {
            target = Some(argument.clone());
        }
    }
    Ok((seconds, target))
}

/// The targets are the programs in `fuzz/fuzz_targets`.
fn targets() -> Result<Vec<String>> {
    let folder = root().join("fuzz/fuzz_targets");
    let entries = std::fs::read_dir(&folder)
        .with_context(|| format!("could not read {}", folder.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        let path = entry.context("could not read a folder entry")?.path();
        names.extend(path.file_stem().map(|stem| stem.display().to_string()));
    }
    names.sort();
    Ok(names)
}

/// The program cargo-fuzz, installed into the target folder if it is missing.
fn provide() -> Result<PathBuf> {
    if let Some(installed) = which("cargo-fuzz") {
        return Ok(installed);
    }
    let folder = root().join("target/cargo-fuzz");
    let program = folder.join("bin/cargo-fuzz");
    if !program.is_file() {
        println!("installing cargo-fuzz into {}", folder.display());
        run(command("cargo")
            .args(["install", "cargo-fuzz", "--locked", "--root"])
            .arg(&folder))?;
    }
    Ok(program)
}

fn run_target(fuzzer: &Path, target: &str, seconds: u32) -> Result<Outcome> {
    let found = format!("target/fuzz/corpus/{target}");
    std::fs::create_dir_all(root().join(&found)).context("could not make the corpus folder")?;
    let mut command = command(fuzzer);
    command
        .args(["run", target, "--sanitizer", "none", "--target-dir"])
        .arg(root().join("target/fuzz"))
        .args([&found, &format!("fuzz/corpus/{target}")])
        .args(["--", "-dict=fuzz/words.dict", "-print_final_stats=1"])
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-max_len={INPUT_BYTES_MAX}"))
        .arg(format!("-timeout={INPUT_SECONDS_MAX}"))
        .arg(format!("-rss_limit_mb={MEMORY_MB_MAX}"))
        // The code is safe Rust, so no sanitizer is needed; but the coverage
        // counters are a compiler flag that a stable compiler refuses by itself.
        .env("RUSTC_BOOTSTRAP", "1");
    let lines = watch(&mut command)?;
    let last = |wanted: &str| {
        let line = lines.iter().rev().find(|line| line.contains(wanted));
        line.map(|line| line.trim().to_owned()).unwrap_or_default()
    };
    Ok(Outcome {
        target: target.to_owned(),
        figures: last(" cov: "),
        done: last("Done "),
    })
}

/// Runs the fuzzer, shows what it prints and returns it; fails on a finding.
fn watch(command: &mut Command) -> Result<Vec<String>> {
    let mut child = command
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("could not start cargo-fuzz")?;
    let printed = child.stderr.take().context("the fuzzer prints nothing")?;
    let mut lines = Vec::new();
    for line in BufReader::new(printed).lines() {
        let line = line.context("could not read what the fuzzer prints")?;
        eprintln!("{line}");
        lines.push(line);
    }
    let status = child.wait().context("could not wait for the fuzzer")?;
    ensure!(
        status.success(),
        "a promise is broken: the input is in fuzz/artifacts; put it into fuzz/corpus with a \
         name that says what it shows, and `cargo test -p axbridge-tests --test fuzz_bodies` \
         fails until it is mended"
    );
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn seconds_and_target_may_stand_in_any_order_or_be_left_out() {
        let named = |seconds| (seconds, Some("ids".to_owned()));
        let read = |text: &str| read(&arguments(text)).expect("the arguments are good");
        assert_eq!(read(""), (SECONDS_DEFAULT, None));
        assert_eq!(read("ids --seconds 600"), named(600));
        assert_eq!(read("--seconds 5 ids"), named(5));
    }

    #[test]
    fn arguments_without_a_meaning_are_refused() {
        for text in [
            "--seconds",
            "--seconds x",
            "--seconds 0",
            "--hours 1",
            "a b",
        ] {
            assert!(read(&arguments(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn every_program_of_the_fuzzer_is_a_target() {
        let targets = targets().expect("the folder of programs");
        assert!(targets.contains(&"signature".to_owned()), "{targets:?}");
    }
}
