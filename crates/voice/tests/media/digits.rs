//! Digits: as events and as tones, told, passed on and made.

use std::time::Duration;

use axbridge_voice::audio::{Digit, DtmfDetector};
use axbridge_voice::media::rtp::Header;
use axbridge_voice::media::telephone_event::TelephoneEvent;
use axbridge_voice::media::{Keyed, MediaEvent, Remote, Side};

use crate::support::{Call, EVENTS, Phone, call, engine, until};

fn digit(key: char) -> Digit {
    Digit::from_char(key).expect("a key")
}

/// The packets in which a phone sends one digit as an event.
fn event_packets(phone: &mut Phone, key: char) -> Vec<Vec<u8>> {
    let timestamp = phone.next.timestamp;
    let packets = [160, 320, 480, 640, 640, 640].into_iter().enumerate();
    let made = packets.map(|(index, duration)| {
        let event = TelephoneEvent::of(digit(key), duration, index >= 3);
        let header = Header {
            payload_type: EVENTS,
            marker: index == 0,
            timestamp,
            ..phone.next
        };
        phone.next.sequence = phone.next.sequence.wrapping_add(1);
        [header.to_bytes().as_slice(), &event.to_bytes()].concat()
    });
    let made = made.collect();
    phone.next.timestamp = timestamp.wrapping_add(960);
    made
}

/// The digits told next, with how they were keyed.
fn told(call: &mut Call, count: usize) -> Vec<(Side, char, Keyed)> {
    let mut digits = Vec::new();
    while digits.len() < count {
        if let MediaEvent::Digit { side, digit, keyed } = call.event() {
            digits.push((side, digit.as_char(), keyed));
        }
    }
    digits
}

fn no_more_digits(call: &mut Call) -> bool {
    !std::iter::from_fn(|| call.events.try_recv().ok())
        .any(|event| matches!(event, MediaEvent::Digit { .. }))
}

#[test]
fn events_are_told_once_and_passed_on_under_the_other_sides_type() {
    let engine = engine();
    let mut call = call(&engine);
    let other_type = Remote {
        event_payload_type: Some(96),
        ..call.callee.remote()
    };
    call.session.set_remote(Side::Callee, other_type);
    for packet in event_packets(&mut call.caller, '7') {
        call.caller.send(&packet);
    }
    assert_eq!(told(&mut call, 1), [(Side::Caller, '7', Keyed::Event)]);
    let mut heard = Vec::new();
    until("six packets of an event", || {
        heard.extend(call.callee.hear());
        heard.len() == 6
    });
    let first = heard[0].0;
    for (index, (header, payload)) in heard.iter().enumerate() {
        assert_eq!(header.payload_type, 96);
        assert_eq!(header.timestamp, first.timestamp);
        assert_eq!(header.sequence, first.sequence.wrapping_add(index as u16));
        assert_eq!(header.marker, index == 0);
        let event = TelephoneEvent::parse(payload).expect("an event");
        assert_eq!((event.event, event.end), (7, index >= 3));
    }
    assert!(no_more_digits(&mut call));
}

#[test]
fn a_digit_survives_the_loss_of_all_its_packets_but_one() {
    let engine = engine();
    let mut call = call(&engine);
    for (key, survivor) in [('1', 0), ('2', 2), ('2', 5), ('#', 4)] {
        let packets = event_packets(&mut call.caller, key);
        call.caller.send(&packets[survivor]);
    }
    let keys: String = told(&mut call, 4).iter().map(|&(_, key, _)| key).collect();
    assert_eq!(keys, "122#");
}

