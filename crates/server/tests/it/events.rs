//! The commands about what calls leave: `callback`, `event`, `risk`, `cdr`.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use serde_json::json;

use crate::program::{Server, text, wait_for};

/// A server that may send plain HTTP to loopback, and looks at once at what happened.
fn server() -> Server {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Server::command(&folder.path().join("data"));
    for (name, value) in [
        ("CALLBACKS__HTTP_HOSTS", "127.0.0.1"),
        ("CALLBACKS__ALLOWED_RANGES", "127.0.0.0/8"),
        ("CALLBACKS__POLL_MS", "10"),
    ] {
        command.env(format!("AXBRIDGE__{name}"), value);
    }
    Server::start_with(&mut command, folder)
}

/// A receiver that answers with the status it is told to; its URL.
fn receiver(status: &Arc<AtomicU16>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!(
        "http://{}/events",
        listener.local_addr().expect("an address")
    );
    let status = Arc::clone(status);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut reader = BufReader::new(stream.try_clone().expect("the same"));
            let mut length = 0;
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).expect("a line");
                let line = line.trim().to_lowercase();
                if let Some(value) = line.strip_prefix("content-length:") {
                    length = value.trim().parse().expect("a length");
                }
                if line.is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).expect("a body");
            let status = status.load(Ordering::SeqCst);
            let answer = format!(
                "HTTP/1.1 {status} X\r\nContent-Length: 5\r\nConnection: close\r\n\r\nthere"
            );
            // The sender may have gone.
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    url
}

#[test]
fn a_callback_is_set_tested_paused_resumed_and_deleted() {
    let server = server();
    let status = Arc::new(AtomicU16::new(204));
    let url = receiver(&status);
    let set = ["callback", "set", "--url", &url, "--events", "binding,risk"];
    let made = server.json(set);
    let id = text(&made, "CallbackId");
    assert_eq!(made["EventKinds"], json!(["risk", "binding"]));
    let listed = server.cli(["callback", "list"]);
    assert!(
        listed.out.contains(&id) && listed.out.contains(&url),
        "{}",
        listed.out
    );

    let tested = server.cli(["callback", "test", &id, "--event", "risk"]);
    assert_eq!(tested.code, Some(0), "{tested:?}");
    for part in [
        &format!("POST {url}?timestamp="),
        "authCode=",
        "controlType",
        "came 204",
    ] {
        assert!(tested.out.contains(part), "{part}: {}", tested.out);
    }
    status.store(500, Ordering::SeqCst);
    let tested = server.cli(["callback", "test", &id]);
    assert_eq!(tested.code, Some(1));
    assert!(tested.out.contains("came 500"), "{}", tested.out);
    assert!(tested.err.contains("must be a 2xx"), "{}", tested.err);

    let paused = server.cli(["callback", "pause", &id]);
    assert!(paused.out.contains("is paused"), "{paused:?}");
    assert_eq!(
        server.json(["callback", "list"])["Records"][0]["Paused"],
        true
    );
    let resumed = server.cli(["callback", "resume", &id]);
    assert!(resumed.out.contains("goes on"), "{resumed:?}");
    let changed = server.json(["callback", "set", &id, "--token", "8D202AC288"]);
    assert_eq!(
        (&changed["AuthToken"], &changed["Url"]),
        (&json!("8D202AC288"), &json!(url))
    );
    let deleted = server.cli(["callback", "delete", &id]);
    assert!(deleted.out.contains("is deleted"), "{deleted:?}");
    assert_eq!(server.json(["callback", "list"])["Total"], 0);
}

#[test]
fn a_callback_that_will_not_do_is_refused_with_what_to_do() {
    let server = server();
    let missing = server.file("not-there.pem", b"");
    std::fs::remove_file(&missing).expect("it was there");
    let broken = server.file("broken.pem", b"no certificate");
    let good = "https://shop.example.com/";
    for (arguments, code, says) in [
        (
            vec!["set", "--url", "http://shop.example.com/"],
            1,
            "callbacks.http_hosts",
        ),
        (
            vec!["set", "--url", "https://192.168.1.1/"],
            1,
            "callbacks.allowed_ranges",
        ),
        (vec!["set"], 1, "Url"),
        (
            vec!["set", "--url", good, "--events", "weather"],
            1,
            "call_status",
        ),
        (
            vec!["set", "--url", good, "--token", "short"],
            1,
            "10 to 20",
        ),
        (
            vec!["set", "--url", good, "--ca", &missing],
            1,
            "not-there.pem",
        ),
        (
            vec!["set", "--url", good, "--ca", &broken],
            1,
            "CaCertificates",
        ),
        (
            vec!["set", "--url", good, "--ca", &broken, "--system-ca"],
            2,
            "--system-ca",
        ),
        (vec!["test", "CB0000000000000007"], 1, "ListCallbacks"),
        (vec!["pause", "7"], 1, "16 hex digits"),
        (vec!["delete", "CB0000000000000007"], 1, "ListCallbacks"),
        (vec!["test"], 2, "CALLBACK_ID"),
    ] {
        let printed = server.cli(std::iter::once("callback").chain(arguments.iter().copied()));
        assert_eq!(printed.code, Some(code), "{arguments:?}: {printed:?}");
        assert!(printed.err.contains(says), "{arguments:?}: {}", printed.err);
    }
    assert_eq!(server.json(["callback", "list"])["Total"], 0);
}

