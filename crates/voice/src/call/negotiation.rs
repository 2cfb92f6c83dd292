//! One leg's offers and answers: what the peer allows, what we said last, and what was agreed.

use crate::sdp::{self, Agreed, Codec, Direction, NoAgreement, Session, Wanted};
use std::net::SocketAddr;

/// Our half of a leg's description, and what the peer said about its own.
#[derive(Debug)]
pub(super) struct Negotiation {
    session_id: u64,
    codecs: Vec<Codec>,
    side: Option<sdp::Side>,
    /// The peer's offer that we have to answer.
    offer: Option<Session>,
    agreed: Option<Agreed>,
    /// Which way the peer lets sound flow, seen from us.
    allows: Direction,
    /// Which way our last description says that was agreed.
    said: Option<Direction>,
    /// Which way the offer says that is out.
    proposed: Option<Direction>,
    /// What the peer refused, not to be asked again.
    refused: Option<Direction>,
}

impl Negotiation {
    pub(super) const fn new(session_id: u64, codecs: Vec<Codec>) -> Self {
        Self {
            session_id,
            codecs,
            side: None,
            offer: None,
            agreed: None,
            allows: Direction::SendRecv,
            said: None,
            proposed: None,
            refused: None,
        }
    }

    /// Where the leg's sound arrives.
    pub(super) fn place(&mut self, local: SocketAddr) {
        let session_id = self.session_id;
        self.side
            .get_or_insert_with(|| sdp::Side::new(session_id, local));
    }

    /// Reads the peer's offer and keeps it.
    pub(super) fn read_offer(&mut self, body: &[u8]) -> Result<(), NoAgreement> {
        let offer = Session::parse(body).map_err(|_| NoAgreement::NoAudio)?;
        let mut usable = offer.media.iter().filter(|media| media.is_usable_audio());
        let codecs = &self.codecs;
        let takes = |media: &sdp::Media| {
            let mut offered = media.codecs.iter();
            offered.any(|(codec, _)| codecs.contains(codec))
        };
        if !usable.any(takes) {
            return Err(NoAgreement::NoAudio);
        }
        self.offer = Some(offer);
        Ok(())
    }

    /// Whether the peer made an offer at all.
    pub(super) const fn has_offer(&self) -> bool {
        self.offer.is_some()
    }

    /// Which way the peer lets sound flow, seen from us.
    pub(super) const fn allows(&self) -> Direction {
        self.allows
    }

    /// The codec of this leg; before anything is agreed the one that its offer likes best.
    pub(super) fn codec(&self) -> Option<Codec> {
        self.agreed.as_ref().map(|agreed| agreed.codec).or_else(|| {
            let offer = self.offer.as_ref()?;
            let mut usable = offer.media.iter().filter(|media| media.is_usable_audio());
            let liked = usable.next()?.codecs.iter();
            liked
                .map(|(codec, _)| *codec)
                .find(|codec| self.codecs.contains(codec))
        })
    }

    /// Our codecs, the other leg's first: that spares transcoding.
    fn wanted(&self, direction: Direction, first: Option<Codec>) -> Wanted {
        let mut codecs = self.codecs.clone();
        codecs.sort_by_key(|codec| Some(*codec) != first);
        Wanted { codecs, direction }
    }

    /// Offers, given what the other leg allows.
    pub(super) fn offer(&mut self, others: Direction, first: Option<Codec>) -> Vec<u8> {
        let direction = others.and(self.allows);
        let wanted = self.wanted(direction, first);
        self.proposed = Some(direction);
        self.side
            .as_mut()
            .map(|side| side.offer(&wanted).into_bytes())
            .unwrap_or_default()
    }

    /// Takes the peer's answer to our offer.
    pub(super) fn take_answer(&mut self, body: &[u8]) -> Result<Agreed, NoAgreement> {
        let answer = Session::parse(body).map_err(|_| NoAgreement::NoAudio)?;
        let side = self.side.as_ref().ok_or(NoAgreement::NoOffer)?;
        let agreed = side.read_answer(&answer)?;
        self.said = self.proposed.or(self.said);
        self.refused = None;
        if self.said == Some(Direction::SendRecv) {
            // Of its own will: we asked for everything.
            self.allows = agreed.direction;
        }
        self.agreed = Some(agreed.clone());
        Ok(agreed)
    }

    /// Answers the offer that was read, given what the other leg allows.
    pub(super) fn answer(
        &mut self,
        others: Direction,
        first: Option<Codec>,
    ) -> Result<(Vec<u8>, Agreed), NoAgreement> {
        let wanted = self.wanted(others, first);
        let offer = self.offer.as_ref().ok_or(NoAgreement::NoOffer)?;
        let side = self.side.as_mut().ok_or(NoAgreement::NoOffer)?;
        let (text, agreed) = side.answer(offer, &wanted)?;
        let free = Wanted {
            direction: Direction::SendRecv,
            ..wanted
        };
        // What it would come to if the other leg allowed everything is what this peer allows.
        self.allows = side
            .clone()
            .answer(offer, &free)
            .map_or(Direction::SendRecv, |(_, agreed)| agreed.direction);
        if agreed.remote.is_none() {
            // The hold of RFC 2543: nowhere to send to.
            self.allows = Direction::new(false, self.allows.receives());
        }
        self.said = Some(agreed.direction);
        self.refused = None;
        self.agreed = Some(agreed.clone());
        Ok((text.into_bytes(), agreed))
    }

    /// What we said last, once more.
    pub(super) fn again(&self) -> Option<Vec<u8>> {
        Some(self.side.as_ref()?.last()?.into_bytes())
    }

    /// Whether the leg must be offered anew for sound to flow as the other leg allows.
    pub(super) fn differs(&self, others: Direction) -> bool {
        let target = others.and(self.allows);
        self.said.is_some_and(|said| said != target) && self.refused != Some(target)
    }

    /// Our offer was refused for good.
    pub(super) const fn was_refused(&mut self) {
        self.refused = self.proposed.take();
    }
}
