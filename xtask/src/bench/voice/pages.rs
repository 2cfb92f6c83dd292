//! The tables of `bench-voice`.

use serde_json::Value;

use super::{RATE, Set};
use crate::bench::measurement::{median, number, text};
use crate::bench::page::{table, thousands};

/// What is asked of the voice plane.
const CPU_TIMES_MAX: f64 = 0.5;
const RECORDED_PER_CORE_MIN: f64 = 900.0;
const RELAY_TIMES_MIN: f64 = 1.3;
const KIB_A_CALL_MAX: f64 = 40.0;

/// The share of calls with a message that had to be sent again from which on a rate is not
/// sustained any more.
const REPEATED_SHARE_MAX: f64 = 0.01;

pub(super) fn part(sets: &[Set], talks: &[(&str, Value)]) -> String {
    format!(
        "{}\n{}\n{}\n{}",
        costs(sets),
        steps(sets),
        talking(talks),
        targets(sets, talks)
    )
}

/// Milliseconds of all processes for a call: the median of the rounds.
fn ms_a_call(set: &Set) -> f64 {
    median(all(set, |round| number(&round["spent"], "ms_a_call")))
}

fn all(set: &Set, of: impl Fn(&Value) -> f64) -> Vec<f64> {
    set.rounds.iter().map(of).collect()
}

fn failed(set: &Set) -> f64 {
    all(set, |round| number(round, "failed")).iter().sum()
}

fn costs(sets: &[Set]) -> String {
    let row = |set: &Set| {
        let middle = |field: &str, share: &str| {
            format!(
                "{:.1}",
                median(all(set, |round| number(&round[field], share)))
            )
        };
        let last = set.rounds.last().cloned().unwrap_or_default();
        let programs = last["spent"]["programs"].as_object();
        let calls = number(&last, "calls").max(1.0);
        let shares: Vec<String> = programs
            .into_iter()
            .flatten()
            .map(|(name, cpu_s)| {
                let ms = cpu_s.as_f64().unwrap_or_default() * 1e3 / calls;
                format!("{name} {ms:.2}")
            })
            .collect();
        vec![
            set.name.to_owned(),
            format!("{:.2}", ms_a_call(set)),
            shares.join(", "),
            thousands(failed(set)),
            thousands(all(set, |round| number(round, "repeated")).iter().sum()),
            middle("ringing_ms", "p50"),
            middle("ringing_ms", "p99"),
            middle("answered_ms", "p50"),
            middle("answered_ms", "p99"),
        ]
    };
    let rows: Vec<Vec<String>> = sets.iter().map(row).collect();
    let head = [
        &format!("{RATE} new calls a second"),
        "processor time of a call, ms",
        "in the last round",
        "failed",
        "messages sent again",
        "until 180, p50 ms",
        "p99 ms",
        "until 200, p50 ms",
        "p99 ms",
    ];
    table(&head, &rows)
}

fn is_sustained(step: &Value) -> bool {
    let repeated = number(step, "repeated") / number(step, "calls").max(1.0);
    number(step, "failed") == 0.0 && repeated <= REPEATED_SHARE_MAX
}

/// The most new calls a second that did no harm.
fn most(set: &Set) -> f64 {
    let tried = set.rounds.iter().chain(&set.steps);
    let sustained = tried.filter(|step| is_sustained(step));
    sustained
        .map(|step| number(step, "rate"))
        .fold(0.0, f64::max)
}

fn steps(sets: &[Set]) -> String {
    let of_set = |set: &Set| -> Vec<Vec<String>> {
        let row = |step: &Value| {
            vec![
                set.name.to_owned(),
                thousands(number(step, "rate")),
                thousands(number(step, "failed")),
                thousands(number(step, "repeated")),
                format!("{:.0} %", number(&step["spent"], "share") * 100.0),
                format!("{:.1}", number(&step["ringing_ms"], "p50")),
                format!("{:.1}", number(&step["ringing_ms"], "p99")),
                if is_sustained(step) { "yes" } else { "no" }.to_owned(),
            ]
        };
        set.steps.iter().map(row).collect()
    };
    let rows: Vec<Vec<String>> = sets.iter().flat_map(of_set).collect();
    if rows.is_empty() {
        return String::new();
    }
    let head = [
        "more calls",
        "new calls a second",
        "failed",
        "messages sent again",
        "of a core",
        "until 180, p50 ms",
        "p99 ms",
        "sustained",
    ];
    table(&head, &rows)
}

fn talking(talks: &[(&str, Value)]) -> String {
    let row = |(name, talk): &(&str, Value)| {
        vec![
            (*name).to_owned(),
            text(talk, "mode").to_owned(),
            thousands(number(talk, "calls")),
            thousands(number(talk, "failed")),
            thousands(number(talk, "sent")),
            thousands(number(talk, "lost")),
            format!("{:.1}", number(talk, "latency_mean_ms")),
            format!("{:.1}", number(talk, "latency_p99_ms")),
            format!("{:.1} %", number(&talk["talking"], "share") * 100.0),
            thousands(number(talk, "calls_per_core")),
            thousands(number(talk, "grown_kib_a_call")),
        ]
    };
    let rows: Vec<Vec<String>> = talks.iter().map(row).collect();
    let head = [
        "sound",
        "mode",
        "calls",
        "failed",
        "packets sent",
        "lost",
        "mean latency, ms",
        "99 %, ms",
        "of a core",
        "calls a core",
        "KiB a call",
    ];
    table(&head, &rows)
}

fn targets(sets: &[Set], talks: &[(&str, Value)]) -> String {
    let talk = |index: usize| talks.get(index).map(|(_, talk)| talk);
    let per_core = |index| talk(index).map_or(0.0, |talk| number(talk, "calls_per_core"));
    let kib = talk(0).map_or(f64::MAX, |talk| number(talk, "grown_kib_a_call"));
    let mut rows = Vec::new();
    let mut row = |what: &str, target: &str, found: String, met: bool| {
        let verdict = if met { "met" } else { "missed" };
        rows.push([what, target, &found, verdict].map(str::to_owned).to_vec());
    };
    if let [ours, theirs, ..] = sets {
        let times = ms_a_call(ours) / ms_a_call(theirs);
        let what = "processor time of a call, against Kamailio with topos and rtpengine";
        row(what, "≤ 0.5", format!("{times:.2}"), times <= CPU_TIMES_MAX);
        let what = "new calls a second with none failed, the carriers on the same processors";
        let found = thousands(most(ours));
        row(
            what,
            "≥ 300",
            found,
            most(ours) >= f64::from(RATE) && failed(ours) == 0.0,
        );
    }
    // In the order of the runs: ours, theirs; relayed, recorded.
    let what = "recorded calls a core";
    let found = thousands(per_core(2));
    row(what, "≥ 900", found, per_core(2) >= RECORDED_PER_CORE_MIN);
    for (what, ours, theirs) in [
        ("relayed calls a core against rtpengine's", 0, 1),
        ("recorded calls a core against rtpengine's", 2, 3),
        (
            "recorded calls a core against those that rtpengine only relays",
            2,
            1,
        ),
    ] {
        let times = per_core(ours) / per_core(theirs);
        row(
            what,
            "≥ 1.3",
            format!("{times:.2}"),
            times >= RELAY_TIMES_MIN,
        );
    }
    let what = "KiB of a talking call";
    row(what, "≤ 40", thousands(kib), kib <= KIB_A_CALL_MAX);
    table(&["what", "target", "measured", ""], &rows)
}
