//! Nodes whose clocks differ by a little, as those of real machines do.

use axbridge_store::model::{BindingChange, CallRoute};

use crate::{
    ask::ask,
    model::{Answer, Call},
    play::RULES,
    venue::{Engine, Venue, at, person, x},
};

/// By how much the second node's clock lags.
const LAG_MS: i64 = 40;

fn bind(x_index: u64, b: u64) -> Call {
    Call::Bind {
        x: Some(x(x_index)),
        a: person(0),
        b: Some(person(b)),
        exclusive: false,
        expires_at: at(5_000),
        key: None,
        live_max: None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_node_ended_is_over_on_a_node_whose_clock_lags() {
    let Some(venue) = Venue::open(Engine::Shared(2), 2, RULES.of_pool()).await else {
        return;
    };
    let [ahead, behind] = &venue.nodes[..] else {
        panic!("two nodes were asked for");
    };
    let now = at(1_000);
    let late = now.plus_ms(-LAG_MS);
    for (index, moves) in [(0, false), (1, true)] {
        let bound = ask(ahead, &bind(index, index + 1), index, now).await;
        let Ok(Answer::Bound(held)) = bound else {
            panic!("not bound: {bound:?}");
        };
        let caller = person(index + 1);
        let dial = Call::Dial {
            x: x(index),
            caller,
        };
        let rung = ask(behind, &dial, 0, late).await.expect("works");
        assert!(matches!(rung, Answer::Routed(CallRoute::Connect { .. })));
        let end = if moves {
            Call::Update(held.sub_id, BindingChange::PhoneB(person(5)))
        } else {
            Call::Unbind(held.sub_id)
        };
        let ended = ask(ahead, &end, 0, now).await.expect("works");
        assert!(matches!(ended, Answer::Done | Answer::Changed(_)));
        let rung = ask(behind, &dial, 0, late).await.expect("works");
        let is_over = matches!(&rung, Answer::Routed(CallRoute::Ended { .. }));
        assert!(is_over, "{end:?}, then {rung:?}");
    }
    venue.close().await;
}
