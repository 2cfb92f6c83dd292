//! `serve`: the server, until it is asked to stop.

use std::path::Path;

use tokio::signal::unix::{SignalKind, signal};

use crate::cli::{Global, Serve, Settings as SettingFlags};
use crate::config::{self, Overrides, Settings};
use crate::failure::Failure;
use crate::logging;
use crate::operator_file;
use crate::output::say;
use crate::wire::Running;

/// Runs until SIGTERM or SIGINT, then finishes what was accepted.
pub(crate) async fn run(global: &Global, serve: &Serve) -> Result<(), Failure> {
    let settings = settings_of(global, &serve.settings)?;
    let _last_lines = logging::start(&settings.log)?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let running = Running::start(&settings).await?;
    announce(&settings, &running);
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hang_up.recv() => running.reload_certificate().await,
            () = running.ended() => break,
        }
    }
    tracing::info!("stopping: requests that were accepted are finished first");
    let cut_short = running.cutter();
    let second = tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        cut_short.cut();
    });
    let outcome = running.stop().await;
    second.abort();
    outcome
}

/// The settings of all layers.
pub(crate) fn settings_of(global: &Global, flags: &SettingFlags) -> Result<Settings, Failure> {
    let mut overrides = Overrides::new();
    let mut put = |key: &'static str, value: Option<String>| {
        if let Some(value) = value {
            overrides.push((key, value));
        }
    };
    put("http.listen", flags.http.clone());
    put("voice.sip", flags.sip.clone());
    put("operator.listen", flags.operator_http.clone());
    put("store.url", flags.store.clone().map(|it| it.0));
    put("store.data", global.data.as_deref().map(text_of));
    // Names and values that are no text cannot be settings.
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    config::load(flags.config.as_deref(), environment, &overrides)
}

fn text_of(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Says where the server is, and on the first start what to do with it.
fn announce(settings: &Settings, running: &Running) {
    if let Some(listening) = running.listening() {
        say(&format!("listening on {listening}"));
    }
    for sip in running.sip_addresses() {
        say(&format!("taking calls on {sip}"));
    }
    if let Some(operator) = running.operator_endpoint() {
        say(&format!("metrics and health on {operator}"));
    }
    if !running.is_first_start() {
        return;
    }
    let data = settings.store.data.display();
    say(&format!(
        "\nThis is the first start. The operator key is in {file}; commands find it by --data:\n\n  \
         axbridge --data {data} key create --role application\n  \
         axbridge --data {data} pool create --name first\n  \
         axbridge --data {data} number import --pool NP… numbers.csv\n",
        file = operator_file::path_in(&settings.store.data).display(),
    ));
}
