//! Nothing goes to a private address: not by its name, not by its digits, not by a redirect, and
//! not by a name that answers differently the second time.
//!
//! Here 127.0.0.2 plays the public address (the operator has allowed it) and 127.0.0.1 the private
//! one, with a trap that counts connections.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axbridge_app::callbacks::{
    CallbackSettings, DeliveryState, EventFilter, ReceiverChange,
    resolve::{Found, Lookup},
};
use axbridge_domain::account::AccountId;
use tokio::net::TcpListener;

use crate::{
    authority::Authority,
    house::{House, quick, wait_for},
    receiver::{Mood, Receiver, TOKEN},
};

const PUBLIC: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
const PRIVATE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Gives the answers one after the other, and the last one for ever.
struct Changing {
    answers: Vec<Vec<IpAddr>>,
    asked: AtomicUsize,
}

impl Lookup for Changing {
    fn addresses(&self, _: &str) -> Found {
        let asked = self.asked.fetch_add(1, Ordering::SeqCst);
        let answer = self.answers[asked.min(self.answers.len() - 1)].clone();
        Box::pin(async move { Ok(answer) })
    }
}

fn settings(answers: &[&[IpAddr]]) -> (CallbackSettings, Arc<Changing>) {
    let lookup = Arc::new(Changing {
        answers: answers.iter().map(|answer| answer.to_vec()).collect(),
        asked: AtomicUsize::new(0),
    });
    let settings = CallbackSettings {
        allowed_ranges: vec!["127.0.0.2/32".parse().expect("a range")],
        lookup: lookup.clone(),
        ..quick()
    };
    (settings, lookup)
}

/// A receiver at the public address and a trap on the same port of the private one.
async fn receiver_and_trap(authority: &Authority) -> (Receiver, Arc<AtomicUsize>) {
    loop {
        let acceptor = authority.acceptor(&["hooks.example.com"]);
        let receiver = Receiver::start("127.0.0.2", acceptor).await;
        // Somebody else may have the port at the other address: take another one then.
        let Ok(listener) = TcpListener::bind((PRIVATE, receiver.port())).await else {
            continue;
        };
        let caught = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&caught);
        tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                counter.fetch_add(1, Ordering::SeqCst);
            }
        });
        return (receiver, caught);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_changes_its_answer_leads_nowhere_else() {
    let authority = Authority::new();
    let (receiver, caught) = receiver_and_trap(&authority).await;
    // Each message has a connection of its own, so each asks again.
    receiver.behave(|_| Mood::TakeAndClose);
    let (settings, lookup) = settings(&[&[PUBLIC], &[PRIVATE], &[PRIVATE], &[PRIVATE, PUBLIC]]);
    let house = House::open(settings).await;
    let url = receiver.url("hooks.example.com");
    house.subscribe(&url, Some(authority.pem())).await;
    house.bind(0).await;
    house.all_delivered().await;
    assert_eq!(receiver.taken().len(), 1, "the first answer was public");
    house.bind(1).await;
    house.all_delivered().await;
    assert_eq!(
        receiver.taken().len(),
        2,
        "once one of the answers was public again"
    );
    assert_eq!(
        lookup.asked.load(Ordering::SeqCst),
        4,
        "one look-up a connection"
    );
    assert_eq!(
        caught.load(Ordering::SeqCst),
        0,
        "nothing came to the private address"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_of_a_private_address_gets_nothing_and_the_log_says_why() {
    let authority = Authority::new();
    let (receiver, caught) = receiver_and_trap(&authority).await;
    let (settings, lookup) = settings(&[&[PRIVATE]]);
    let house = House::open(settings).await;
    let url = receiver.url("hooks.example.com");
    house.subscribe(&url, Some(authority.pem())).await;
    house.bind(0).await;
    let tried = async || lookup.asked.load(Ordering::SeqCst) >= 3;
    wait_for("some tries", tried).await;
    let due = EventFilter {
        state: Some(DeliveryState::Due),
        ..EventFilter::default()
    };
    let log = house.app.event_log(due, 1).await.expect("a log");
    let note = log[0].deliveries[0].note.clone().expect("a note");
    assert!(note.contains("no public address"), "{note}");
    assert_eq!((caught.load(Ordering::SeqCst), receiver.seen().1), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redirect_is_not_followed() {
    let authority = Authority::new();
    let (receiver, caught) = receiver_and_trap(&authority).await;
    receiver.behave(|number| match number {
        1..=3 => Mood::Redirect,
        _ => Mood::Take,
    });
    let (settings, _) = settings(&[&[PUBLIC]]);
    let house = House::open(settings).await;
    let url = receiver.url("hooks.example.com");
    house.subscribe(&url, Some(authority.pem())).await;
    house.bind(0).await;
    house.all_delivered().await;
    // `take` fails on any other path, so the fourth request went to the first URL again.
    assert_eq!((receiver.seen().0, receiver.taken().len()), (4, 1));
    assert_eq!(caught.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_private_address_in_the_url_is_refused_when_it_is_set() {
    let (settings, _) = settings(&[&[PUBLIC]]);
    let house = House::open(settings).await;
    let set = async |url: &str| {
        let change = ReceiverChange {
            url: Some(url.to_owned()),
            token: Some(TOKEN.to_owned()),
            ..ReceiverChange::default()
        };
        house.app.create_receiver(AccountId::DEFAULT, change).await
    };
    for url in [
        "https://127.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f.0.0.1/",
        "https://10.0.0.8:8443/x",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://[::ffff:192.168.0.1]/",
        "https://[fd00::1]/",
        "http://example.com/",
        "ftp://example.com/",
        "https://user:secret@example.com/",
        "example.com",
    ] {
        let refused = set(url).await.expect_err(url).to_string();
        assert!(refused.starts_with("Url is invalid"), "{url}: {refused}");
    }
    for url in [
        "https://127.0.0.2/",
        "https://example.com/hook?key=1",
        "https://[2400:3200::1]/",
    ] {
        set(url)
            .await
            .unwrap_or_else(|error| panic!("{url}: {error}"));
    }
}
