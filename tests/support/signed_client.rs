//! A client that signs its requests, one connection each, and tells an answer
//! from silence: what a crash leaves unknown is the point of the suites that
//! use it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axbridge_api::signature::{ClientRequest, Credentials, SERVICE, sign};
use serde_json::Value;

/// No answer for so long is no answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// What came of a request.
#[derive(Clone, Debug)]
pub enum Reply {
    /// It was done.
    Done(Value),
    /// It was refused, and nothing happened.
    Refused {
        /// The error's code.
        code: String,
        /// What it said.
        message: String,
    },
    /// It may have happened or not: no answer came, or `ServiceUnavailable`.
    Unknown(String),
}

impl Reply {
    /// The result of what must have been done.
    ///
    /// # Panics
    /// When it was not.
    pub fn done(self, what: &str) -> Value {
        match self {
            Self::Done(result) => result,
            other => panic!("{what}: {other:?}"),
        }
    }
}

/// One client of one server.
#[derive(Debug)]
pub struct SignedClient {
    address: SocketAddr,
    access_key: String,
    secret: String,
    connection: Option<BufReader<TcpStream>>,
    /// How far the server's clock is ahead of ours, in seconds.
    pub clock_ahead_s: i64,
}

impl Clone for SignedClient {
    /// The same client on a connection of its own.
    fn clone(&self) -> Self {
        Self {
            address: self.address,
            access_key: self.access_key.clone(),
            secret: self.secret.clone(),
            connection: None,
            clock_ahead_s: self.clock_ahead_s,
        }
    }
}

impl SignedClient {
    /// A client with the operator key that the server left in its data directory.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn of_operator(data: &Path) -> Self {
        let path = data.join("operator.json");
        let text = std::fs::read_to_string(&path).expect("the server has written operator.json");
        let file: Value = serde_json::from_str(&text).expect("operator.json is JSON");
        let field = |name: &str| file[name].as_str().expect("a text").to_owned();
        let endpoint = field("Endpoint");
        let (_, address) = endpoint.split_once("://").expect("a URL");
        Self {
            address: address.parse().expect("an address"),
            access_key: field("AccessKeyId"),
            secret: field("SecretAccessKey"),
            connection: None,
            clock_ahead_s: 0,
        }
    }

    /// Calls an action with a JSON object of parameters. One request is sent once.
    pub fn call(&mut self, action: &str, parameters: &Value) -> Reply {
        let request = self.request(action, parameters.to_string().as_bytes());
        match self.exchange(&request) {
            Ok(answer) => read(&answer),
            Err(error) => {
                self.connection = None;
                Reply::Unknown(error.to_string())
            }
        }
    }

    fn request(&self, action: &str, body: &[u8]) -> Vec<u8> {
        let host = self.address.to_string();
        let query = format!("Action={action}&Version=2022-01-01");
        let request = ClientRequest {
            method: "POST",
            path: "/",
            raw_query: &query,
            host: &host,
            body,
        };
        let credentials = Credentials {
            access_key: &self.access_key,
            secret: self.secret.as_bytes(),
            region: "cn-beijing",
            service: SERVICE,
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now_s = now.unwrap_or_default().as_secs().cast_signed() + self.clock_ahead_s;
        let mut head = format!(
            "POST /?{query} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n",
            body.len()
        );
        for (name, value) in sign(&request, &credentials, now_s).as_pairs() {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        [head.as_bytes(), body].concat()
    }

    fn exchange(&mut self, request: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => connect(self.address)?,
        };
        connection.get_mut().write_all(request)?;
        let mut length = 0;
        let mut stays_open = true;
        loop {
            let mut line = String::new();
            if connection.read_line(&mut line)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            let line = line.trim_end().to_ascii_lowercase();
            if let Some(text) = line.strip_prefix("content-length:") {
                length = text.trim().parse().map_err(std::io::Error::other)?;
            }
            stays_open &= line != "connection: close";
            if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        connection.read_exact(&mut body)?;
        self.connection = stays_open.then_some(connection);
        Ok(body)
    }
}

fn connect(address: SocketAddr) -> std::io::Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(BufReader::new(stream))
}

fn read(answer: &[u8]) -> Reply {
    let body: Value = match serde_json::from_slice(answer) {
        Ok(body) => body,
        Err(error) => return Reply::Unknown(format!("no JSON: {error}")),
    };
    let error = &body["ResponseMetadata"]["Error"];
    let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
    match text("Code").as_str() {
        "" => Reply::Done(body["Result"].clone()),
        "ServiceUnavailable" => Reply::Unknown(format!("ServiceUnavailable: {}", text("Message"))),
        code => Reply::Refused {
            code: code.to_owned(),
            message: text("Message"),
        },
    }
}
