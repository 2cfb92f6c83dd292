//! Rounds of sudden death on the embedded store.

use std::thread::sleep;
use std::time::Duration;

use crate::audit;
use crate::dice::Dice;
use crate::ledger::Tally;
use crate::load::{ledgers, make_pool, settle, tally, under_load};
use crate::program::{Node, serve};
use crate::shim::{Order, Shim};

/// The longest life under load, in milliseconds.
const LIFE_MS_MAX: u64 = 900;

/// A start is killed within so many milliseconds.
const START_KILLED_MS_MAX: u64 = 120;

/// Writes and flushes after which the program dies, at the most.
const STEPS_MAX: u64 = 400;

/// How the program dies.
#[derive(Clone, Copy, Debug)]
enum Death {
    /// At a random moment.
    Moment,
    /// Before a random write or flush.
    Step,
    /// At a random moment, and what was not flushed is gone.
    PowerLoss,
    /// While it stops in order, which folds its log into the database: before a
    /// random write or flush of that.
    Stop,
}

const DEATHS: [Death; 4] = [Death::Moment, Death::Step, Death::PowerLoss, Death::Stop];

/// Kills and judges so often. What came of it.
pub(crate) fn rounds(count: u64, seed: u64) -> Tally {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let mut dice = Dice::new(seed);
    let first = Node::start(&mut serve(&data), &data, folder.path());
    let pool = make_pool(&mut first.client());
    first.kill();
    let mut ledgers = ledgers(&pool, seed);
    for round in 0..count {
        let death = DEATHS[(round % DEATHS.len() as u64) as usize];
        let mut shim = Shim::new(&data, folder.path());
        let mut command = serve(&data);
        if let Death::PowerLoss = death {
            shim = shim.keeping_flushed(folder.path());
        }
        if !matches!(death, Death::Moment) {
            shim.apply(&mut command);
        }
        let mut node = Node::start(&mut command, &data, folder.path());
        let servers = [node.client()];
        let life = Duration::from_millis(dice.below(LIFE_MS_MAX) + 100);
        let steps = dice.below(STEPS_MAX) + 1;
        under_load(&mut ledgers, &servers, || match death {
            Death::Moment | Death::PowerLoss => {
                sleep(life);
                node.kill();
            }
            Death::Step => {
                let so_far = shim.get(Order::Steps);
                shim.set(Order::KillAt, so_far + steps.cast_signed());
                node.ended();
            }
            Death::Stop => {
                sleep(life);
                node.terminate();
                let so_far = shim.get(Order::Steps);
                shim.set(Order::KillAt, so_far + steps.cast_signed());
                node.ended();
            }
        });
        if let Death::PowerLoss = death {
            shim.lose_power();
        }
        let stillborn = Node::launch(&mut serve(&data), &data, folder.path());
        sleep(Duration::from_millis(dice.below(START_KILLED_MS_MAX)));
        stillborn.kill();
        let back = Node::start(&mut serve(&data), &data, folder.path());
        settle(&mut ledgers, &[back.client()]);
        if round + 1 == count {
            back.stop();
        } else {
            back.kill();
        }
    }
    audit::embedded(&data, &ledgers);
    tally(&ledgers)
}
