//! What people key: the answer to a question, and digits for the other side; as events (RFC 4733),
//! as tones in the voice, and by INFO.

use std::{path::Path, time::Duration};

use axbridge_app::calls::{Arrival, CallEnd};
use axbridge_domain::{
    binding::Terms,
    call::{CallResult, ReleasedBy},
};
use axbridge_voice::audio::{Clip, Codec, Digit, sine, tone_share};
use tempfile::TempDir;

use crate::{
    ear::Ear,
    house::{A, Setup, X, number},
    line::Line,
    peer::Whose,
    rtp::{FRAME, hear, hear_key, key, say_sound},
    scene::{Calling, World, came_out, quick, quick_with, talking},
};

/// The tone that stands for a digit in these announcements.
fn tone_of(digit: u8) -> f32 {
    600.0 + 200.0 * f32::from(digit)
}

/// Announcements whose digits a machine can tell apart, as an operator's own in a directory.
fn announcements() -> TempDir {
    let folder = tempfile::tempdir().expect("a directory");
    let language = folder.path().join("zh");
    std::fs::create_dir(&language).expect("a directory");
    let write = |name: String, clip: &Clip| {
        let path: &Path = &language.join(name);
        std::fs::write(path, clip.to_wav()).expect("written");
    };
    for digit in 0..10 {
        let tone = sine(tone_of(digit), Duration::from_millis(200));
        write(format!("digit-{digit}.wav"), &tone);
    }
    let tone = sine(300.0, Duration::from_millis(100));
    write("ask-digits.wav".to_owned(), &tone);
    write("try-again.wav".to_owned(), &tone);
    folder
}

/// Hears so many digits being said.
async fn hear_digits(ear: &Ear, from: std::net::SocketAddr, count: usize) -> String {
    let mut said = String::new();
    let mut last = None;
    while said.len() < count {
        let frame = hear(ear, from, Codec::Pcma, 2).await;
        assert_eq!(frame.len(), 2 * FRAME);
        let heard = (0..10_u8).find(|digit| tone_share(&frame, tone_of(*digit)) > 0.8);
        if let Some(digit) = heard.filter(|_| heard != last) {
            said.push(char::from(b'0' + digit));
        }
        last = heard;
    }
    said
}

/// A platform that asks with those announcements.
fn asking(folder: &TempDir) -> Setup {
    let path = folder.path().to_owned();
    quick_with(move |settings| settings.announcements = Some(path))
}

fn verify(terms: &mut Terms) {
    terms.verify = true;
}

/// A has called and is answered with the question.
async fn asked(setup: Setup) -> (Calling, std::net::SocketAddr) {
    let mut calling = World::bound(setup, verify).await.a_calls().await;
    let to = calling.a.status(200).await.media();
    calling.a.ack(None).await;
    (calling, to)
}

/// Tells a digit by INFO; the status it is answered with.
async fn info(line: &mut Line, kind: &str, body: &str) {
    let text = line.request("INFO", "", Some(body));
    line.send(&text.replace("application/sdp", kind)).await;
    line.status(200).await;
}

/// How digits are keyed.
#[derive(Clone, Copy, Debug)]
enum By {
    Events,
    Tones,
    Info,
}