#[test]
fn events_are_listed_with_their_deliveries_and_replayed() {
    let server = server();
    let status = Arc::new(AtomicU16::new(200));
    let pool = server.pool("17000000001,010\n17000000002,010\n");
    let url = receiver(&status);
    let made = server.json(["callback", "set", "--url", &url, "--events", "binding"]);
    let id = text(&made, "CallbackId");
    let bound = server.bind(&pool, "13700000000", "13800000000");
    let sub_id = text(&bound, "SubId");
    let delivered = ["event", "list", "--from", "1h", "--state", "delivered"];
    wait_for("its delivery", || {
        let found = server.json(delivered);
        (found["Records"][0]["Subject"] == sub_id).then_some(())
    });
    let listed = server.cli(delivered).out;
    for part in ["binding.bound", &sub_id, &id, "delivered", "200"] {
        assert!(listed.contains(part), "{part}: {listed}");
    }
    server.bind(&pool, "13700000001", "13800000001");
    let page = server.cli(["event", "list", "--limit", "1"]).out;
    assert!(page.contains("--before "), "{page}");
    let none = server.json(["event", "list", "--to", "1h"]);
    assert_eq!(none["Records"], json!([]));

    wait_for("both deliveries", || {
        let found = server.json(delivered);
        (found["Records"].as_array().map(Vec::len) == Some(2)).then_some(())
    });
    let replayed = server.cli(["event", "replay", "--from", "1h", "--callback", &id]);
    assert_eq!(replayed.code, Some(0), "{replayed:?}");
    assert!(
        replayed.out.contains("2 deliveries are under way again"),
        "{}",
        replayed.out
    );
    for (arguments, code, says) in [
        (vec!["replay"], 2, "--from is missing"),
        (vec!["replay", "--from", "soon"], 2, "how long ago"),
        (
            vec!["replay", "--from", "1h", "--to", "2h"],
            1,
            "later than From",
        ),
        (
            vec!["replay", "--from", "1h", "--callback", "CB0000000000000007"],
            1,
            "ListCallbacks",
        ),
        (
            vec!["replay", "--from", "1h", "--event", "weather"],
            1,
            "EventKind",
        ),
        (vec!["list", "--state", "lost"], 1, "parked"),
        (vec!["list", "--limit", "900"], 1, "500"),
    ] {
        let printed = server.cli(std::iter::once("event").chain(arguments.iter().copied()));
        assert_eq!(printed.code, Some(code), "{arguments:?}: {printed:?}");
        assert!(printed.err.contains(says), "{arguments:?}: {}", printed.err);
    }
}

