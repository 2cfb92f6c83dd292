//! The data directory, its space, its key file.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::Finding;
use crate::config::Store;

/// Below this, a day of bindings may not fit.
const FREE_KIB_WARN: u64 = 1024 * 1024;
const FREE_KIB_FAIL: u64 = 64 * 1024;

/// Looks at them.
pub(super) fn look(store: &Store) -> Vec<Finding> {
    if !store.data.exists() {
        let says = format!("{} will be made at the first start", store.data.display());
        return vec![Finding::ok("data directory", says)];
    }
    let mut findings = vec![
        directory("data directory", &store.data),
        space("disk space", &store.data),
    ];
    findings.push(keys(store));
    findings
}

pub(super) fn directory(check: &'static str, data: &Path) -> Finding {
    let place = data.display();
    match tempfile::NamedTempFile::new_in(data) {
        Ok(_) => Finding::ok(check, format!("{place} can be written")),
        Err(error) => Finding::fail(check, format!("{place}: {error}"))
            .hint("give the directory to the user that runs the server"),
    }
}

pub(super) fn space(check: &'static str, data: &Path) -> Finding {
    let Some(free_kib) = free_kib(data) else {
        return Finding::warn(check, "`df` does not say how much is free");
    };
    let says = format!("{} MiB free", free_kib / 1024);
    let hint = "when the disk is full the server refuses to bind, and calls are not recorded";
    match free_kib {
        ..FREE_KIB_FAIL => Finding::fail(check, says).hint(hint),
        FREE_KIB_FAIL..FREE_KIB_WARN => Finding::warn(check, says).hint(hint),
        FREE_KIB_WARN.. => Finding::ok(check, says),
    }
}

/// What POSIX `df` says: the fourth field of its second line.
fn free_kib(data: &Path) -> Option<u64> {
    let mut df = Command::new("df");
    let df = df
        .arg("-Pk")
        .arg(data)
        .stderr(Stdio::null())
        .stdin(Stdio::null());
    let said = String::from_utf8(df.output().ok()?.stdout).ok()?;
    said.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()
}

fn keys(store: &Store) -> Finding {
    const CHECK: &str = "key file";
    if !store.keys.is_empty() {
        return Finding::ok(CHECK, "the keys are in the settings");
    }
    let path = store.key_file();
    let place = path.display();
    let Ok(data) = std::fs::metadata(&path) else {
        return Finding::ok(CHECK, format!("{place} will be made at the first start"));
    };
    let mode = data.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        Finding::ok(CHECK, format!("{place} is readable by its owner alone"))
    } else {
        Finding::fail(
            CHECK,
            format!("{place} can be read by others (mode {mode:03o})"),
        )
        .hint(format!("chmod 600 {place}"))
    }
}
