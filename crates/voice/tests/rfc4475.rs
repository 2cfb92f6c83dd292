//! What the guard does with the torture messages of RFC 4475, one line a message in
//! `data/rfc4475/verdicts.txt`.
//!
//! The table says what a platform for calls between phone numbers does, which is stricter than
//! what a parser may do: many messages that are well-formed are refused because nobody can be
//! called by them. The reason in the table shows that they are refused for that and not by
//! accident.

use std::{collections::BTreeMap, fs, net::SocketAddr, path::PathBuf};

use axbridge_domain::trunk::{Transport, Trunk};
use axbridge_voice::guard::{Acl, Guard, Limits, Verdict};

fn data() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/rfc4475")
}

fn judged(message: &[u8], transport: Transport) -> String {
    let mut trunk = Trunk::new("torture".parse().expect("a name"));
    trunk.set("Networks", "192.0.2.0/24").expect("a network");
    let guard = Guard::new(Acl::new([&trunk]), Limits::default());
    let source = SocketAddr::from(([192, 0, 2, 5], 5060));
    match guard.judge(message, source, transport, 0) {
        Verdict::Accept { .. } => "accept".to_owned(),
        Verdict::Drop(cause) => format!("drop {}", cause.name()),
        Verdict::Refuse(refusal) => format!("refuse {} {}", refusal.status, refusal.cause.name()),
    }
}

#[test]
fn each_message_gets_the_verdict_of_the_table() {
    let table = fs::read_to_string(data().join("verdicts.txt")).expect("the table");
    let expected: BTreeMap<String, String> = table
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let (name, verdict) = line.split_once(": ").expect("NAME: VERDICT");
            let verdict = verdict.split(" (").next().unwrap_or_default();
            (name.to_owned(), verdict.to_owned())
        })
        .collect();
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(data()).expect("the messages") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "dat") {
            let name = path
                .file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            let message = fs::read(&path).expect("a message");
            found.insert(name, judged(&message, Transport::Udp));
        }
    }
    assert_eq!(found.len(), 50);
    assert_eq!(found, expected);
}
