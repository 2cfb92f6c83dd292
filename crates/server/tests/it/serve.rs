//! `serve`: starting, routing, stopping, surviving.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;

use crate::program::{Running, Server, exchange, get, text, wait_for};

const NUMBERS: &str = "number,city_code\n17000000001,010\n17000000002,010\n";
const A: &str = "13700000000";
const B: &str = "13800000000";

#[test]
fn a_binding_routes_both_ways_until_it_is_unbound() {
    let server = Server::start();
    let pool = server.pool(NUMBERS);
    let bound = server.bind(&pool, A, B);
    let x = text(&bound, "PhoneNoX");
    assert_eq!(bound["Status"], 1);
    assert_eq!(text(&server.resolve(&x, A), "Callee"), B);
    assert_eq!(text(&server.resolve(&x, B), "Callee"), A);
    assert_eq!(
        text(&server.resolve(&x, "13900000000"), "Outcome"),
        "NoBinding"
    );

    let sub_id = text(&bound, "SubId");
    let pool_no = "--NumberPoolNo";
    let ended = server.json(["call", "unbind-axb", pool_no, &pool, "--sub-id", &sub_id]);
    assert_eq!(ended, true);
    assert_eq!(text(&server.resolve(&x, A), "Outcome"), "Ended");
}

#[test]
fn an_acknowledged_binding_survives_a_kill() {
    let server = Server::start();
    let pool = server.pool(NUMBERS);
    let x = text(&server.bind(&pool, A, B), "PhoneNoX");
    let server = Server::start_in(server.kill());
    assert_eq!(text(&server.resolve(&x, A), "Callee"), B);
    assert_eq!(text(&server.resolve(&x, B), "Callee"), A);
    assert!(!server.process.out().contains("first start"));
}

#[test]
fn a_second_server_on_the_same_directory_is_refused() {
    let server = Server::start();
    let mut second = Running::start(&mut Server::command(&server.data()));
    assert_eq!(second.ended().code(), Some(1));
    assert!(
        second.err().contains("in use by another axbridge"),
        "{}",
        second.err()
    );
    // The first one's file still leads to the first one.
    server.json(["key", "list"]);
}

#[test]
fn a_port_that_is_taken_is_named_and_no_data_is_made() {
    let server = Server::start();
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let mut command = crate::program::program();
    command.args(["serve", "--http", &server.address().to_string()]);
    let mut second = Running::start(command.arg("--data").arg(&data));
    assert_eq!(second.ended().code(), Some(1));
    assert!(second.err().contains("http.listen"), "{}", second.err());
    assert!(!data.join("keys").exists());
}

#[test]
fn the_first_start_tells_what_to_do_and_not_the_secret() {
    let mut server = Server::start();
    server.process.line("axbridge --data");
    let file = std::fs::read_to_string(server.data().join("operator.json")).expect("it is there");
    let file: serde_json::Value = serde_json::from_str(&file).expect("it is JSON");
    let secret = text(&file, "SecretAccessKey");
    let printed = server.process.out() + &server.process.err();
    assert!(printed.contains("operator.json"), "{printed}");
    assert!(!printed.contains(&secret));
    for name in ["operator.json", "keys"] {
        let data = std::fs::metadata(server.data().join(name)).expect("it is there");
        assert_eq!(data.permissions().mode() & 0o777, 0o600, "{name}");
    }
    let data = std::fs::metadata(server.data()).expect("it is there");
    assert_eq!(data.permissions().mode() & 0o777, 0o700);
}

#[test]
fn lost_keys_are_not_replaced_by_new_ones() {
    let server = Server::start();
    let data = server.data();
    let folder = server.kill();
    let kept = std::fs::read(data.join("keys")).expect("it is there");
    std::fs::remove_file(data.join("keys")).expect("it can be removed");
    let mut process = Running::start(&mut Server::command(&data));
    assert_eq!(process.ended().code(), Some(1));
    let said = process.err();
    assert!(said.contains("not the keys it is sealed with"), "{said}");
    assert!(!data.join("keys").exists());

    std::fs::write(data.join("keys"), kept).expect("it can be put back");
    Server::start_in(folder).json(["key", "list"]);
}

#[test]
fn a_restart_keeps_the_operator_key() {
    let server = Server::start();
    let before = text(&server.json(["key", "list"])["Records"][0], "AccessKeyId");
    let server = Server::start_in(server.kill());
    let keys = server.json(["key", "list"]);
    assert_eq!(keys["Total"], 1);
    assert_eq!(text(&keys["Records"][0], "AccessKeyId"), before);
}

