//! The vendor's Python clients, in a virtual environment under `target`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::install;
use crate::process::{command, root, run, which};

/// The interpreter of an environment that holds the clients.
pub(crate) fn provide() -> Result<PathBuf> {
    let folder = root().join("target/sdk-python");
    let interpreter = folder.join("bin/python");
    let wanted_file = root().join("tests/sdk/python/requirements.txt");
    let wanted = fs::read_to_string(&wanted_file)
        .with_context(|| format!("could not read {}", wanted_file.display()))?;
    let stamp = folder.join("installed.txt");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        println!("Python clients: in {}", folder.display());
        return Ok(interpreter);
    }
    println!(
        "installing the Python clients of {} into {}",
        wanted_file.display(),
        folder.display()
    );
    environment(&folder)?;
    let pip = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--requirement",
    ];
    run(command(&interpreter).args(pip).arg(&wanted_file))?;
    fs::write(&stamp, wanted).with_context(|| format!("could not write {}", stamp.display()))?;
    Ok(interpreter)
}

fn environment(folder: &Path) -> Result<()> {
    if which("python3").is_none() {
        install::debian(
            &["python3", "python3-venv"],
            "the Python clients need Python 3.11 or newer",
        )?;
    }
    let create = || {
        run(command("python3")
            .args(["-m", "venv", "--clear"])
            .arg(folder))
    };
    if create().is_ok() {
        return Ok(());
    }
    // Debian ships the module that makes environments in a package of its own.
    install::debian(
        &["python3-venv"],
        "python3 could not make a virtual environment",
    )?;
    create()
}

/// The command that runs one test module.
pub(crate) fn suite(interpreter: &Path, module: &str) -> Command {
    let mut command = Command::new(interpreter);
    command
        .current_dir(root().join("tests/sdk/python"))
        .args(["-m", "unittest", "--verbose", module])
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PYTHONWARNINGS", "ignore");
    command
}