#[test]
fn a_side_that_knows_no_events_hears_the_digits() {
    let engine = engine();
    let mut call = call(&engine);
    let no_events = Remote {
        event_payload_type: None,
        ..call.callee.remote()
    };
    call.session.set_remote(Side::Callee, no_events);
    for key in ['5', '0'] {
        for packet in event_packets(&mut call.caller, key) {
            call.caller.send(&packet);
        }
    }
    let (mut detector, mut heard) = (DtmfDetector::default(), String::new());
    until("two digits as tones", || {
        if let Some(sound) = call.callee.hear_sound() {
            detector.hear(sound, |digit| heard.push(digit.as_char()));
        }
        heard.len() == 2
    });
    assert_eq!(heard, "50");
}

/// Says a digit as a tone, then a pause.
fn say_tone(phone: &mut Phone, key: char) {
    let tone = digit(key).tone(Duration::from_millis(100));
    for frame in tone
        .samples()
        .chunks_exact(160)
        .chain([[0; 160].as_slice(); 3])
    {
        let packet = phone.packet_of(frame);
        phone.send(&packet);
    }
}

#[test]
fn tones_are_told_when_listened_for_and_always_passed_as_sound() {
    let engine = engine();
    let mut call = call(&engine);
    say_tone(&mut call.caller, '3');
    until("the first tone", || {
        call.session.statistics().caller.packets_in == 8
    });
    call.session.listen_for_tones(Side::Caller, true);
    say_tone(&mut call.caller, '4');
    say_tone(&mut call.caller, '4');
    let tone = (Side::Caller, '4', Keyed::Tone);
    assert_eq!(told(&mut call, 2), [tone, tone]);
    call.session.listen_for_tones(Side::Caller, false);
    say_tone(&mut call.caller, '9');
    until("the last tone", || {
        call.session.statistics().caller.packets_in == 32
    });
    assert!(no_more_digits(&mut call));
    let (mut detector, mut heard) = (DtmfDetector::default(), String::new());
    until("all tones at the other side", || {
        if let Some(sound) = call.callee.hear_sound() {
            detector.hear(sound, |digit| heard.push(digit.as_char()));
        }
        heard.len() == 4
    });
    assert_eq!(heard, "3449");
}

#[test]
fn a_digit_that_comes_both_as_tone_and_event_is_one() {
    let engine = engine();
    let mut call = call(&engine);
    call.session.listen_for_tones(Side::Caller, true);
    say_tone(&mut call.caller, '6');
    for packet in event_packets(&mut call.caller, '6') {
        call.caller.send(&packet);
    }
    for packet in event_packets(&mut call.caller, '8') {
        call.caller.send(&packet);
    }
    let digits = told(&mut call, 2);
    assert_eq!(digits[0], (Side::Caller, '6', Keyed::Tone));
    assert_eq!(digits[1], (Side::Caller, '8', Keyed::Event));
}

#[test]
fn digits_are_sent_to_either_side_as_it_understands_them() {
    let engine = engine();
    let call = call(&engine);
    let no_events = Remote {
        event_payload_type: None,
        ..call.caller.remote()
    };
    call.session.set_remote(Side::Caller, no_events);
    let digits = ['1', '*', 'D'].map(digit);
    call.session.send_digits(Side::Caller, &digits);
    call.session.send_digits(Side::Callee, &digits);
    let (mut detector, mut tones) = (DtmfDetector::default(), String::new());
    let (mut events, mut stamps) = (String::new(), Vec::new());
    until("three digits both ways", || {
        if let Some(sound) = call.caller.hear_sound() {
            detector.hear(sound, |digit| tones.push(digit.as_char()));
        }
        if let Some((header, payload)) = call.callee.hear() {
            assert_eq!(header.payload_type, EVENTS);
            let event = TelephoneEvent::parse(&payload).expect("an event");
            if !stamps.contains(&header.timestamp) {
                assert!(header.marker);
                stamps.push(header.timestamp);
                let digit = Digit::from_event(event.event).expect("a key");
                events.push(digit.as_char());
            }
        }
        tones.len() == 3 && events.len() == 3
    });
    assert_eq!((tones.as_str(), events.as_str()), ("1*D", "1*D"));
}
