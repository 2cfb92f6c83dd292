//! An S3 server for the tests of recordings, in a folder under `target`. The tests start it
//! themselves; here it is only installed.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::install;
use crate::process::{root, run, which};

/// What npm needs to know, copied beside the packages.
const MANIFESTS: [&str; 3] = ["package.json", "package-lock.json", ".npmrc"];

/// The folder of the installed server, made unless it is there already.
pub(crate) fn provide() -> Result<PathBuf> {
    let folder = root().join("target/s3-server");
    let source = root().join("crates/app/tests/s3");
    let wanted = fs::read_to_string(source.join("package-lock.json"))
        .with_context(|| format!("could not read the lock file in {}", source.display()))?;
    let stamp = folder.join("installed.json");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        println!("S3 server: in {}", folder.display());
        return Ok(folder);
    }
    if which("node").is_none() || which("npm").is_none() {
        install::debian(
            &["nodejs", "npm"],
            "the S3 server of the tests needs Node.js 18 or newer",
        )?;
    }
    println!(
        "installing the S3 server of {} into {}",
        source.display(),
        folder.display()
    );
    fs::create_dir_all(&folder).with_context(|| format!("could not make {}", folder.display()))?;
    for name in MANIFESTS {
        fs::copy(source.join(name), folder.join(name))
            .with_context(|| format!("could not copy {name} to {}", folder.display()))?;
    }
    let ci = [
        "ci",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        "--loglevel=error",
    ];
    run(Command::new("npm").current_dir(&folder).args(ci))?;
    fs::write(&stamp, wanted).with_context(|| format!("could not write {}", stamp.display()))?;
    Ok(folder)
}
