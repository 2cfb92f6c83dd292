//! Trunks: those that the settings describe, those that a node cannot call, and asking them.

use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::program::{Running, Server, finish, program};

/// A carrier that answers OPTIONS and nothing else, until the test ends.
fn carrier() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let address = socket.local_addr().expect("an address");
    std::thread::spawn(move || {
        let mut buffer = [0; 8192];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if !text.starts_with("OPTIONS ") {
                continue;
            }
            let kept = ["Via:", "From:", "To:", "Call-ID:", "CSeq:"];
            let mut answer = "SIP/2.0 200 OK\r\n".to_owned();
            for line in text.lines() {
                if kept.iter().any(|name| line.starts_with(name)) {
                    let tag = if line.starts_with("To:") {
                        ";tag=c"
                    } else {
                        ""
                    };
                    answer += &format!("{line}{tag}\r\n");
                }
            }
            answer += "Content-Length: 0\r\n\r\n";
            let _ = socket.send_to(answer.as_bytes(), from);
        }
    });
    address
}

fn settings(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("axbridge.toml");
    std::fs::write(&path, text).expect("written");
    path
}

fn ask(data: &Path, arguments: &[&str]) -> crate::program::Printed {
    let mut command = program();
    command
        .arg("--data")
        .arg(data)
        .arg("--json")
        .args(arguments);
    finish(&mut command)
}

fn check<'a>(report: &'a Value, name: &str) -> Vec<&'a Value> {
    let checks = report["Checks"].as_array().expect("a list").iter();
    checks.filter(|it| it["Check"] == name).collect()
}

#[test]
fn trunks_of_the_settings_are_listed_asked_and_changed_by_no_action() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let peer = carrier();
    let file = settings(
        folder.path(),
        &format!(
            "[voice]\nsip = [\"127.0.0.1:0\"]\n[[voice.trunks]]\nname = \"carrier-1\"\n\
             peers = [\"{peer}\"]\nkeep_alive_seconds = 0\ncalls_max = 30\nsymmetric_rtp = true\n"
        ),
    );
    let mut command = Server::command(&data);
    command.arg("--config").arg(&file);
    let mut process = Running::start(&mut command);
    process.line("listening on ");

    let listed = ask(&data, &["trunk", "list"]).json();
    let record = &listed["Records"][0];
    assert_eq!(record["TrunkName"], "carrier-1");
    assert_eq!(record["Origin"], "settings");
    assert_eq!(record["CallsMax"], 30);
    assert_eq!(record["SymmetricRtp"], true);
    for refused in [
        &["trunk", "remove", "carrier-1"][..],
        &["trunk", "update", "carrier-1", "--calls-max", "1"],
        &["trunk", "add", "carrier-1", "--peer", "192.0.2.7"],
    ] {
        let printed = ask(&data, refused);
        assert_eq!(printed.code, Some(1), "{printed:?}");
        assert!(printed.err.contains("voice.trunks"), "{}", printed.err);
    }

    let tested = ask(&data, &["trunk", "test", "carrier-1"]).json();
    let answer = &tested["Records"][0];
    assert_eq!(answer["Answers"], json!(true), "{tested}");
    assert_eq!(answer["Status"], 200);

    // What this node does not speak is not added.
    let peer = "192.0.2.7;transport=tls";
    let printed = ask(&data, &["trunk", "add", "carrier-2", "--peer", peer]);
    assert_eq!(printed.code, Some(1), "{printed:?}");
    assert!(printed.err.contains("tls:ADDRESS:PORT"), "{}", printed.err);

    // `doctor` asks through the running server.
    let mut command = program();
    command.arg("--data").arg(&data).args(["--json", "doctor"]);
    command.arg("--config").arg(&file);
    command.args(["--http", "127.0.0.1:0", "--operator-http", ""]);
    let report = finish(&mut command).json();
    let trunk = check(&report, "trunk");
    assert_eq!(trunk.len(), 1, "{report}");
    assert_eq!(trunk[0]["Level"], "ok", "{report}");
    let says = trunk[0]["Message"].as_str().expect("text");
    assert!(says.contains("answers 200"), "{says}");
}

