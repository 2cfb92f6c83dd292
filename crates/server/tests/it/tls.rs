//! HTTPS when a certificate is configured.

use crate::program::{Running, Server, finish, program};

fn fixture(name: &str) -> String {
    format!("{}/tests/fixtures/tls/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn a_configured_certificate_makes_the_api_https() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let mut command = Server::command(&data);
    command.env("AXBRIDGE__HTTP__TLS_CERTIFICATE", fixture("server.pem"));
    command.env("AXBRIDGE__HTTP__TLS_KEY", fixture("server.key"));
    let mut process = Running::start(&mut command);
    assert!(
        process
            .line("listening on ")
            .starts_with("https://127.0.0.1:")
    );

    let ask = |authority: &str| {
        let mut command = program();
        command
            .arg("--data")
            .arg(&data)
            .args(["--json", "key", "list"]);
        finish(command.env("AXBRIDGE_CA_FILE", authority))
    };
    assert_eq!(ask(&fixture("authority.pem")).json()["Total"], 1);
    let refused = ask("");
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("certificate"), "{}", refused.err);

    // The same files again are as good as new ones.
    process.signal("HUP");
    assert_eq!(ask(&fixture("authority.pem")).json()["Total"], 1);
    process.signal("TERM");
    assert_eq!(process.ended().code(), Some(0));
}

#[test]
fn a_certificate_that_cannot_be_used_stops_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Server::command(&folder.path().join("data"));
    command.env("AXBRIDGE__HTTP__TLS_CERTIFICATE", fixture("README.md"));
    command.env("AXBRIDGE__HTTP__TLS_KEY", fixture("server.key"));
    let mut process = Running::start(&mut command);
    assert_eq!(process.ended().code(), Some(1));
    assert!(process.err().contains("PEM"), "{}", process.err());
}
