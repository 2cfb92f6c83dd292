//! An HTTPS receiver that misbehaves on order and remembers what it took.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axbridge_app::callbacks::signature::auth_code;
use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

use crate::authority::Authority;

/// The token of all receivers in these tests.
pub(crate) const TOKEN: &str = "8D202AC288";

/// Longer than any sender waits.
const FOREVER: Duration = Duration::from_secs(3600);

/// What the receiver does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Takes it.
    Take,
    /// Takes it and sends the body of the answer so slowly that it never ends.
    TakeSlowly,
    /// Takes it and closes the connection.
    TakeAndClose,
    /// Refuses it with this status.
    Refuse(u16),
    /// Sends it elsewhere.
    Redirect,
    /// Never answers.
    Hang,
    /// Breaks the connection before an answer.
    Reset,
    /// Breaks it in the middle of the answer's head.
    HalfAnswer,
}

impl Authority {
    /// TLS for these names and addresses.
    pub(crate) fn acceptor(&self, names: &[&str]) -> TlsAcceptor {
        let (certificate, key) = self.certify(names);
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("a certificate");
        TlsAcceptor::from(Arc::new(config))
    }
}

/// One message that was taken.
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    pub(crate) event_id: String,
    pub(crate) body: Value,
    pub(crate) at: Instant,
}

impl Taken {
    /// The place of the event in the outbox.
    pub(crate) fn event(&self) -> i64 {
        let (event, _) = self.event_id.split_once('-').expect("an id");
        event.parse().expect("a number")
    }

    /// What order is kept for.
    pub(crate) fn subject(&self) -> String {
        let field = |name: &str| self.body[name].as_str().map(str::to_owned);
        let subject = field("callId").or_else(|| field("subscriptionId"));
        let subject = subject.or_else(|| field("number"));
        subject.or_else(|| field("sourceId")).expect("a subject")
    }
}

#[derive(Default)]
struct Seen {
    taken: Vec<Taken>,
    requests: u64,
    connections: u64,
}

/// What decides about each request, by its number.
type Choice = Arc<dyn Fn(u64) -> Mood + Send + Sync>;

struct Shared {
    seen: Mutex<Seen>,
    choice: Mutex<Choice>,
    acceptor: Mutex<TlsAcceptor>,
}

/// The receiver. Its port stays its own while it is down.
pub(crate) struct Receiver {
    shared: Arc<Shared>,
    address: SocketAddr,
    listening: Option<JoinHandle<()>>,
}

impl Receiver {
    /// One on a free port of this address that takes everything.
    pub(crate) async fn start(host: &str, acceptor: TlsAcceptor) -> Self {
        let listener = TcpListener::bind((host, 0)).await.expect("a free port");
        let take: Choice = Arc::new(|_| Mood::Take);
        let mut receiver = Self {
            address: listener.local_addr().expect("an address"),
            shared: Arc::new(Shared {
                seen: Mutex::default(),
                choice: Mutex::new(take),
                acceptor: Mutex::new(acceptor),
            }),
            listening: None,
        };
        receiver.listen(listener);
        receiver
    }

    fn listen(&mut self, listener: TcpListener) {
        let shared = Arc::clone(&self.shared);
        self.listening = Some(tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                shared.seen.lock().expect("no panic").connections += 1;
                let acceptor = shared.acceptor.lock().expect("no panic").clone();
                let shared = Arc::clone(&shared);
                connections.spawn(async move { serve(stream, acceptor, &shared).await });
                while connections.try_join_next().is_some() {}
            }
        }));
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Its URL under this host name.
    pub(crate) fn url(&self, host: &str) -> String {
        format!("https://{host}:{}/events?from=axbridge", self.port())
    }

    /// From now on, `choice` decides about each request.
    pub(crate) fn behave(&self, choice: impl Fn(u64) -> Mood + Send + Sync + 'static) {
        *self.shared.choice.lock().expect("no panic") = Arc::new(choice);
    }

    /// From now on, connections see this certificate.
    pub(crate) fn present(&self, acceptor: TlsAcceptor) {
        *self.shared.acceptor.lock().expect("no panic") = acceptor;
    }

    /// Dies with all its connections.
    pub(crate) async fn die(&mut self) {
        if let Some(listening) = self.listening.take() {
            listening.abort();
            let _ = listening.await;
        }
    }

    /// Comes back on its port.
    pub(crate) async fn come_back(&mut self) {
        let listener = TcpListener::bind(self.address).await;
        self.listen(listener.expect("the port is free again"));
    }

    /// What it took, in order.
    pub(crate) fn taken(&self) -> Vec<Taken> {
        self.shared.seen.lock().expect("no panic").taken.clone()
    }

    /// How many it took.
    pub(crate) fn count(&self) -> usize {
        self.shared.seen.lock().expect("no panic").taken.len()
    }

    /// How many requests it saw, and how many connections.
    pub(crate) fn seen(&self) -> (u64, u64) {
        let seen = self.shared.seen.lock().expect("no panic");
        (seen.requests, seen.connections)
    }

    /// Each event that it took at least once, in the order of first takings, with how often.
    pub(crate) fn first_takings(&self) -> (Vec<Taken>, HashMap<String, u64>) {
        let (mut firsts, mut counts) = (Vec::new(), HashMap::new());
        for taken in self.taken() {
            let count = counts.entry(taken.event_id.clone()).or_insert(0);
            *count += 1;
            if *count == 1 {
                firsts.push(taken);
            }
        }
        (firsts, counts)
    }

    /// Fails unless the first takings of each subject are in the order of its events.
    pub(crate) fn assert_order(&self) {
        let mut last: HashMap<String, i64> = HashMap::new();
        for taken in self.first_takings().0 {
            let before = last.insert(taken.subject(), taken.event());
            let is_later = before.is_none_or(|before| before < taken.event());
            assert!(is_later, "{taken:?} came after {before:?}");
        }
    }
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, shared: &Shared) {
    let Ok(mut stream) = acceptor.accept(stream).await else {
        return;
    };
    let mut buffer = Vec::new();
    while let Some(request) = read_request(&mut stream, &mut buffer).await {
        if !answer(&mut stream, shared, &request).await {
            // Without the farewell of TLS: as a cut cable would.
            return;
        }
    }
}

