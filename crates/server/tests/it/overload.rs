//! Too much for the server, by greedy accounts and by odd clients: what it
//! refuses, and that others notice nothing.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::program::{Running, Server, exchange, finish, program, text};

/// After this long a test has hung.
const PATIENCE: Duration = Duration::from_secs(60);

/// Addresses of this machine besides 127.0.0.1.
const SLOW: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
const ODD: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3));

fn server_with(settings: &[(&str, &str)]) -> Server {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Server::command(&folder.path().join("data"));
    command.env("AXBRIDGE__LOG__LEVEL", "warn");
    for (name, value) in settings {
        command.env(format!("AXBRIDGE__{name}"), value);
    }
    Server::start_with(&mut command, folder)
}

/// An account with a key and a pool.
struct Tenant {
    key: Value,
    pool: String,
}

impl Tenant {
    fn of(server: &Server, name: &str, first_x: u64) -> Self {
        let key = server.json(["key", "create", "--account-name", name]);
        let account = text(&key, "AccountId");
        let pool = server.json(["pool", "create", "--name", name, "--account", &account]);
        let pool = text(&pool, "NumberPoolNo");
        let lines = (first_x..first_x + 50).map(|x| format!("{x},010\n"));
        let file = server.file(name, lines.collect::<String>().as_bytes());
        server.json(["number", "import", "--pool", &pool, &file]);
        Self { key, pool }
    }

    /// A load of binds by this account.
    fn load(&self, server: &Server, connections: u32, seconds: u32) -> Command {
        let mut command = program();
        command.env("AXBRIDGE_SECRET_KEY", text(&self.key, "SecretAccessKey"));
        command.args(["--json", "bench", "--warm-up-s", "0"]);
        command.args(["--endpoint", &server.endpoint, "--pool", &self.pool]);
        command.args(["--access-key", &text(&self.key, "AccessKeyId")]);
        command.args(["--connections", &connections.to_string()]);
        command.args(["--duration-s", &seconds.to_string()]);
        command
    }
}

fn outcomes(report: &Value) -> Vec<&str> {
    let outcomes = report["Outcomes"].as_object();
    let outcomes = outcomes.unwrap_or_else(|| panic!("no outcomes in {report}"));
    outcomes.keys().map(String::as_str).collect()
}

#[test]
fn a_flood_by_one_account_is_refused_while_every_request_of_another_succeeds() {
    let server = server_with(&[
        ("HTTP__CONCURRENT_REQUESTS_MAX", "64"),
        ("API__REQUESTS_PER_KEY_PER_S", "0"),
    ]);
    let greedy = Tenant::of(&server, "greedy", 17_000_000_000);
    let quiet = Tenant::of(&server, "quiet", 17_000_001_000);
    let mut flood = Running::start(&mut greedy.load(&server, 200, 3));
    let calm = finish(&mut quiet.load(&server, 4, 2)).json();
    assert_eq!(outcomes(&calm), ["Success"], "{calm}");
    assert!(flood.ended().success(), "{}", flood.err());
    let flood: Value = serde_json::from_str(&flood.out()).expect("JSON");
    assert_eq!(outcomes(&flood), ["OverQpsLimit", "Success"], "{flood}");
}

#[test]
fn beyond_its_room_the_server_refuses_with_a_code_and_recovers_at_once() {
    let server = server_with(&[
        ("HTTP__CONCURRENT_REQUESTS_MAX", "2"),
        ("API__REQUESTS_PER_KEY_PER_S", "0"),
    ]);
    let tenant = Tenant::of(&server, "tenant", 17_000_000_000);
    let flood = finish(&mut tenant.load(&server, 200, 1)).json();
    let refusals = ["OverQpsLimit", "ServiceUnavailable"];
    for outcome in outcomes(&flood) {
        assert!(
            outcome == "Success" || refusals.contains(&outcome),
            "{flood}"
        );
    }
    assert!(
        outcomes(&flood).iter().any(|it| refusals.contains(it)),
        "{flood}"
    );
    let after = finish(&mut tenant.load(&server, 1, 1)).json();
    assert_eq!(outcomes(&after), ["Success"], "{after}");
}

