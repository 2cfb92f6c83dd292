//! Clients at work until they are told to stop, and all of them judging.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use axbridge_tests::signed_client::SignedClient;
use serde_json::json;

use crate::ledger::{Ledger, Tally};

/// How many clients work at once.
pub(crate) const CLIENTS: u64 = 6;

/// Fewer routes than the clients' live bindings need at the worst, so that some
/// binds are refused too.
const NUMBERS: u64 = 16;

/// A client waits so long after silence.
const AFTER_SILENCE: Duration = Duration::from_millis(50);

/// Makes the pool that the clients share.
pub(crate) fn make_pool(client: &mut SignedClient) -> String {
    let wish = json!({"Name": "crash", "ServiceType": "200", "SubServiceType": "201"});
    let made = client.call("CreateNumberPool", &wish).done("a pool");
    let pool = made["NumberPoolNo"].as_str().expect("a pool").to_owned();
    let rows: Vec<String> = (0..NUMBERS)
        .map(|it| format!("1700000{it:04},010"))
        .collect();
    let numbers = json!({"NumberPoolNo": pool, "Csv": rows.join("\n")});
    let report = client.call("ImportNumbers", &numbers).done("an import");
    assert_eq!(report["Added"], NUMBERS, "{report}");
    // What ended may be taken at once by others: the hardest case for "one owner".
    let rules = json!({"NumberPoolNo": pool, "QuarantineSeconds": 0, "QuarantineMinSeconds": 0});
    client.call("UpdatePoolSettings", &rules).done("rules");
    pool
}

/// The memories of all clients.
pub(crate) fn ledgers(pool: &str, seed: u64) -> Vec<Ledger> {
    let numbers = 0..CLIENTS;
    numbers
        .map(|number| Ledger::new(number, pool, seed))
        .collect()
}

/// Lets the clients work, each on one of `servers`, while `meanwhile` does its
/// worst.
pub(crate) fn under_load(
    ledgers: &mut [Ledger],
    servers: &[SignedClient],
    meanwhile: impl FnOnce(),
) {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for (ledger, server) in ledgers.iter_mut().zip(servers.iter().cycle()) {
            let (mut client, stop) = (server.clone(), &stop);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    if !ledger.act(&mut client) {
                        thread::sleep(AFTER_SILENCE);
                    }
                }
            });
        }
        // Also when it panics, or the clients would work for ever.
        let _stop = StopOnDrop(&stop);
        meanwhile();
    });
}

struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Every client judges what it finds.
pub(crate) fn settle(ledgers: &mut [Ledger], servers: &[SignedClient]) {
    thread::scope(|scope| {
        for (ledger, server) in ledgers.iter_mut().zip(servers.iter().cycle()) {
            let mut client = server.clone();
            scope.spawn(move || ledger.settle(&mut client));
        }
    });
}

/// What all clients counted together.
pub(crate) fn tally(ledgers: &[Ledger]) -> Tally {
    let mut sum = Tally::default();
    ledgers.iter().for_each(|ledger| sum.add(&ledger.tally));
    sum
}
