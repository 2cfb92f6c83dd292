//! `doctor`: looks at each thing a server needs, and says what to do about
//! those that are amiss.

mod disk;
mod network;
mod store;
mod voice;

use std::process::ExitCode;

use axbridge_domain::numbering::Numbering;
use axbridge_domain::trunk::Trunk;
use serde_json::{Value, json};

use crate::cli::{Global, Settings as SettingFlags};
use crate::config::Settings;
use crate::failure::Failure;
use crate::output::{Output, list, text};
use crate::wire::{numbering_of, services_of};

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// As it should be.
    Ok,
    /// The server works, but not as well as it could.
    Warn,
    /// The server will not work.
    Fail,
}

/// One line of the report.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    check: &'static str,
    level: Level,
    says: String,
    hint: Option<String>,
}

impl Finding {
    /// Fine.
    pub(super) fn ok(check: &'static str, says: impl Into<String>) -> Self {
        Self::new(check, Level::Ok, says)
    }

    /// To look at.
    pub(super) fn warn(check: &'static str, says: impl Into<String>) -> Self {
        Self::new(check, Level::Warn, says)
    }

    /// To repair.
    pub(super) fn fail(check: &'static str, says: impl Into<String>) -> Self {
        Self::new(check, Level::Fail, says)
    }

    fn new(check: &'static str, level: Level, says: impl Into<String>) -> Self {
        Self {
            check,
            level,
            says: says.into(),
            hint: None,
        }
    }

    /// Adds what to do.
    #[must_use]
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// A failure of a command as a finding.
    pub(super) fn of(check: &'static str, failure: &Failure) -> Self {
        Self {
            hint: failure.hint_text().map(str::to_owned),
            ..Self::fail(check, failure.what())
        }
    }
}

/// Looks at everything; exit code 1 when something is to repair.
pub(crate) async fn run(
    global: &Global,
    output: Output,
    flags: &SettingFlags,
) -> Result<ExitCode, Failure> {
    let findings = match super::serve::settings_of(global, flags) {
        Ok(settings) => all(&settings).await,
        Err(failure) => vec![Finding::of("settings", &failure)],
    };
    let failed = findings.iter().filter(|it| it.level == Level::Fail).count();
    let checks: Vec<Value> = findings.iter().map(value_of).collect();
    output.show(&json!({"Checks": checks, "Failed": failed}), report);
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn all(settings: &Settings) -> Vec<Finding> {
    let mut findings = vec![Finding::ok("settings", "all of them can be used")];
    findings.extend(numbering(settings));
    findings.extend(disk::look(&settings.store));
    let server = network::running_server(&settings.store.data).await;
    let store = store::look(settings, server.as_ref()).await;
    findings.extend(store.findings);
    findings.extend(network::ports(settings, server.as_ref()).await);
    findings.extend(network::certificate(settings).await);
    let trunks = with_trunks_of_settings(store.trunks, settings, &mut findings);
    findings.extend(voice::look(settings, server.as_ref(), &trunks).await);
    findings
}

/// The trunks there are, and those that the settings describe, whether or not the server has read
/// them.
fn with_trunks_of_settings(
    mut trunks: Vec<Trunk>,
    settings: &Settings,
    findings: &mut Vec<Finding>,
) -> Vec<Trunk> {
    // What cannot be read at all is told with the settings.
    for (name, change) in settings.voice.trunks().unwrap_or_default() {
        let described = name.parse().map(Trunk::new);
        let described = described.map_err(|error| error.to_string());
        let described = described.and_then(|mut trunk| {
            for (field, text) in &change.fields {
                trunk.set(field, text).map_err(|error| error.to_string())?;
            }
            trunk.check().map_err(|error| error.to_string())?;
            Ok(trunk)
        });
        match described {
            Ok(trunk) => {
                trunks.retain(|known| known.name != trunk.name);
                trunks.push(trunk);
            }
            Err(why) => {
                let says = format!("voice.trunks: {name}: {why}");
                findings.push(Finding::fail("settings", says));
            }
        }
    }
    trunks
}

fn numbering(settings: &Settings) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Err(failure) = services_of(&settings.numbering) {
        findings.push(Finding::of("service numbers", &failure));
    }
    findings.push(match numbering_of(&settings.numbering) {
        Err(failure) => Finding::of("numbering", &failure),
        Ok(numbering) if numbering.overlay_prefix_count() > 0 => {
            let count = numbering.overlay_prefix_count();
            Finding::ok(
                "numbering",
                format!(
                    "{count} prefixes of numbering.overlay over those of {}",
                    Numbering::data_date()
                ),
            )
        }
        Ok(_) => Finding::warn(
            "numbering",
            format!("mobile prefixes are as of {}", Numbering::data_date()),
        )
        .hint("newer ones have no city; numbering.overlay can add them"),
    });
    findings
}

fn value_of(finding: &Finding) -> Value {
    let level = match finding.level {
        Level::Ok => "ok",
        Level::Warn => "warn",
        Level::Fail => "fail",
    };
    json!({
        "Check": finding.check,
        "Level": level,
        "Message": finding.says,
        "Hint": finding.hint,
    })
}

fn report(value: &Value) -> String {
    let mut lines = String::new();
    for check in list(value, "Checks") {
        lines.push_str(&format!(
            "{:4}  {:15}  {}\n",
            text(check, "Level"),
            text(check, "Check"),
            text(check, "Message")
        ));
        if !text(check, "Hint").is_empty() {
            lines.push_str(&format!("{:23}{}\n", "", text(check, "Hint")));
        }
    }
    lines
}
