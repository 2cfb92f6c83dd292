//! Recordings: what is known about each, and what is still to be done with it.

use axbridge_domain::{account::AccountId, call::CallId, time::Timestamp};

use super::Store;
use crate::{
    error::StoreError,
    recording::{Recording, Transcript},
};

impl Store {
    /// Keeps a recording, ready or failed, with its event; false when it is known already. One
    /// that had failed may still become ready.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn keep_recording(
        &self,
        recording: &Recording,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        dispatch!(self, keep_recording(recording, now))
    }

    /// The recording of a call of the account.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn recording(
        &self,
        account: AccountId,
        call: CallId,
    ) -> Result<Option<Recording>, StoreError> {
        dispatch!(self, recording(account, call))
    }

    /// Takes recordings that want a transcript and that nobody works on, for `lease_ms`: nobody
    /// else gets them meanwhile. Each taking counts as a try.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn take_transcripts(
        &self,
        limit: u64,
        lease_ms: i64,
        now: Timestamp,
    ) -> Result<Vec<Recording>, StoreError> {
        dispatch!(self, take_transcripts(limit, lease_ms, now))
    }

    /// Notes what became of a recording's transcript, and until when nobody should try again.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn set_transcript(
        &self,
        account: AccountId,
        call: CallId,
        transcript: Transcript,
        bytes: u64,
        rest_until: Timestamp,
    ) -> Result<(), StoreError> {
        dispatch!(
            self,
            set_transcript(account, call, transcript, bytes, rest_until)
        )
    }

    /// The oldest recordings from before a moment, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn recordings_before(
        &self,
        before: Timestamp,
        limit: u64,
    ) -> Result<Vec<Recording>, StoreError> {
        dispatch!(self, recordings_before(before, limit))
    }

    /// Forgets recordings whose files are gone.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget_recordings(
        &self,
        recordings: &[(AccountId, CallId)],
    ) -> Result<(), StoreError> {
        dispatch!(self, forget_recordings(recordings))
    }
}
