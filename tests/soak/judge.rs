//! Whether all is as it should be, and the table that tells it.

use std::{
    collections::HashMap,
    fmt::Write as _,
    time::{Duration, Instant},
};

use axbridge_tests::program::sum_of;
use serde_json::{Value, json};

use crate::{
    Plan,
    house::House,
    load::{Kind, Made},
    receiver::Told,
    watch::{Sample, Watch},
};

/// How long what is told late may take to come.
const PATIENCE: Duration = Duration::from_secs(60);
/// Records of one page.
const PAGE: usize = 500;
/// What the pages of its file that the embedded store's writer keeps take at most. They fill as the
/// file grows, over most of an hour.
const PAGE_CACHE_KB: f64 = 8_192.0;
/// What memory may grow by besides, from when every pair has called.
const GROWTH_KB: f64 = 6_000.0;
/// What it may grow by once the cache is full: less than a kilobyte a call.
const STEADY_GROWTH_KB: f64 = 2_000.0;
/// Files that may be open more than before the first call: connections that are kept for a while.
const FILES_MORE: usize = 16;

/// What the calls left.
pub(crate) struct Left {
    /// State, binding and result of each call's record.
    records: Vec<(String, String, i64)>,
    told: HashMap<String, Told>,
    messages: usize,
    again: usize,
    wrong: Vec<String>,
    spooled: usize,
    metrics: String,
    faults: Vec<String>,
}

impl Left {
    fn metric(&self, name: &str) -> f64 {
        sum_of(&self.metrics, name)
    }
}

/// Waits until everything was told, and reads what is there.
pub(crate) async fn what_is_left(house: &House, made: &[Made]) -> Left {
    let wanted: u32 = made
        .iter()
        .map(|it| it.kind.moments().iter().sum::<u32>() + 1 + u32::from(it.kind == Kind::Talk))
        .sum();
    let started = Instant::now();
    while house.receiver.messages().0 < wanted as usize && started.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (messages, again, mut wrong) = house.receiver.messages();
    let unexpected = house.a.unexpected() + house.b.unexpected();
    if unexpected > 0 {
        wrong.push(format!("{unexpected} calls that nobody waited for"));
    }
    let log = house.server.read("err");
    let faults = log
        .lines()
        .filter(|line| line.contains("ERROR") || line.contains("WARN"));
    Left {
        records: records(house),
        told: house.receiver.calls(),
        messages,
        again,
        wrong,
        spooled: house.spooled(),
        metrics: house.server.metrics(),
        faults: faults.map(str::to_owned).collect(),
    }
}

fn records(house: &House) -> Vec<(String, String, i64)> {
    let mut client = house.server.client();
    let mut records = Vec::new();
    loop {
        let page = json!({"Offset": records.len(), "Limit": PAGE});
        let found = client.call("ListCalls", &page).done("ListCalls");
        let rows = found["Records"].as_array().expect("a list");
        let text = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
        records.extend(rows.iter().map(|row| {
            let result = row["CallResult"].as_i64().unwrap_or_default();
            (text(row, "State"), text(row, "SubscriptionId"), result)
        }));
        if rows.len() < PAGE {
            return records;
        }
    }
}

/// The growth of memory over these samples, in kB, by the line that fits best, and the mean.
fn growth(samples: &[Sample]) -> (f64, f64) {
    let count = samples.len() as f64;
    let mean = |of: fn(&Sample) -> f64| samples.iter().map(of).sum::<f64>() / count;
    let (x_mean, y_mean) = (mean(|it| it.at.as_secs_f64()), mean(|it| it.rss_kb as f64));
    let (mut both, mut squares) = (0.0, 0.0);
    for it in samples {
        let x = it.at.as_secs_f64() - x_mean;
        both += x * (it.rss_kb as f64 - y_mean);
        squares += x * x;
    }
    let first = samples.first().map_or(0.0, |it| it.at.as_secs_f64());
    let last = samples.last().map_or(0.0, |it| it.at.as_secs_f64());
    (both / squares * (last - first), y_mean)
}

