//! A carrier's machine: one address for SIP, one for sound. It keeps every message that it gets,
//! and when it goes away what it must not have learnt is searched for in them, in every scenario.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{net::UdpSocket, sync::mpsc};

use crate::{
    ear::Ear,
    house::{A, B, STRANGER},
    leaks::leaks,
};

/// How long a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// The longest request that may be sent by UDP.
const DATAGRAM_BYTES_MAX: usize = 1_300;

/// A message as it came.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Message(pub(crate) String);

impl Message {
    pub(crate) fn start(&self) -> &str {
        self.0.lines().next().unwrap_or_default()
    }

    pub(crate) fn status(&self) -> Option<u16> {
        let rest = self.start().strip_prefix("SIP/2.0 ")?;
        rest.get(..3)?.parse().ok()
    }

    pub(crate) fn method(&self) -> &str {
        match self.status() {
            Some(_) => "",
            None => self.start().split(' ').next().unwrap_or_default(),
        }
    }

    /// The first field of that name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers(name).into_iter().next()
    }

    pub(crate) fn headers(&self, name: &str) -> Vec<&str> {
        let head = self.0.split("\r\n\r\n").next().unwrap_or_default();
        head.lines()
            .skip(1)
            .filter_map(|line| line.split_once(':'))
            .filter(|(key, _)| key.trim().eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
            .collect()
    }

    pub(crate) fn body(&self) -> &str {
        self.0.split_once("\r\n\r\n").map_or("", |(_, body)| body)
    }

    pub(crate) fn tag(&self, name: &str) -> Option<&str> {
        let value = self.header(name)?;
        let (_, rest) = value.split_once(";tag=")?;
        rest.split(';').next()
    }

    pub(crate) fn cseq(&self) -> (u32, &str) {
        let (number, method) = self
            .header("CSeq")
            .and_then(|value| value.split_once(' '))
            .expect("a CSeq");
        (number.parse().expect("a number"), method)
    }

    /// The URI of the Contact.
    pub(crate) fn contact(&self) -> String {
        let value = self.header("Contact").expect("a Contact");
        let (_, rest) = value.split_once('<').expect("a bracket");
        rest.split('>').next().unwrap_or_default().to_owned()
    }

    /// Where the description says that sound goes.
    pub(crate) fn media(&self) -> SocketAddr {
        let line = |prefix: &str| {
            let found = self.body().lines().find_map(|it| it.strip_prefix(prefix));
            found.expect("a line of the description").trim().to_owned()
        };
        let address: IpAddr = line("c=IN IP4 ").parse().expect("an address");
        let media = line("m=audio ");
        let port = media.split(' ').next().expect("a port");
        SocketAddr::new(address, port.parse().expect("a port"))
    }

    /// The direction of the description.
    pub(crate) fn direction(&self) -> &str {
        ["sendrecv", "sendonly", "recvonly", "inactive"]
            .into_iter()
            .find(|name| self.body().contains(&format!("a={name}\r\n")))
            .unwrap_or_default()
    }
}

/// How it sends.
enum Way {
    Udp(Arc<UdpSocket>),
    Stream(&'static str, mpsc::UnboundedSender<String>),
}

/// Who a carrier's customers are, and what they must not learn of the other's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Whose {
    A,
    B,
    Nobody,
}

impl Whose {
    pub(crate) const A_HOST: &str = "127.0.0.2";
    pub(crate) const B_HOST: &str = "127.0.0.3";

    fn at(ip: &str) -> Self {
        match ip {
            Self::A_HOST => Self::A,
            Self::B_HOST => Self::B,
            _ => Self::Nobody,
        }
    }

    /// How its tags, its Call-IDs and its people are called: name, display name.
    pub(crate) const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::A => ("a", "Alice"),
            Self::B => ("b", "Bobby"),
            Self::Nobody => ("n", "Nobody"),
        }
    }

    /// What only the other side knows: its numbers, its host, its tags and Call-IDs (by their
    /// beginnings), its people's names, the name of its trunk, its agent.
    fn secrets(self) -> &'static [&'static str] {
        const OF_A: [&str; 7] = [
            A,
            STRANGER,
            Whose::A_HOST,
            "tag-a-",
            "carrier-a",
            "Alice",
            "agent-a",
        ];
        const OF_B: [&str; 6] = [B, Whose::B_HOST, "tag-b-", "carrier-b", "Bobby", "agent-b"];
        match self {
            Self::A => &OF_B,
            Self::B => &OF_A,
            Self::Nobody => &[],
        }
    }

    /// The other's host as packets of sound would hold it.
    pub(crate) const fn secret_host(self) -> Option<[u8; 4]> {
        match self {
            Self::A => Some([127, 0, 0, 3]),
            Self::B => Some([127, 0, 0, 2]),
            Self::Nobody => None,
        }
    }
}

