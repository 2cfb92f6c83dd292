//! How many connections there are, and from whom: a client that opens thousands
//! and says nothing must not keep others out.

use std::future::{Ready, ready};
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axbridge_api::shares::{Place, Shares};
use axum_server::accept::Accept;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Files that the server needs besides connections: its store, its listeners.
const FILES_FOR_OTHERS: usize = 128;

/// Lets connections in as long as there are places, of which one address never
/// gets all.
#[derive(Clone, Debug)]
pub(super) struct Admission {
    places: Shares<IpAddr>,
    is_refusing: Arc<AtomicBool>,
}

/// A connection with its place.
pub(super) struct Admitted {
    stream: TcpStream,
    _place: Place<IpAddr>,
}

impl Admission {
    /// So many connections, or fewer if this process may not open as many files.
    pub(super) fn new(wanted: usize) -> Self {
        let files = std::fs::read_to_string("/proc/self/limits");
        let files = files.ok().and_then(|limits| files_of(&limits));
        let possible = files.map(|files| files.saturating_sub(FILES_FOR_OTHERS).max(1));
        let places = possible.map_or(wanted, |possible| wanted.min(possible));
        if places < wanted {
            tracing::info!(
                connections_max = places,
                "fewer connections than http.connections_max: the limit of open files (ulimit \
                 -n) allows no more"
            );
        }
        Self {
            places: Shares::new(places),
            is_refusing: Arc::default(),
        }
    }

    fn admit(&self, stream: TcpStream) -> io::Result<Admitted> {
        let from = stream.peer_addr()?.ip().to_canonical();
        match self.places.take(from) {
            Ok(place) => {
                self.is_refusing.store(false, Ordering::Relaxed);
                stream.set_nodelay(true)?;
                Ok(Admitted {
                    stream,
                    _place: place,
                })
            }
            Err(full) => {
                // Once, or a flood of connections becomes a flood of lines.
                if !self.is_refusing.swap(true, Ordering::Relaxed) {
                    tracing::warn!(%from, ?full, "connections are refused (http.connections_max)");
                }
                Err(io::ErrorKind::ConnectionRefused.into())
            }
        }
    }
}

impl<S> Accept<TcpStream, S> for Admission {
    type Stream = Admitted;
    type Service = S;
    type Future = Ready<io::Result<(Admitted, S)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        ready(self.admit(stream).map(|admitted| (admitted, service)))
    }
}

/// The soft limit of open files in the kernel's table of limits (proc(5)).
fn files_of(limits: &str) -> Option<usize> {
    let line = limits
        .lines()
        .find_map(|it| it.strip_prefix("Max open files"));
    line?.split_whitespace().next()?.parse().ok()
}

impl AsyncRead for Admitted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Admitted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_of_open_files_is_the_soft_one() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units\n\
                      Max processes             62797                62797                processes\n\
                      Max open files            1024                 1048576              files\n";
        assert_eq!(files_of(limits), Some(1024));
        assert_eq!(
            files_of("Max open files            unlimited            unlimited"),
            None
        );
        assert_eq!(files_of(""), None);
    }
}
