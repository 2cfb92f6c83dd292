//! Calls: written down while they last, read and listed afterwards, destroyed in the end. And the
//! end of bindings.

use axbridge_domain::{account::AccountId, call::CallId, time::Timestamp};

use super::Store;
use crate::{
    error::StoreError,
    model::{CallEnd, CallFilter, CallRecord, NewCall, Page, Paged, Purged},
};

impl Store {
    /// Writes down a call that has arrived, with its event. The same call again changes nothing.
    ///
    /// # Errors
    /// [`StoreError`]; `Internal` when X is no number of the account.
    pub async fn begin_call(&self, call: NewCall, now: Timestamp) -> Result<(), StoreError> {
        dispatch!(self, begin_call(call, now))
    }

    /// Notes that the callee's phone rings, with its event; false when that is known, or the call
    /// is answered, over or unknown, so that nothing changed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn call_ringing(&self, call: CallId, now: Timestamp) -> Result<bool, StoreError> {
        dispatch!(self, call_ringing(call, now))
    }

    /// Notes that the two are connected, with its event; false when that is known, or the call is
    /// over or unknown, so that nothing changed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn call_answered(&self, call: CallId, now: Timestamp) -> Result<bool, StoreError> {
        dispatch!(self, call_answered(call, now))
    }

    /// Ends a call and makes its record complete, with both events; false when it is over or
    /// unknown, so that nothing changed: of two ends the first counts.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn end_call(
        &self,
        call: CallId,
        end: CallEnd,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        dispatch!(self, end_call(call, end, now))
    }

    /// The call, whose ever it is.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn call(&self, call: CallId) -> Result<Option<CallRecord>, StoreError> {
        let found = self.calls_by_ids(None, &[call]).await?;
        Ok(found.into_iter().next())
    }

    /// The calls of these ids that there are, in the order asked for; of one account only, if one
    /// is named.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn calls_by_ids(
        &self,
        account: Option<AccountId>,
        ids: &[CallId],
    ) -> Result<Vec<CallRecord>, StoreError> {
        let mut found = dispatch!(self, calls_by_ids(account, ids))?;
        found.sort_by_key(|call| ids.iter().position(|id| *id == call.id));
        Ok(found)
    }

    /// Calls, newest first. `total` counts no further than
    /// [`axbridge_domain::limits::CALLS_COUNTED_MAX`].
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_calls(
        &self,
        filter: &CallFilter,
        page: Page,
    ) -> Result<Paged<CallRecord>, StoreError> {
        dispatch!(self, list_calls(filter, page))
    }

    /// Calls that began before `before` and have no end, oldest first; of one node, if one is
    /// named.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open_calls(
        &self,
        node: Option<&str>,
        before: Timestamp,
        limit: u64,
    ) -> Result<Vec<CallRecord>, StoreError> {
        dispatch!(self, open_calls(node, before, limit))
    }

    /// Drops some of the ended calls that began before `before`; once a whole month is gone, also
    /// its key, after which no copy of its calls can be read. A bounded piece of work: ask again
    /// while there is `more`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn purge_calls(&self, before: Timestamp) -> Result<Purged, StoreError> {
        dispatch!(self, purge_calls(before))
    }

    /// Drops some of the bindings that ended before `before`, but none that still steers the choice
    /// of numbers or answers a retry at `now`. A bounded piece of work: ask again while there is
    /// `more`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn purge_bindings(
        &self,
        before: Timestamp,
        now: Timestamp,
    ) -> Result<Purged, StoreError> {
        dispatch!(self, purge_bindings(before, now))
    }
}