/// A carrier's machine.
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    pub(crate) whose: Whose,
    way: Way,
    pub(crate) sound: Ear,
    messages: mpsc::UnboundedReceiver<(Message, SocketAddr)>,
    log: Arc<Mutex<Vec<Message>>>,
    last: Vec<Message>,
    /// What it is shown, because the binding says so.
    may_learn: Vec<&'static str>,
}

impl Drop for Peer {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.has_learnt_nothing();
        }
    }
}

impl Peer {
    pub(crate) async fn at(ip: &str) -> Self {
        let socket = Arc::new(UdpSocket::bind((ip, 0)).await.expect("a port"));
        let sound = Ear::at(ip).await;
        let address = socket.local_addr().expect("an address");
        let log = Arc::new(Mutex::new(Vec::new()));
        let (sender, messages) = mpsc::unbounded_channel();
        let (reader, kept) = (socket.clone(), log.clone());
        tokio::spawn(async move {
            let mut buffer = vec![0; 65_535];
            while let Ok((length, from)) = reader.recv_from(&mut buffer).await {
                let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
                let message = Message(text);
                kept.lock().expect("the log").push(message.clone());
                if sender.send((message, from)).is_err() {
                    return;
                }
            }
        });
        Self {
            address,
            whose: Whose::at(ip),
            way: Way::Udp(socket),
            sound,
            messages,
            log,
            last: Vec::new(),
            may_learn: Vec::new(),
        }
    }

    /// One that speaks over a connection: it opens it to the platform, or waits for it.
    pub(crate) async fn by_tcp(ip: &str, platform: Option<SocketAddr>) -> Self {
        Self::by_stream(ip, platform, Wrap::Plain).await
    }

    /// As [`Peer::by_tcp`], over TLS.
    pub(crate) async fn by_tls(ip: &str, platform: Option<SocketAddr>, wrap: Wrap) -> Self {
        Self::by_stream(ip, platform, wrap).await
    }

    async fn by_stream(ip: &str, platform: Option<SocketAddr>, wrap: Wrap) -> Self {
        let transport = match wrap {
            Wrap::Plain => "TCP",
            _ => "TLS",
        };
        let place: SocketAddr = format!("{ip}:0").parse().expect("an address");
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket.bind(place).expect("a port");
        let address = socket.local_addr().expect("an address");
        let sound = Ear::at(ip).await;
        let log = Arc::new(Mutex::new(Vec::new()));
        let (sender, messages) = mpsc::unbounded_channel();
        let (out, outgoing) = mpsc::unbounded_channel();
        let kept = log.clone();
        match platform {
            Some(platform) => {
                let stream = socket.connect(platform).await.expect("a connection");
                let stream = wrap.around(stream).await;
                tokio::spawn(talk(stream, platform, sender, outgoing, kept));
            }
            None => {
                let listener = socket.listen(1).expect("a listener");
                tokio::spawn(async move {
                    let (stream, from) = listener.accept().await.expect("a connection");
                    let stream = wrap.around(stream).await;
                    talk(stream, from, sender, outgoing, kept).await;
                });
            }
        }
        Self {
            address,
            whose: Whose::at(ip),
            way: Way::Stream(transport, out),
            sound,
            messages,
            log,
            last: Vec::new(),
            may_learn: Vec::new(),
        }
    }

    pub(crate) fn is_stream(&self) -> bool {
        matches!(self.way, Way::Stream(..))
    }

