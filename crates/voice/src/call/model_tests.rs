//! Whatever happens in whatever order: every leg is ended exactly once, the call is told of exactly
//! once, and nothing is asked for after that.

use axbridge_domain::call::CallResult;
use proptest::prelude::*;

use super::*;
use crate::stack::{Abilities, OfferId, Refresher};

const GOOD: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\n\
                    m=audio 4000 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n";

fn body(dice: u8) -> Vec<u8> {
    match dice % 5 {
        0 => Vec::new(),
        1 => b"no description".to_vec(),
        2 => GOOD.replace("sendrecv", "sendonly").into_bytes(),
        3 => GOOD.replace("RTP/AVP 8 0 101", "RTP/AVP 18").into_bytes(),
        _ => GOOD.as_bytes().to_vec(),
    }
}

fn abilities(dice: u8) -> Abilities {
    Abilities {
        expires_s: (dice & 1 == 1).then_some(90 + u32::from(dice)),
        refresher: (dice & 2 == 2).then_some(Refresher::Uas),
        min_se_s: (dice & 4 == 4).then_some(120),
        timer: dice & 8 == 8,
        update: dice & 16 == 16,
        needs_reliable: dice & 32 == 32,
    }
}

/// The world around a call: what its legs may say, and whether each was ended.
#[derive(Default)]
struct World {
    caller_up: bool,
    caller_ended: u32,
    callee: Option<bool>,
    callee_open: bool,
    called_out: u32,
    callees_ended: u32,
    reoffers: [u32; 2],
    told: u32,
    over: bool,
}

impl World {
    fn obey(&mut self, commands: Vec<Command>) -> Option<Event> {
        let mut answer = None;
        for command in commands {
            assert!(!self.over, "{command:?} after the end");
            match command {
                Command::Admit { .. } => answer = Some(()),
                Command::Accept { .. } => {
                    assert!(!self.caller_up && self.caller_ended == 0);
                    self.caller_up = true;
                }
                Command::Refuse { .. } => {
                    assert!(!self.caller_up);
                    self.caller_ended += 1;
                }
                Command::Provisional { .. } => assert!(!self.caller_up && self.caller_ended == 0),
                Command::Bye(Side::Caller) => {
                    assert!(self.caller_up);
                    self.caller_ended += 1;
                }
                Command::CallOut { sdp, .. } => {
                    assert!(!self.callee_open && !sdp.is_empty());
                    self.called_out += 1;
                    self.callee = Some(false);
                    self.callee_open = true;
                }
                Command::Cancel => {
                    assert_eq!((self.callee, self.callee_open), (Some(false), true));
                    self.end_callee();
                }
                Command::Bye(Side::Callee) => {
                    assert_eq!((self.callee, self.callee_open), (Some(true), true));
                    self.end_callee();
                }
                Command::Reoffer { side, .. } => {
                    let out = &mut self.reoffers[usize::from(side == Side::Callee)];
                    assert_eq!(*out, 0, "two offers at once");
                    *out += 1;
                }
                Command::Ended(_) => self.told += 1,
                _ => {}
            }
        }
        answer.map(|()| Event::Shutdown)
    }

    fn end_callee(&mut self) {
        self.callee_open = false;
        self.callees_ended += 1;
    }

