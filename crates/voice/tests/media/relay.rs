//! Who hears whom, and what of one side reaches the other.

use std::net::SocketAddr;
use std::sync::Arc;

use axbridge_voice::audio::Codec;
use axbridge_voice::media::rtp::Header;
use axbridge_voice::media::{
    Accept, Direction, MediaEvent, Refusal, Remote, SessionSettings, Side,
};

use crate::support::{
    Call, EVENTS, Phone, call, call_between, engine, host, is_tone, next_event, until,
};

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
            assert!(is_tone(&sound, 400.0));
        }
        heard == 20
    });
    assert_eq!(stranger.hear(), None, "the stranger hears nothing either");
}

#[test]
fn a_port_is_learned_once_and_then_kept() {
    let engine = engine();
    let mut call = call(&engine);
    // The caller's firewall sends from another port than the description says.
    let to = call.session.local(Side::Caller);
    let mut behind = Phone::on(call.caller.address().ip(), Codec::Pcma, to);
    until("the learning of a port", || {
        behind.say(400.0);
        call.callee.say(650.0);
        behind
            .hear_sound()
            .is_some_and(|sound| is_tone(&sound, 650.0))
    });
    assert_eq!(
        call.caller.hear(),
        None,
        "nothing goes to the described port any more"
    );
    // Another port of the same host is too late.
    let refused = |call: &Call| call.session.statistics().caller.refused(Refusal::Source);
    let before = refused(&call);
    let mut third = Phone::on(call.caller.address().ip(), Codec::Pcma, to);
    third.say(1000.0);
    until("the refusal of another port", || {
        refused(&call) == before + 1
    });
    assert_eq!(third.hear(), None);
}

/// A port serves one call after the other, and the phone of the last one may still be speaking.
#[test]
fn the_described_address_is_heard_although_another_port_came_first() {
    let engine = engine();
    let mut call = call(&engine);
    let to = call.session.local(Side::Caller);
    let mut late = Phone::on(call.caller.address().ip(), Codec::Pcma, to);
    until("the late packet", || {
        late.say(1000.0);
        call.callee.hear().is_some()
    });
    while call.callee.hear().is_some() {}
    call.talk(400.0, 650.0, 10);
    let refused = |call: &Call| call.session.statistics().caller.refused(Refusal::Source);
    let before = refused(&call);
    late.say(1000.0);
    until("the refusal of the other port", || {
        refused(&call) == before + 1
    });
    while late.hear().is_some() {}
    call.talk(400.0, 650.0, 5);
    assert_eq!(late.hear(), None);
}

#[test]
fn an_exact_address_admits_no_other_port() {
    let engine = engine();
    let mut call = call(&engine);
    let exact = Remote {
        accept: Accept::Exact,
        ..call.caller.remote()
    };
    call.session.set_remote(Side::Caller, exact);
    let to = call.session.local(Side::Caller);
    let mut other = Phone::on(call.caller.address().ip(), Codec::Pcma, to);
    other.say(1000.0);
    until("the refusal of another port", || {
        call.session.statistics().caller.refused(Refusal::Source) == 1
    });
    call.talk(400.0, 650.0, 5);
}

#[test]
fn behind_nat_the_first_packet_of_the_trunks_networks_decides() {
    let engine = engine();
    let mut call = call(&engine);
    let described: SocketAddr = "10.9.8.7:4000".parse().expect("an address");
    let networks: Arc<[ipnet::IpNet]> = Arc::new([call.caller.address().ip().into()]);
    let behind_nat = Remote {
        address: described,
        accept: Accept::LearnAddress(networks),
        ..call.caller.remote()
    };
    call.session.set_remote(Side::Caller, behind_nat);
    let mut stranger = Phone::new(Codec::Pcma, call.session.local(Side::Caller));
    stranger.say(1000.0);
    until("the refusal of a stranger", || {
        call.session.statistics().caller.refused(Refusal::Source) == 1
    });
    // Nothing is sent to the described address, which is in none of the networks.
    call.callee.say(650.0);
    until("the callee's packet", || {
        call.session.statistics().callee.packets_in == 1
    });
    assert_eq!(call.session.statistics().caller.packets_out, 0);
    call.talk(400.0, 650.0, 5);
}

