//! One connection that speaks just as much HTTP/1.1 as the API needs: what the
//! client side costs is taken from the server when both share a machine.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// No answer of the API is longer.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// An open connection.
pub(super) struct Connection {
    stream: TcpStream,
    /// What has arrived and was not given out yet.
    arrived: Vec<u8>,
}

/// An answer as it came.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

impl Connection {
    /// Connects.
    pub(super) async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            arrived: Vec::with_capacity(4096),
        })
    }

    /// Sends a request and reads its answer.
    ///
    /// # Errors
    /// The connection broke, or what came is no answer of the API.
    pub(super) async fn exchange(&mut self, request: &[u8]) -> io::Result<Answer> {
        self.stream.write_all(request).await?;
        let head = loop {
            if let Some(head) = Head::find(&self.arrived)? {
                break head;
            }
            self.read_more().await?;
        };
        let whole = head.bytes + head.body_bytes;
        while self.arrived.len() < whole {
            self.read_more().await?;
        }
        let body = self.arrived[head.bytes..whole].to_vec();
        self.arrived.drain(..whole);
        Ok(Answer {
            status: head.status,
            body,
        })
    }

    async fn read_more(&mut self) -> io::Result<()> {
        if self.stream.read_buf(&mut self.arrived).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }
}

/// What the head of an answer says.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    /// How long it is, with the empty line.
    bytes: usize,
    status: u16,
    body_bytes: usize,
}

impl Head {
    fn find(arrived: &[u8]) -> io::Result<Option<Self>> {
        let Some(end) = arrived.windows(4).position(|four| four == b"\r\n\r\n") else {
            return Ok(None);
        };
        let odd = || io::Error::new(io::ErrorKind::InvalidData, "no HTTP answer of the API");
        let text = std::str::from_utf8(&arrived[..end]).map_err(|_| odd())?;
        let mut lines = text.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1));
        let status = status.and_then(|it| it.parse().ok()).ok_or_else(odd)?;
        let length = lines
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .and_then(|(_, value)| value.trim().parse().ok())
            .filter(|length| *length <= ANSWER_BYTES_MAX);
        Ok(Some(Self {
            bytes: end + 4,
            status,
            body_bytes: length.ok_or_else(odd)?,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_found_once_it_is_whole() {
        let whole = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 7\r\n\r\n1234567";
        for end in 0..whole.len() - 7 {
            assert_eq!(Head::find(&whole[..end]).expect("not odd yet"), None);
        }
        let head = Head {
            bytes: whole.len() - 7,
            status: 503,
            body_bytes: 7,
        };
        assert_eq!(Head::find(whole).expect("good"), Some(head));
    }

    #[test]
    fn an_answer_without_a_length_is_refused() {
        let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        assert!(Head::find(head).is_err());
        assert!(Head::find(b"SSH-2.0\r\n\r\n").is_err());
    }
}