/// Everything that is wrong.
fn faults(plan: Plan, made: &[Made], left: &Left, watch: &Watch, rest: &Sample) -> Vec<String> {
    let mut faults: Vec<String> = made.iter().filter_map(|it| it.wrong.clone()).collect();
    faults.extend(left.wrong.iter().cloned());
    faults.extend(watch.wrong_recordings.iter().cloned());
    let mut check = |holds: bool, what: String| {
        if !holds {
            faults.push(what);
        }
    };
    let mut records: Vec<(&str, i64)> = Vec::new();
    for (state, sub_id, result) in &left.records {
        check(state == "ended", format!("a call is {state}"));
        records.push((sub_id, *result));
    }
    let mut wanted: Vec<(&str, i64)> = made
        .iter()
        .map(|it| (it.sub_id.as_str(), it.kind.result()))
        .collect();
    records.sort_unstable();
    wanted.sort_unstable();
    let counts = (records.len(), wanted.len());
    check(
        records == wanted,
        format!("records are not those of the calls: {counts:?}"),
    );
    check(
        left.told.len() == made.len(),
        format!("{} calls were told of", left.told.len()),
    );
    for (call, told) in &left.told {
        let kind = Kind::ALL
            .into_iter()
            .find(|it| Some(it.result()) == told.result);
        let is_right = kind.is_some_and(|kind| {
            let recordings = u32::from(kind == Kind::Talk);
            told.moments == kind.moments() && told.records == 1 && told.recordings == recordings
        });
        check(is_right, format!("{call} was told as {told:?}"));
    }
    check(
        left.again == 0,
        format!("{} messages came again", left.again),
    );
    let talks = made.iter().filter(|it| it.kind == Kind::Talk).count();
    check(
        watch.recordings == talks,
        format!("{} recordings of {talks}", watch.recordings),
    );
    check(
        left.spooled == 0,
        format!("{} files wait in the spool", left.spooled),
    );
    for name in [
        "recordings_failed_total",
        "voice_recordings_failed_total",
        "voice_calls_turned_away_total",
    ] {
        let count = left.metric(name);
        check(count == 0.0, format!("{name} is {count}"));
    }
    let dialogs = if plan.is_long() { rest.dialogs } else { 0.0 };
    check(
        (rest.calls, rest.port_pairs, dialogs) == (0.0, 0.0, 0.0),
        format!("something is left: {rest:?}"),
    );
    check(
        rest.files <= watch.before.files + FILES_MORE,
        format!(
            "{} files are open, {} were before",
            rest.files, watch.before.files
        ),
    );
    if plan.is_long() {
        for (since, allowed) in [
            (plan.warm_after(), PAGE_CACHE_KB + GROWTH_KB),
            (plan.full_after(), STEADY_GROWTH_KB),
        ] {
            let (grown, _) = growth(&watch.since(since));
            let minute = since.as_secs() / 60;
            check(
                grown < allowed,
                format!("memory grew by {grown:.0} kB after minute {minute}"),
            );
        }
    }
    check(
        !left.faults.iter().any(|line| line.contains("ERROR")),
        "errors in the log".to_owned(),
    );
    faults
}

/// Fails with all that is wrong.
pub(crate) fn judge(plan: Plan, made: &[Made], left: &Left, watch: &Watch, rest: &Sample) {
    let faults = faults(plan, made, left, watch, rest);
    let shown: Vec<&String> = faults.iter().take(20).collect();
    let log: Vec<&String> = left.faults.iter().take(20).collect();
    assert!(
        faults.is_empty(),
        "{} faults: {shown:#?}\nlog: {log:#?}",
        faults.len()
    );
}

/// The figures, as a table of Markdown.
pub(crate) fn table(
    plan: Plan,
    made: &[Made],
    left: &Left,
    watch: &Watch,
    rest: &Sample,
) -> String {
    let of = |kind| made.iter().filter(|it| it.kind == kind).count();
    let warm = watch.since(plan.warm_after());
    let range = |of: fn(&Sample) -> f64| {
        let least = warm.iter().map(of).fold(f64::INFINITY, f64::min);
        let most = warm.iter().map(of).fold(0.0, f64::max);
        format!("{least:.0} to {most:.0}")
    };
    let (grown, mean) = growth(&warm);
    let (grown_full, _) = growth(&watch.since(plan.full_after()));
    let failed = made.iter().filter(|it| it.wrong.is_some()).count();
    let seconds = watch.samples.last().map_or(1.0, |it| it.at.as_secs_f64());
    let packets: u64 = made.iter().map(|it| it.packets).sum();
    let lines = [
        (
            "length",
            format!(
                "{:.1} min, {} calls/s, talks of {} s",
                plan.length.as_secs_f64() / 60.0,
                plan.rate,
                plan.talk.as_secs()
            ),
        ),
        (
            "calls",
            format!(
                "{} ({} talks, {} busy, {} given up, {} strangers)",
                made.len(),
                of(Kind::Talk),
                of(Kind::Busy),
                of(Kind::GivenUp),
                of(Kind::Stranger)
            ),
        ),
        ("failed", failed.to_string()),
        ("records", left.records.len().to_string()),
        ("recordings found whole", watch.recordings.to_string()),
        (
            "messages to the receiver",
            format!("{}, {} of them twice", left.messages, left.again),
        ),
        ("calls at once, when warm", range(|it| it.calls)),
        (
            "port pairs",
            format!(
                "{}, {} at the end",
                range(|it| it.port_pairs),
                rest.port_pairs
            ),
        ),
        (
            "open files",
            format!(
                "{} before, {}, {} at the end",
                watch.before.files,
                range(|it| it.files as f64),
                rest.files
            ),
        ),
        ("threads", range(|it| it.threads as f64)),
        ("SIP transactions", range(|it| it.transactions)),
        (
            "resident memory, MB",
            format!(
                "{:.1} before, {} when warm, {:.1} at the end",
                watch.before.rss_kb as f64 / 1e3,
                range(|it| it.rss_kb as f64 / 1e3),
                rest.rss_kb as f64 / 1e3
            ),
        ),
        (
            "growth when warm (fitted line)",
            format!("{grown:.0} kB on {mean:.0} kB"),
        ),
        (
            "growth in the last third (fitted line)",
            format!("{grown_full:.0} kB"),
        ),
        (
            "processor time of the server",
            format!(
                "{:.1} s, {:.1} % of a core",
                rest.cpu_s,
                (rest.cpu_s - watch.before.cpu_s) / seconds * 100.0
            ),
        ),
        ("packets that phones heard", packets.to_string()),
        (
            "packets lost, by the server's count",
            left.metric("voice_rtp_packets_lost_total").to_string(),
        ),
        ("warnings in the log", left.faults.len().to_string()),
    ];
    let mut table = "| What | Figure |\n|---|---|\n".to_owned();
    for (what, figure) in lines {
        // Writing to a string does not fail.
        let _ = writeln!(table, "| {what} | {figure} |");
    }
    table
}
