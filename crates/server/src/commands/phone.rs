//! `phone`: a scripted softphone and carrier, for tests without a carrier.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use axbridge_domain::trunk::read_number;
use axbridge_voice::phone::{Answer, CallReport, Ended, Phone, Say, Script};
use serde_json::{Map, Value, json};

use crate::cli::{self, Fate, Global, PhoneCall, PhoneListen, PhoneVoice, Sound};
use crate::failure::Failure;
use crate::operator_file;
use crate::output::{Output, fields, say};

/// Where the phone listens unless told otherwise: a port that trunks can name.
const BIND: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 5080);
/// Where a server speaks SIP unless told otherwise.
const SERVER: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 5060);
/// Between two digits.
const BETWEEN_DIGITS: Duration = Duration::from_millis(300);
/// What the one who is called says when the caller beeps: another tone, so that nobody takes an
/// echo for the other.
const OTHER_BEEP_HZ: f32 = 880.0;
/// How much of a tone must be heard to count as found.
const TONE_MIN: Duration = Duration::from_millis(200);
/// How long the call that the server makes may take to end after the caller's has.
const OTHER_END: Duration = Duration::from_secs(5);

/// Runs the command.
pub(crate) async fn run(
    global: &Global,
    output: Output,
    phone: &cli::Phone,
) -> Result<ExitCode, Failure> {
    match phone {
        cli::Phone::Call(asked) => call(global, output, asked).await,
        cli::Phone::Listen(asked) => listen(output, asked).await,
    }
}

async fn open(voice: &PhoneVoice) -> Result<Phone, Failure> {
    let bind = voice.bind.unwrap_or(SocketAddr::from(BIND));
    Phone::open(bind).await.map_err(|error| {
        Failure::new(error.to_string()).hint("name another one with --bind ADDRESS:PORT")
    })
}

fn answer_of(fate: Fate) -> Answer {
    match fate {
        Fate::After(time) => Answer::After(time),
        Fate::Busy => Answer::Refuse(486, Duration::ZERO),
        Fate::Decline => Answer::Refuse(603, Duration::ZERO),
        Fate::Never => Answer::Never,
    }
}

fn script(voice: &PhoneVoice, fate: Fate) -> Script {
    let script = Script {
        answer: answer_of(fate),
        say: match voice.say {
            Sound::Beep(hertz) => Say::Tone(hertz),
            Sound::Silence => Say::Silence,
            Sound::Nothing => Say::Nothing,
        },
        hang_up_after: voice.hang_up_after,
        ..Script::default()
    };
    script.keying(&voice.key, voice.key_after, BETWEEN_DIGITS)
}

async fn call(global: &Global, output: Output, asked: &PhoneCall) -> Result<ExitCode, Failure> {
    let server = server_of(global, asked)?;
    let expected = Expected::read(&asked.expect)?;
    let phone = open(&asked.voice).await?;
    let own_hz = match asked.voice.say {
        Sound::Beep(hertz) => Some(hertz),
        _ => None,
    };
    phone.answer_others(Script {
        answer: answer_of(asked.answer),
        say: own_hz.map_or(Say::Silence, |_| Say::Tone(OTHER_BEEP_HZ)),
        ..Script::default()
    });
    let mine = Script {
        give_up_after: Some(asked.give_up_after),
        ..script(&asked.voice, Fate::Never)
    };
    let placed = phone.call(server, &asked.from, &asked.to, mine).await;
    let caller = tokio::select! {
        report = placed.report() => report,
        _ = tokio::signal::ctrl_c() => None,
    };
    let caller = caller.ok_or_else(|| Failure::new("the call was broken off"))?;
    // The other leg, if there was one, came before the caller's could be answered.
    let callee = tokio::time::timeout(OTHER_END, async {
        match phone.next_call().await {
            Some(call) => call.report().await,
            None => None,
        }
    });
    let is_due = caller.answered || caller.provisional.contains(&180);
    let callee = if is_due {
        callee.await.ok().flatten()
    } else {
        tokio::time::timeout(Duration::ZERO, callee)
            .await
            .ok()
            .and_then(Result::ok)
            .flatten()
    };
    let failures = judge(&asked.voice, &expected, own_hz, &caller, callee.as_ref());
    Ok(show(output, &caller, callee.as_ref(), own_hz, failures))
}