#[test]
fn numbers_are_frozen_and_freed_and_windows_set() {
    let server = Server::start();
    let pool = server.pool("17000000001,010\n");
    let number = "13700000001";
    let add = [
        "risk",
        "add",
        number,
        "--type",
        "5",
        "--remark",
        "three complaints",
    ];
    let added = server.cli(add);
    assert_eq!(
        (added.code, added.out.trim()),
        (Some(0), "it is on the blacklist")
    );
    let listed = server.cli(["risk", "list", "--number", number]).out;
    for part in [number, "bound_as_a", "three complaints"] {
        assert!(listed.contains(part), "{part}: {listed}");
    }
    let bind = ["call", "SelectNumberAndBindAXB", "--number-pool-no", &pool];
    let party = ["--phone-no-a", number, "--expire-time", "+1h"];
    let refused = server.cli(bind.iter().chain(&party));
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.err.contains("PhoneNoARiskFrozen"),
        "{}",
        refused.err
    );
    let removed = server.cli(["risk", "remove", number, "--type", "5"]);
    assert_eq!(
        (removed.code, removed.out.trim()),
        (Some(0), "it is off the blacklist")
    );
    assert_eq!(server.json(["risk", "list"])["Total"], 0);
    assert_eq!(server.json(["risk", "list", "--ended"])["Total"], 1);

    let windows = json!(["callee:5/3", "caller:1440/10"]);
    let set = server.json(["risk", "set-limits", "5/3", "caller:1440/10"]);
    assert_eq!(set["Windows"], windows);
    assert_eq!(server.json(["risk", "limits"])["Windows"], windows);
    assert_eq!(server.json(["risk", "set-limits"])["Windows"], json!([]));
    for (arguments, code, says) in [
        (vec!["add", number, "--type", "5"], 2, "--remark"),
        (
            vec!["add", number, "--type", "2", "--remark", "r"],
            1,
            "Type",
        ),
        (
            vec!["add", "12345", "--type", "5", "--remark", "r"],
            1,
            "CustomerNumber",
        ),
        (
            vec![
                "add",
                number,
                "--type",
                "5",
                "--remark",
                "r",
                "--freeze-time",
                "16",
            ],
            1,
            "FreezeTime",
        ),
        (vec!["remove", number, "--type", "5"], 1, "CustomerNumber"),
        (vec!["set-limits", "5"], 1, "Windows"),
        (
            vec!["set-limits", "--account", "2100009999", "5/3"],
            1,
            "AccountId",
        ),
    ] {
        let printed = server.cli(std::iter::once("risk").chain(arguments.iter().copied()));
        assert_eq!(printed.code, Some(code), "{arguments:?}: {printed:?}");
        assert!(printed.err.contains(says), "{arguments:?}: {}", printed.err);
    }
}

#[test]
fn a_call_is_listed_shown_and_exported() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Server::command(&folder.path().join("data"));
    command.args(["--sip", "127.0.0.1:0"]);
    command.env("AXBRIDGE__VOICE__LANGUAGES", "en");
    let server = Server::start_with(&mut command, folder);
    let (a, b, x) = ("13700000001", "13800000002", "17000000001");
    let pool = server.pool(&format!("{x},010\n"));
    let bound = server.bind(&pool, a, b);
    let sub_id = text(&bound, "SubId");
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let phone = socket.local_addr().expect("an address").to_string();
    drop(socket);
    server.json(["trunk", "add", "phone", "--peer", &phone]);
    let called = server.cli([
        "phone", "call", "--from", a, "--to", x, "--bind", &phone, "--answer", "busy", "--expect",
        "busy",
    ]);
    assert_eq!(called.code, Some(0), "{called:?}");
    let list = ["cdr", "list", "--sub-id", &sub_id, "--result", "8"];
    let record = wait_for("the record", || {
        let found = server.json(list);
        let record = found["Records"].get(0).cloned();
        record.filter(|record| record["State"] == "ended")
    });
    let call = text(&record, "CallId");
    assert_eq!(
        (&record["Caller"], &record["Callee"]),
        (&json!(a), &json!(b))
    );
    let listed = server.cli(list).out;
    assert!(listed.contains(&call) && listed.contains(x), "{listed}");

    let shown = server.cli(["cdr", "show", &call]);
    assert_eq!(shown.code, Some(0), "{shown:?}");
    for part in [&call, &sub_id, a, b, x] {
        assert!(shown.out.contains(part), "{part}: {}", shown.out);
    }
    let csv = server.cli(["cdr", "export", "--x", x]).out;
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 2, "{csv}");
    assert!(lines[1].starts_with(&format!("{call},")), "{csv}");
    assert_eq!(lines[0].matches(',').count(), lines[1].matches(',').count());
    let line = server
        .cli(["cdr", "export", "--number", b, "--format", "jsonl"])
        .out;
    let line: serde_json::Value = serde_json::from_str(line.trim()).expect("one object");
    assert_eq!(line, record);
    for (arguments, code, says) in [
        (vec!["list", "--number", "12345"], 1, "Number"),
        (vec!["list", "--limit", "501"], 1, "500"),
        (vec!["show", "nonsense"], 1, "no record of such a call"),
        (vec!["show"], 2, "CALL_ID"),
        (vec!["export", "--format", "xml"], 2, "csv"),
    ] {
        let printed = server.cli(std::iter::once("cdr").chain(arguments.iter().copied()));
        assert_eq!(printed.code, Some(code), "{arguments:?}: {printed:?}");
        assert!(printed.err.contains(says), "{arguments:?}: {}", printed.err);
    }
}
