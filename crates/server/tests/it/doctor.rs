//! `doctor`: before the first start, beside a running server, and when things
//! are amiss.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::program::{Server, finish, program};

fn doctor(data: &std::path::Path) -> crate::program::Printed {
    let mut command = program();
    command.arg("--data").arg(data).args(["--json", "doctor"]);
    command.args(["--http", "127.0.0.1:0", "--operator-http", "127.0.0.1:0"]);
    finish(&mut command)
}

fn level<'a>(report: &'a Value, check: &str) -> &'a str {
    let checks = report["Checks"].as_array().expect("a list");
    let found = checks.iter().find(|it| it["Check"] == check);
    found.unwrap_or_else(|| panic!("no {check} in {report}"))["Level"]
        .as_str()
        .expect("text")
}

#[test]
fn before_the_first_start_all_is_well_and_nothing_is_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let report = doctor(&data).json();
    assert_eq!(report["Failed"], 0, "{report}");
    assert_eq!(level(&report, "store"), "ok");
    assert!(!data.exists());
}

#[test]
fn beside_a_running_server_its_store_is_seen_through_it() {
    let server = Server::start();
    let mut command = program();
    command
        .arg("--data")
        .arg(server.data())
        .args(["--json", "doctor"]);
    command.args([
        "--http",
        &server.address().to_string(),
        "--operator-http",
        "",
    ]);
    let report = finish(&mut command).json();
    assert_eq!(report["Failed"], 0, "{report}");
    assert!(
        report.to_string().contains("is served by axbridge"),
        "{report}"
    );
    assert!(
        report
            .to_string()
            .contains("the running server works with it"),
        "{report}"
    );
}

#[test]
fn after_a_stop_the_store_is_opened_itself() {
    let mut server = Server::start();
    server.process.signal("TERM");
    server.process.ended();
    let report = doctor(&server.data()).json();
    assert!(
        report
            .to_string()
            .contains("it can be opened with these keys"),
        "{report}"
    );
}

#[test]
fn what_is_amiss_is_told_and_the_exit_code_is_one() {
    let mut server = Server::start();
    server.process.signal("TERM");
    server.process.ended();
    let keys = server.data().join("keys");
    std::fs::set_permissions(&keys, std::fs::Permissions::from_mode(0o644)).expect("set");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().expect("an address").to_string();
    let mut command = program();
    command
        .arg("--data")
        .arg(server.data())
        .args(["--json", "doctor"]);
    command.args(["--http", "127.0.0.1:0", "--operator-http", &taken]);
    let printed = finish(&mut command);
    let report = printed.any_json();
    assert_eq!(printed.code, Some(1), "{report}");
    assert_eq!(level(&report, "key file"), "fail");
    assert!(report.to_string().contains("chmod 600"), "{report}");
}

#[test]
fn settings_that_cannot_be_used_are_the_first_finding() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = program();
    command.arg("--data").arg(folder.path()).arg("doctor");
    let printed = finish(command.env("AXBRIDGE__HTTP__LISTEN", "nowhere"));
    assert_eq!(printed.code, Some(1));
    assert!(printed.out.starts_with("fail  settings"), "{}", printed.out);
}