    /// Something that could happen now.
    fn event(&mut self, kind: u8, dice: u8) -> Option<Event> {
        let offer = |side| {
            Event::Signal(
                side,
                Signal::Offer {
                    id: OfferId(u32::from(dice)),
                    sdp: body(dice),
                    invite: dice & 32 == 32,
                    abilities: abilities(dice),
                },
            )
        };
        let caller_lives = self.caller_ended == 0;
        let callee_up = self.callee_open && self.callee == Some(true);
        let callee_rings = self.callee_open && self.callee == Some(false);
        let from_caller = |signal| Some(Event::Signal(Side::Caller, signal));
        let from_callee = |signal| Some(Event::Signal(Side::Callee, signal));
        match kind {
            0 if caller_lives => from_caller(Signal::Cancelled),
            1 if self.caller_up => from_caller(Signal::Acked { sdp: body(dice) }),
            2 if caller_lives => from_caller(Signal::Pracked { sdp: body(dice) }),
            3 if self.caller_up => from_caller(Signal::NoAck),
            4 if caller_lives => {
                self.caller_ended += 1;
                from_caller(Signal::Bye)
            }
            5 if caller_lives => Some(offer(Side::Caller)),
            6 if callee_up || callee_rings => Some(offer(Side::Callee)),
            7 if callee_rings => from_callee(Signal::Provisional {
                status: 180 + u16::from(dice % 4),
                sdp: body(dice),
                abilities: abilities(dice),
            }),
            8 if callee_rings => {
                self.callee = Some(true);
                from_callee(Signal::Answered {
                    sdp: body(dice),
                    abilities: abilities(dice),
                })
            }
            9 if callee_rings => {
                self.end_callee();
                from_callee(Signal::Refused {
                    status: 300 + u16::from(dice),
                    cause: (dice & 1 == 1).then_some(dice),
                    unreachable: dice & 2 == 2,
                    min_se_s: None,
                })
            }
            10 if callee_rings => {
                self.end_callee();
                from_callee(Signal::Refused {
                    status: 422,
                    cause: None,
                    unreachable: false,
                    min_se_s: Some(120),
                })
            }
            11 if callee_up => {
                self.end_callee();
                from_callee(Signal::Bye)
            }
            12 | 13 => {
                let side = Side::BOTH[usize::from(kind - 12)];
                let out = &mut self.reoffers[usize::from(kind - 12)];
                if *out == 0 {
                    return None;
                }
                *out -= 1;
                let status = [200, 491, 488, 408, 481][usize::from(dice % 5)];
                Some(Event::Signal(
                    side,
                    Signal::Reoffered {
                        status,
                        sdp: body(dice),
                        abilities: abilities(dice),
                    },
                ))
            }
            14 => Some(Event::Digit(Side::Caller, char::from(b'0' + dice % 10))),
            15 => Some(Event::Played(Side::BOTH[usize::from(dice % 2)])),
            16 => Some(Event::Silent(Side::BOTH[usize::from(dice % 2)])),
            17 => Some(Event::Signal(
                Side::BOTH[usize::from(dice % 2)],
                Signal::OfferAcked { sdp: body(dice) },
            ))
            .filter(|_| self.caller_up && callee_up),
            18 => Some(Event::Timer(timer(dice))),
            19 if caller_lives => from_caller(Signal::Keyed {
                digit: char::from(b'0' + dice % 10),
            }),
            _ => None,
        }
    }
}

fn timer(dice: u8) -> Timer {
    let side = Side::BOTH[usize::from(dice & 1)];
    match dice >> 1 & 7 {
        0 => Timer::Ring,
        1 => Timer::NoSign,
        2 => Timer::LastMinute,
        3 => Timer::Played,
        4 => Timer::Digit,
        5 => Timer::Refresh(side),
        6 => Timer::Expiry(side),
        _ => Timer::Glare(side),
    }
}

fn verdict(dice: u8) -> Verdict {
    let media = "127.0.0.1:4000".parse().expect("an address");
    if dice & 64 == 64 {
        return Verdict::Refuse {
            result: CallResult::NoBinding,
            announcement: (dice & 1 == 1)
                .then_some((axbridge_app::calls::Announcement::NoBinding, media)),
            status: 404,
        };
    }
    if dice & 128 == 128 {
        return Verdict::AskExtension { media };
    }
    let codecs = vec![Codec::Pcma, Codec::Pcmu];
    Verdict::Connect(Box::new(Plan {
        caller_media: media,
        callee_media: media,
        ways: vec![codecs; usize::from(dice % 3)],
        caller_prompt: (dice & 4 == 4).then(|| "hello".to_owned()),
        callee_prompt: (dice & 8 == 8).then(|| "hello".to_owned()),
        question: (dice & 16 == 16).then(|| Question {
            voice_code: String::new(),
            digits: "1".to_owned(),
        }),
        record: dice & 32 == 32,
        notice: dice & 2 == 2,
        talk_ms_max: Some(100_000),
    }))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_leg_is_ended_once_and_the_call_is_told_of_once(
        offer in any::<u8>(),
        switches in any::<u8>(),
        verdicts in proptest::collection::vec(any::<u8>(), 1..3),
        happenings in proptest::collection::vec((0_u8..20, any::<u8>()), 0..60),
    ) {
        let arrival = Arrival {
            sdp: body(offer),
            abilities: abilities(switches),
            codecs: vec![Codec::Pcma, Codec::Pcmu],
            answer_refusals: switches & 64 == 64,
            dice: [1, 2],
        };
        let settings = CallSettings {
            announce_failures: switches & 128 == 128,
            ..CallSettings::default()
        };
        let mut world = World::default();
        let mut verdicts = verdicts.into_iter().cycle();
        let (mut call, commands) = Call::arrived(arrival, settings);
        let was_taken = !call.is_over();
        let mut happenings = happenings.into_iter();
        let mut asked = world.obey(commands).is_some();
        world.over = call.is_over();
        while !call.is_over() {
            let event = if asked {
                Event::Admitted(verdict(verdicts.next().unwrap_or(0)))
            } else {
                match happenings.next() {
                    Some((kind, dice)) => match world.event(kind, dice) {
                        Some(event) => event,
                        None => continue,
                    },
                    None => Event::Shutdown,
                }
            };
            let commands = call.handle(event);
            asked = world.obey(commands).is_some();
            world.over = call.is_over();
        }
        prop_assert_eq!(world.caller_ended, 1);
        prop_assert!(!world.callee_open, "the callee was left");
        prop_assert_eq!(world.called_out, world.callees_ended);
        prop_assert_eq!(world.told, u32::from(was_taken));
        prop_assert!(call.handle(Event::Shutdown).is_empty());
    }
}

