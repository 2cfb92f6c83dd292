//! Calls at a rate.

use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::arguments::Arguments;
use super::callee::{Answered, Callee};
use super::caller::{Call, Caller, Hold, Pair};
use super::report::{Watch, report};

/// A socket must hold what comes while its thread waits for a processor.
const BUFFER_BYTES: usize = 16 * 1024 * 1024;

/// How long a thread waits for a message before it looks whether it is over.
const LOOK: Duration = Duration::from_millis(20);

/// After this long without an end of all calls, those that are left have failed.
const PATIENCE: Duration = Duration::from_secs(40);

/// Both carriers and the server between them.
pub(crate) struct Carriers {
    pub(crate) pairs: Vec<Pair>,
    pub(crate) server: SocketAddr,
    pub(crate) caller: UdpSocket,
    pub(crate) callee: UdpSocket,
}

impl Carriers {
    pub(crate) fn open(arguments: &Arguments) -> Result<Self> {
        Ok(Self {
            pairs: pairs(Path::new(arguments.text("file")?))?,
            server: arguments.get("server")?,
            caller: socket(arguments.get("caller")?)?,
            callee: socket(arguments.get("callee")?)?,
        })
    }

    /// Has the carriers do their part while `work` is done with the one that calls.
    pub(crate) fn while_open<'a, T>(
        &'a self,
        sounds: [SocketAddr; 2],
        what: (usize, f64, Hold),
        work: impl FnOnce(&Caller<'a>, &Callee<'a>) -> Result<T>,
    ) -> Result<(Vec<Call>, Answered, T)> {
        let over = AtomicBool::new(false);
        let caller = Caller::new(&self.caller, self.server, &self.pairs, sounds[0], what)?;
        let callee = Callee::new(&self.callee, sounds[1]);
        let (answered, done) = std::thread::scope(|scope| -> Result<_> {
            let (over, caller, callee) = (&over, &caller, &callee);
            let answering = scope.spawn(move || callee.run(over));
            let hearing = scope.spawn(move || caller.hear(over));
            let sending = scope.spawn(move || caller.send_due(over));
            let done = work(caller, callee);
            over.store(true, Relaxed);
            let (Ok(answered), Ok(heard), Ok(sent)) =
                (answering.join(), hearing.join(), sending.join())
            else {
                bail!("a thread of a carrier has ended");
            };
            heard.and(sent)?;
            Ok((answered?, done?))
        })?;
        Ok((caller.into_calls(), answered, done))
    }
}

fn socket(address: SocketAddr) -> Result<UdpSocket> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None)?;
    socket.set_recv_buffer_size(BUFFER_BYTES)?;
    let bound = socket.bind(&address.into());
    bound.with_context(|| format!("cannot use {address}"))?;
    let socket = UdpSocket::from(socket);
    socket.set_read_timeout(Some(LOOK))?;
    Ok(socket)
}

fn pairs(file: &Path) -> Result<Vec<Pair>> {
    let text = std::fs::read_to_string(file);
    let text = text.with_context(|| format!("could not read {}", file.display()))?;
    let one = |line: &str| {
        let mut words = line.split_whitespace().map(str::to_owned);
        Some(Pair {
            a: words.next()?,
            x: words.next()?,
        })
    };
    let pairs: Option<Vec<Pair>> = text.lines().map(one).collect();
    let pairs = pairs.context("a line is A, X and B")?;
    ensure!(!pairs.is_empty(), "there are no bindings");
    Ok(pairs)
}

/// Waits until every call is over.
pub(crate) fn wait_for_all(caller: &Caller<'_>, most: Duration) {
    let began = Instant::now();
    while caller.open() > 0 && began.elapsed() < most {
        std::thread::sleep(LOOK);
    }
}

/// The command.
pub(crate) fn calls(arguments: &Arguments) -> Result<Value> {
    let carriers = Carriers::open(arguments)?;
    let (count, rate): (usize, f64) = (arguments.get("calls")?, arguments.get("rate")?);
    let hold = arguments.ms("hold_ms")?;
    // Nobody speaks: sound goes where the messages go.
    let sounds = [carriers.caller.local_addr()?, carriers.callee.local_addr()?];
    let mut watch = Watch::start(arguments.watched()?);
    let began = Instant::now();
    let due = Duration::from_secs_f64(count as f64 / rate) + hold;
    let (calls, answered, wall) =
        carriers.while_open(sounds, (count, rate, Hold::For(hold)), |caller, _| {
            wait_for_all(caller, due + PATIENCE);
            watch.note();
            Ok(began.elapsed())
        })?;
    let mut line = report(&calls, &answered);
    line["rate"] = rate.into();
    line["seconds"] = wall.as_secs_f64().into();
    line["spent"] = watch.spent(0, 1, calls.len());
    Ok(line)
}