struct Request {
    head: String,
    body: Vec<u8>,
}

async fn read_request(
    stream: &mut (impl AsyncRead + Unpin),
    buffer: &mut Vec<u8>,
) -> Option<Request> {
    loop {
        if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8(buffer[..end].to_vec()).ok()?;
            let length: usize = header(&head, "content-length")?.parse().ok()?;
            if buffer.len() >= end + 4 + length {
                let body = buffer[end + 4..end + 4 + length].to_vec();
                buffer.drain(..end + 4 + length);
                return Some(Request { head, body });
            }
        }
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return None,
            Ok(count) => buffer.extend_from_slice(&chunk[..count]),
        }
    }
}

fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// The value of a parameter of the request's URL.
fn query<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    let url = head.split_whitespace().nth(1)?;
    let (_, query) = url.split_once('?')?;
    query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        (key == name).then_some(value)
    })
}

/// Whether the connection goes on.
async fn answer(
    stream: &mut (impl AsyncWrite + Unpin),
    shared: &Shared,
    request: &Request,
) -> bool {
    let number = {
        let mut seen = shared.seen.lock().expect("no panic");
        seen.requests += 1;
        seen.requests
    };
    let choice = Arc::clone(&shared.choice.lock().expect("no panic"));
    let mood = choice(number);
    if matches!(mood, Mood::Take | Mood::TakeSlowly | Mood::TakeAndClose) {
        shared
            .seen
            .lock()
            .expect("no panic")
            .taken
            .push(take(request));
    }
    let head = match mood {
        Mood::Take => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_owned(),
        Mood::TakeSlowly => "HTTP/1.1 202 Accepted\r\nContent-Length: 9\r\n\r\nso".to_owned(),
        Mood::TakeAndClose => "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n".to_owned(),
        Mood::Refuse(status) => format!("HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n"),
        Mood::Redirect => {
            "HTTP/1.1 307 There\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n".to_owned()
        }
        Mood::HalfAnswer => "HTTP/1.1 200 O".to_owned(),
        Mood::Hang | Mood::Reset => String::new(),
    };
    if stream.write_all(head.as_bytes()).await.is_err() || stream.flush().await.is_err() {
        return false;
    }
    if matches!(mood, Mood::Hang | Mood::TakeSlowly) {
        tokio::time::sleep(FOREVER).await;
    }
    matches!(mood, Mood::Take | Mood::Refuse(_) | Mood::Redirect)
}

/// Reads a message and fails unless its signature is right.
fn take(request: &Request) -> Taken {
    let head = &request.head;
    let value = |name: &str| query(head, name).unwrap_or_else(|| panic!("no {name} in {head}"));
    assert_eq!(value("from"), "axbridge", "the URL's own query is kept");
    let code = auth_code(value("timestamp"), &request.body, TOKEN);
    assert_eq!(value("authCode"), code, "the signature");
    assert!(head.starts_with("POST /events?"), "{head}");
    let event_id = header(head, "x-axbridge-event-id").expect("an event id");
    Taken {
        event_id: event_id.to_owned(),
        body: serde_json::from_slice(&request.body).expect("JSON"),
        at: Instant::now(),
    }
}
