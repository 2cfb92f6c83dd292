//! Listeners: sockets, TLS, timeouts, and their orderly end.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axbridge_app::App;
use axum::Router;
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::connections::Admission;
use super::url_of;
use crate::config::{Http, Settings, TlsFiles};
use crate::failure::Failure;

/// On the operator port, which is not worth a setting of its own.
const OPERATOR_HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// Connections to the operator port at once.
const OPERATOR_CONNECTIONS_MAX: usize = 64;

/// The longest head of a request, in bytes. Ours are below 2 KiB.
const HEAD_BYTES_MAX: usize = 32 * 1024;

/// Requests of one HTTP/2 connection that may be in work at once.
const STREAMS_PER_CONNECTION_MAX: u32 = 128;

/// A certificate and where it came from.
pub(super) struct Certificate {
    files: TlsFiles,
    config: RustlsConfig,
}

/// A socket that is served.
pub(super) struct Listener {
    address: SocketAddr,
    handle: Handle<SocketAddr>,
    task: JoinHandle<io::Result<()>>,
    ended: CancellationToken,
    certificate: Option<Certificate>,
}

/// Cuts a stop short.
pub(crate) struct Cutter {
    api: Option<Handle<SocketAddr>>,
    calls: CancellationToken,
}

impl Cutter {
    /// One for this API, if there is one, and for the calls that wait for `calls`.
    pub(super) fn of(api: Option<&Listener>, calls: CancellationToken) -> Self {
        Self {
            api: api.map(|api| api.handle.clone()),
            calls,
        }
    }

    /// Closes what is still open.
    pub(crate) fn cut(&self) {
        self.calls.cancel();
        if let Some(api) = &self.api {
            api.shutdown();
        }
    }
}

/// Takes the port.
pub(super) fn bind(address: SocketAddr, setting: &str) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).map_err(|error| {
        let failure = Failure::new(format!("{setting}: cannot listen on {address}: {error}"));
        match error.kind() {
            io::ErrorKind::AddrInUse => failure
                .hint("another program listens there, perhaps another axbridge; name another port"),
            io::ErrorKind::PermissionDenied => {
                failure.hint("ports below 1024 need a privilege; name another port")
            }
            io::ErrorKind::AddrNotAvailable => {
                failure.hint("this machine has no such address; 0.0.0.0 listens on all")
            }
            _ => failure,
        }
    })
}

/// Reads the certificate, if the API is to be HTTPS.
pub(super) async fn load_certificate(http: &Http) -> Result<Option<Certificate>, Failure> {
    let Some(files) = http.tls() else {
        return Ok(None);
    };
    let read = RustlsConfig::from_pem_file(&files.certificate, &files.key).await;
    let config = read.map_err(|error| {
        let (certificate, key) = (files.certificate.display(), files.key.display());
        Failure::new(format!("TLS with {certificate} and {key}: {error}"))
            .hint("both are PEM files, and the key is the certificate's")
    })?;
    Ok(Some(Certificate { files, config }))
}

/// Whether the certificate can be used.
pub(crate) async fn check_certificate(http: &Http) -> Result<(), Failure> {
    load_certificate(http).await.map(|_| ())
}

impl Listener {
    /// Serves the API.
    pub(super) fn api(
        socket: TcpListener,
        app: &Arc<App>,
        settings: &Settings,
        certificate: Option<Certificate>,
    ) -> io::Result<Self> {
        let routes = super::gateway::routes(app, settings);
        let admission = Admission::new(settings.http.connections_max);
        let header_timeout = settings.http.header_timeout();
        Self::serve(socket, routes, admission, header_timeout, certificate)
    }

    /// Serves metrics and health.
    pub(super) fn operator(socket: TcpListener, app: &Arc<App>) -> io::Result<Self> {
        let routes = super::gateway::operator_routes(app);
        let admission = Admission::new(OPERATOR_CONNECTIONS_MAX);
        Self::serve(socket, routes, admission, OPERATOR_HEADER_TIMEOUT, None)
    }

    fn serve(
        socket: TcpListener,
        routes: Router,
        admission: Admission,
        header_timeout: Duration,
        certificate: Option<Certificate>,
    ) -> io::Result<Self> {
        let address = socket.local_addr()?;
        let handle = Handle::new();
        let ended = CancellationToken::new();
        let at_end = ended.clone().drop_guard();
        let mut server = axum_server::from_tcp(socket)?
            .handle(handle.clone())
            .first_request_timeout(header_timeout)
            .accept_error_handler(|_, error| {
                // What has no place was told of where it was refused.
                if error.kind() != io::ErrorKind::ConnectionRefused {
                    tracing::warn!(%error, "a connection could not be accepted");
                }
            });
        let protocols = server.http_builder();
        protocols
            .http1()
            .header_read_timeout(header_timeout)
            .max_buf_size(HEAD_BYTES_MAX);
        protocols
            .http2()
            .max_header_list_size(HEAD_BYTES_MAX as u32)
            .max_concurrent_streams(STREAMS_PER_CONNECTION_MAX);
        let routes = routes.into_make_service_with_connect_info::<SocketAddr>();
        let config = certificate.as_ref().map(|it| it.config.clone());
        let task = tokio::spawn(async move {
            let _at_end = at_end;
            match config {
                Some(config) => {
                    let tls = axum_server::tls_rustls::RustlsAcceptor::new(config)
                        .handshake_timeout(header_timeout)
                        .acceptor(admission);
                    server.acceptor(tls).serve(routes).await
                }
                None => server.acceptor(admission).serve(routes).await,
            }
        });
        Ok(Self {
            address,
            handle,
            task,
            ended,
            certificate,
        })
    }

    /// The address with its real port.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address as a URL that works on this machine.
    pub(super) fn url(&self, scheme: &str) -> String {
        url_of(scheme, self.address)
    }

    /// Ends when nothing is served any more.
    pub(super) fn ended(&self) -> impl Future<Output = ()> + use<> {
        self.ended.clone().cancelled_owned()
    }

    /// Reads the certificate anew.
    pub(super) async fn reload_certificate(&self) {
        let Some(Certificate { files, config }) = &self.certificate else {
            return;
        };
        match config
            .reload_from_pem_file(&files.certificate, &files.key)
            .await
        {
            Ok(()) => tracing::info!("the certificate was read anew"),
            Err(error) => {
                tracing::error!(%error, "the new certificate cannot be used; the old one stays");
            }
        }
    }

    /// Takes no new connections and waits for what was accepted, at most `drain`.
    pub(super) async fn stop(self, drain: Duration) -> Result<(), Failure> {
        self.handle.graceful_shutdown(Some(drain));
        match self.task.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Failure::new(format!("serving failed: {error}"))),
            Err(error) => Err(Failure::new(format!("serving failed: {error}"))),
        }
    }
}
