//! Receivers of events, and what is owed to them. Plain values; nothing here knows how they are
//! kept.
//!
//! Each event of the outbox becomes one delivery for each receiver that subscribed to its kind. Of
//! the deliveries of one subject (a call, a binding, a number) to one receiver only the oldest
//! unfinished one is ever due; the others wait for it.

use axbridge_domain::{
    account::AccountId,
    delivery::{EventKind, Kinds, ReceiverId},
    time::Timestamp,
};

use crate::{
    keyring::Secret,
    model::{Event, Topic},
};

/// The most characters of a note on a failed try.
pub const NOTE_CHARS_MAX: usize = 200;

/// Ids of events that share a row of `event_span`, which says when they were.
pub(crate) const EVENTS_A_SPAN: i64 = 1000;

impl Topic {
    /// What a receiver must subscribe to, to be told.
    #[must_use]
    pub const fn kind(self) -> EventKind {
        match self {
            Topic::BindingBound
            | Topic::BindingUpdated
            | Topic::BindingUnbound
            | Topic::BindingExpired => EventKind::Binding,
            Topic::NumberEnabled | Topic::NumberDisabled | Topic::NumberDeregistered => {
                EventKind::NumberStatus
            }
            Topic::CallStarted | Topic::CallRinging | Topic::CallAnswered | Topic::CallEnded => {
                EventKind::CallStatus
            }
            Topic::CallRecord => EventKind::CallRecord,
            Topic::RecordingReady => EventKind::Recording,
            Topic::RiskFrozen | Topic::RiskUnfrozen => EventKind::Risk,
            Topic::RecordingFailed => EventKind::RecordingFailed,
        }
    }
}

/// The topics and the bits of their kinds, as rows of an SQL `VALUES` list.
pub(crate) fn topic_rows() -> String {
    let row = |topic: Topic| format!("('{}', {})", topic.name(), topic.kind().bit());
    let rows: Vec<String> = Topic::ALL.into_iter().map(row).collect();
    rows.join(", ")
}

/// Where the events of an account go.
#[derive(Debug, Clone)]
pub struct Receiver {
    /// Its id.
    pub id: ReceiverId,
    /// Whose it is.
    pub account: AccountId,
    /// Where it is.
    pub url: String,
    /// What it subscribed to.
    pub kinds: Kinds,
    /// The token that proves to it who sends; sealed at rest, hidden in `Debug`.
    pub token: Secret,
    /// The only certificate authority that it may be trusted by (PEM), instead of the system's.
    pub ca_pem: Option<String>,
    /// Nothing is sent while this is set; what happens meanwhile is kept for later.
    pub paused: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub changed_at: Timestamp,
}

/// How a receiver was saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saved {
    /// It is durable.
    Done,
    /// The account has as many receivers as it may.
    TooMany,
    /// There is no such receiver to change.
    Unknown,
}

/// How one delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeliveryState {
    /// An earlier delivery of the same subject is not finished.
    Waiting,
    /// It is to be sent, now or at its next try.
    Due,
    /// The receiver took it.
    Delivered,
    /// It was tried as long as the schedule allows.
    Parked,
    /// It was no news any more.
    Stale,
}

impl DeliveryState {
    /// All of them, by number.
    pub const ALL: [DeliveryState; 5] = [
        DeliveryState::Waiting,
        DeliveryState::Due,
        DeliveryState::Delivered,
        DeliveryState::Parked,
        DeliveryState::Stale,
    ];

    /// The number in storage. Those below 2 are unfinished; queries say so in digits.
    #[must_use]
    pub const fn code(self) -> i16 {
        self as i16
    }

    /// Reads the number in storage.
    #[must_use]
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|state| i64::from(state.code()) == code)
    }

    /// The name in listings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            DeliveryState::Waiting => "waiting",
            DeliveryState::Due => "due",
            DeliveryState::Delivered => "delivered",
            DeliveryState::Parked => "parked",
            DeliveryState::Stale => "stale",
        }
    }
}

