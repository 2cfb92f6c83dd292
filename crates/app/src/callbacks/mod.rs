//! Callbacks: who is told of events, and the telling.
//!
//! | Module | What lives there |
//! |---|---|
//! | [`message`] | what a callback tells, in the domain's words |
//! | `dispatch`, `lane` | from the outbox to receivers: one lane each, so that none holds up another |
//! | [`sender`], [`signature`] | one try of one message, and how the receiver knows it |
//! | [`resolve`], [`address`] | which addresses may be connected to |
//! | [`metrics`] | what is counted |
//! | [`settings`] | what bounds all that |
//!
//! What a message looks like is the API's business: it gives a [`Render`].

use std::time::Instant;

use axbridge_domain::{
    account::AccountId,
    delivery::{EventKind, Kinds, ReceiverId},
    time::Timestamp,
};
use axbridge_store::keyring::Secret;

use crate::{App, AppError};
use message::Message;
use sender::{EVENT_ID_HEADER, Letter, Sender};

pub mod address;
mod dispatch;
mod lane;
pub mod message;
pub mod metrics;
pub mod resolve;
pub mod sender;
pub mod settings;
pub mod signature;

/// Receivers and deliveries, as the store knows them.
pub use axbridge_store::delivery::{
    DeliveryRow, DeliveryStanding, DeliveryState, EventFilter, EventRow, Receiver, ReceiverRef,
    Replay, Saved,
};
pub use settings::CallbackSettings;

/// Writes a message down as the body of a request.
pub type Render = fn(&Message) -> Vec<u8>;

/// The most receivers of one account.
pub const RECEIVERS_MAX: u64 = 20;
/// The most characters of a receiver's URL.
pub const URL_CHARS_MAX: usize = 1024;
/// The most characters of a pinned authority's certificates.
pub const CA_CHARS_MAX: usize = 32 * 1024;
/// The least characters of a token (vendor doc 6358/173362).
pub const TOKEN_CHARS_MIN: usize = 10;
/// The most characters of a token.
pub const TOKEN_CHARS_MAX: usize = 20;

/// What to set of a receiver; `None` leaves it, or takes the default of a new one.
#[derive(Debug, Clone, Default)]
pub struct ReceiverChange {
    /// Where it is.
    pub url: Option<String>,
    /// What it subscribes to; a new one to everything.
    pub kinds: Option<Kinds>,
    /// Its token; a new one gets a random one.
    pub token: Option<String>,
    /// The certificates of the only authority to trust, PEM; empty trusts the system's.
    pub ca_pem: Option<String>,
    /// Whether it is paused.
    pub paused: Option<bool>,
}

