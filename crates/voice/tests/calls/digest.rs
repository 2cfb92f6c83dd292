//! Proofs of who one is (RFC 7616): ours to trunks that ask, theirs to us. The answers are computed
//! here by hand.

use aws_lc_rs::digest::{SHA256, digest};
use axbridge_domain::call::CallResult;
use md5::{Digest as _, Md5};

use crate::{
    house::{A, House, Setup, X},
    line::{Invite, Line},
    peer::{Message, Peer},
    scene::{World, quick, to_x},
};

const PASSWORD: &str = "open sesame";

/// A parameter of a challenge or of an answer.
fn parameter<'a>(value: &'a str, name: &str) -> &'a str {
    let (_, rest) = value.split_once(' ').expect("a scheme");
    let mut parts = rest.split(',').map(str::trim);
    let found = parts.find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
    found.unwrap_or_default().trim_matches('"')
}

fn hash(algorithm: &str, text: &str) -> String {
    match algorithm {
        "SHA-256" => hex::encode(digest(&SHA256, text.as_bytes())),
        _ => hex::encode(Md5::digest(text.as_bytes())),
    }
}

/// What proves a password for a challenge (RFC 7616 §3.4.1).
fn proof(challenge: &str, user: &str, password: &str, [method, uri]: [&str; 2]) -> String {
    let of = |name| parameter(challenge, name);
    let (realm, nonce, algorithm) = (of("realm"), of("nonce"), of("algorithm"));
    let who = hash(algorithm, &format!("{user}:{realm}:{password}"));
    let what = hash(algorithm, &format!("{method}:{uri}"));
    let response = hash(
        algorithm,
        &format!("{who}:{nonce}:00000001:0a4f113b:auth:{what}"),
    );
    format!(
        "Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", \
         algorithm={algorithm}, qop=auth, nc=00000001, cnonce=\"0a4f113b\", response=\"{response}\""
    )
}

/// Calls X with these credentials.
async fn call_with(house: &House, a: Peer, credentials: Option<&str>) -> Line {
    let headers = credentials.map_or_else(String::new, |it| format!("Authorization: {it}\r\n"));
    let invite = Invite {
        headers: &headers,
        ..to_x(&a, A)
    };
    Line::call(a, house.address(), invite).await
}

/// The same, and is challenged.
async fn challenged(house: &House, a: Peer, credentials: Option<&str>) -> (Peer, Vec<String>) {
    let mut line = call_with(house, a, credentials).await;
    let refused = line.status(401).await;
    line.ack_refusal().await;
    let challenges = refused.headers("WWW-Authenticate");
    let challenges = challenges.into_iter().map(str::to_owned).collect();
    (line.peer, challenges)
}

fn of_algorithm<'a>(challenges: &'a [String], algorithm: &str) -> &'a str {
    let mut all = challenges.iter();
    let found = all.find(|it| parameter(it, "algorithm") == algorithm);
    found.expect("a challenge of that algorithm")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_challenged_trunk_calls_once_it_proves_who_it_is() {
    let setup = Setup {
        trunk_a: vec![("InboundUser", "carrier".to_owned())],
        password_a: Some(PASSWORD.to_owned()),
        ..quick()
    };
    let World { house, a, mut b } = World::bound(setup, |_| ()).await;
    let uri = format!("sip:{X}@{}", house.address());
    let asked = ["INVITE", uri.as_str()];
    let (mut a, challenges) = challenged(&house, a, None).await;
    assert!(challenges.iter().all(|it| parameter(it, "stale") != "true"));

    // Another user, another password, another method: challenged anew, and nobody rings.
    let sha = of_algorithm(&challenges, "SHA-256");
    for wrong in [
        proof(sha, "somebody", PASSWORD, asked),
        proof(sha, "carrier", "open barley", asked),
        proof(sha, "carrier", PASSWORD, ["BYE", &uri]),
    ] {
        a = challenged(&house, a, Some(&wrong)).await.0;
    }

    let mut used = String::new();
    for algorithm in ["SHA-256", "MD5"] {
        let (peer, challenges) = challenged(&house, a, None).await;
        let challenge = of_algorithm(&challenges, algorithm);
        used = proof(challenge, "carrier", PASSWORD, asked);
        let mut line = call_with(&house, peer, Some(&used)).await;
        let mut ringing = Line::ring(b, house.address()).await;
        ringing.answer("486 Busy Here", None).await;
        ringing.wants("ACK").await;
        line.is_refused(486).await;
        (a, b) = (line.peer, ringing.peer);
    }

    // The same proof for another call is worth nothing: its nonce is used up.
    let (_a, challenges) = challenged(&house, a, Some(&used)).await;
    assert!(challenges.iter().all(|it| parameter(it, "stale") == "true"));
    let calls = house.ended_calls(2).await;
    assert_eq!(calls.len(), 2);
    let mut results = calls.iter().filter_map(|call| call.end.as_ref());
    assert!(results.all(|end| end.result == CallResult::Busy));
    house.is_empty().await;
}

