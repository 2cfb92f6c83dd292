//! Builds the application and its listeners from settings, and owns their end.

mod connections;
mod courier;
mod gateway;
mod http;
mod keys;
mod open;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axbridge_app::App;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::config::Settings;
use crate::failure::Failure;
use crate::operator_file::{self, OperatorFile};
use courier::Courier;
use http::Listener;
pub(crate) use http::{Cutter, check_certificate};
pub(crate) use keys::Keys;
use open::prepare_data;
pub(crate) use open::{location_of, numbering_of, services_of};

/// A running server.
pub(crate) struct Running {
    app: Arc<App>,
    api: Listener,
    operator: Option<Listener>,
    file: OperatorFile,
    listening: String,
    is_first_start: bool,
    sweeper: JoinHandle<()>,
    keeper: JoinHandle<()>,
    stop_sweeper: CancellationToken,
    courier: Option<Courier>,
    drain: Duration,
}

impl Running {
    /// Starts everything; when this returns, requests are answered.
    ///
    /// # Errors
    /// What stands in the way, with what to do about it.
    pub(crate) async fn start(settings: &Settings) -> Result<Self, Failure> {
        prepare_data(&settings.store)?;
        // Ports first: a second server on the same ones should not touch data.
        let api = http::bind(settings.http.listen, "http.listen")?;
        let operator = settings.operator.listen;
        let operator = operator.map(|it| http::bind(it, "operator.listen"));
        let operator = operator.transpose()?;
        let tls = http::load_certificate(&settings.http).await?;
        let app = open::open(settings).await?;
        let first_key = app.first_start().await.map_err(open::app_failure)?;
        let closed = app.close_calls_of_last_run().await;
        let closed = closed.map_err(open::app_failure)?;
        if closed > 0 {
            tracing::warn!(
                calls = closed,
                "calls that the last run left open were closed"
            );
        }
        let is_first_start = first_key.is_some();
        let key = open::operator_key(&app, &settings.store.data, first_key).await?;

        keep_recordings(&app, settings, api.local_addr()?)?;
        let api = Listener::api(api, &app, settings, tls)?;
        let operator = operator.map(|it| Listener::operator(it, &app));
        let operator = operator.transpose()?;
        let file = OperatorFile {
            endpoint: settings.http.endpoint_at(api.address()),
            operator_endpoint: operator.as_ref().map(|it| it.url("http")),
            access_key_id: key.0,
            secret_access_key: key.1,
        };
        operator_file::write(&settings.store.data, &file)?;

        let stop_sweeper = CancellationToken::new();
        let stopped = stop_sweeper.clone().cancelled_owned();
        let interval = settings.sweep.interval();
        let sweeper = tokio::spawn(app.clone().sweep_until(interval, stopped));
        let courier = settings.callbacks.enabled.then(|| Courier::start(&app));
        let stopped = stop_sweeper.clone().cancelled_owned();
        let keeper = tokio::spawn(app.clone().recordings_until(stopped));
        let scheme = if settings.http.tls().is_some() {
            "https"
        } else {
            "http"
        };
        Ok(Self {
            listening: api.url(scheme),
            app,
            api,
            operator,
            file,
            is_first_start,
            sweeper,
            keeper,
            stop_sweeper,
            courier,
            drain: settings.http.drain(),
        })
    }

    /// Where the API listens, as a URL with the real port.
    pub(crate) fn listening(&self) -> &str {
        &self.listening
    }

    /// Where metrics and health are, if that port is on.
    pub(crate) fn operator_endpoint(&self) -> Option<&str> {
        self.file.operator_endpoint.as_deref()
    }

    /// How to reach the server as its operator.
    pub(crate) fn operator_file(&self) -> &OperatorFile {
        &self.file
    }

    /// Whether this start made the operator key.
    pub(crate) fn is_first_start(&self) -> bool {
        self.is_first_start
    }

    /// Reads the certificate anew; the old one stays when the new one is broken.
    pub(crate) async fn reload_certificate(&self) {
        self.api.reload_certificate().await;
    }

    /// Ends when the API has ended by itself, which it should not.
    pub(crate) fn ended(&self) -> impl Future<Output = ()> {
        self.api.ended()
    }

    /// What cuts a stop short.
    pub(crate) fn cutter(&self) -> Cutter {
        self.api.cutter()
    }

    /// Stops: takes no new connections, finishes what was accepted as long as the
    /// settings allow, lets go of the store.
    pub(crate) async fn stop(self) -> Result<(), Failure> {
        let ended = self.api.stop(self.drain).await;
        if let Some(operator) = self.operator {
            // Scrapes can wait for no one once the API is gone.
            operator.stop(Duration::ZERO).await?;
        }
        self.stop_sweeper.cancel();
        if let Some(courier) = self.courier {
            courier.stop().await;
        }
        let swept = self.sweeper.await;
        let kept = self.keeper.await;
        self.app.close().await;
        swept.map_err(|error| Failure::new(format!("the sweeper failed: {error}")))?;
        kept.map_err(|error| Failure::new(format!("keeping recordings failed: {error}")))?;
        ended
    }
}

/// Begins to keep recordings, if the settings say so.
fn keep_recordings(app: &App, settings: &Settings, api: SocketAddr) -> Result<(), Failure> {
    let public_url = settings.http.endpoint_at(api);
    let data = &settings.store.data;
    let Some(kept) = settings.recordings.settings(data, public_url) else {
        return Ok(());
    };
    app.keep_recordings(kept).map_err(|what| {
        Failure::new(format!("recordings cannot be kept: {what}"))
            .hint("see [recordings] in the settings")
    })
}

/// What is said of an address.
fn url_of(scheme: &str, address: SocketAddr) -> String {
    format!("{scheme}://{}", crate::config::reachable(address))
}
