//! The calls of the demo: a phone plays the carrier with everybody's phones on it, and what each
//! of them saw and heard is told.

use std::path::Path;
use std::time::Duration;

use axbridge_voice::phone::{CallReport, Ended, Phone, PhoneCall, Script, Stage};
use serde_json::{Value, json};

use super::story::{Story, named};
use crate::client::Client;
use crate::failure::Failure;
use crate::output::{list, text};

/// The tones that callers and callees say.
const CALLER_HZ: f32 = 440.0;
const CALLEE_HZ: f32 = 880.0;
/// How much of the other's tone each must hear before the caller hangs up.
const TONE_MIN: Duration = Duration::from_millis(500);
/// How long a call of the demo may take in all.
const CALL_TIME_MAX: Duration = Duration::from_secs(30);
/// How often a phone is asked what it heard.
const LOOK: Duration = Duration::from_millis(50);
/// The phone's address.
const HOST: &str = "127.0.0.1:0";

/// The carrier of the demo.
pub(super) struct Carrier {
    phone: Phone,
    server: std::net::SocketAddr,
}

/// A call as both phones told it.
struct Told {
    caller: CallReport,
    callee: Option<CallReport>,
}

impl Carrier {
    /// Switches the phone on and makes a trunk of it.
    pub(super) async fn start(
        story: &mut Story,
        operator: &Client,
        sip: Option<&str>,
    ) -> Result<Self, Failure> {
        let server = sip.and_then(|text| text.parse().ok());
        let server = server.ok_or_else(|| Failure::new("the demo's server speaks no SIP"))?;
        let host = HOST.parse().map_err(|_| Failure::new("no address"))?;
        let phone = Phone::open(host).await;
        let phone = phone.map_err(|error| Failure::new(error.to_string()))?;
        story.step("A carrier: a scripted phone that rings for every number (CreateTrunk)");
        let trunk = json!({"TrunkName": "demo-carrier", "Peers": [phone.address().to_string()]});
        operator.call("CreateTrunk", &trunk).await?;
        story.tell(&format!(
            "trunk demo-carrier at {}, the server takes calls at {server}",
            phone.address()
        ));
        let beeps = Script::tone(CALLEE_HZ);
        phone.answer_others(beeps);
        Ok(Self { phone, server })
    }

    /// Somebody calls X, and somebody answers: tells what both saw and heard.
    pub(super) async fn talk(
        &self,
        story: &mut Story,
        caller: &str,
        x: &str,
    ) -> Result<(), Failure> {
        let told = tokio::time::timeout(CALL_TIME_MAX, self.place(caller, x)).await;
        let told = told.map_err(|_| Failure::new("a call of the demo did not end"))??;
        let Some(callee) = &told.callee else {
            return Err(Failure::new(format!("{} rang nobody", named(caller))));
        };
        story.tell(&format!(
            "{} dials {x}: {} rings and sees {}",
            named(caller),
            named(&callee.dialled),
            callee.caller_shown,
        ));
        story.tell(&format!(
            "   {:.1} s of talk; the callee heard the caller's tone for {:.1} s, the caller the \
             callee's for {:.1} s",
            told.caller.talked.as_secs_f32(),
            callee.heard.tone(CALLER_HZ).as_secs_f32(),
            told.caller.heard.tone(CALLEE_HZ).as_secs_f32(),
        ));
        Ok(())
    }

    async fn place(&self, caller: &str, x: &str) -> Result<Told, Failure> {
        let broken = || Failure::new("a call of the demo was broken off");
        let script = Script::tone(CALLER_HZ);
        let mut out = self.phone.call(self.server, caller, x, script).await;
        let incoming = tokio::select! {
            incoming = self.phone.next_call() => incoming,
            _ = out.reaches(Stage::Over) => None,
        };
        if let Some(incoming) = &incoming
            && out.reaches(Stage::Answered).await
        {
            until_heard(&out, CALLEE_HZ).await;
            until_heard(incoming, CALLER_HZ).await;
        }
        out.hang_up().await;
        let caller = out.report().await.ok_or_else(broken)?;
        let callee = match incoming {
            Some(incoming) => Some(incoming.report().await.ok_or_else(broken)?),
            None => None,
        };
        Ok(Told { caller, callee })
    }

    /// Somebody calls X in vain: tells what they heard and got.
    pub(super) async fn refused(
        &self,
        story: &mut Story,
        caller: &str,
        x: &str,
    ) -> Result<(), Failure> {
        let out = self
            .phone
            .call(self.server, caller, x, Script::default())
            .await;
        let report = tokio::time::timeout(CALL_TIME_MAX, out.report()).await;
        let report = report.ok().flatten();
        let report = report.ok_or_else(|| Failure::new("a call of the demo did not end"))?;
        let Ended::Refused(status) = report.ended else {
            return Err(Failure::new(format!("{} was not refused", named(caller))));
        };
        story.tell(&format!(
            "{} dials {x}: nobody rings ({status}); the caller hears {:.1} s of announcement",
            named(caller),
            report.heard.loud().as_secs_f32(),
        ));
        Ok(())
    }

    /// What the calls left: records, and recordings.
    pub(super) async fn records(
        &self,
        story: &mut Story,
        application: &Client,
        binding: &str,
        spool: &Path,
    ) -> Result<(), Failure> {
        story.step("What the calls left (ListCalls)");
        let asked = json!({"SubId": binding});
        let found = application.call("ListCalls", &asked).await?;
        for call in list(&found, "Records") {
            story.tell(&record(call));
        }
        let files = recordings(spool);
        let of_binding = files.iter().filter(|path| {
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            // The sides and the stereo file lie beside the mixed one.
            name.starts_with(binding) && !name.contains('-')
        });
        for path in of_binding {
            story.tell(&format!("recording {}", path.display()));
        }
        Ok(())
    }
}

async fn until_heard(call: &PhoneCall, frequency_hz: f32) {
    while let Some(heard) = call.heard().await {
        if heard.tone(frequency_hz) >= TONE_MIN {
            return;
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn record(call: &Value) -> String {
    format!(
        "{}: {} called {} by X {}: {}, {} s of talk",
        text(call, "CallId"),
        named(text(call, "Caller")),
        named(text(call, "Callee")),
        text(call, "PhoneNoX"),
        text(call, "CallResultName"),
        call["CallDuration"],
    )
}

/// Files of sound below a directory.
fn recordings(directory: &Path) -> Vec<std::path::PathBuf> {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(recordings(&path));
        } else if path.extension().is_some_and(|it| it == "wav") {
            found.push(path);
        }
    }
    found.sort();
    found
}
