//! Who hears whom.

use axbridge_voice::audio::Codec;
use axbridge_voice::media::{MediaEvent, Refusal, Side};

use crate::support::{Phone, call, call_between, engine, is_tone, until};

#[test]
fn both_hear_each_other_in_every_pair_of_codecs() {
    let engine = engine();
    for caller in [Codec::Pcma, Codec::Pcmu] {
        for callee in [Codec::Pcma, Codec::Pcmu] {
            let mut call = call_between(&engine, caller, callee);
            call.talk(400.0, 650.0, 20);
        }
    }
}

#[test]
fn each_side_is_told_once_that_it_is_known() {
    let engine = engine();
    let mut call = call(&engine);
    call.talk(400.0, 650.0, 5);
    let mut sides = [call.event(), call.event()].map(|event| match event {
        MediaEvent::Learned { side } => side,
        other => panic!("{other:?}"),
    });
    sides.sort_by_key(|side| *side == Side::Callee);
    assert_eq!(sides, Side::BOTH);
    assert!(call.events.try_recv().is_err());
}

#[test]
fn a_third_host_is_never_heard_not_even_before_the_first_packet() {
    let engine = engine();
    let mut call = call(&engine);
    let mut stranger = Phone::new(Codec::Pcma, call.session.local(Side::Caller));
    for _ in 0..20 {
        stranger.say(1000.0);
    }
    until("the refusal of a stranger", || {
        call.session.statistics().caller.refused(Refusal::Source) == 20
    });
    assert_eq!(call.callee.hear(), None);
    let mut heard = 0;
    until("a talk beside a stranger", || {
        stranger.say(1000.0);
        call.caller.say(400.0);
        if let Some(sound) = call.callee.hear_sound() {
            heard += 1;
            assert!(is_tone(&sound, 400.0) || heard == 1);
        }
        heard == 20
    });
    assert_eq!(stranger.hear(), None, "the stranger hears nothing either");
}
