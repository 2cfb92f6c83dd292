//! The vendor's Node.js clients, in a folder under `target`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::install;
use crate::process::{root, run, which};

/// What npm needs to know, copied beside the packages.
const MANIFESTS: [&str; 3] = ["package.json", "package-lock.json", ".npmrc"];

/// The folder of the installed packages.
pub(crate) struct Node {
    folder: PathBuf,
}

/// Installs the clients, unless they are there already.
pub(crate) fn provide() -> Result<Node> {
    let node = Node {
        folder: root().join("target/sdk-node"),
    };
    let source = root().join("tests/sdk/node");
    let wanted = fs::read_to_string(source.join("package-lock.json"))
        .with_context(|| format!("could not read the lock file in {}", source.display()))?;
    let stamp = node.folder.join("installed.json");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        println!("Node.js clients: in {}", node.folder.display());
        return Ok(node);
    }
    if which("node").is_none() || which("npm").is_none() {
        install::debian(
            &["nodejs", "npm"],
            "the Node.js clients need Node.js 18 or newer",
        )?;
    }
    println!(
        "installing the Node.js clients of {} into {}",
        source.display(),
        node.folder.display()
    );
    fs::create_dir_all(&node.folder)
        .with_context(|| format!("could not make {}", node.folder.display()))?;
    for name in MANIFESTS {
        fs::copy(source.join(name), node.folder.join(name))
            .with_context(|| format!("could not copy {name} to {}", node.folder.display()))?;
    }
    let ci = [
        "ci",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        "--loglevel=error",
    ];
    run(Command::new("npm").current_dir(&node.folder).args(ci))?;
    fs::write(&stamp, wanted).with_context(|| format!("could not write {}", stamp.display()))?;
    Ok(node)
}

impl Node {
    /// The command that runs one test file.
    pub(crate) fn suite(&self, file: &str) -> Command {
        let mut command = Command::new("node");
        command
            .current_dir(root().join("tests/sdk/node"))
            .args(["--test", "--test-reporter=spec", file])
            .env("AXBRIDGE_TEST_PACKAGES", &self.folder);
        command
    }
}
