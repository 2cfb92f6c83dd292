//! Session descriptions: whatever a peer sends, our answer is one that a strict reader takes,
//! with the peer's streams in their order and our address alone.

use std::net::SocketAddr;

use axbridge_voice::sdp::{Session, Side, Wanted};

/// Reads the bytes as a description, answers it and reads the answer as a peer would.
pub fn check_sdp(data: &[u8]) {
    let Ok(offer) = Session::parse(data) else {
        return;
    };
    let local = SocketAddr::from(([192, 0, 2, 1], 4000));
    let mut side = Side::new(u64::MAX, local);
    let wanted = Wanted::default();
    check_as_answer(&offer, local);
    let Ok((text, agreed)) = side.answer(&offer, &wanted) else {
        assert!(!offer.has_usable_audio());
        assert_eq!(side.last(), None);
        return;
    };
    assert!(offer.has_usable_audio());
    assert_eq!(
        side.answer(&offer, &wanted),
        Ok((text.clone(), agreed.clone()))
    );
    let answer = Session::parse(text.as_bytes()).expect("our own description is one");
    assert_eq!(answer.media.len(), offer.media.len());
    let spoken: Vec<_> = answer.media.iter().filter(|media| !media.is_off).collect();
    let [media] = spoken.as_slice() else {
        panic!("one stream is spoken, not {}", spoken.len());
    };
    assert_eq!(media.remote, Some(local));
    assert_eq!(media.codecs, [(agreed.codec, agreed.send_payload_type)]);
    assert_eq!(media.direction, agreed.direction);
    for (ours, theirs) in answer.media.iter().zip(&offer.media) {
        assert_eq!(
            (&ours.kind, &ours.protocol),
            (&theirs.kind, &theirs.protocol)
        );
    }
    if let Some(remote) = agreed.remote {
        assert_ne!(remote.port(), 0);
        assert!(!remote.ip().is_multicast() && !remote.ip().is_unspecified());
    }
    assert!((10..=60).contains(&agreed.ptime_ms));
    check_own_offer(&answer, &mut side);
}

/// The same bytes as an answer to our offer.
fn check_as_answer(answer: &Session, local: SocketAddr) {
    let mut side = Side::new(7, local);
    assert!(side.read_answer(answer).is_err(), "nothing was offered");
    let offer = side.offer(&Wanted::default());
    if let Ok(agreed) = side.read_answer(answer) {
        assert_eq!(answer.media.len(), 1);
        assert!(offer.contains(agreed.codec.name()));
    }
}

/// A new offer of ours keeps every stream in its place, and two of ours understand each other.
fn check_own_offer(answered: &Session, side: &mut Side) {
    let text = side.offer(&Wanted::default());
    let offer = Session::parse(text.as_bytes()).expect("our own description is one");
    assert_eq!(offer.media.len(), answered.media.len());
    assert!(offer.version.1 > answered.version.1 || offer == *answered);
    let mut other = Side::new(8, SocketAddr::from(([192, 0, 2, 2], 5000)));
    let (text, theirs) = other.answer(&offer, &Wanted::default()).expect("agreed");
    let answer = Session::parse(text.as_bytes()).expect("our own description is one");
    let ours = side.read_answer(&answer).expect("agreed");
    assert_eq!(ours.codec, theirs.codec);
    assert_eq!(ours.direction, theirs.direction.reversed());
}
