//! Calls that talk.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use axbridge_benches::sound;
use serde_json::Value;

use super::arguments::Arguments;
use super::caller::Hold;
use super::dialling::{Carriers, wait_for_all};
use super::report::{Watch, report};

/// How long sides talk before it is measured.
const WARM_UP: Duration = Duration::from_secs(2);

/// How long all calls together may take to be answered, beyond their rate.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often calls are looked at.
const LOOK: Duration = Duration::from_millis(20);

/// The command.
pub(crate) fn talk(arguments: &Arguments) -> Result<Value> {
    let carriers = Carriers::open(arguments)?;
    let (count, rate): (usize, f64) = (arguments.get("calls")?, arguments.get("rate")?);
    let seconds = Duration::from_secs(arguments.get("seconds")?);
    let settle = arguments.ms("settle_ms")?;
    let sockets = [&carriers.caller, &carriers.callee].map(|of| -> Result<_> {
        let host = of.local_addr()?.ip();
        sound::party(host)
    });
    let [callers, callees] = sockets;
    let (callers, callees) = (callers?, callees?);
    let sounds = [callers.local_addr()?, callees.local_addr()?];
    let mut watch = Watch::start(arguments.watched()?);
    let what = (count, rate, Hold::UntilTold);
    let (calls, answered, heard) = carriers.while_open(sounds, what, |caller, callee| {
        let due = Duration::from_secs_f64(count as f64 / rate) + PATIENCE;
        let began = Instant::now();
        while caller.unanswered() > 0 && began.elapsed() < due {
            std::thread::sleep(LOOK);
        }
        // The ACK of the last one is on its way.
        std::thread::sleep(LOOK * 10);
        let to = both_sides(&caller.sounds(), &callee.sounds())?;
        let heard = sound::talk([&callers, &callees], &to, WARM_UP, seconds, || watch.note())?;
        caller.hang_up(rate);
        wait_for_all(caller, due);
        watch.note();
        std::thread::sleep(settle);
        watch.note();
        Ok(heard)
    })?;
    let mut line = report(&calls, &answered);
    let talking = watch.spent(1, 2, count);
    let share = talking["share"].as_f64().unwrap_or_default();
    line["mode"] = arguments.text("mode")?.into();
    line["sent"] = heard.sent.into();
    line["lost"] = heard.sent.saturating_sub(heard.received).into();
    line["latency_mean_ms"] = heard.latency_mean_ms().into();
    line["latency_p99_ms"] = heard.latency_ms(0.99).into();
    line["calls_per_core"] = (count as f64 / share).into();
    line["grown_kib_a_call"] = watch.spent(0, 2, count)["grown_kib_a_call"].clone();
    line["talking"] = talking;
    line["afterwards"] = watch.spent(2, 4, count);
    Ok(line)
}

/// Where the sound of both sides of every call goes. Which caller belongs to which callee does not
/// matter: all say the same.
fn both_sides(callers: &[SocketAddr], callees: &[SocketAddr]) -> Result<Vec<[SocketAddr; 2]>> {
    ensure!(
        callers.len() == callees.len() && !callers.is_empty(),
        "{} callers and {} callees were told where their sound goes",
        callers.len(),
        callees.len()
    );
    let pairs = callers.iter().zip(callees);
    Ok(pairs.map(|(&caller, &callee)| [caller, callee]).collect())
}
