//! Bringing in what a chore needs and the machine lacks. Each install is said
//! before it happens.

use std::process::Command;

use anyhow::{Result, bail};

use crate::process::{is_root, run, which};

/// Installs Debian packages, or says what to install by hand.
pub(crate) fn debian(packages: &[&str], reason: &str) -> Result<()> {
    let list = packages.join(" ");
    if which("apt-get").is_none() || !is_root() {
        bail!("{reason}; install it (on Debian as root: apt-get install {list}) and try again");
    }
    println!("installing from Debian's packages: {list} ({reason})");
    run(apt_get().args(["update", "-qq"]))?;
    run(apt_get()
        .args(["install", "-y", "-qq", "--no-install-recommends"])
        .args(packages))
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}