fn server_of(global: &Global, asked: &PhoneCall) -> Result<SocketAddr, Failure> {
    if let Some(server) = asked.server {
        return Ok(server);
    }
    let Some(data) = &global.data else {
        return Ok(SocketAddr::from(SERVER));
    };
    let file = operator_file::read(data)?;
    let named = file.and_then(|file| file.sip_endpoint);
    named.and_then(|text| text.parse().ok()).ok_or_else(|| {
        Failure::new(format!("the server of {} speaks no SIP", data.display()))
            .hint("start it with `axbridge serve --sip ADDRESS:PORT`, or name one with --server")
    })
}

/// How a call must come out.
enum Expected {
    Answered,
    Unanswered,
    Status(&'static [u16]),
    One(u16),
}

impl Expected {
    fn read(text: &str) -> Result<Self, Failure> {
        Ok(match text {
            "answered" => Self::Answered,
            "unanswered" => Self::Unanswered,
            "busy" => Self::Status(&[486, 600]),
            "refused" => Self::Status(&[403, 404, 480, 486, 488, 500, 503, 600, 603, 604]),
            _ => {
                let status: Option<u16> = text.parse().ok();
                let status = status.filter(|status| (300..700).contains(status));
                Self::One(status.ok_or_else(|| {
                    Failure::usage(format!("a call cannot come out `{text}`"))
                        .hint("expect answered, busy, refused, unanswered or a status such as 404")
                })?)
            }
        })
    }

    fn is_met(&self, caller: &CallReport) -> bool {
        match (self, &caller.ended) {
            (Self::Answered, _) => caller.answered,
            (Self::Unanswered, ended) => !caller.answered && *ended == Ended::GivenUp,
            (Self::Status(known), Ended::Refused(status)) => known.contains(status),
            (Self::One(known), Ended::Refused(status)) => known == status,
            _ => false,
        }
    }
}

/// What was not as it should be.
fn judge(
    voice: &PhoneVoice,
    expected: &Expected,
    own_hz: Option<f32>,
    caller: &CallReport,
    callee: Option<&CallReport>,
) -> Vec<String> {
    let mut failures = Vec::new();
    if !expected.is_met(caller) {
        failures.push(format!("the call came out otherwise: {}", outcome(caller)));
    }
    if let Some(number) = &voice.expect_caller_id {
        match callee {
            None => failures.push(
                "nobody was called at this phone, so no caller id was seen; a trunk's peer must \
                 name its address"
                    .to_owned(),
            ),
            Some(callee) => failures.extend(wrong_caller(number, callee)),
        }
    }
    if let (Some(own_hz), Some(callee), true) = (own_hz, callee, caller.answered) {
        if callee.heard.tone(own_hz) < TONE_MIN {
            failures.push(format!("the callee did not hear the caller's {own_hz} Hz"));
        }
        if caller.heard.tone(OTHER_BEEP_HZ) < TONE_MIN {
            failures.push(format!(
                "the caller did not hear the callee's {OTHER_BEEP_HZ} Hz"
            ));
        }
    }
    failures
}

fn wrong_caller(expected: &str, report: &CallReport) -> Option<String> {
    let same = |shown: &str| {
        shown == expected
            || (read_number(shown).is_some() && read_number(shown) == read_number(expected))
    };
    let asserted = &report.caller_asserted;
    if same(&report.caller_shown) && (asserted.is_empty() || same(asserted)) {
        return None;
    }
    Some(format!(
        "the caller id shown is {}, not {expected}",
        if same(&report.caller_shown) {
            asserted
        } else {
            &report.caller_shown
        }
    ))
}

fn outcome(report: &CallReport) -> String {
    match (&report.ended, report.answered) {
        (_, true) => "answered".to_owned(),
        (Ended::Refused(status), _) => format!("refused with {status}"),
        (Ended::GivenUp, _) => "not answered".to_owned(),
        (Ended::Cancelled, _) => "the caller gave up".to_owned(),
        _ => {
            "no answer from the other end; check its address and that its trunk lets this phone in"
                .to_owned()
        }
    }
}

fn ended_word(ended: &Ended) -> &'static str {
    match ended {
        Ended::HungUp => "hung up",
        Ended::ByOther => "hung up by the other",
        Ended::Refused(_) => "refused",
        Ended::GivenUp => "given up",
        Ended::Cancelled => "cancelled",
        Ended::Lost => "lost",
    }
}