/// What one step of turning events into deliveries did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FannedOut {
    /// Events that were passed.
    pub events: u64,
    /// Deliveries that were made of them.
    pub deliveries: u64,
}

/// A receiver, by account and id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReceiverRef {
    /// Whose it is.
    pub account: AccountId,
    /// Its id.
    pub id: ReceiverId,
}

/// A holder of leases: a node and a start of it, told apart by chance. Never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Holder(i64);

impl Holder {
    /// The holder of this number.
    #[must_use]
    pub const fn new(chance: u64) -> Self {
        Self((chance >> 1).cast_signed() | 1)
    }

    pub(crate) const fn column(self) -> i64 {
        self.0
    }
}

/// For how long, and how much, a holder takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// Who takes.
    pub holder: Holder,
    /// Until then nobody else gets them; from then on anybody.
    pub until: Timestamp,
    /// The most deliveries to take.
    pub limit: u64,
}

/// A delivery that its holder may send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leased {
    /// What happened.
    pub event: Event,
    /// Since when it is owed.
    pub queued_at: Timestamp,
    /// How often it failed.
    pub failures: u32,
}

/// How a try came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver took it.
    Delivered,
    /// It is to be tried again then.
    Retry(Timestamp),
    /// It is not tried any more.
    Parked,
    /// It was no news any more.
    Stale,
    /// It was not tried, and goes back as it was.
    Returned,
}

/// What became of a leased delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// Which event.
    pub event: i64,
    /// How it came out.
    pub outcome: Outcome,
    /// How often it failed by now.
    pub failures: u32,
    /// The status of the answer, if there was one.
    pub status: Option<u16>,
    /// What went wrong, at most [`NOTE_CHARS_MAX`] characters.
    pub note: Option<String>,
}

/// One delivery as listings show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryRow {
    /// To whom.
    pub receiver: ReceiverId,
    /// Which event.
    pub event: i64,
    /// How it stands.
    pub state: DeliveryState,
    /// How often it failed.
    pub failures: u32,
    /// When it is tried next, or was finished.
    pub at: Timestamp,
    /// The status of the last answer.
    pub status: Option<u16>,
    /// What went wrong last.
    pub note: Option<String>,
}

/// An event with its deliveries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    /// The event.
    pub event: Event,
    /// Its deliveries, by receiver.
    pub deliveries: Vec<DeliveryRow>,
}

/// Which events to list; `None` matches all. Newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EventFilter {
    /// Of this account.
    pub account: Option<AccountId>,
    /// Not before.
    pub from: Option<Timestamp>,
    /// Before.
    pub to: Option<Timestamp>,
    /// With a delivery that stands so.
    pub state: Option<DeliveryState>,
    /// With a smaller id: the next page.
    pub before: Option<i64>,
}

/// Which events to send again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replay {
    /// Of this account.
    pub account: AccountId,
    /// Not before.
    pub from: Timestamp,
    /// Before.
    pub to: Timestamp,
    /// To this receiver alone.
    pub receiver: Option<ReceiverId>,
    /// Only of this kind.
    pub kind: Option<EventKind>,
}

/// How all deliveries stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeliveryStanding {
    /// Events that are not yet deliveries.
    pub outbox: u64,
    /// Unfinished deliveries, counted up to a bound.
    pub unfinished: u64,
    /// Since when the oldest unfinished one of a receiver that is not paused is owed.
    pub oldest: Option<Timestamp>,
    /// Parked deliveries, counted up to a bound.
    pub parked: u64,
}

impl Outcome {
    /// The state that it leaves behind, and the moment that goes with it.
    pub(crate) fn state_and_moment(&self, now: Timestamp) -> (DeliveryState, Timestamp) {
        match self {
            Outcome::Delivered => (DeliveryState::Delivered, now),
            Outcome::Retry(at) => (DeliveryState::Due, *at),
            Outcome::Parked => (DeliveryState::Parked, now),
            Outcome::Stale => (DeliveryState::Stale, now),
            Outcome::Returned => (DeliveryState::Due, now),
        }
    }
}