#[test]
fn a_trunk_of_the_settings_that_cannot_be_called_stops_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = settings(
        folder.path(),
        "[voice]\nsip = [\"127.0.0.1:0\"]\n[[voice.trunks]]\nname = \"carrier-1\"\n\
         peers = [\"192.0.2.7;transport=tls\"]\noutbound_user = \"us\"\n\
         outbound_password = \"a-secret-word\"\n",
    );
    let mut command = Server::command(&folder.path().join("data"));
    command.arg("--config").arg(&file);
    let mut process = Running::start(&mut command);
    assert_ne!(process.ended().code(), Some(0));
    let said = process.err();
    assert!(said.contains("carrier-1") && said.contains("tls"), "{said}");
    assert!(!said.contains("a-secret-word"), "{said}");
}

#[test]
fn doctor_looks_at_what_calls_need_before_the_first_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let fixture = |name: &str| format!("{}/tests/fixtures/tls/{name}", env!("CARGO_MANIFEST_DIR"));
    let (good, taken) = (carrier(), UdpSocket::bind("127.0.0.1:0").expect("a port"));
    let taken = taken.local_addr().expect("an address");
    let doctor = |text: &str| {
        let file = settings(folder.path(), text);
        let mut command = program();
        command.arg("--data").arg(folder.path().join("data"));
        command.args(["--json", "doctor", "--config"]).arg(file);
        command.args(["--http", "127.0.0.1:0", "--operator-http", ""]);
        finish(&mut command).any_json()
    };
    let level = |report: &Value, name: &str| {
        let found = check(report, name);
        let levels = found
            .iter()
            .map(|it| it["Level"].as_str().expect("text").to_owned());
        levels.collect::<Vec<_>>().join(",")
    };

    let report = doctor(&format!(
        "[voice]\nsip = [\"127.0.0.1:0\", \"tls:127.0.0.1:0\"]\n\
         tls_certificate = \"{}\"\ntls_key = \"{}\"\ntls_trunk_roots = \"{}\"\n\
         [[voice.trunks]]\nname = \"carrier-1\"\npeers = [\"{good}\"]\n",
        fixture("server.pem"),
        fixture("server.key"),
        fixture("authority.pem")
    ));
    assert_eq!(level(&report, "SIP port"), "ok,ok", "{report}");
    assert_eq!(level(&report, "address told"), "ok", "{report}");
    // Other tests may hold some of them.
    assert_ne!(level(&report, "sound ports"), "fail", "{report}");
    assert_eq!(level(&report, "SIP certificate"), "ok", "{report}");
    assert_eq!(level(&report, "trunk"), "ok", "{report}");

    let report = doctor(&format!(
        "[voice]\nsip = [\"{taken}\", \"192.0.2.9:5060\", \"tls:127.0.0.1:0\"]\n\
         tls_certificate = \"{}\"\ntls_key = \"{}\"\nrtp_ports = \"40000-40007\"\n\
         rtp_address = \"127.0.0.1\"\n\
         [[voice.trunks]]\nname = \"carrier-1\"\npeers = [\"192.0.2.7\"]\noutbound = false\n\
         [[voice.trunks]]\nname = \"carrier-2\"\npeers = [\"192.0.2.8\"]\ncodecs = []\noutbound = false\n",
        fixture("README.md"),
        fixture("server.key")
    ));
    assert_eq!(level(&report, "SIP port"), "fail,fail,ok", "{report}");
    assert!(report.to_string().contains("its own machine"), "{report}");
    assert_eq!(level(&report, "sound ports"), "warn", "{report}");
    assert_eq!(level(&report, "SIP certificate"), "fail", "{report}");
    assert_eq!(level(&report, "settings"), "ok,fail", "{report}");
    let hints = report["Checks"].as_array().expect("a list").iter();
    let failed = hints.filter(|it| it["Level"] == "fail" && it["Check"] != "settings");
    for finding in failed {
        assert!(finding["Hint"].is_string(), "{finding}");
    }
}