const CHALLENGE: &str = "Digest realm=\"carrier\", nonce=\"n1\", algorithm=SHA-256, qop=\"auth\"";

/// Whether an INVITE of ours proves the password for a challenge.
fn proves(invite: &Message, challenge: &str) -> bool {
    let Some(answer) = invite.header("Authorization") else {
        return false;
    };
    let of = |name| parameter(answer, name);
    let algorithm = parameter(challenge, "algorithm");
    let realm = parameter(challenge, "realm");
    let who = hash(algorithm, &format!("axbridge:{realm}:{PASSWORD}"));
    let what = hash(algorithm, &format!("INVITE:{}", of("uri")));
    let (nc, cnonce) = (of("nc"), of("cnonce"));
    let nonce = parameter(challenge, "nonce");
    let wanted = hash(
        algorithm,
        &format!("{who}:{nonce}:{nc}:{cnonce}:auth:{what}"),
    );
    of("nonce") == nonce && of("response") == wanted
}

fn with_password_b() -> Setup {
    Setup {
        trunk_b: vec![("OutboundUser", "axbridge".to_owned())],
        password_b: Some(PASSWORD.to_owned()),
        ..quick()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_proof_is_renewed_when_the_trunk_calls_its_nonce_stale() {
    let world = World::bound(with_password_b(), |_| ()).await;
    let mut scene = world.a_calls().await.reaches_b().await;
    let fresh = CHALLENGE.replace("\"n1\"", "\"n2\"");
    for challenge in [CHALLENGE.to_owned(), format!("{fresh}, stale=true")] {
        let header = format!("WWW-Authenticate: {challenge}\r\n");
        let b = &mut scene.b;
        let text = b.response(&b.invite, "401 Unauthorized", &header, None);
        b.send(&text).await;
        b.wants("ACK").await;
        b.invite = b.wants("INVITE").await;
        assert!(proves(&b.invite, &challenge), "{}", b.invite.0);
    }
    scene.b_refuses("486 Busy Here", 486).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trunk_that_does_not_take_our_password_is_not_asked_for_ever() {
    let world = World::bound(with_password_b(), |_| ()).await;
    let mut scene = world.a_calls().await.reaches_b().await;
    for round in 0..2 {
        let nonce = format!("\"m{round}\"");
        let challenge = CHALLENGE.replace("\"n1\"", &nonce);
        let header = format!("WWW-Authenticate: {challenge}\r\n");
        let b = &mut scene.b;
        let text = b.response(&b.invite, "401 Unauthorized", &header, None);
        b.send(&text).await;
        b.wants("ACK").await;
        if round == 0 {
            b.invite = b.wants("INVITE").await;
        }
    }
    let refused = loop {
        let (message, _) = scene.a.peer.next().await;
        if message.status().is_some_and(|status| status >= 300) {
            break message;
        }
    };
    // The platform's own trouble with its trunk is not the caller's to answer.
    assert!(
        !matches!(refused.status(), Some(401 | 407)),
        "{}",
        refused.0
    );
    assert_eq!(refused.header("WWW-Authenticate"), None);
    scene.a.ack_refusal().await;
    scene.house.ended_calls(1).await;
    scene.b.hears_nothing().await;
    scene.house.is_empty().await;
}
