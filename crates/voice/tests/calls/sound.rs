//! What the two hear, and what is written of it.

use std::time::Duration;

use axbridge_domain::call::{CallResult, ReleasedBy};
use axbridge_voice::audio::{Codec, tone_share};

use crate::{
    house::Setup,
    peer::Whose,
    rtp::{hear, say, sender_report},
    scene::{Scene, World, quick, reached, talking},
};

/// A says 440 Hz and B 1000 Hz; each hears the other from the platform.
async fn hear_each_other(scene: &Scene, codecs: (Codec, Codec)) {
    let (of_a, of_b) = (scene.sound_of_a(), scene.sound_of_b());
    assert_ne!(of_a, of_b);
    let (a, b) = (&scene.a.peer.sound, &scene.b.peer.sound);
    a.drain();
    b.drain();
    let (_, _, by_a, by_b) = tokio::join!(
        say(a, of_a, codecs.0, 440.0, 60),
        say(b, of_b, codecs.1, 1_000.0, 60),
        hear(a, of_a, codecs.0, 30),
        hear(b, of_b, codecs.1, 30),
    );
    assert!(tone_share(&by_a[800..], 1_000.0) > 0.8);
    assert!(tone_share(&by_b[800..], 440.0) > 0.8);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_hears_the_other_through_the_platform_only_and_it_is_recorded() {
    let mut scene = talking(quick(), |terms| terms.record = true).await;
    hear_each_other(&scene, (Codec::Pcma, Codec::Pcma)).await;
    // Reports are answered, and tell nobody the name of the other.
    for (line, to) in [
        (&scene.a, scene.sound_of_a()),
        (&scene.b, scene.sound_of_b()),
    ] {
        let mut control = to;
        control.set_port(to.port() + 1);
        let name = format!(
            "agent-{}@{}",
            line.peer.whose.names().0,
            line.peer.address.ip()
        );
        let report = line.peer.sound.report(&sender_report(&name), control).await;
        assert!(matches!(report[1], 200 | 201), "a report: {report:?}");
    }
    scene.a_hangs_up().await;
    let recorded = scene.house.plane.statistics().media;
    assert_eq!(
        (recorded.recordings_begun, recorded.recordings_finished),
        (1, 1)
    );
    assert_eq!(recorded.recordings_failed, 0);
    let calls = scene.house.ended_calls(1).await;
    assert!(scene.house.recorded_ms(&calls[0]).await >= 600);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_that_share_no_codec_hear_each_other() {
    let world = World::bound(quick(), |_| ()).await;
    let offer = world.a.sdp_with("sendrecv", "8 101");
    let calling = world.a_calls_with(|invite| invite.sdp = Some(offer)).await;
    let mut scene = calling.reaches_b().await;
    let answer = scene.b.peer.sdp_with("sendrecv", "0 101");
    scene.b.answer("200 OK", Some(&answer)).await;
    scene.b.wants("ACK").await;
    scene.a.status(200).await;
    scene.a.ack(None).await;
    hear_each_other(&scene, (Codec::Pcma, Codec::Pcmu)).await;
    scene.a_hangs_up().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_side_may_move_its_sound_to_another_port_and_another_host() {
    let mut scene = talking(quick(), |_| ()).await;
    hear_each_other(&scene, (Codec::Pcma, Codec::Pcma)).await;
    for host in [Whose::A_HOST, "127.0.0.12"] {
        scene.a.peer.moves_its_ear(host).await;
        let sdp = scene.a.peer.sdp("sendrecv");
        scene.a.reinvite("", Some(&sdp)).await;
        let answer = scene.a.status(200).await;
        assert_eq!(answer.media(), scene.sound_of_a());
        scene.a.ack(None).await;
        hear_each_other(&scene, (Codec::Pcma, Codec::Pcma)).await;
    }
    // B is not troubled: nothing changes for it.
    assert!(
        scene
            .b
            .peer
            .hears_nothing_for(Duration::from_millis(50))
            .await
    );
    scene.b_hangs_up().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prompt_is_heard_before_anybody_rings() {
    let world = World::new(quick()).await;
    world.house.keep_prompt("hello", 700.0).await;
    let terms = |terms: &mut axbridge_domain::binding::Terms| {
        terms.voice_code = Some("{\"axCallerVoiceCode\":\"hello\"}".to_owned());
    };
    world.house.bind(Some(crate::house::B), terms).await;
    let mut calling = world.a_calls().await;
    let early = calling.a.status(183).await;
    let ear = &calling.a.peer.sound;
    let heard = hear(ear, early.media(), Codec::Pcma, 25).await;
    assert!(tone_share(&heard[800..], 700.0) > 0.8);
    let mut scene = calling.reaches_b().await;
    scene.b_refuses("486 Busy Here", 486).await;
    scene.came_out(CallResult::Busy, ReleasedBy::Callee).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prompt_that_is_not_there_keeps_nobody_from_talking() {
    let setup: Setup = quick();
    let mut scene = reached(setup, |terms| {
        terms.voice_code = Some("gone.mp3".to_owned());
    })
    .await;
    scene.b_picks_up().await;
    scene.a_hangs_up().await;
}
