//! Ports, silence, reports, and the end.

use std::net::UdpSocket;
use std::time::{Duration, SystemTime};

use axbridge_voice::audio::Codec;
use axbridge_voice::media::rtcp::{self, Report};
use axbridge_voice::media::{
    Direction, Engine, EngineSettings, MediaError, MediaEvent, Remote, SessionSettings, Side,
};

use crate::support::{Phone, call, engine, engine_with, host, next_event, until};

#[test]
fn ports_are_even_used_up_with_an_error_that_says_so_and_given_back() {
    let address = host();
    let engine = engine_with(address, 20_000..=20_007);
    let open = || engine.open(SessionSettings::default());
    let sessions = [open().expect("a session"), open().expect("a session")];
    let mut ports: Vec<u16> = sessions
        .iter()
        .flat_map(|(session, _)| Side::BOTH.map(|side| session.local(side).port()))
        .collect();
    ports.sort_unstable();
    assert_eq!(ports, [20_000, 20_002, 20_004, 20_006]);
    let refused = open().expect_err("no port is left");
    assert!(matches!(refused, MediaError::PortsUsedUp(_)));
    assert!(
        refused
            .to_string()
            .contains("20000-20007 are in use; widen the range")
    );
    assert_eq!(engine.statistics().port_pairs_in_use, 4);
    drop(sessions);
    until("the ports' return", || {
        engine.statistics().port_pairs_in_use == 0
    });
    assert!(open().is_ok());
}

#[test]
fn a_port_that_somebody_else_holds_is_stepped_over() {
    let address = host();
    let _rtp = UdpSocket::bind((address, 20_000)).expect("a socket");
    let _rtcp = UdpSocket::bind((address, 20_003)).expect("a socket");
    let engine = engine_with(address, 20_000..=20_007);
    let (session, _events) = engine.open(SessionSettings::default()).expect("a session");
    let ports = Side::BOTH.map(|side| session.local(side).port());
    assert_eq!(ports, [20_004, 20_006]);
    assert!(engine.open(SessionSettings::default()).is_err());
    assert_eq!(engine.statistics().port_pairs_in_use, 2);
}

#[test]
fn settings_that_cannot_work_are_refused_at_the_start() {
    let start = |bind_address: &str, ports| {
        let settings = EngineSettings {
            bind_address: bind_address.parse().expect("an address"),
            public_address: None,
            ports,
            threads: 1,
        };
        Engine::start(settings)
            .expect_err("it cannot work")
            .to_string()
    };
    assert!(start("127.0.0.1", 20_000..=20_002).contains("give at least 4 ports"));
    let elsewhere = start("192.0.2.7", 20_000..=20_099);
    assert!(
        elsewhere.contains("give an address of this machine"),
        "{elsewhere}"
    );
}

#[test]
fn the_public_address_is_what_the_other_side_is_told() {
    let bind_address = host();
    let settings = EngineSettings {
        bind_address,
        public_address: Some("203.0.113.9".parse().expect("an address")),
        ports: 20_000..=20_003,
        threads: 1,
    };
    let engine = Engine::start(settings).expect("an engine");
    let (session, _events) = engine.open(SessionSettings::default()).expect("a session");
    assert_eq!(session.local(Side::Callee).to_string(), "203.0.113.9:20002");
}

#[test]
fn silence_is_told_each_time_it_has_lasted_so_long_and_not_on_hold() {
    let engine = engine();
    let silence = Some(Duration::from_millis(300));
    let (session, mut events) = engine.open(SessionSettings { silence }).expect("a session");
    let mut phone = Phone::new(Codec::Pcma, session.local(Side::Caller));
    session.set_remote(Side::Caller, phone.remote());
    let mut told = || {
        loop {
            match next_event(&mut events) {
                MediaEvent::Silent { side, ms } => break (side, ms >= 300),
                MediaEvent::Learned { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    };
    assert_eq!(told(), (Side::Caller, true));
    assert_eq!(told(), (Side::Caller, true), "it lasts");
    phone.say(400.0);
    assert_eq!(told(), (Side::Caller, true), "there is a new one");
    let held = Remote {
        direction: Direction::SendOnly,
        ..phone.remote()
    };
    session.set_remote(Side::Caller, held);
    let other = Phone::new(Codec::Pcma, session.local(Side::Callee));
    session.set_remote(Side::Callee, other.remote());
    // The callee's silence is told after a time in which the caller's would have been.
    assert_eq!(told(), (Side::Callee, true));
    let held = Remote {
        direction: Direction::SendOnly,
        ..other.remote()
    };
    session.set_remote(Side::Callee, held);
    session.set_remote(Side::Caller, phone.remote());
    assert_eq!(
        told(),
        (Side::Caller, true),
        "after the hold it counts again"
    );
}

#[test]
fn a_side_that_reports_gets_a_report_and_a_stranger_none() {
    let engine = engine();
    let mut call = call(&engine);
    call.talk(400.0, 650.0, 5);
    let to = call.session.local(Side::Caller);
    let report = Report {
        ssrc: 5,
        sent: Some((0, 1, 160)),
        heard: None,
    };
    let report = report.to_bytes(SystemTime::now());
    let ask = |from: std::net::IpAddr| {
        let socket = UdpSocket::bind((from, 0)).expect("a socket");
        let patience = Some(Duration::from_millis(200));
        socket.set_read_timeout(patience).expect("a time limit");
        socket
            .send_to(&report, (to.ip(), to.port() + 1))
            .expect("sent");
        let mut answer = [0; 200];
        let length = socket.recv(&mut answer).ok()?;
        Some(answer[..length].to_vec())
    };
    assert_eq!(ask(host()), None);
    let answer = ask(call.caller.address().ip()).expect("a report");
    assert!(
        rtcp::parse(&answer)
            .expect("whole")
            .last_sender_report
            .is_some()
    );
    // It reports on the caller's stream, and of the callee's it knows nothing.
    assert_eq!(answer[28..32], call.caller.next.ssrc.to_be_bytes());
}

#[test]
fn a_stopped_engine_opens_no_session_and_its_sessions_are_harmless() {
    let engine = engine();
    let call = call(&engine);
    engine.stop();
    assert_eq!(engine.statistics().port_pairs_in_use, 0);
    assert_eq!(engine.statistics().sessions, 0);
    let refused = engine.open(SessionSettings::default());
    assert!(matches!(refused, Err(MediaError::Stopped)));
    call.session.bridge(true);
    drop(call);
}

#[test]
fn many_sessions_leave_nothing_behind() {
    let engine = engine();
    for _ in 0..200 {
        let mut call = call(&engine);
        call.caller.say(400.0);
        until("a packet", || call.callee.hear().is_some());
        assert!(matches!(call.event(), MediaEvent::Learned { .. }));
    }
    until("the end of all", || {
        let statistics = engine.statistics();
        statistics.sessions == 0 && statistics.port_pairs_in_use == 0
    });
    assert_eq!(engine.statistics().traffic.packets_out, 200);
}