#[test]
fn a_hold_of_one_side_is_brought_to_the_other_and_taken_back() {
    let mut call = talking();
    let hold = Event::Signal(
        Side::Caller,
        Signal::Offer {
            id: OfferId(2),
            sdp: GOOD.replace("sendrecv", "sendonly").into_bytes(),
            invite: true,
            abilities: Abilities::default(),
        },
    );
    let commands = call.handle(hold);
    assert_eq!(answered_with(&commands), Some((200, "recvonly")));
    assert_eq!(offered_to(&commands), Some((Side::Callee, "sendonly")));
    // The callee accepts, then holds too: nothing flows.
    let accepted = Signal::Reoffered {
        status: 200,
        sdp: GOOD.replace("sendrecv", "recvonly").into_bytes(),
        abilities: Abilities::default(),
    };
    assert_eq!(
        offered_to(&call.handle(Event::Signal(Side::Callee, accepted))),
        None
    );
    let resume = Event::Signal(
        Side::Caller,
        Signal::Offer {
            id: OfferId(3),
            sdp: GOOD.as_bytes().to_vec(),
            invite: true,
            abilities: Abilities::default(),
        },
    );
    let commands = call.handle(resume);
    assert_eq!(answered_with(&commands), Some((200, "sendrecv")));
    assert_eq!(offered_to(&commands), Some((Side::Callee, "sendrecv")));
    // Both offered at once: again after a pause.
    let glare = Signal::Reoffered {
        status: 491,
        sdp: Vec::new(),
        abilities: Abilities::default(),
    };
    let commands = call.handle(Event::Signal(Side::Callee, glare));
    let pause = commands.iter().find_map(|command| match command {
        Command::Set(Timer::Glare(Side::Callee), ms) => Some(*ms),
        _ => None,
    });
    assert!((2_100..=4_000).contains(&pause.expect("a pause")));
    let commands = call.handle(Event::Timer(Timer::Glare(Side::Callee)));
    assert_eq!(offered_to(&commands), Some((Side::Callee, "sendrecv")));
}

fn direction(sdp: &[u8]) -> &'static str {
    let text = String::from_utf8_lossy(sdp);
    ["sendrecv", "sendonly", "recvonly", "inactive"]
        .into_iter()
        .find(|name| text.contains(&format!("a={name}")))
        .unwrap_or_default()
}

fn answered_with(commands: &[Command]) -> Option<(u16, &'static str)> {
    commands.iter().find_map(|command| match command {
        Command::AnswerOffer { status, sdp, .. } => {
            Some((*status, sdp.as_deref().map_or("", direction)))
        }
        _ => None,
    })
}

fn offered_to(commands: &[Command]) -> Option<(Side, &'static str)> {
    commands.iter().find_map(|command| match command {
        Command::Reoffer { side, sdp, .. } => Some((*side, sdp.as_deref().map_or("", direction))),
        _ => None,
    })
}

/// A call whose two sides talk.
fn talking() -> Call {
    let arrival = Arrival {
        sdp: GOOD.as_bytes().to_vec(),
        abilities: Abilities::default(),
        codecs: vec![Codec::Pcma, Codec::Pcmu],
        answer_refusals: false,
        dice: [1, 2],
    };
    let (mut call, _) = Call::arrived(arrival, CallSettings::default());
    call.handle(Event::Admitted(verdict(1)));
    let answered = Signal::Answered {
        sdp: GOOD.as_bytes().to_vec(),
        abilities: Abilities::default(),
    };
    call.handle(Event::Signal(Side::Callee, answered));
    call.handle(Event::Signal(
        Side::Caller,
        Signal::Acked { sdp: Vec::new() },
    ));
    assert_eq!(call.stage, Stage::Talking);
    call
}