#[test]
fn it_ends_in_order_on_term_and_on_interrupt() {
    for signal in ["TERM", "INT"] {
        let mut server = Server::start();
        server.json(["key", "list"]);
        server.process.signal(signal);
        assert_eq!(server.process.ended().code(), Some(0), "{signal}");
    }
}

#[test]
fn a_request_that_was_accepted_is_finished_before_the_end() {
    let mut server = Server::start();
    let mut stream = TcpStream::connect(server.address()).expect("it listens");
    let head = "POST /?Action=KeyList&Version=2022-01-01 HTTP/1.1\r\nHost: x\r\n\
                Connection: close\r\nContent-Length: 2\r\n\r\n{";
    stream.write_all(head.as_bytes()).expect("it can be sent");
    // It has seen that much once it has answered someone who came later.
    get(server.address(), "/healthz");
    server.process.signal("TERM");
    let address = server.address();
    wait_for("the port to close", || TcpStream::connect(address).err());
    stream
        .write_all(b"}")
        .expect("it still listens to this one");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer comes");
    assert!(answer.contains("ResponseMetadata"), "{answer}");
    assert_eq!(server.process.ended().code(), Some(0));
}

#[test]
fn a_second_signal_does_not_wait_for_slow_requests() {
    let mut server = Server::start();
    let mut stream = TcpStream::connect(server.address()).expect("it listens");
    let head =
        "POST /?Action=X&Version=2022-01-01 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n";
    stream.write_all(head.as_bytes()).expect("it can be sent");
    get(server.address(), "/healthz");
    server.process.signal("TERM");
    let address = server.address();
    wait_for("the port to close", || TcpStream::connect(address).err());
    server.process.signal("TERM");
    assert_eq!(server.process.ended().code(), Some(0));
}

#[test]
fn the_operator_port_has_metrics_and_the_api_port_has_not() {
    let mut server = Server::start();
    let operator = server.process.line("metrics and health on http://");
    let operator = operator.parse().expect("an address");
    server.json(["key", "list"]);
    let metrics = get(operator, "/metrics");
    assert!(
        metrics.contains("axbridge_requests_total{action=\"ListAccessKeys\""),
        "{metrics}"
    );
    for path in ["/healthz", "/readyz"] {
        assert!(get(operator, path).starts_with("HTTP/1.1 200"), "{path}");
        assert!(
            get(server.address(), path).starts_with("HTTP/1.1 200"),
            "{path}"
        );
    }
    assert!(!get(server.address(), "/metrics").starts_with("HTTP/1.1 200"));
}

#[test]
fn logs_are_json_when_asked_and_show_no_number() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Server::command(&folder.path().join("data"));
    command
        .env("AXBRIDGE__LOG__FORMAT", "json")
        .env("AXBRIDGE__LOG__LEVEL", "debug");
    let mut process = Running::start(&mut command);
    process.line("listening on ");
    let data = folder.path().join("data");
    let bind = [
        "call",
        "BindAXB",
        "--phone-no-a",
        A,
        "--phone-no-b",
        B,
        "--phone-no-x",
        "17000000001",
        "--number-pool-no",
        "NP000000000000000001",
        "--expire-time",
        "+1h",
    ];
    let mut command = crate::program::program();
    crate::program::finish(command.arg("--data").arg(&data).args(bind));
    process.signal("TERM");
    assert_eq!(process.ended().code(), Some(0));
    let log = process.err();
    assert!(!log.is_empty());
    for line in log.lines() {
        assert!(
            serde_json::from_str::<serde_json::Value>(line).is_ok(),
            "{line}"
        );
    }
    assert!(!log.contains(A) && !log.contains(B), "{log}");
}

#[test]
fn strange_requests_get_the_json_envelope() {
    let server = Server::start();
    let address = server.address();
    for request in [
        "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "PUT /?Action=NumberList&Version=2022-01-01 HTTP/1.1\r\nHost: x\r\n\
         Connection: close\r\nContent-Length: 0\r\n\r\n",
    ] {
        let answer = exchange(address, request);
        assert!(answer.contains("ResponseMetadata"), "{request}: {answer}");
        assert!(!answer.starts_with("HTTP/1.1 5"), "{request}: {answer}");
    }
}
