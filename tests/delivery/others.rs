//! A dead receiver holds up nobody.

use std::time::Duration;

use crate::{
    authority::Authority,
    house::{House, quick, wait_for},
    receiver::{Mood, Receiver},
};

const RECEIVERS: usize = 10;
const BINDINGS: u64 = 25;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nine_receivers_get_everything_while_the_tenth_has_not_answered_once() {
    let mut settings = quick();
    // Longer than the test: the tenth's first requests are still open when the others have all.
    settings.timeout = Duration::from_secs(600);
    let mut house = House::open(settings).await;
    let authority = Authority::new();
    let mut receivers = Vec::new();
    for _ in 0..RECEIVERS {
        let acceptor = authority.acceptor(&["localhost"]);
        let receiver = Receiver::start("127.0.0.1", acceptor).await;
        let url = receiver.url("localhost");
        house.subscribe(&url, Some(authority.pem())).await;
        receivers.push(receiver);
    }
    let mut dead = receivers.pop().expect("ten");
    dead.behave(|_| Mood::Hang);
    for index in 0..BINDINGS {
        house.live_and_die(index).await;
    }
    let all_have_all = async || {
        let events = 4 * BINDINGS as usize;
        receivers.iter().all(|it| it.taken().len() >= events)
    };
    wait_for("nine receivers have everything", all_have_all).await;
    wait_for("the tenth is asked", async || dead.seen().0 > 0).await;
    let (asked, _) = dead.seen();
    assert!(asked <= 8, "{asked} requests are under way at most");
    for receiver in &receivers {
        receiver.assert_order();
    }
    dead.die().await;
    house.stop().await;
}