#[test]
fn a_session_is_refreshed_by_us_or_ended_when_the_peer_does_not() {
    let mut call = talking();
    let asks = |refresher| {
        Event::Signal(
            Side::Caller,
            Signal::Offer {
                id: OfferId(2),
                sdp: Vec::new(),
                invite: false,
                abilities: Abilities {
                    expires_s: Some(120),
                    refresher,
                    timer: true,
                    update: true,
                    ..Abilities::default()
                },
            },
        )
    };
    let commands = call.handle(asks(Some(Refresher::Uas)));
    assert!(commands.contains(&Command::Set(Timer::Refresh(Side::Caller), 60_000)));
    // A peer that takes UPDATE is asked without an offer (RFC 4028 §7.4).
    let commands = call.handle(Event::Timer(Timer::Refresh(Side::Caller)));
    let refresh = commands.iter().find_map(|command| match command {
        Command::Reoffer { side, sdp, extras } => Some((*side, sdp.clone(), extras.clone())),
        _ => None,
    });
    let (side, sdp, extras) = refresh.expect("a refresh");
    assert_eq!((side, sdp), (Side::Caller, None));
    assert_eq!(extras[0].value, "120;refresher=uac");
    let answered = Signal::Reoffered {
        status: 200,
        sdp: Vec::new(),
        abilities: Abilities {
            expires_s: Some(120),
            refresher: Some(Refresher::Uac),
            ..Abilities::default()
        },
    };
    let commands = call.handle(Event::Signal(Side::Caller, answered));
    assert!(commands.contains(&Command::Set(Timer::Refresh(Side::Caller), 60_000)));
    let commands = call.handle(asks(Some(Refresher::Uac)));
    assert!(commands.contains(&Command::Set(Timer::Expiry(Side::Caller), 88_000)));
    let commands = call.handle(Event::Timer(Timer::Expiry(Side::Caller)));
    assert!(commands.contains(&Command::Bye(Side::Caller)));
    assert!(commands.contains(&Command::Bye(Side::Callee)));
}

#[test]
fn who_is_asked_for_an_extension_and_leaves_has_called() {
    let arrival = Arrival {
        sdp: GOOD.as_bytes().to_vec(),
        abilities: Abilities::default(),
        codecs: vec![Codec::Pcma],
        answer_refusals: false,
        dice: [1, 2],
    };
    let (mut call, _) = Call::arrived(arrival, CallSettings::default());
    call.handle(Event::Admitted(verdict(128)));
    assert!(matches!(call.stage, Stage::Extension { .. }));
    let commands = call.handle(Event::Signal(Side::Caller, Signal::Bye));
    let end = CallEnd {
        result: CallResult::CallerHungUp,
        released_by: axbridge_domain::call::ReleasedBy::Caller,
        verification: None,
    };
    assert_eq!(commands, [Command::Ended(end)]);
}

#[test]
fn a_refresh_that_did_not_come_through_is_tried_again() {
    let mut call = talking();
    let agreed = Abilities {
        expires_s: Some(120),
        refresher: Some(Refresher::Uas),
        timer: true,
        update: true,
        ..Abilities::default()
    };
    let asks = Signal::Offer {
        id: OfferId(2),
        sdp: Vec::new(),
        invite: false,
        abilities: agreed,
    };
    call.handle(Event::Signal(Side::Caller, asks));
    let answer = |status, min_se_s| {
        let abilities = Abilities {
            min_se_s,
            ..Abilities::default()
        };
        let sdp = Vec::new();
        let signal = Signal::Reoffered {
            status,
            sdp,
            abilities,
        };
        Event::Signal(Side::Caller, signal)
    };
    let refreshes = |commands: &[Command]| offered_to(commands) == Some((Side::Caller, ""));
    let due = Event::Timer(Timer::Refresh(Side::Caller));
    assert!(refreshes(&call.handle(due.clone())));
    // Both asked at once: after the pause.
    let commands = call.handle(answer(491, None));
    let waits = |it: &Command| matches!(it, Command::Set(Timer::Glare(Side::Caller), _));
    assert!(commands.iter().any(waits) && !refreshes(&commands));
    assert!(refreshes(
        &call.handle(Event::Timer(Timer::Glare(Side::Caller)))
    ));
    // It is too busy: well before the session ends.
    let commands = call.handle(answer(500, None));
    assert_eq!(
        commands,
        [Command::Set(Timer::Refresh(Side::Caller), 15_000)]
    );
    assert!(refreshes(&call.handle(due)));
    // It wants a longer session: at once, and so long.
    let commands = call.handle(answer(422, Some(300)));
    let extras = commands.iter().find_map(|command| match command {
        Command::Reoffer { extras, .. } => Some(extras.clone()),
        _ => None,
    });
    let extras = extras.expect("a refresh");
    assert_eq!(extras[0].value, "300;refresher=uac");
    assert_eq!((extras[1].name, &*extras[1].value), ("Min-SE", "300"));
    assert!(
        !refreshes(&call.handle(answer(422, Some(300)))),
        "no end of it"
    );
}
