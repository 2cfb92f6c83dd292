//! What people key: the answer to a question, and digits for the other side.

use std::time::Duration;

use axbridge_domain::call::{CallResult, ReleasedBy};

use crate::{
    rtp::key,
    scene::{World, came_out, quick},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_keys_the_wrong_digits_three_times_is_not_connected() {
    let world = World::bound(quick(), |terms| terms.verify = true).await;
    let mut calling = world.a_calls().await;
    let to = calling.a.status(200).await.media();
    calling.a.ack(None).await;
    let mut number = 1;
    // Twelve times a key that may be right, but hardly all four of a question.
    for _ in 0..12 {
        key(&calling.a.peer.sound, to, '0', &mut number).await;
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    calling.a.is_hung_up().await;
    let nothing = calling.b.hears_nothing_for(Duration::from_millis(50));
    assert!(nothing.await);
    came_out(
        &calling.house,
        CallResult::CheckFailed,
        ReleasedBy::Platform,
    )
    .await;
    let calls = calling.house.ended_calls(1).await;
    let end = calls[0].end.as_ref().expect("an end");
    let verification = end.verification.as_ref().expect("a verification");
    assert_eq!(verification.correct.len(), 4);
    assert_eq!(verification.answer, "0000");
    assert!(!verification.passed);
    assert!(calls[0].answered_at.is_none());
}
