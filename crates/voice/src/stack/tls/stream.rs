//! One TLS connection as the stack sees it: a source of whole messages that the guard let in, and
//! a place to write to.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use async_trait::async_trait;
use axbridge_domain::trunk::Transport;
use rsipstack::platform::tls::TlsStream as StackTlsStream;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf, split},
    net::TcpStream,
    sync::Mutex,
    time::timeout,
};
use tokio_rustls::TlsStream;
use tokio_util::sync::CancellationToken;

use super::framing::{Front, front, plain_length};
use crate::guard::{Cause, Guard, Verdict};

/// What one read may bring, in bytes: a record of TLS (RFC 8446 §5.1).
const READ_BYTES: usize = 16 * 1024;
/// How long a message may take to be written; a peer that reads nothing is given up.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the goodbye of TLS may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// A connection whose messages are judged as they came from the wire.
pub(super) struct GuardedTls {
    reader: Mutex<Reader>,
    writer: Mutex<WriteHalf<TlsStream<TcpStream>>>,
    /// What we call our end.
    local: SocketAddr,
    peer: SocketAddr,
    guard: Arc<Guard>,
    gone: CancellationToken,
}

struct Reader {
    half: ReadHalf<TlsStream<TcpStream>>,
    came: Vec<u8>,
    /// So many bytes of it hold no end of a header section.
    searched: usize,
}

impl Reader {
    fn drop_front(&mut self, length: usize) {
        self.came.drain(..length);
        self.searched = 0;
    }
}

impl GuardedTls {
    pub(super) fn new(
        stream: TlsStream<TcpStream>,
        local: SocketAddr,
        peer: SocketAddr,
        guard: Arc<Guard>,
        gone: CancellationToken,
    ) -> Self {
        let (half, writer) = split(stream);
        Self {
            reader: Mutex::new(Reader {
                half,
                came: Vec::new(),
                searched: 0,
            }),
            writer: Mutex::new(writer),
            local,
            peer,
            guard,
            gone,
        }
    }

    /// The next message that was let in; empty at the end of the stream.
    async fn next(&self) -> rsipstack::Result<Vec<u8>> {
        let mut reader = self.reader.lock().await;
        loop {
            match front(&reader.came, reader.searched) {
                Front::More { least, searched } => {
                    reader.searched = searched;
                    while reader.came.len() < least {
                        if !self.read(&mut reader).await? {
                            return Ok(Vec::new());
                        }
                    }
                }
                Front::Ping => {
                    reader.drop_front(4);
                    self.write(b"\r\n").await?;
                }
                Front::EmptyLine => {
                    reader.drop_front(2);
                }
                Front::Message(length) => {
                    let message = reader.came[..length].to_vec();
                    reader.drop_front(length);
                    if self.is_let_in(&message).await? {
                        return Ok(plain_length(&message).into_owned());
                    }
                }
                Front::Broken(cause) => {
                    self.guard.count(cause);
                    return Err(broken("a stream cannot be cut into messages"));
                }
            }
        }
    }

    /// Reads on; false at the end of the stream.
    async fn read(&self, reader: &mut Reader) -> rsipstack::Result<bool> {
        let Reader { half, came, .. } = reader;
        came.reserve(READ_BYTES);
        let idle = Duration::from_secs(super::super::STREAM_IDLE_S);
        let read = tokio::select! {
            () = self.gone.cancelled() => return Ok(false),
            read = timeout(idle, half.read_buf(came)) => read,
        };
        // An idle stream ends like one that the peer closed.
        let Ok(read) = read else { return Ok(false) };
        Ok(read? > 0)
    }

    async fn is_let_in(&self, message: &[u8]) -> rsipstack::Result<bool> {
        let now_ms = self.guard.now_ms();
        let (verdict, reply) =
            self.guard
                .judge_with_reply(message, self.peer, Transport::Tls, now_ms);
        if let Some(reply) = reply {
            self.write(&reply).await?;
        }
        if verdict == Verdict::Drop(Cause::Stranger) {
            // It was a trunk's when it was accepted.
            return Err(broken("the trunk of a stream is gone"));
        }
        Ok(matches!(verdict, Verdict::Accept { .. }))
    }

    async fn write(&self, bytes: &[u8]) -> rsipstack::Result<()> {
        let mut writer = self.writer.lock().await;
        let written = timeout(WRITE_TIMEOUT, async {
            writer.write_all(bytes).await?;
            writer.flush().await
        });
        let written = match written.await {
            Ok(written) => written.map_err(Into::into),
            Err(_) => Err(broken("the peer takes nothing")),
        };
        if written.is_err() {
            // Half a message may be out: nothing more can follow it.
            self.gone.cancel();
        }
        written
    }
}

fn broken(why: &str) -> rsipstack::Error {
    rsipstack::Error::Error(why.to_owned())
}

#[async_trait]
impl StackTlsStream for GuardedTls {
    async fn recv(&self) -> rsipstack::Result<Vec<u8>> {
        self.next().await
    }

    async fn send_all(&self, data: Vec<u8>) -> rsipstack::Result<()> {
        self.write(&data).await
    }

    async fn shutdown(&self) -> rsipstack::Result<()> {
        self.gone.cancel();
        let closed = timeout(CLOSE_TIMEOUT, async {
            self.writer.lock().await.shutdown().await
        });
        // Who is gone already hears no goodbye.
        let _ = closed.await;
        Ok(())
    }

    fn local_addr(&self) -> rsipstack::Result<SocketAddr> {
        Ok(self.local)
    }
}