async fn keyed(line: &mut Line, to: std::net::SocketAddr, digits: &str, by: By) {
    let mut number = 1;
    for digit in digits.chars() {
        match by {
            By::Events => key(&line.peer.sound, to, digit, &mut number).await,
            By::Tones => {
                let digit = Digit::from_char(digit).expect("a digit");
                let tone = digit.tone(Duration::from_millis(120));
                let pause = Clip::from_samples(vec![0; 6 * FRAME]);
                let sound = Clip::joined([&tone, &pause], Duration::ZERO);
                say_sound(&line.peer.sound, to, &sound).await;
            }
            By::Info => {
                let body = format!("Signal={digit}\r\nDuration=160\r\n");
                info(line, "application/dtmf-relay", &body).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_keys_the_digits_that_were_said_is_connected() {
    for by in [By::Events, By::Tones, By::Info] {
        let folder = announcements();
        let (mut calling, to) = asked(asking(&folder)).await;
        let said = hear_digits(&calling.a.peer.sound, to, 4).await;
        keyed(&mut calling.a, to, &said, by).await;
        let mut scene = calling.reaches_b().await;
        scene.b.picks_up().await;
        scene.a_hangs_up().await;
        let calls = scene.house.ended_calls(1).await;
        let end = calls[0].end.as_ref().expect("an end");
        let verification = end.verification.as_ref().expect("a verification");
        assert_eq!(verification.correct, said, "{by:?}");
        assert_eq!(verification.answer, said, "{by:?}");
        assert!(verification.passed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slip_may_be_mended() {
    let folder = announcements();
    let (mut calling, to) = asked(asking(&folder)).await;
    let said = hear_digits(&calling.a.peer.sound, to, 4).await;
    let wrong = if said.starts_with('0') {
        "1111"
    } else {
        "0000"
    };
    keyed(&mut calling.a, to, wrong, By::Info).await;
    // The same is asked once more.
    let again = hear_digits(&calling.a.peer.sound, to, 4).await;
    assert_eq!(again, said);
    keyed(&mut calling.a, to, &said, By::Info).await;
    let mut scene = calling.reaches_b().await;
    scene.b.picks_up().await;
    scene.a_hangs_up().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_keys_the_wrong_digits_three_times_is_not_connected() {
    let (mut calling, to) = asked(quick()).await;
    // Twelve times a key that may be right, but hardly all four of a question.
    let mut number = 1;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_falls_silent_while_being_asked_is_hung_up() {
    let setup = quick_with(|settings| settings.silence_ms_max = Some(600));
    let (mut calling, _) = asked(setup).await;
    calling.a.is_hung_up().await;
    came_out(
        &calling.house,
        CallResult::CallerHungUp,
        ReleasedBy::Platform,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn digits_by_info_reach_the_other_side_as_events() {
    let mut scene = talking(quick(), |_| ()).await;
    info(
        &mut scene.a,
        "application/dtmf-relay",
        "Signal=5\r\nDuration=160\r\n",
    )
    .await;
    assert_eq!(hear_key(&scene.b.peer.sound).await, 5);
    info(&mut scene.b, "application/dtmf", "#").await;
    assert_eq!(hear_key(&scene.a.peer.sound).await, 11);
    // What tells of no digit is answered, and nothing more.
    info(&mut scene.a, "application/dtmf-relay", "Signal=hf\r\n").await;
    let package = scene.a.request("INFO", "Info-Package: dtmf\r\n", None);
    scene.a.send(&package).await;
    let answer = scene.a.status(469).await;
    assert_eq!(answer.header("Recv-Info"), Some(""));
    let quiet = Duration::from_millis(100);
    assert!(scene.b.peer.hears_nothing_for(quiet).await);
    scene.b_hangs_up().await;
}

/// No action makes a binding with an extension yet, so no call gets this far by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_leaves_before_saying_an_extension_leaves_a_record() {
    let World { house, .. } = World::bound(quick(), |_| ()).await;
    let arrival = Arrival {
        x: number(X),
        caller: Some(number(A)),
        extension: None,
        trunk: "carrier-a".to_owned(),
    };
    let begun = house
        .app
        .begin_undecided_call(&arrival, house.account)
        .await;
    let end = CallEnd {
        result: CallResult::CallerHungUp,
        released_by: ReleasedBy::Caller,
        verification: None,
    };
    let call = begun.expect("the store");
    house.app.call_ended(call, end).await.expect("the store");
    came_out(&house, CallResult::CallerHungUp, ReleasedBy::Caller).await;
    let calls = house.ended_calls(1).await;
    assert_eq!((calls[0].x, calls[0].caller), (number(X), Some(number(A))));
    assert_eq!((&calls[0].binding, calls[0].callee), (&None, None));
    assert_eq!(calls[0].trunk, format!("carrier-{}", Whose::A.names().0));
}