#[test]
fn when_the_description_moves_the_old_address_is_deaf_and_dumb() {
    let engine = engine();
    let mut call = call(&engine);
    call.talk(400.0, 650.0, 5);
    let to = call.session.local(Side::Caller);
    let old = std::mem::replace(&mut call.caller, Phone::new(Codec::Pcmu, to));
    call.session.set_remote(Side::Caller, call.caller.remote());
    call.talk(480.0, 650.0, 10);
    let mut old = old;
    old.say(1000.0);
    until("the refusal of the old address", || {
        call.session.statistics().caller.refused(Refusal::Source) > 0
    });
    while old.hear().is_some() {}
    call.talk(480.0, 650.0, 5);
    assert_eq!(old.hear(), None);
}

#[test]
fn the_same_description_again_keeps_what_was_learned() {
    let engine = engine();
    let mut call = call(&engine);
    let to = call.session.local(Side::Caller);
    let described = call.caller.remote();
    call.caller = Phone::on(call.caller.address().ip(), Codec::Pcma, to);
    until("the learning of a port", || {
        call.caller.say(400.0);
        call.callee.hear().is_some()
    });
    call.session.set_remote(Side::Caller, described);
    call.talk(400.0, 650.0, 10);
}

#[test]
fn nothing_of_a_streams_identity_reaches_the_other_side() {
    let engine = engine();
    let mut call = call(&engine);
    call.caller.next.ssrc = 0xdead_beef;
    let mut heard: Vec<Header> = Vec::new();
    until("ten packets", || {
        let mut packet = call.caller.packet(400.0);
        // Sources, an extension and padding, which tell where a packet was made.
        let payload = packet.split_off(12);
        packet[0] = 0xb1;
        packet.extend(0xcafe_babe_u32.to_be_bytes());
        packet.extend([0xbe, 0xde, 0, 1, 1, 2, 3, 4]);
        packet.extend(payload);
        packet.extend([0, 0, 0, 4]);
        call.caller.send(&packet);
        // `hear` insists on a plain header.
        if let Some((header, payload)) = call.callee.hear() {
            assert_eq!(payload.len(), 160);
            heard.push(header);
        }
        heard.len() == 10
    });
    let sent = call.caller.next;
    assert!(heard.iter().all(|header| header.ssrc == heard[0].ssrc));
    assert_ne!(heard[0].ssrc, sent.ssrc);
    // The beginnings are random; all three agreeing by chance would need 80 equal bits.
    let same = heard[0].sequence == 65_500 && heard[0].timestamp == u32::MAX - 3000;
    assert!(!same);
}

#[test]
fn gaps_order_and_pauses_reach_the_other_side_as_they_came() {
    let engine = engine();
    let mut call = call(&engine);
    let packets: Vec<Vec<u8>> = (0..8).map(|_| call.caller.packet(400.0)).collect();
    for index in [0, 1, 4, 3, 3, 7] {
        call.caller.send(&packets[index]);
    }
    let mut heard = Vec::new();
    until("five packets", || {
        heard.extend(call.callee.hear().map(|(header, _)| header));
        heard.len() == 5
    });
    assert_eq!(call.callee.hear(), None, "the repeated packet is dropped");
    let steps: Vec<(u16, u32)> = heard
        .iter()
        .map(|header| {
            let sequence = header.sequence.wrapping_sub(heard[0].sequence);
            (sequence, header.timestamp.wrapping_sub(heard[0].timestamp))
        })
        .collect();
    assert_eq!(steps, [(0, 0), (1, 160), (4, 640), (3, 480), (7, 1120)]);
    let caller = call.session.statistics().caller;
    assert_eq!((caller.packets_in, caller.lost), (5, 3));
    assert_eq!(caller.refused(Refusal::Repeated), 1);
}

#[test]
fn what_is_no_voice_is_refused_by_cause_and_never_relayed() {
    let engine = engine();
    let mut call = call(&engine);
    call.talk(400.0, 650.0, 2);
    while call.callee.hear().is_some() {}
    let before = call.session.statistics().caller;
    let mut unknown = call.caller.packet(400.0);
    unknown[1] = 97;
    let mut noise = call.caller.packet(400.0);
    noise[1] = 13;
    let mut short_event = call.caller.packet(400.0);
    short_event[1] = EVENTS;
    short_event.truncate(15);
    let mut rtcp = call.caller.packet(400.0);
    rtcp[1] = 200;
    let mut stun = call.caller.packet(400.0);
    stun[0] = 0;
    for packet in [
        &unknown,
        &noise,
        &short_event,
        &rtcp,
        &stun,
        &vec![0x80; 1600],
    ] {
        call.caller.send(packet);
    }
    call.caller.send(&[]);
    until("the refusals", || {
        let caller = call.session.statistics().caller;
        let more = |cause| caller.refused(cause) - before.refused(cause);
        more(Refusal::Payload) == 2
            && more(Refusal::Malformed) == 4
            && caller.packets_in == before.packets_in + 1
    });
    assert_eq!(call.callee.hear(), None);
    call.talk(400.0, 650.0, 2);
}

