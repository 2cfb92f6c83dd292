//! Builds the application and its listeners from settings, and owns their end.

mod connections;
mod courier;
mod gateway;
mod http;
mod keys;
mod open;
mod voice;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axbridge_app::App;
use axbridge_domain::trunk::Transport;
use axbridge_voice::plane::VoicePlane;
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
use voice::Voice;
pub(crate) use voice::peer_answer;

/// A running server.
pub(crate) struct Running {
    app: Arc<App>,
    /// `None` on a node that only takes calls.
    api: Option<Listener>,
    operator: Option<Listener>,
    voice: Option<Voice>,
    file: OperatorFile,
    listening: Option<String>,
    is_first_start: bool,
    sweeper: JoinHandle<()>,
    keeper: JoinHandle<()>,
    stop_sweeper: CancellationToken,
    courier: Option<Courier>,
    drain: Duration,
    voice_drain: Duration,
    cut: CancellationToken,
}

/// A run that was cut off leaves calls that nobody ended.
async fn close_open_calls(app: &App) -> Result<(), Failure> {
    let closed = app.close_calls_of_last_run().await;
    let closed = closed.map_err(open::app_failure)?;
    if closed > 0 {
        tracing::warn!(
            calls = closed,
            "calls that the last run left open were closed"
        );
    }
    Ok(())
}

impl Running {
    /// Starts everything; when this returns, requests are answered.
    ///
    /// # Errors
    /// What stands in the way, with what to do about it.
    pub(crate) async fn start(settings: &Settings) -> Result<Self, Failure> {
        prepare_data(&settings.store)?;
        // Ports first: a second server on the same ones should not touch data.
        let api = settings.voice.serves_api();
        let api = api.then(|| http::bind(settings.http.listen, "http.listen"));
        let api = api.transpose()?;
        let operator = settings.operator.listen;
        let operator = operator.map(|it| http::bind(it, "operator.listen"));
        let operator = operator.transpose()?;
        let tls = http::load_certificate(&settings.http).await?;
        let app = open::open(settings).await?;
        let first_key = app.first_start().await.map_err(open::app_failure)?;
        close_open_calls(&app).await?;
        let is_first_start = first_key.is_some();
        let key = open::operator_key(&app, &settings.store.data, first_key).await?;

        let api_address = match &api {
            Some(api) => api.local_addr()?,
            None => settings.http.listen,
        };
        keep_recordings(&app, settings, api_address)?;
        app.set_prompt_reader(voice::read_prompt);
        voice::fix_trunks(&app, settings)?;
        let voice = voice::start(&app, settings).await?;
        let api = api.map(|api| Listener::api(api, &app, settings, tls));
        let api = api.transpose()?;
        let operator = operator.map(|it| Listener::operator(it, &app));
        let operator = operator.transpose()?;
        let file = OperatorFile {
            endpoint: api
                .as_ref()
                .map_or_else(String::new, |api| settings.http.endpoint_at(api.address())),
            operator_endpoint: operator.as_ref().map(|it| it.url("http")),
            sip_endpoint: voice.as_ref().and_then(|voice| udp_address(&voice.plane)),
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
            listening: api.as_ref().map(|api| api.url(scheme)),
            app,
            api,
            operator,
            voice,
            file,
            is_first_start,
            sweeper,
            keeper,
            stop_sweeper,
            courier,
            drain: settings.http.drain(),
            voice_drain: settings.voice.drain(),
            cut: CancellationToken::new(),
        })
    }

    /// Where the API listens, as a URL with the real port, if this node answers it.
    pub(crate) fn listening(&self) -> Option<&str> {
        self.listening.as_deref()
    }

    /// Where calls are taken, as transport and address.
    pub(crate) fn sip_addresses(&self) -> Vec<String> {
        let addresses = self.voice.as_ref().map(|voice| voice.plane.addresses());
        let addresses = addresses.unwrap_or_default().into_iter();
        addresses
            .map(|(transport, address)| format!("sip over {} {address}", transport.name()))
            .collect()
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

    /// Reads the certificates anew; the old ones stay when the new ones are broken.
    pub(crate) async fn reload_certificate(&self) {
        if let Some(api) = &self.api {
            api.reload_certificate().await;
        }
        let voice = self.voice.as_ref().map(|voice| &voice.plane);
        let Some(voice) = voice.filter(|voice| voice.speaks_tls()) else {
            return;
        };
        match voice.reload_tls() {
            Ok(()) => tracing::info!("the certificate of SIP over TLS was read anew"),
            Err(error) => {
                tracing::error!(%error, "the new files of SIP over TLS cannot be used; the old stay");
            }
        }
    }

    /// Ends when the API has ended by itself, which it should not.
    pub(crate) fn ended(&self) -> impl Future<Output = ()> {
        let ended = self.api.as_ref().map(Listener::ended);
        async move {
            match ended {
                Some(ended) => ended.await,
                None => std::future::pending().await,
            }
        }
    }

    /// What cuts a stop short.
    pub(crate) fn cutter(&self) -> Cutter {
        Cutter::of(self.api.as_ref(), self.cut.clone())
    }

    /// Stops: takes no new calls and waits for those in progress, then takes no new
    /// connections and finishes what was accepted, each as long as the settings
    /// allow; lets go of the store.
    pub(crate) async fn stop(self) -> Result<(), Failure> {
        if let Some(Voice { plane: voice, .. }) = &self.voice {
            // A second signal leaves no more time than hanging up takes.
            let hung_up = tokio::select! {
                hung_up = voice.drain(self.voice_drain) => hung_up,
                () = self.cut.cancelled() => voice.drain(Duration::ZERO).await,
            };
            if hung_up > 0 {
                tracing::warn!(calls = hung_up, "calls were hung up to stop");
            }
            voice.stop().await;
        }
        let ended = match self.api {
            Some(api) => api.stop(self.drain).await,
            None => Ok(()),
        };
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

/// The first address for SIP over UDP.
fn udp_address(voice: &VoicePlane) -> Option<String> {
    let addresses = voice.addresses();
    let mut addresses = addresses.iter();
    let udp = addresses.find(|(transport, _)| *transport == Transport::Udp);
    udp.map(|(_, address)| address.to_string())
}

/// What is said of an address.
fn url_of(scheme: &str, address: SocketAddr) -> String {
    format!("{scheme}://{}", crate::config::reachable(address))
}
