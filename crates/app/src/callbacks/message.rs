//! What a callback tells, in the domain's words; the API writes it down.
//!
//! A message is made when it is sent, from what the store holds at that moment: the outbox keeps
//! no real number.

use axbridge_domain::{
    account::AccountId,
    binding::{Binding, SubId},
    call::CallId,
    city::CityCode,
    inventory::NumberState,
    phone::PhoneNumber,
    pool::{PoolKind, PoolNo},
    risk::RiskEntryId,
    time::Timestamp,
};
use axbridge_store::model::{BindingRef, Event, NumberFilter, Page, Topic};
pub use axbridge_store::risk::{NewRiskEntry, RiskEntry};

use crate::{
    App, AppError,
    records::{CallMoment, CallView},
};

/// What a callback tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A moment of a call.
    CallStatus {
        /// The call.
        call: CallView,
        /// Which moment.
        moment: CallMoment,
        /// When it was.
        at: Timestamp,
    },
    /// The record of a finished call.
    CallRecord {
        /// The call.
        call: CallView,
        /// When the record was complete.
        at: Timestamp,
    },
    /// A recording is there.
    Recording(RecordingNotice),
    /// A recording will not come.
    RecordingFailed(LostRecording),
    /// A number's state changed.
    NumberStatus(NumberNotice),
    /// A number was frozen or freed.
    Risk(RiskNotice),
    /// A binding was made, changed or ended.
    Binding {
        /// The binding as it is now.
        binding: Binding,
        /// What happened.
        change: BindingMoment,
        /// When it was.
        at: Timestamp,
    },
}

/// What happened to a binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BindingMoment {
    /// It was made.
    Bound,
    /// It was changed.
    Updated,
    /// Its client ended it.
    Unbound,
    /// It reached its `ExpireTime`.
    Expired,
}

impl BindingMoment {
    /// All of them.
    pub const ALL: [BindingMoment; 4] = [
        BindingMoment::Bound,
        BindingMoment::Updated,
        BindingMoment::Unbound,
        BindingMoment::Expired,
    ];

    /// The word on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            BindingMoment::Bound => "bound",
            BindingMoment::Updated => "updated",
            BindingMoment::Unbound => "unbound",
            BindingMoment::Expired => "expired",
        }
    }
}

/// Where a recording is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingNotice {
    /// Whose it is.
    pub account: AccountId,
    /// The call.
    pub call: CallId,
    /// Both voices in one.
    pub mixed_url: String,
    /// The caller's voice.
    pub left_url: String,
    /// The callee's voice.
    pub right_url: String,
    /// The client's text of the binding.
    pub user_data: Option<String>,
}

/// A call that was to be recorded and was not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostRecording {
    /// Whose it is.
    pub account: AccountId,
    /// The call.
    pub call: CallId,
    /// Why.
    pub why: String,
    /// When it was given up.
    pub at: Timestamp,
    /// The client's text of the binding.
    pub user_data: Option<String>,
}

/// How a number's state changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberNotice {
    /// Whose it is.
    pub account: AccountId,
    /// The number X.
    pub number: PhoneNumber,
    /// Its pool.
    pub pool: PoolNo,
    /// That pool's kind.
    pub kind: PoolKind,
    /// Its state since then.
    pub state: NumberState,
}

/// How risk control changed what a number may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RiskNotice {
    /// The blacklist entry.
    pub entry: RiskEntry,
    /// The city of its number, where it is known.
    pub city: Option<CityCode>,
    /// Whether the entry began, and not ended.
    pub frozen: bool,
    /// When it was.
    pub at: Timestamp,
}

impl App {
    /// What an event tells now; `None` when what it tells of is no longer kept.
    ///
    /// # Errors
    /// Faults of the store.
    pub(crate) async fn message_of(&self, event: &Event) -> Result<Option<Message>, AppError> {
        match event.topic {
            Topic::BindingBound => self.binding_message(event, BindingMoment::Bound).await,
            Topic::BindingUpdated => self.binding_message(event, BindingMoment::Updated).await,
            Topic::BindingUnbound => self.binding_message(event, BindingMoment::Unbound).await,
            Topic::BindingExpired => self.binding_message(event, BindingMoment::Expired).await,
            Topic::NumberEnabled | Topic::NumberDisabled | Topic::NumberDeregistered => {
                self.number_message(event).await
            }
            Topic::CallStarted
            | Topic::CallRinging
            | Topic::CallAnswered
            | Topic::CallEnded
            | Topic::CallRecord => self.call_message(event).await,
            Topic::RiskFrozen => self.risk_message(event, true).await,
            Topic::RiskUnfrozen => self.risk_message(event, false).await,
            Topic::RecordingReady => self.recording_message(event).await,
            Topic::RecordingFailed => self.lost_recording_message(event).await,
        }
    }

