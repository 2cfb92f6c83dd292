//! The store's face for receivers, deliveries and the log of events.

use axbridge_domain::{account::AccountId, time::Timestamp};

use super::Store;
use crate::{
    delivery::{
        DeliveryStanding, EventFilter, EventRow, FannedOut, Finished, Lease, Leased, Receiver,
        ReceiverRef, Replay, Saved,
    },
    error::StoreError,
};

impl Store {
    /// Keeps a new receiver, unless its account has `receivers_max` already.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn create_receiver(
        &self,
        receiver: &Receiver,
        receivers_max: u64,
    ) -> Result<Saved, StoreError> {
        dispatch!(self, create_receiver(receiver, receivers_max))
    }

    /// Puts the receiver in the place of the one with its account and id.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn update_receiver(&self, receiver: &Receiver) -> Result<Saved, StoreError> {
        dispatch!(self, update_receiver(receiver))
    }

    /// Forgets a receiver and what was owed to it; false if there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn delete_receiver(&self, receiver: ReceiverRef) -> Result<bool, StoreError> {
        dispatch!(self, delete_receiver(receiver))
    }

    /// The receivers of an account, or all, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_receivers(
        &self,
        account: Option<AccountId>,
    ) -> Result<Vec<Receiver>, StoreError> {
        dispatch!(self, list_receivers(account))
    }

    /// Makes deliveries of the next `limit` events at most, each event once, in order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn fan_out(&self, limit: u64) -> Result<FannedOut, StoreError> {
        dispatch!(self, fan_out(limit))
    }

    /// The receivers to which something may be sent now.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn due_receivers(&self, now: Timestamp) -> Result<Vec<ReceiverRef>, StoreError> {
        dispatch!(self, due_receivers(now))
    }

    /// Takes deliveries that are due, so that nobody else sends them meanwhile. Of each subject
    /// only the oldest unfinished one is ever among them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn lease_deliveries(
        &self,
        receiver: ReceiverRef,
        lease: Lease,
        now: Timestamp,
    ) -> Result<Vec<Leased>, StoreError> {
        dispatch!(self, lease_deliveries(receiver, lease, now))
    }

    /// Notes what became of leased deliveries. What somebody else has leased since is left as it
    /// is. The next one of a subject that is through becomes due.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn finish_deliveries(
        &self,
        receiver: ReceiverRef,
        lease: Lease,
        finished: Vec<Finished>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        dispatch!(self, finish_deliveries(receiver, lease, finished, now))
    }

    /// Makes due now what waits for its next try.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn hasten_deliveries(
        &self,
        receiver: ReceiverRef,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        dispatch!(self, hasten_deliveries(receiver, now))
    }

    /// Makes deliveries anew of past events; those that are unfinished stay as they are. Gives how
    /// many were made.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn replay_events(&self, replay: Replay, now: Timestamp) -> Result<u64, StoreError> {
        dispatch!(self, replay_events(replay, now))
    }

    /// Drops events of before that moment and their finished deliveries, a little at a time.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn purge_deliveries(&self, before: Timestamp) -> Result<u64, StoreError> {
        dispatch!(self, purge_deliveries(before))
    }

    /// How all deliveries stand.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn delivery_standing(&self) -> Result<DeliveryStanding, StoreError> {
        dispatch!(self, delivery_standing())
    }

    /// Events with their deliveries, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn event_log(
        &self,
        filter: EventFilter,
        limit: u64,
    ) -> Result<Vec<EventRow>, StoreError> {
        dispatch!(self, event_log(filter, limit))
    }
}
