//! What is played to a side.

use std::sync::Arc;
use std::time::Duration;

use axbridge_voice::audio::{Clip, Codec, sine};
use axbridge_voice::media::{MediaEvent, Play, PlayId, Side};

use crate::support::{Call, call, call_between, engine, is_tone, until};

fn clip(hz: f32, ms: u64) -> Arc<Clip> {
    Arc::new(sine(hz, Duration::from_millis(ms)))
}

fn play_ended(call: &mut Call) -> (Side, PlayId, bool) {
    loop {
        if let MediaEvent::PlayEnded { side, id, whole } = call.event() {
            return (side, id, whole);
        }
    }
}

#[test]
fn a_prompt_is_heard_whole_before_the_sides_are_connected() {
    let engine = engine();
    for codec in [Codec::Pcma, Codec::Pcmu] {
        let mut call = call_between(&engine, codec, Codec::Pcma);
        call.session.bridge(false);
        let id = call
            .session
            .play(Side::Caller, clip(500.0, 300), Play::Once);
        let mut headers = Vec::new();
        let mut sound = Vec::new();
        until("the prompt", || {
            if let Some((header, payload)) = call.caller.hear() {
                headers.push(header);
                sound.extend(payload.iter().map(|&byte| codec.decode(byte)));
            }
            headers.len() == 15
        });
        assert!(is_tone(&sound, 500.0));
        for (index, header) in headers.iter().enumerate() {
            let first = headers[0];
            assert_eq!(header.sequence, first.sequence.wrapping_add(index as u16));
            let passed = header.timestamp.wrapping_sub(first.timestamp);
            assert_eq!(passed, index as u32 * 160);
            assert_eq!(header.marker, index == 0);
        }
        assert_eq!(play_ended(&mut call), (Side::Caller, id, true));
        assert_eq!(call.caller.hear(), None);
        assert_eq!(call.callee.hear(), None, "the other side hears no prompt");
    }
}

#[test]
fn what_is_played_goes_before_the_other_sides_voice_and_then_that_goes_on() {
    let engine = engine();
    let mut call = call(&engine);
    call.talk(400.0, 650.0, 3);
    while call.caller.hear().is_some() {}
    let first = call
        .session
        .play(Side::Caller, clip(1400.0, 5000), Play::Loop);
    let mut beeps = 0;
    until("ten packets of the beep", || {
        call.callee.say(650.0);
        if let Some(sound) = call.caller.hear_sound() {
            assert!(is_tone(&sound, 1400.0));
            beeps += 1;
        }
        beeps == 10
    });
    let second = call
        .session
        .play(Side::Caller, clip(1700.0, 40), Play::Once);
    assert_eq!(play_ended(&mut call), (Side::Caller, first, false));
    assert_eq!(play_ended(&mut call), (Side::Caller, second, true));
    until("the callee's voice", || {
        call.callee.say(650.0);
        call.caller
            .hear_sound()
            .is_some_and(|sound| is_tone(&sound, 650.0))
    });
    let third = call
        .session
        .play(Side::Callee, clip(1400.0, 5000), Play::Loop);
    call.session.stop_playing(Side::Callee);
    assert_eq!(play_ended(&mut call), (Side::Callee, third, false));
    call.session.stop_playing(Side::Callee);
    assert!(first < second && second < third);
}

#[test]
fn a_clip_ends_also_for_a_side_that_is_not_known_yet() {
    let engine = engine();
    let opened = engine.open(axbridge_voice::media::SessionSettings::default());
    let (session, mut events) = opened.expect("a session");
    let id = session.play(Side::Callee, clip(500.0, 40), Play::Once);
    let ended = MediaEvent::PlayEnded {
        side: Side::Callee,
        id,
        whole: true,
    };
    assert_eq!(crate::support::next_event(&mut events), ended);
}

#[test]
fn closing_a_session_ends_what_it_plays() {
    let engine = engine();
    let mut call = call(&engine);
    let id = call
        .session
        .play(Side::Caller, clip(500.0, 60_000), Play::Loop);
    drop(call.session);
    let ended = MediaEvent::PlayEnded {
        side: Side::Caller,
        id,
        whole: false,
    };
    assert_eq!(crate::support::next_event(&mut call.events), ended);
}
