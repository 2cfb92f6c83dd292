//! A call's sound: ports, where each side is heard, what is played, what is recorded.

use std::{net::SocketAddr, time::Duration};

use tokio::sync::mpsc;

use super::{runner::Runner, trunks::sound_networks};
use crate::{
    audio::Digit,
    call::{Clip, Event, Side},
    media::{
        self, Accept, MediaEvent, Play, PlayId, RecordingTarget, Remote, Session, SessionSettings,
    },
    sdp::Agreed,
    stack::Leg,
};

/// A call's sound.
pub(super) struct Media {
    pub(super) session: Session,
    pub(super) events: mpsc::Receiver<MediaEvent>,
    /// What plays to the caller and to the callee.
    pub(super) plays: [Option<PlayId>; 2],
    pub(super) recording: bool,
}

impl Runner {
    /// Our address for the caller's sound; opens the ports at the first time of asking.
    pub(super) fn open_media(&mut self) -> Option<SocketAddr> {
        if self.media.is_none() {
            let settings = SessionSettings {
                silence: self
                    .shared
                    .settings
                    .silence_ms_max
                    .map(Duration::from_millis),
            };
            match self.shared.engine.open(settings) {
                Ok((session, events)) => {
                    self.media = Some(Media {
                        session,
                        events,
                        plays: [None; 2],
                        recording: false,
                    });
                }
                Err(error) => tracing::warn!(%error, "a call gets no ports for its sound"),
            }
        }
        let media = self.media.as_ref()?;
        Some(media.session.local(media::Side::Caller))
    }

    pub(super) fn hear(&mut self, side: Side, agreed: &Agreed) {
        let Some(media) = &self.media else { return };
        let trunk = match side {
            Side::Caller => &self.inbound.trunk,
            Side::Callee => {
                let callee = self.callee.as_ref().map(Leg::trunk);
                let of_callee = self
                    .ways
                    .iter()
                    .map(|way| &way.known.trunk)
                    .find(|trunk| callee.as_deref() == Some(trunk.name.as_str()));
                match of_callee {
                    Some(trunk) => trunk,
                    None => return,
                }
            }
        };
        let accept = if trunk.symmetric_rtp {
            Accept::LearnAddress(sound_networks(trunk))
        } else {
            Accept::LearnPort
        };
        let (address, direction) = match agreed.remote {
            Some(address) => (address, to_media_direction(agreed.direction)),
            // The hold of RFC 2543: there is nowhere to send to.
            None => (
                SocketAddr::new(std::net::Ipv4Addr::UNSPECIFIED.into(), 0),
                media::Direction::Inactive,
            ),
        };
        media.session.set_remote(
            to_media(side),
            Remote {
                address,
                codec: match agreed.codec {
                    crate::sdp::Codec::Pcma => media::Codec::Pcma,
                    crate::sdp::Codec::Pcmu => media::Codec::Pcmu,
                },
                payload_type: agreed.send_payload_type,
                event_payload_type: agreed.send_event_type,
                accept,
                direction,
            },
        );
    }

    pub(super) fn play(&mut self, side: Side, clip: &Clip) {
        let found = match clip {
            Clip::Prompt(code) => {
                let mut known = self.prompts.iter();
                let prompt = known.find(|(name, _)| name == code);
                prompt.map(|(_, sound)| (sound.clone(), Play::Once))
            }
            ours => self.shared.clips.find(ours),
        };
        let Some(media) = &mut self.media else { return };
        match found {
            Some((sound, mode)) => {
                let id = media.session.play(to_media(side), sound, mode);
                media.plays[index(side)] = Some(id);
            }
            None => {
                tracing::warn!(call = ?self.call_id, ?clip, "there is no such sound; it is left out");
                self.pending.push_back(Event::Played(side));
            }
        }
        if matches!(
            clip,
            Clip::Question(_) | Clip::WrongAnswer(_) | Clip::AskExtension
        ) {
            media.session.listen_for_tones(to_media(side), true);
        }
    }

    pub(super) fn key(&self, side: Side, digit: char) {
        if let (Some(media), Some(digit)) = (&self.media, Digit::from_char(digit)) {
            media.session.send_digits(to_media(side), &[digit]);
        }
    }

    pub(super) fn record(&mut self) {
        let (Some(media), Some(call)) = (&mut self.media, self.call_id) else {
            return;
        };
        match RecordingTarget::new(self.shared.settings.spool.clone(), call.to_string()) {
            Ok(target) => {
                media.recording = true;
                media.session.record(target);
            }
            Err(error) => tracing::error!(%call, %error, "the call is not recorded"),
        }
    }
}

pub(super) const fn index(side: Side) -> usize {
    match side {
        Side::Caller => 0,
        Side::Callee => 1,
    }
}

pub(super) const fn to_media(side: Side) -> media::Side {
    match side {
        Side::Caller => media::Side::Caller,
        Side::Callee => media::Side::Callee,
    }
}

pub(super) const fn of_media(side: media::Side) -> Side {
    match side {
        media::Side::Caller => Side::Caller,
        media::Side::Callee => Side::Callee,
    }
}

pub(super) const fn to_media_direction(direction: crate::sdp::Direction) -> media::Direction {
    match (direction.sends(), direction.receives()) {
        (true, true) => media::Direction::SendReceive,
        (true, false) => media::Direction::SendOnly,
        (false, true) => media::Direction::ReceiveOnly,
        (false, false) => media::Direction::Inactive,
    }
}
