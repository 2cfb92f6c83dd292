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

/// Calls before those that count.
const WARM_UP: u32 = 300;

/// Transactions are remembered for 32 s: what that costs at the end belongs to the calls.
const FORGOTTEN_MS: u32 = 34_000;

struct Size {
    /// Calls of a round, and rounds.
    calls: u32,
    rounds: u32,
    settle_ms: u32,
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
            rounds: 1,
            settle_ms: 1_000,
            talk_s: [8, 8],
            step_s: None,
        },
        Extent::Usual => Size {
            calls: 3_000,
            rounds: 2,
            settle_ms: FORGOTTEN_MS,
            talk_s: [36, 15],
            step_s: Some(6),
        },
        Extent::Long => Size {
            calls: 9_000,
            rounds: 3,
            settle_ms: FORGOTTEN_MS,
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

fn call_sets(program: &Path, load: &Load, pairs: &Path, size: &Size) -> Result<Vec<Set>> {
    let mut sets = Vec::new();
    println!("-- calls: axbridge");
    let ours = contender::axbridge(program, load, pairs, false)?;
    sets.push(calls(&ours, load, size, "axbridge")?);
    drop(ours);
    println!("-- calls: Kamailio that hides, and rtpengine");
    let theirs = contender::kamailio(pairs, load, true, false)?;
    let name = "Kamailio with topos, and rtpengine";
    sets.push(calls(&theirs, load, size, name)?);
    drop(theirs);
    if size.step_s.is_some() {
        println!("-- calls: Kamailio that hides nothing, and rtpengine");
        let theirs = contender::kamailio(pairs, load, false, false)?;
        let name = "Kamailio without hiding, and rtpengine";
        // For the cost of hiding alone.
        let less = Size {
            settle_ms: 1_000,
            step_s: None,
            ..*size
        };
        sets.push(calls(&theirs, load, &less, name)?);
    }
    Ok(sets)
}

fn calls(server: &Contender, load: &Load, size: &Size, name: &'static str) -> Result<Set> {
    let mut set = Set {
        name,
        rounds: Vec::new(),
        steps: Vec::new(),
    };
    load.calls(server, RATE / 3, WARM_UP, 0)?;
    let mut made = u64::from(WARM_UP);
    for round in 1..=size.rounds {
        let is_last = round == size.rounds;
        let settle_ms = if is_last { size.settle_ms } else { 0 };
        let found = load.calls(server, RATE, size.calls, settle_ms)?;
        made += u64::from(size.calls);
        if let Some(data) = &server.data {
            let records = load.records(data)?;
            ensure!(
                records["connected"].as_u64() == Some(made) || number(&found, "failed") > 0.0,
                "of {made} calls the books say {records}"
            );
        }
        set.rounds.push(found);
    }
    for rate in STEPS {
        let Some(seconds) = size.step_s else { break };
        let found = load.calls(server, rate, rate * seconds, 1_000)?;
        let failed = number(&found, "failed") > 0.0;
        set.steps.push(found);
        if failed {
            break;
        }
    }
    Ok(set)
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
