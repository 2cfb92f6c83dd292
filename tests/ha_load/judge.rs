//! Whether everything that was acknowledged holds, asked on every node.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread::{JoinHandle, spawn};

use axbridge_tests::signed_client::{Reply, SignedClient};
use serde_json::json;

use crate::Shared;
use crate::worker::{Diary, Entry};

/// Clients that ask at once on each node.
const ASKERS: usize = 2;

/// Faults that are told word by word.
const FAULTS_TOLD: usize = 20;

/// What the judgement came to.
#[derive(Default)]
pub(crate) struct Judgement {
    /// Calls that were resolved.
    pub(crate) resolved: u64,
    /// What does not hold.
    pub(crate) faults: Vec<String>,
}

/// A call, and the binding that must, or must not, decide it.
struct Question {
    x: String,
    caller: String,
    callee: String,
    sub_id: String,
    live: bool,
}

/// Looks at every acknowledged binding.
pub(crate) fn judge(shared: &Arc<Shared>, diaries: &[Diary]) -> Judgement {
    let entries: Vec<&Entry> = diaries.iter().flat_map(|diary| &diary.entries).collect();
    let mut judgement = Judgement {
        resolved: 0,
        faults: two_owners(&entries),
    };
    let askers = shared.nodes.len() * ASKERS;
    let mut shares: Vec<Vec<Question>> = (0..askers).map(|_| Vec::new()).collect();
    for (index, question) in entries.iter().flat_map(|it| questions(it)).enumerate() {
        shares[index % askers].push(question);
    }
    let running: Vec<JoinHandle<Judgement>> = shares
        .into_iter()
        .enumerate()
        .map(|(index, share)| {
            let client = shared.nodes[index % shared.nodes.len()].clone();
            spawn(move || ask(client, &share))
        })
        .collect();
    for asker in running {
        let found = asker.join().expect("an asker does not panic");
        judgement.resolved += found.resolved;
        judgement.faults.extend(found.faults);
    }
    let more = judgement.faults.len().saturating_sub(FAULTS_TOLD);
    if more > 0 {
        judgement.faults.truncate(FAULTS_TOLD);
        judgement.faults.push(format!("and {more} more"));
    }
    judgement
}

/// Acknowledged bindings that live on one X and share a party.
fn two_owners(entries: &[&Entry]) -> Vec<String> {
    let mut owners: HashMap<(&str, &str), &str> = HashMap::new();
    let mut faults = Vec::new();
    for entry in entries.iter().filter(|entry| !entry.ended) {
        for party in [&entry.a, &entry.b] {
            if let Some(other) = owners.insert((&entry.x, party), &entry.sub_id) {
                faults.push(format!("{other} and {} have one route", entry.sub_id));
            }
        }
    }
    faults
}

fn questions(entry: &Entry) -> [Question; 2] {
    [(&entry.a, &entry.b), (&entry.b, &entry.a)].map(|(caller, callee)| Question {
        x: entry.x.clone(),
        caller: caller.clone(),
        callee: callee.clone(),
        sub_id: entry.sub_id.clone(),
        live: !entry.ended,
    })
}

fn ask(mut client: SignedClient, questions: &[Question]) -> Judgement {
    let mut judgement = Judgement::default();
    for question in questions {
        let call = json!({"PhoneNoX": question.x, "Caller": question.caller});
        match client.call("ResolveCall", &call) {
            Reply::Done(answer) => {
                let connects = answer["Outcome"] == "Connect";
                let by_it = connects && answer["SubId"] == question.sub_id.as_str();
                let right = by_it && answer["Callee"] == question.callee.as_str();
                judgement.resolved += 1;
                if question.live && !right {
                    judgement
                        .faults
                        .push(format!("{} was lost: {answer}", question.sub_id));
                }
                if !question.live && by_it {
                    judgement
                        .faults
                        .push(format!("{} has come back", question.sub_id));
                }
            }
            other => judgement
                .faults
                .push(format!("{} cannot be resolved: {other:?}", question.sub_id)),
        }
    }
    judgement
}

#[test]
fn two_live_bindings_of_one_route_are_seen_and_ended_ones_are_not() {
    let entry = |sub_id: &str, a: &str, ended| Entry {
        sub_id: sub_id.to_owned(),
        x: "17000000001".to_owned(),
        a: a.to_owned(),
        b: format!("{sub_id} has its own B"),
        ended,
        node: 0,
        at: std::time::Duration::ZERO,
    };
    let (one, same, ended) = (
        entry("one", "13700000001", false),
        entry("same", "13700000001", false),
        entry("ended", "13700000001", true),
    );
    assert!(two_owners(&[&one, &ended]).is_empty());
    assert_eq!(two_owners(&[&one, &same]), ["one and same have one route"]);
}
