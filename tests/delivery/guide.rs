//! The receiver in the guide works: it takes what we sign and refuses what we did not.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

use axbridge_api::callbacks::{render, sample};
use axbridge_app::callbacks::{CallbackSettings, ReceiverChange};
use axbridge_domain::{account::AccountId, delivery::EventKind};

use crate::house::{House, quick};

const GUIDE: &str = include_str!("../../docs/guide/callbacks.md");

/// The first block of Python in the guide.
fn program() -> &'static str {
    let (_, rest) = GUIDE.split_once("```python\n").expect("a block of Python");
    rest.split_once("```").expect("its end").0
}

struct Python(Child);

impl Drop for Python {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_receiver_in_the_guide_takes_what_is_signed_and_refuses_what_is_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = folder.path().join("receiver.py");
    std::fs::write(&script, program()).expect("it can be written");
    let token = "guide-token-1";
    let mut child = Command::new("python3")
        .arg("-u")
        .arg(&script)
        .args(["0", token])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("Python is installed");
    let mut out = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let _python = Python(child);
    let first = out.next().expect("a line").expect("text");
    let port: u16 = first
        .rsplit(' ')
        .next()
        .expect("a word")
        .parse()
        .expect("a port");

    let settings = CallbackSettings {
        http_hosts: vec!["127.0.0.1".to_owned()],
        timeout: std::time::Duration::from_secs(20),
        ..quick()
    };
    let house = House::open(settings).await;
    let make = async |token: &str| {
        let change = ReceiverChange {
            url: Some(format!("http://127.0.0.1:{port}/events?shop=7")),
            token: Some(token.to_owned()),
            ..ReceiverChange::default()
        };
        let made = house.app.create_receiver(AccountId::DEFAULT, change).await;
        made.expect("a callback")
    };
    let test = async |receiver: &axbridge_app::callbacks::Receiver| {
        let now = house.app.clock().now();
        let message = sample(EventKind::CallRecord, AccountId::DEFAULT, now).expect("a sample");
        let tested = house.app.test_receiver(receiver, render(&message)).await;
        tested
            .expect("it is sent")
            .answer
            .expect("an answer")
            .status
    };
    let good = make(token).await;
    assert_eq!(test(&good).await, 200);
    let said = out.next().expect("a line").expect("text");
    assert!(said.contains("callResult"), "{said}");
    let bad = make("other-token-2").await;
    assert_eq!(test(&bad).await, 401);
    let lines = program()
        .lines()
        .filter(|line| !line.trim().is_empty())
        .count();
    assert!(lines <= 20, "the guide promises 20 lines, it has {lines}");
}