fn ms(time: Duration) -> Value {
    json!(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

/// A call as the command tells it.
fn record(report: &CallReport, tone_hz: Option<f32>) -> Value {
    let mut record = Map::new();
    let mut put = |name: &str, value: Value| record.insert(name.to_owned(), value);
    put("Dialled", json!(report.dialled));
    put("CallerId", json!(report.caller_shown));
    if !report.caller_asserted.is_empty() {
        put("CallerIdAsserted", json!(report.caller_asserted));
    }
    put("Answered", json!(report.answered));
    if let Ended::Refused(status) = report.ended {
        put("Status", json!(status));
    }
    put("Ended", json!(ended_word(&report.ended)));
    put("TalkedMs", ms(report.talked));
    put("SoundMs", ms(report.heard.loud()));
    if let Some(tone_hz) = tone_hz {
        put("ToneMs", ms(report.heard.tone(tone_hz)));
    }
    put("Digits", json!(report.heard.digits));
    put("SipCallId", json!(report.call_id));
    Value::Object(record)
}

fn show(
    output: Output,
    caller: &CallReport,
    callee: Option<&CallReport>,
    own_hz: Option<f32>,
    failures: Vec<String>,
) -> ExitCode {
    let value = json!({
        "Passed": failures.is_empty(),
        "Failures": failures,
        "Caller": record(caller, own_hz.map(|_| OTHER_BEEP_HZ)),
        "Callee": callee.map(|callee| record(callee, own_hz)),
    });
    output.show(&value, |value| {
        let mut text = format!("caller\n{}", indented(&fields(&value["Caller"])));
        if callee.is_some() {
            text.push_str(&format!(
                "\ncallee\n{}",
                indented(&fields(&value["Callee"]))
            ));
        }
        text
    });
    end(output, &failures)
}

fn indented(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| format!("  {line}")).collect();
    lines.join("\n")
}

fn end(output: Output, failures: &[String]) -> ExitCode {
    if failures.is_empty() {
        if !output.is_json() {
            say("passed");
        }
        return ExitCode::SUCCESS;
    }
    if !output.is_json() {
        for failure in failures {
            say(&format!("failed: {failure}"));
        }
    }
    ExitCode::from(1)
}

async fn listen(output: Output, asked: &PhoneListen) -> Result<ExitCode, Failure> {
    let phone = open(&asked.voice).await?;
    let mine = script(&asked.voice, asked.answer_after);
    match &asked.number {
        Some(number) => {
            phone.answer(number, mine);
            let nobody = Answer::Refuse(404, Duration::ZERO);
            phone.answer_others(Script::default().answering(nobody));
        }
        None => phone.answer_others(mine),
    }
    if !output.is_json() {
        say(&format!("listening on {}", phone.address()));
    }
    let taking = take_calls(&phone, asked, output);
    let (calls, failures) = tokio::select! {
        taken = taking => taken,
        _ = tokio::signal::ctrl_c() => return Ok(ExitCode::SUCCESS),
        () = after(asked.within) => {
            let within = asked.within.unwrap_or_default().as_secs();
            return Err(Failure::new(format!("the calls did not come and go within {within} s"))
                .hint("check that a trunk's peer names this phone, and the server's log"));
        }
    };
    if output.is_json() {
        let value = json!({
            "Passed": failures.is_empty(), "Failures": failures, "Calls": calls,
        });
        output.show(&value, |_| String::new());
    }
    Ok(end(output, &failures))
}

async fn after(time: Option<Duration>) {
    match time {
        Some(time) => tokio::time::sleep(time).await,
        None => std::future::pending().await,
    }
}

async fn take_calls(
    phone: &Phone,
    asked: &PhoneListen,
    output: Output,
) -> (Vec<Value>, Vec<String>) {
    let (mut calls, mut failures) = (Vec::new(), Vec::new());
    let tone_hz = match asked.voice.say {
        Sound::Beep(hertz) => Some(hertz),
        _ => None,
    };
    let mut taken = 0;
    while asked.count == 0 || taken < asked.count {
        let Some(call) = phone.next_call().await else {
            break;
        };
        let Some(report) = call.report().await else {
            break;
        };
        taken += 1;
        if let Some(number) = &asked.voice.expect_caller_id {
            failures.extend(wrong_caller(number, &report));
        }
        let value = record(&report, tone_hz);
        if output.is_json() {
            calls.push(value);
        } else {
            say(&format!("call {taken}\n{}", indented(&fields(&value))));
        }
    }
    (calls, failures)
}
