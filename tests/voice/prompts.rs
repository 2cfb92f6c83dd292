//! Prompts as an operator keeps them, by the command and by the action, heard in calls.

use std::time::Duration;

use axbridge_voice::{
    audio::sine,
    phone::{Script, Stage},
};
use serde_json::json;

use crate::house::{A_HZ, B_HZ, HEARD, House, report, rings, until_heard};

const PROMPT_HZ: f32 = 700.0;
/// Speech-free MP3 at 22,050 Hz; what is in it says the test of sound files.
const MP3: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../crates/voice/tests/audio/fixtures/mono-22050.mp3"
);
const MP3_HZ: f32 = 600.0;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_role_hears_its_own_prompt_before_they_talk() {
    let house = House::start().await;
    let wav = house.folder.path().join("hello.wav");
    let tone = sine(PROMPT_HZ, Duration::from_secs(1));
    std::fs::write(&wav, tone.to_wav()).expect("written");
    let wav = wav.to_str().expect("a path");
    house.server.command(&["prompt", "add", "hello", wav]);
    house.server.command(&["prompt", "add", "song.mp3", MP3]);
    let listed = house.server.command(&["prompt", "list", "--json"]);
    assert!(
        listed.contains("hello") && listed.contains("song.mp3"),
        "{listed}"
    );

    let codes = json!({"axbCallerVoiceCode": "hello", "axbCalleeVoiceCode": "song.mp3"});
    house.bind(json!({"VoiceCode": codes.to_string()}));
    house.a.answer_others(Script::tone(A_HZ));
    let mut out = house.a_calls(Script::tone(1_900.0)).await;
    assert!(out.reaches(Stage::Answered).await);
    let incoming = rings(&house.b).await;
    until_heard(&incoming, MP3_HZ).await;
    until_heard(&out, B_HZ).await;
    until_heard(&incoming, 1_900.0).await;
    out.hang_up().await;
    let (out, incoming) = (report(out).await, report(incoming).await);
    assert!(out.heard.tone(PROMPT_HZ) >= HEARD);
    assert!(out.heard.tone(MP3_HZ) < HEARD, "that one is for the callee");
    assert!(
        incoming.heard.tone(PROMPT_HZ) < HEARD,
        "that one is for the caller"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_prompt_a_call_goes_on() {
    let house = House::start().await;
    house.server.command(&["prompt", "add", "song.mp3", MP3]);
    house.server.command(&["prompt", "remove", "song.mp3"]);
    let sub_id = house.bind(json!({"VoiceCode": "song.mp3"}));
    let out = house.a_calls(Script::tone(A_HZ)).await;
    until_heard(&out, B_HZ).await;
    out.hang_up().await;
    let heard = report(out).await.heard;
    assert!(heard.tone(MP3_HZ) < HEARD);
    assert_eq!(house.record(&sub_id).await["CallResult"], 1);
}
