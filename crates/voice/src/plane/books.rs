//! What a call tells the app, in its order and without holding up the call.

use std::{sync::Arc, time::Duration};

use axbridge_app::{
    App, AppError,
    calls::{Arrival, CallEnd},
};
use axbridge_domain::{account::AccountId, call::CallId};
use tokio::sync::mpsc;

use super::pace::Pace;

/// Entries of one call that may wait: it has no more.
const ENTRIES_MAX: usize = 8;
/// How often an entry is written again when the store is not there.
const TRIES_MAX: u32 = 6;
/// The pause before the first repeat, in milliseconds; each further one is twice as long.
const PAUSE_MS: u64 = 250;

enum Entry {
    Rang,
    Answered,
    /// On the heap: every call keeps room for 32 entries.
    Ended(Box<CallEnd>),
}

/// One call's entries. Dropped, it writes what waits and is gone.
pub(super) struct Book {
    entries: mpsc::Sender<Entry>,
}

impl Book {
    pub(super) fn open(app: Arc<App>, pace: Arc<Pace>, call: CallId) -> Self {
        let (entries, waiting) = mpsc::channel(ENTRIES_MAX);
        tokio::spawn(write(app, pace, call, waiting));
        Self { entries }
    }

    pub(super) fn rang(&self) {
        self.enter(Entry::Rang);
    }

    pub(super) fn answered(&self) {
        self.enter(Entry::Answered);
    }

    pub(super) fn ended(&self, end: CallEnd) {
        self.enter(Entry::Ended(Box::new(end)));
    }

    fn enter(&self, entry: Entry) {
        if self.entries.try_send(entry).is_err() {
            tracing::error!("a call has more to tell than there is room for");
        }
    }
}

/// A call that is not written down yet: X is told apart by extensions, and its caller is asked for
/// one. Who leaves before saying it has called all the same.
pub(super) struct Undecided {
    pub(super) app: Arc<App>,
    pub(super) pace: Arc<Pace>,
    pub(super) arrival: Arrival,
    pub(super) account: AccountId,
}

impl Undecided {
    /// Writes the call down, and its end.
    pub(super) fn close(self, end: CallEnd) {
        tokio::spawn(async move {
            let Self {
                app,
                pace,
                arrival,
                account,
            } = self;
            match app.begin_undecided_call(&arrival, account).await {
                Ok(call) => Book::open(app, pace, call).ended(end),
                Err(error) => tracing::error!(%error, "a call could not be written down"),
            }
        });
    }
}

async fn write(app: Arc<App>, pace: Arc<Pace>, call: CallId, mut waiting: mpsc::Receiver<Entry>) {
    while let Some(entry) = waiting.recv().await {
        pace.turn().await;
        let mut pause = Duration::from_millis(PAUSE_MS);
        for tried in 1..=TRIES_MAX {
            // On the heap, so that a call that talks holds no place for what it writes at its end.
            let Err(error) = Box::pin(write_one(&app, call, &entry)).await else {
                break;
            };
            if tried == TRIES_MAX {
                // The app closes calls that stay open (with the platform's fault) on its own.
                tracing::error!(%call, %error, "a call's state could not be written");
                break;
            }
            tracing::warn!(%call, %error, "a call's state could not be written yet");
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
    }
}

async fn write_one(app: &App, call: CallId, entry: &Entry) -> Result<(), AppError> {
    match entry {
        Entry::Rang => app.call_ringing(call).await,
        Entry::Answered => app.call_answered(call).await,
        Entry::Ended(end) => app.call_ended(call, CallEnd::clone(end)).await,
    }
}