#[test]
fn a_side_on_hold_neither_hears_nor_is_heard_as_far_as_was_said() {
    let engine = engine();
    let mut call = call(&engine);
    call.talk(400.0, 650.0, 2);
    let cases = [
        (Direction::Inactive, false, false),
        (Direction::SendOnly, false, true),
        (Direction::ReceiveOnly, true, false),
    ];
    for (direction, is_heard, hears) in cases {
        let held = Remote {
            direction,
            ..call.caller.remote()
        };
        call.session.set_remote(Side::Caller, held);
        let before = call.session.statistics();
        call.caller.say(400.0);
        call.callee.say(650.0);
        until("the packets of both", || {
            let now = call.session.statistics();
            let from_caller = now.caller.packets_in - before.caller.packets_in
                + now.caller.refused(Refusal::Direction)
                - before.caller.refused(Refusal::Direction);
            from_caller == 1 && now.callee.packets_in == before.callee.packets_in + 1
        });
        let now = call.session.statistics();
        let sent = |now: u64, before: u64| now - before == 1;
        let to_callee = sent(now.callee.packets_out, before.callee.packets_out);
        let to_caller = sent(now.caller.packets_out, before.caller.packets_out);
        assert_eq!((to_callee, to_caller), (is_heard, hears), "{direction:?}");
    }
    call.session.set_remote(Side::Caller, call.caller.remote());
    while call.caller.hear().is_some() || call.callee.hear().is_some() {}
    call.talk(400.0, 650.0, 5);
}

#[test]
fn nobody_is_heard_until_both_are_let_together() {
    let engine = engine();
    let mut call = call(&engine);
    call.session.bridge(false);
    call.caller.say(400.0);
    until("the caller's packet", || {
        call.session.statistics().caller.packets_in == 1
    });
    assert_eq!(call.callee.hear(), None);
    call.session.bridge(true);
    call.talk(400.0, 650.0, 5);
}

#[test]
fn a_session_takes_nothing_before_it_knows_from_whom() {
    let engine = engine();
    let opened = engine.open(SessionSettings::default());
    let (session, mut events) = opened.expect("a session");
    let mut phone = Phone::new(Codec::Pcma, session.local(Side::Caller));
    phone.say(400.0);
    until("the refusal", || {
        session.statistics().caller.refused(Refusal::Source) == 1
    });
    session.set_remote(Side::Caller, phone.remote());
    phone.say(400.0);
    let learned = MediaEvent::Learned { side: Side::Caller };
    assert_eq!(next_event(&mut events), learned);
}

#[test]
fn dynamic_payload_types_are_those_that_each_side_named() {
    let engine = engine();
    let mut call = call(&engine);
    let named = |phone: &Phone, payload_type| Remote {
        payload_type,
        ..phone.remote()
    };
    call.session
        .set_remote(Side::Caller, named(&call.caller, 100));
    call.session
        .set_remote(Side::Callee, named(&call.callee, 110));
    call.caller.next.payload_type = 100;
    let mut heard = None;
    until("a packet", || {
        call.caller.say(400.0);
        heard = call.callee.hear();
        heard.is_some()
    });
    assert_eq!(heard.map(|(header, _)| header.payload_type), Some(110));
}

#[test]
fn calls_on_one_thread_do_not_hear_each_other() {
    let engine = engine();
    let (mut one, mut two) = (call(&engine), call(&engine));
    for _ in 0..10 {
        one.talk(400.0, 650.0, 2);
        two.talk(900.0, 1300.0, 2);
    }
    drop(one);
    two.talk(900.0, 1300.0, 10);
    until("the ports of the ended call", || {
        engine.statistics().port_pairs_in_use == 2
    });
    assert_ne!(host(), host());
}
