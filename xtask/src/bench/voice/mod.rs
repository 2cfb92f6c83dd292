//! The chore `bench-voice`: what calls cost, beside Kamailio with rtpengine doing the same with the
//! same look-up.

mod contender;
mod load;
mod pages;

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

use self::contender::Contender;
use self::load::Load;
use super::Extent;
use super::measurement::{build_server, number};
use super::page;

/// New calls a second at which the cost of a call is measured.
const RATE: u32 = 300;

/// New calls a second that are tried, until some fail.
const STEPS: [u32; 5] = [400, 550, 700, 850, 1_000];

/// Calls at once that talk.
const TALKING: u32 = 400;

/// Calls before all others.
const WARM_UP: u32 = 300;

/// Transactions are remembered for 32 s (64 × T1). So many calls before those that count have as
/// many forgotten as are made.
const REMEMBERED: u32 = RATE * 34;

struct Size {
    /// Calls of a round, those before them, and rounds.
    calls: u32,
    before: u32,
    rounds: u32,
    /// Seconds of talk, relayed and recorded. What memory a talking call takes shows once the
    /// transactions that set it up are forgotten.
    talk_s: [u32; 2],
    /// Calls of each step that looks for the most a second; none if it is not looked for.
    step_s: Option<u32>,
}

const fn size(extent: Extent) -> Size {
    match extent {
        Extent::Quick => Size {
            calls: 3_000,
            before: 0,
            rounds: 1,
            talk_s: [8, 8],
            step_s: None,
        },
        Extent::Usual => Size {
            calls: 6_000,
            before: REMEMBERED,
            rounds: 3,
            talk_s: [36, 15],
            step_s: Some(6),
        },
        Extent::Long => Size {
            calls: 18_000,
            before: REMEMBERED,
            rounds: 3,
            talk_s: [120, 120],
            step_s: Some(20),
        },
    }
}

/// What calls came to on one server.
struct Set {
    name: &'static str,
    rounds: Vec<Value>,
    steps: Vec<Value>,
}

/// The chore.
pub(crate) fn voice(arguments: &[String]) -> Result<()> {
    let extent = Extent::parse(arguments)?;
    let size = size(extent);
    contender::install_rivals()?;
    let program = build_server()?;
    let load = Load::build()?;
    let folder = TempDir::new().context("could not make a folder")?;
    let pairs = folder.path().join("pairs");
    let sets = call_sets(&program, &load, &pairs, &size)?;
    let talks = talks(&program, &load, &pairs, &size)?;
    let command = format!("cargo xtask bench-voice{}", extent.flag());
    let provenance = page::provenance(&command)?;
    let versions = contender::versions()?;
    let part = format!("{provenance} {versions}.\n\n{}", pages::part(&sets, &talks));
    println!("\n{part}");
    page::write("voice", &part)
}

/// A server, and what calls came to on it so far.
struct Tried {
    server: Contender,
    made: u64,
    set: Set,
}

impl Tried {
    fn warm_up(server: Contender, load: &Load, name: &'static str) -> Result<Self> {
        load.calls(&server, RATE / 3, WARM_UP)?;
        Ok(Self {
            server,
            made: u64::from(WARM_UP),
            set: Set {
                name,
                rounds: Vec::new(),
                steps: Vec::new(),
            },
        })
    }

    fn round(&mut self, load: &Load, size: &Size) -> Result<()> {
        println!("-- calls: {}", self.set.name);
        if size.before > 0 {
            load.calls(&self.server, RATE, size.before)?;
        }
        let found = load.calls(&self.server, RATE, size.calls)?;
        self.made += u64::from(size.before + size.calls);
        if let Some(data) = &self.server.data {
            let records = load.records(data)?;
            let all = records["connected"].as_u64() == Some(self.made);
            ensure!(
                all || number(&found, "failed") > 0.0,
                "of {} calls the books say {records}",
                self.made
            );
        }
        self.set.rounds.push(found);
        Ok(())
    }

    /// More and more calls a second, until some fail.
    fn steps(mut self, load: &Load, size: &Size) -> Result<Set> {
        for rate in STEPS {
            let Some(seconds) = size.step_s else { break };
            println!("-- {rate} calls a second: {}", self.set.name);
            let found = load.calls(&self.server, rate, rate * seconds)?;
            let failed = number(&found, "failed") > 0.0;
            self.set.steps.push(found);
            if failed {
                break;
            }
        }
        Ok(self.set)
    }
}

/// In turn, for what a processor does in a second changes from one minute to the next.
fn call_sets(program: &Path, load: &Load, pairs: &Path, size: &Size) -> Result<Vec<Set>> {
    let ours = contender::axbridge(program, load, pairs, false)?;
    let mut ours = Tried::warm_up(ours, load, "axbridge")?;
    let theirs = contender::kamailio(pairs, load, true, false)?;
    let mut theirs = Tried::warm_up(theirs, load, "Kamailio with topos, and rtpengine")?;
    for _ in 0..size.rounds {
        for tried in [&mut ours, &mut theirs] {
            tried.round(load, size)?;
        }
    }
    let mut sets = vec![ours.steps(load, size)?, theirs.steps(load, size)?];
    if size.step_s.is_some() {
        let bare = contender::kamailio(pairs, load, false, false)?;
        let mut bare = Tried::warm_up(bare, load, "Kamailio without hiding, and rtpengine")?;
        // For the cost of hiding alone.
        bare.round(load, size)?;
        sets.push(bare.set);
    }
    Ok(sets)
}

fn talks(
    program: &Path,
    load: &Load,
    pairs: &Path,
    size: &Size,
) -> Result<Vec<(&'static str, Value)>> {
    let mut all = Vec::new();
    for ((mode, record), talk_s) in [("relayed", false), ("recorded", true)]
        .into_iter()
        .zip(size.talk_s)
    {
        let what = (TALKING, talk_s, 1_000);
        println!("-- {mode} calls: axbridge");
        let ours = contender::axbridge(program, load, pairs, record)?;
        all.push(("axbridge", load.talk(&ours, mode, what)?));
        drop(ours);
        println!("-- {mode} calls: Kamailio and rtpengine");
        let theirs = contender::kamailio(pairs, load, true, record)?;
        all.push(("Kamailio and rtpengine", load.talk(&theirs, mode, what)?));
    }
    Ok(all)
}