    /// As Via names it.
    pub(crate) fn transport(&self) -> &'static str {
        match self.way {
            Way::Udp(_) => "UDP",
            Way::Stream(transport, _) => transport,
        }
    }

    pub(crate) async fn send(&self, to: SocketAddr, text: &str) {
        match &self.way {
            Way::Udp(socket) => {
                let sent = socket.send_to(text.as_bytes(), to).await;
                sent.expect("loopback takes it");
            }
            Way::Stream(_, out) => out.send(text.to_owned()).expect("the connection lives"),
        }
    }

    /// The next message that is no repeat.
    pub(crate) async fn next(&mut self) -> (Message, SocketAddr) {
        let found = tokio::time::timeout(PATIENCE, self.next_new()).await;
        found.unwrap_or_else(|_| {
            panic!("nothing came to {}; before: {:#?}", self.address, self.last)
        })
    }

    async fn next_new(&mut self) -> (Message, SocketAddr) {
        loop {
            let next = self.messages.recv().await.expect("the socket lives");
            if !self.last.contains(&next.0) {
                self.last.push(next.0.clone());
                return next;
            }
        }
    }

    /// The next message, repeats too.
    pub(crate) async fn next_of_all(&mut self) -> (Message, SocketAddr) {
        let next = tokio::time::timeout(PATIENCE, self.messages.recv()).await;
        next.expect("in time").expect("the socket lives")
    }

    /// Whether nothing new comes for a while.
    pub(crate) async fn hears_nothing_for(&mut self, time: Duration) -> bool {
        tokio::time::timeout(time, self.next_new()).await.is_err()
    }

    /// The binding shows this number to its customers.
    pub(crate) fn may_learn(&mut self, number: &'static str) {
        self.may_learn.push(number);
    }

    /// Listens at another host, or another port, from now on.
    pub(crate) async fn moves_its_ear(&mut self, ip: &str) {
        self.has_learnt_nothing();
        self.sound = Ear::at(ip).await;
    }

    /// Nothing of the other side is in what came: numbers, host, tags, Call-IDs, descriptions.
    fn has_learnt_nothing(&self) {
        let mut needles = self.whose.secrets().to_vec();
        needles.retain(|it| !self.may_learn.contains(it));
        // What another network says of a cause is not passed on either.
        needles.push("\r\nReason:");
        for message in self.log() {
            // RFC 3261 §18.1.1: what is longer must not go as a datagram.
            let is_short = self.is_stream() || message.0.len() <= DATAGRAM_BYTES_MAX;
            assert!(is_short || message.status().is_some(), "{}", message.0);
            let found = leaks(message.0.as_bytes(), &needles);
            assert!(found.is_empty(), "{found:?} in {}", message.0);
        }
        self.sound
            .has_learnt_nothing(&needles, self.whose.secret_host());
    }

    /// Everything that came so far.
    pub(crate) fn log(&self) -> Vec<Message> {
        self.log.lock().expect("the log").clone()
    }

    /// What it says about its sound.
    pub(crate) fn sdp(&self, direction: &str) -> String {
        self.sdp_with(direction, "8 0 101")
    }

    pub(crate) fn sdp_with(&self, direction: &str, formats: &str) -> String {
        let sound = self.sound.local_addr().expect("an address");
        format!(
            "v=0\r\no=carrier 77 77 IN IP4 {ip}\r\ns=carrier's own\r\nc=IN IP4 {ip}\r\nt=0 0\r\n\
             m=audio {port} RTP/AVP {formats}\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n\
             a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na={direction}\r\n",
            ip = sound.ip(),
            port = sound.port(),
        )
    }
}

trait ReadWrite: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin {}
impl<T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin> ReadWrite for T {}
type Stream = Box<dyn ReadWrite>;

/// What is around a stream.
pub(crate) enum Wrap {
    Plain,
    /// TLS, which we ask for.
    Asked(Arc<rustls::ClientConfig>),
    /// TLS, which we offer.
    Offered(Arc<rustls::ServerConfig>),
}

impl Wrap {
    async fn around(self, stream: tokio::net::TcpStream) -> Stream {
        match self {
            Self::Plain => Box::new(stream),
            Self::Asked(config) => {
                let name = rustls::pki_types::ServerName::try_from("127.0.0.1").expect("a name");
                let connector = tokio_rustls::TlsConnector::from(config);
                Box::new(connector.connect(name, stream).await.expect("a handshake"))
            }
            Self::Offered(config) => {
                let acceptor = tokio_rustls::TlsAcceptor::from(config);
                Box::new(acceptor.accept(stream).await.expect("a handshake"))
            }
        }
    }
}

/// Reads and writes messages on a connection until it ends.
async fn talk(
    stream: Stream,
    from: SocketAddr,
    sender: mpsc::UnboundedSender<(Message, SocketAddr)>,
    mut outgoing: mpsc::UnboundedReceiver<String>,
    log: Arc<Mutex<Vec<Message>>>,
) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let (mut reader, mut writer) = tokio::io::split(stream);
    let mut text = String::new();
    let mut buffer = vec![0; 65_535];
    loop {
        tokio::select! {
            Some(message) = outgoing.recv() => {
                writer.write_all(message.as_bytes()).await.expect("the connection takes it");
                writer.flush().await.expect("the connection takes it");
            }
            read = reader.read(&mut buffer) => match read {
                Ok(length) if length > 0 => text += &String::from_utf8_lossy(&buffer[..length]),
                _ => return,
            },
        }
        while let Some(head) = text.find("\r\n\r\n") {
            let message = Message(text[..head + 4].to_owned());
            let length: usize = message
                .header("Content-Length")
                .and_then(|value| value.parse().ok())
                .expect("a Content-Length");
            let end = head + 4 + length;
            if text.len() < end {
                break;
            }
            let message = Message(text[..end].to_owned());
            text.drain(..end);
            log.lock().expect("the log").push(message.clone());
            if sender.send((message, from)).is_err() {
                return;
            }
        }
    }
}
