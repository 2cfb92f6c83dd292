//! Limits that are reached, sides that fall silent, nodes that go down.

use std::time::Duration;

use axbridge_domain::{account::AccountTerms, call::CallResult};

use crate::{
    house::{A, Setup},
    line::Line,
    peer::{Peer, Whose},
    scene::{quick, quick_with, talking, to_x},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_longest_talk_ends_for_both() {
    let setup = Setup {
        terms: AccountTerms {
            talk_s_max: Some(1),
            ..AccountTerms::default()
        },
        ..quick()
    };
    let mut scene = talking(setup, |_| ()).await;
    scene.both_are_hung_up().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_binding_may_ask_for_a_shorter_talk_than_its_account() {
    let setup = Setup {
        terms: AccountTerms {
            talk_s_max: Some(600),
            ..AccountTerms::default()
        },
        ..quick()
    };
    let mut scene = talking(setup, |terms| terms.talk_s_max = Some(1)).await;
    scene.both_are_hung_up().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_of_which_nothing_is_heard_ends() {
    let setup = quick_with(|settings| settings.silence_ms_max = Some(300));
    let mut scene = talking(setup, |_| ()).await;
    scene.both_are_hung_up().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_calls_are_refused_and_recorded() {
    for (account, trunk, result, told) in [
        (Some(1), "0", CallResult::AccountConcurrency, 486),
        (None, "1", CallResult::TrunkConcurrency, 503),
    ] {
        let setup = Setup {
            terms: AccountTerms {
                calls_max: account,
                ..AccountTerms::default()
            },
            trunk_a: vec![("CallsMax", trunk.to_owned())],
            ..quick()
        };
        let scene = talking(setup, |_| ()).await;
        let second = Peer::at(Whose::A_HOST).await;
        let invite = to_x(&second, A);
        let mut second = Line::call(second, scene.house.address(), invite).await;
        second.status(183).await;
        second.is_refused(told).await;
        let calls = scene.house.ended_calls(1).await;
        assert_eq!(calls[0].end.as_ref().expect("an end").result, result);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_goes_down_takes_no_calls_and_hangs_up_in_order() {
    let mut scene = talking(quick(), |_| ()).await;
    let late = Peer::at(Whose::A_HOST).await;
    let house = &scene.house;
    let (a, b) = (&mut scene.a, &mut scene.b);
    let drain = house.plane.drain(Duration::from_millis(500));
    let callers = async {
        let invite = to_x(&late, A);
        let mut late = Line::call(late, house.address(), invite).await;
        late.is_refused(503).await;
        a.is_hung_up().await;
        b.is_hung_up().await;
    };
    let (left, ()) = tokio::join!(drain, callers);
    assert_eq!(left, 1);
    scene
        .came_out(
            CallResult::Connected,
            axbridge_domain::call::ReleasedBy::Platform,
        )
        .await;
}
