//! Calls between phones that are not ours: Debian's sipp with the scenario files in `sipp/`, on one
//! node and on two behind Kamailio. What a message must hold is checked by the files themselves;
//! the rest is looked at here: who is rung, what the record says, that nothing is left, and that
//! no side is told of the other.
//!
//! Without sipp on the machine this says so and tries nothing; `cargo xtask test` installs it.

mod process;
mod scenarios;
mod venue;

use scenarios::SCENARIOS;
use venue::Venue;

async fn play_all(venue: &Venue) {
    let mut failed = Vec::new();
    for scenario in SCENARIOS.iter().filter(|it| venue.has_room_for(it)) {
        let played = venue.play(scenario).await;
        println!(
            "{:50} {}",
            scenario.name,
            played.as_ref().map_or("failed", |()| "passed")
        );
        failed.extend(played.err().map(|why| format!("{}: {why}", scenario.name)));
        venue.is_empty().await;
    }
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sipp_is_served_by_one_node() {
    if process::is_installed() {
        let venue = Venue::of_one_node();
        play_all(&venue).await;
        venue.assert_nothing_lies_about();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sipp_is_served_by_two_nodes_behind_kamailio() {
    let are_installed = process::is_installed() && axbridge_tests::kamailio::Front::is_installed();
    let Some(database) = crate::database::Database::make("sipp").await else {
        return;
    };
    if are_installed {
        let venue = Venue::of_two_nodes(database.url());
        play_all(&venue).await;
        venue.assert_nothing_lies_about();
        venue.assert_both_nodes_took_part();
    }
    database.remove().await;
}
