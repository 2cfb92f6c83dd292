//! Recordings: kept once, told once, transcribed by one, forgotten when their files are gone.

use axbridge_domain::{account::AccountId, binding::SubId, call::CallId, time::Timestamp};
use axbridge_store::{
    model::Topic,
    recording::{Recording, Transcript},
};

use crate::world::{DAY, HOUR, MINUTE, World, at, other_account, x};

scenarios!(
    a_recording_is_kept_and_told_once,
    a_recording_that_failed_may_still_become_ready,
    a_recording_is_of_its_account_alone,
    a_recording_survives_a_restart,
    one_transcriber_takes_a_recording_at_a_time,
    a_transcript_that_was_made_is_not_wanted_again,
    old_recordings_are_found_oldest_first_and_forgotten,
);

const MAIN: AccountId = AccountId::DEFAULT;

fn call(index: u64) -> CallId {
    CallId::bound(SubId::new(at(0), x(1), 7), index)
}

fn recording(index: u64, now: Timestamp) -> Recording {
    Recording {
        account: MAIN,
        call: call(index),
        at: now,
        failed: None,
        path: format!("2100000001/20270115/{}", call(index)),
        key_id: Some(200),
        mixed_bytes: 1044,
        left_bytes: 1045,
        right_bytes: 1046,
        duration_ms: 62_500,
        transcript: Transcript::None,
        transcript_bytes: 0,
        transcript_tries: 0,
    }
}

impl World {
    async fn keep(&self, recording: &Recording) -> bool {
        let kept = self.store.keep_recording(recording, recording.at).await;
        kept.expect("the store works")
    }

    async fn recording(&self, index: u64) -> Option<Recording> {
        let found = self.store.recording(MAIN, call(index)).await;
        found.expect("the store works")
    }

    async fn take(&self, limit: u64, now: Timestamp) -> Vec<Recording> {
        let taken = self.store.take_transcripts(limit, 10 * MINUTE, now).await;
        taken.expect("the store works")
    }
}

async fn a_recording_is_kept_and_told_once(world: &mut World) {
    assert_eq!(world.recording(1).await, None);
    let new = recording(1, at(5));
    assert!(world.keep(&new).await);
    assert!(!world.keep(&new).await);
    let failed = Recording {
        failed: Some("late".to_owned()),
        ..new.clone()
    };
    assert!(!world.keep(&failed).await, "what is ready stays ready");
    assert_eq!(world.recording(1).await, Some(new));
    let events = world.events_after(0).await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].topic, Topic::RecordingReady);
    assert_eq!(events[0].subject, call(1).to_string());
    assert_eq!((events[0].account, events[0].at), (MAIN, at(5)));
}

async fn a_recording_that_failed_may_still_become_ready(world: &mut World) {
    let failed = Recording {
        failed: Some("the disk was full".to_owned()),
        key_id: None,
        ..recording(1, at(5))
    };
    assert!(world.keep(&failed).await);
    assert!(!world.keep(&failed).await);
    assert_eq!(world.recording(1).await, Some(failed));
    let ready = recording(1, at(9));
    assert!(world.keep(&ready).await);
    assert_eq!(world.recording(1).await, Some(ready));
    let topics = world.topics_after(0).await;
    assert_eq!(topics, [Topic::RecordingFailed, Topic::RecordingReady]);
}

async fn a_recording_is_of_its_account_alone(world: &mut World) {
    world.add_account(other_account()).await;
    world.keep(&recording(1, at(0))).await;
    let found = world.store.recording(other_account(), call(1)).await;
    assert_eq!(found.expect("the store works"), None);
    let forgotten = world
        .store
        .forget_recordings(&[(other_account(), call(1))])
        .await;
    forgotten.expect("the store works");
    assert!(world.recording(1).await.is_some());
}

async fn a_recording_survives_a_restart(world: &mut World) {
    let new = recording(1, at(5));
    world.keep(&new).await;
    world.reopen(at(HOUR)).await;
    assert_eq!(world.recording(1).await, Some(new));
}

async fn one_transcriber_takes_a_recording_at_a_time(world: &mut World) {
    for index in 1..=3 {
        let wanted = Recording {
            transcript: Transcript::Wanted,
            ..recording(index, at(0))
        };
        world.keep(&wanted).await;
    }
    world.keep(&recording(4, at(0))).await;
    let mut first = world.take(2, at(0)).await;
    first.extend(world.take(2, at(0)).await);
    let mut calls: Vec<CallId> = first.iter().map(|it| it.call).collect();
    calls.sort();
    assert_eq!(calls, [call(1), call(2), call(3)]);
    assert!(first.iter().all(|it| it.transcript_tries == 1));
    assert!(world.take(9, at(10 * MINUTE - 1)).await.is_empty());
    let again = world.take(9, at(10 * MINUTE)).await;
    assert_eq!(again.len(), 3, "whoever took them is gone");
    assert!(again.iter().all(|it| it.transcript_tries == 2));
}

async fn a_transcript_that_was_made_is_not_wanted_again(world: &mut World) {
    let wanted = Recording {
        transcript: Transcript::Wanted,
        ..recording(1, at(0))
    };
    world.keep(&wanted).await;
    world.take(1, at(0)).await;
    let note = async |transcript, bytes, rest_until| {
        let noted = world
            .store
            .set_transcript(MAIN, call(1), transcript, bytes, rest_until)
            .await;
        noted.expect("the store works");
    };
    note(Transcript::Wanted, 0, at(HOUR)).await;
    assert!(world.take(1, at(HOUR - 1)).await.is_empty());
    assert_eq!(world.take(1, at(HOUR)).await.len(), 1);
    note(Transcript::Ready, 77, at(0)).await;
    assert!(world.take(1, at(DAY)).await.is_empty());
    let found = world.recording(1).await.expect("it is kept");
    assert_eq!(found.transcript, Transcript::Ready);
    assert_eq!((found.transcript_bytes, found.transcript_tries), (77, 2));
}

async fn old_recordings_are_found_oldest_first_and_forgotten(world: &mut World) {
    for index in 1..=4 {
        let days = i64::try_from(index).expect("small");
        world.keep(&recording(index, at(days * DAY))).await;
    }
    let before = async |days: i64, limit| {
        let found = world.store.recordings_before(at(days * DAY), limit).await;
        let found = found.expect("the store works");
        found.iter().map(|it| it.call).collect::<Vec<_>>()
    };
    assert_eq!(before(1, 9).await, []);
    assert_eq!(before(4, 2).await, [call(1), call(2)]);
    let gone = [(MAIN, call(1)), (MAIN, call(2)), (MAIN, call(99))];
    let forgotten = world.store.forget_recordings(&gone).await;
    forgotten.expect("the store works");
    assert_eq!(before(9, 9).await, [call(3), call(4)]);
}