/// What a test delivery showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestDelivery {
    /// The URL with its signature.
    pub url: String,
    /// Name and value of our own header.
    pub header: (&'static str, String),
    /// The body that was sent.
    pub body: Vec<u8>,
    /// What came back, or why nothing did.
    pub answer: Result<sender::Answer, String>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

impl App {
    /// Makes a receiver.
    ///
    /// # Errors
    /// [`AppError::Missing`] and [`AppError::Invalid`] for what was asked, [`AppError::Quota`] when
    /// the account has as many as it may.
    pub async fn create_receiver(
        &self,
        account: AccountId,
        change: ReceiverChange,
    ) -> Result<Receiver, AppError> {
        self.account(account).await?;
        let now = self.now();
        let token = match &change.token {
            Some(token) => token.clone(),
            None => self.chance.text(TOKEN_CHARS_MAX)?,
        };
        let mut receiver = Receiver {
            id: ReceiverId::new(self.chance.u64()?),
            account,
            url: change.url.clone().ok_or(AppError::Missing("Url"))?,
            kinds: Kinds::all(),
            token: Secret::new(token),
            ca_pem: None,
            paused: false,
            created_at: now,
            changed_at: now,
        };
        self.apply(&mut receiver, change)?;
        match self.store.create_receiver(&receiver, RECEIVERS_MAX).await? {
            Saved::Done => Ok(receiver),
            Saved::TooMany => Err(AppError::Quota("Callback")),
            Saved::Unknown => Err(AppError::Internal("a new callback is unknown".to_owned())),
        }
    }

    /// Changes a receiver; gives it as it is now.
    ///
    /// # Errors
    /// As [`App::create_receiver`]; [`AppError::Invalid`] when there is no such receiver.
    pub async fn update_receiver(
        &self,
        id: ReceiverId,
        change: ReceiverChange,
    ) -> Result<Receiver, AppError> {
        let mut receiver = self.receiver(id).await?;
        self.apply(&mut receiver, change)?;
        receiver.changed_at = self.now();
        match self.store.update_receiver(&receiver).await? {
            Saved::Done => Ok(receiver),
            Saved::TooMany | Saved::Unknown => Err(unknown()),
        }
    }

    fn apply(&self, receiver: &mut Receiver, change: ReceiverChange) -> Result<(), AppError> {
        if let Some(url) = change.url {
            receiver.url = url;
        }
        if let Some(kinds) = change.kinds {
            receiver.kinds = kinds;
        }
        if let Some(token) = change.token {
            receiver.token = Secret::new(token);
        }
        if let Some(ca_pem) = change.ca_pem {
            receiver.ca_pem = Some(ca_pem).filter(|pem| !pem.is_empty());
        }
        if let Some(paused) = change.paused {
            receiver.paused = paused;
        }
        self.check(receiver)
    }

    fn check(&self, receiver: &Receiver) -> Result<(), AppError> {
        if receiver.kinds.is_empty() {
            let why = "subscribe to at least one kind of event, or pause the callback";
            return Err(AppError::invalid("EventKinds", why));
        }
        let token = receiver.token.reveal();
        let length = TOKEN_CHARS_MIN..=TOKEN_CHARS_MAX;
        if !length.contains(&token.len()) || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            let why = format!(
                "it is {TOKEN_CHARS_MIN} to {TOKEN_CHARS_MAX} letters, digits and signs of ASCII, \
                 without blanks"
            );
            return Err(AppError::invalid("AuthToken", why));
        }
        if receiver.url.len() > URL_CHARS_MAX {
            let why = format!("it is at most {URL_CHARS_MAX} characters long");
            return Err(AppError::invalid("Url", why));
        }
        let sender = Sender::new(&self.callbacks, receiver.ca_pem.as_deref())
            .map_err(|why| AppError::invalid("CaCertificates", why))?;
        sender
            .check_url(&receiver.url)
            .map_err(|refusal| AppError::invalid("Url", refusal.to_string()))
    }

    /// The receivers of an account, or all, oldest first; tokens included, so mind what you show.
    ///
    /// # Errors
    /// Faults of the store.
    pub async fn list_receivers(
        &self,
        account: Option<AccountId>,
    ) -> Result<Vec<Receiver>, AppError> {
        Ok(self.store.list_receivers(account).await?)
    }

    /// The receiver of this id.
    ///
    /// # Errors
    /// [`AppError::Invalid`] naming `CallbackId`.
    pub async fn receiver(&self, id: ReceiverId) -> Result<Receiver, AppError> {
        let all = self.store.list_receivers(None).await?;
        let found = all.into_iter().find(|receiver| receiver.id == id);
        found.ok_or_else(unknown)
    }

    /// Forgets a receiver and what is owed to it.
    ///
    /// # Errors
    /// [`AppError::Invalid`] naming `CallbackId`.
    pub async fn delete_receiver(&self, id: ReceiverId) -> Result<(), AppError> {
        let receiver = self.receiver(id).await?;
        let reference = ReceiverRef {
            account: receiver.account,
            id,
        };
        if self.store.delete_receiver(reference).await? {
            Ok(())
        } else {
            Err(unknown())
        }
    }

    /// Sends a body to a receiver once, now, whatever else it is owed, paused or not.
    ///
    /// # Errors
    /// [`AppError::Invalid`] naming `CallbackId`. That nothing was taken is no error.
    pub async fn test_receiver(
        &self,
        receiver: &Receiver,
        body: Vec<u8>,
    ) -> Result<TestDelivery, AppError> {
        let sender = Sender::new(&self.callbacks, receiver.ca_pem.as_deref())
            .map_err(|why| AppError::invalid("CaCertificates", why))?;
        let event_id = format!("test-{:016x}", self.chance.u64()?);
        let letter = Letter {
            url: &receiver.url,
            token: receiver.token.reveal(),
            event_id: &event_id,
            body: &body,
            unix_s: self.clock.now().unix_s(),
        };
        let url = Sender::url_of(&letter);
        let begun = Instant::now();
        let answer = sender.send(&letter).await;
        let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(TestDelivery {
            url,
            header: (EVENT_ID_HEADER, event_id),
            body,
            answer,
            took_ms,
        })
    }

    /// Events with their deliveries, newest first.
    ///
    /// # Errors
    /// Faults of the store.
    pub async fn event_log(
        &self,
        filter: EventFilter,
        limit: u64,
    ) -> Result<Vec<EventRow>, AppError> {
        Ok(self.store.event_log(filter, limit).await?)
    }

    /// Sends past events again: those of `[from, to)`, to one receiver or all of the account, of
    /// one kind or all. Gives how many deliveries that makes; unfinished ones are left as they are.
    ///
    /// # Errors
    /// [`AppError::Invalid`] when the times are the wrong way round or the receiver is unknown.
    pub async fn replay_events(&self, replay: Replay) -> Result<u64, AppError> {
        if replay.from >= replay.to {
            return Err(AppError::invalid("To", "it is later than From"));
        }
        if let Some(id) = replay.receiver
            && self.receiver(id).await?.account != replay.account
        {
            return Err(unknown());
        }
        Ok(self.store.replay_events(replay, self.now()).await?)
    }
}

/// What tells one delivery from all others, in every try: the event and the receiver.
#[must_use]
pub fn event_id(event: i64, receiver: ReceiverId) -> String {
    format!("{event}-{receiver}")
}

fn unknown() -> AppError {
    AppError::invalid(
        "CallbackId",
        "there is no such callback; ListCallbacks lists them",
    )
}

/// The kinds of these names.
///
/// # Errors
/// [`AppError::Invalid`] naming `EventKinds`.
pub fn kinds_from(names: &[String]) -> Result<Kinds, AppError> {
    let read = |name: &String| {
        EventKind::from_name(name).ok_or_else(|| {
            let known = EventKind::ALL.map(EventKind::name).join(", ");
            AppError::invalid("EventKinds", format!("the kinds of events are {known}"))
        })
    };
    names.iter().map(read).collect()
}

/// How old something is at `now`, in seconds.
fn age_s(since: Timestamp, now: Timestamp) -> f64 {
    now.ms_since(since).max(0) as f64 / 1000.0
}