#[test]
fn clients_that_never_finish_a_request_keep_no_one_out() {
    let server = server_with(&[
        ("HTTP__CONCURRENT_REQUESTS_MAX", "2"),
        ("HTTP__CONNECTIONS_MAX", "100"),
        ("HTTP__REQUEST_TIMEOUT_S", "3"),
        ("HTTP__HEADER_TIMEOUT_S", "2"),
    ]);
    let head = "POST /?Action=UnbindAXB HTTP/1.1\r\nHost: h\r\n";
    let body_begins = format!("{head}Content-Length: 100\r\n\r\n{{");
    let mut slow_heads: Vec<TcpStream> = (0..60)
        .map(|_| send_from(SLOW, server.address(), head.as_bytes()))
        .collect();
    let mut slow_bodies: Vec<TcpStream> = (0..20)
        .map(|_| send_from(ODD, server.address(), body_begins.as_bytes()))
        .collect();
    let pools = server.json(["pool", "list"]);
    assert_eq!(pools["Total"], 0, "there is room for others");
    for slow in &mut slow_heads {
        let said = all_said(slow);
        assert!(
            said.is_empty() || said.starts_with("HTTP/1.1 408"),
            "{said}"
        );
    }
    for slow in &mut slow_bodies {
        let mut start = [0; 12];
        slow.read_exact(&mut start).expect("an answer comes");
        assert_eq!(&start, b"HTTP/1.1 408");
    }
}

#[test]
fn a_silent_connection_is_closed_before_and_after_its_first_request() {
    let server = server_with(&[("HTTP__HEADER_TIMEOUT_S", "1")]);
    let mut silent = send_from(SLOW, server.address(), b"");
    assert_eq!(all_said(&mut silent), "");
    let probe = b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n";
    let mut once = send_from(SLOW, server.address(), probe);
    assert!(all_said(&mut once).starts_with("HTTP/1.1 200"));
}

#[test]
fn endless_heads_are_refused() {
    let server = server_with(&[]);
    let one_long = format!("X-Long: {}\r\n", "x".repeat(64 * 1024));
    let many: String = (0..500).map(|it| format!("X-{it}: x\r\n")).collect();
    for headers in [one_long, many] {
        let request = format!("GET /healthz HTTP/1.1\r\nHost: h\r\n{headers}\r\n");
        let mut odd = send_from(ODD, server.address(), request.as_bytes());
        let said = all_said(&mut odd);
        assert!(
            said.is_empty() || said.starts_with("HTTP/1.1 431"),
            "{said}"
        );
    }
    let probe = "GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    assert!(exchange(server.address(), probe).starts_with("HTTP/1.1 200"));
}

/// Connects from an address of this machine and sends bytes as far as the server
/// takes them.
fn send_from(from: IpAddr, to: SocketAddr, bytes: &[u8]) -> TcpStream {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .expect("a runtime starts");
    let connect = async {
        let socket = tokio::net::TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(from, 0))?;
        socket.connect(to).await?.into_std()
    };
    let mut stream = runtime.block_on(connect).expect("the server listens");
    stream.set_nonblocking(false).expect("it can be set");
    stream
        .set_read_timeout(Some(PATIENCE))
        .expect("it can be set");
    // The server may have closed already, which the caller sees when it reads.
    let _ = stream.write_all(bytes);
    stream
}

/// What the server says until it closes.
fn all_said(stream: &mut TcpStream) -> String {
    let mut said = Vec::new();
    if let Err(error) = stream.read_to_end(&mut said) {
        let is_closed = [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe];
        assert!(is_closed.contains(&error.kind()), "{error}");
    }
    String::from_utf8_lossy(&said).into_owned()
}