    async fn binding_message(
        &self,
        event: &Event,
        change: BindingMoment,
    ) -> Result<Option<Message>, AppError> {
        let Ok(sub_id) = event.subject.parse::<SubId>() else {
            return Ok(None);
        };
        let wanted = BindingRef {
            account: event.account,
            pool: None,
            sub_id,
        };
        let found = self.store.binding(wanted, self.now()).await?;
        Ok(found.map(|binding| Message::Binding {
            binding,
            change,
            at: event.at,
        }))
    }

    async fn call_message(&self, event: &Event) -> Result<Option<Message>, AppError> {
        let Ok(id) = event.subject.parse::<CallId>() else {
            return Ok(None);
        };
        let found = self.calls_by_ids(Some(event.account), &[id]).await?;
        Ok(found
            .into_iter()
            .next()
            .map(|call| match CallMoment::of(event.topic) {
                Some(moment) => Message::CallStatus {
                    call,
                    moment,
                    at: event.at,
                },
                None => Message::CallRecord { call, at: event.at },
            }))
    }

    async fn recording_message(&self, event: &Event) -> Result<Option<Message>, AppError> {
        let Ok(call) = event.subject.parse::<CallId>() else {
            return Ok(None);
        };
        let links = match self.recording_links(event.account, call, None).await {
            Ok(links) => links,
            Err(AppError::NoRecording(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let user_data = self.user_data_of(event.account, call).await?;
        Ok(Some(Message::Recording(RecordingNotice {
            account: event.account,
            call,
            mixed_url: links.mixed,
            left_url: links.left,
            right_url: links.right,
            user_data,
        })))
    }

    async fn lost_recording_message(&self, event: &Event) -> Result<Option<Message>, AppError> {
        let Ok(call) = event.subject.parse::<CallId>() else {
            return Ok(None);
        };
        let Some(recording) = self.store.recording(event.account, call).await? else {
            return Ok(None);
        };
        // Its files may have been put back by hand since; then the next message has the links.
        let why = recording
            .failed
            .unwrap_or_else(|| "it could not be kept at first; it is kept by now".to_owned());
        Ok(Some(Message::RecordingFailed(LostRecording {
            account: event.account,
            call,
            why,
            at: event.at,
            user_data: self.user_data_of(event.account, call).await?,
        })))
    }

    /// The client's text of the binding that decided a call.
    async fn user_data_of(
        &self,
        account: AccountId,
        call: CallId,
    ) -> Result<Option<String>, AppError> {
        let of_call = self.calls_by_ids(Some(account), &[call]).await?;
        let binding = of_call.into_iter().next().and_then(|it| it.call.binding);
        Ok(binding.and_then(|it| it.user_data))
    }

    async fn risk_message(&self, event: &Event, frozen: bool) -> Result<Option<Message>, AppError> {
        let Ok(id) = event.subject.parse::<RiskEntryId>() else {
            return Ok(None);
        };
        let found = self.store.risk_entry(event.account, id).await?;
        Ok(found.map(|entry| {
            Message::Risk(RiskNotice {
                city: self.numbering.city_of(&entry.made.number),
                entry,
                frozen,
                at: event.at,
            })
        }))
    }

    async fn number_message(&self, event: &Event) -> Result<Option<Message>, AppError> {
        let Ok(number) = PhoneNumber::parse(&event.subject) else {
            return Ok(None);
        };
        let page = Page {
            offset: 0,
            limit: 1,
        };
        for state in [None, Some(NumberState::Deregistered)] {
            let filter = NumberFilter {
                account: Some(event.account),
                numbers: vec![number],
                state,
                ..NumberFilter::default()
            };
            let found = self.store.list_numbers(&filter, page, self.now()).await?;
            if let Some(row) = found.rows.into_iter().next() {
                return Ok(Some(Message::NumberStatus(NumberNotice {
                    account: event.account,
                    number,
                    pool: row.pool,
                    kind: row.kind,
                    state: state_told(event.topic, row.state),
                })));
            }
        }
        Ok(None)
    }
}

/// The state that the event told of, whatever became of the number since.
fn state_told(topic: Topic, now: NumberState) -> NumberState {
    match (topic, now) {
        (Topic::NumberEnabled, _) => NumberState::Enabled,
        (Topic::NumberDeregistered, _) => NumberState::Deregistered,
        (_, NumberState::PlatformDisabled) => NumberState::PlatformDisabled,
        _ => NumberState::UserDisabled,
    }
}
