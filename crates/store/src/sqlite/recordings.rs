//! What is known about recordings.

use axbridge_domain::{account::AccountId, call::CallId, time::Timestamp};
use rusqlite::{Connection, Row, params};

use super::{
    SqliteStore,
    fault::{Fault, damaged, engine},
    rows::{account_column, account_from},
    writer::Batch,
};
use crate::{
    error::StoreError,
    model::Topic,
    recording::{Recording, Transcript},
};

const COLUMNS: &str = "call_id, account, at, failed, path, key_id, mixed_bytes, left_bytes, \
     right_bytes, duration_ms, transcript, transcript_bytes, transcript_tries";

impl SqliteStore {
    pub(crate) async fn keep_recording(
        &self,
        recording: &Recording,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let recording = recording.clone();
        self.write(now, move |batch| keep(batch, &recording)).await
    }

    pub(crate) async fn recording(
        &self,
        account: AccountId,
        call: CallId,
    ) -> Result<Option<Recording>, StoreError> {
        let found = self
            .read(move |connection| {
                let condition = "account = ?1 AND call_id = ?2 LIMIT ?3";
                select(
                    connection,
                    condition,
                    params![account_column(account), call.to_string(), 1],
                )
            })
            .await?;
        Ok(found.into_iter().next())
    }

    pub(crate) async fn take_transcripts(
        &self,
        limit: u64,
        lease_ms: i64,
        now: Timestamp,
    ) -> Result<Vec<Recording>, StoreError> {
        const TAKE: &str = "UPDATE recording SET taken_until = ?2, \
             transcript_tries = transcript_tries + 1 WHERE call_id = ?1";
        self.write(now, move |batch| {
            let condition =
                "transcript = 1 AND taken_until <= ?1 ORDER BY taken_until, seq LIMIT ?2";
            let values = params![batch.now().unix_ms(), limit_column(limit)];
            let mut found = select(batch.connection, condition, values)?;
            let until = batch.now().plus_ms(lease_ms).unix_ms();
            for recording in &mut found {
                let call = recording.call.to_string();
                let mut take = batch.connection.prepare_cached(TAKE)?;
                take.execute(params![call, until])?;
                recording.transcript_tries += 1;
            }
            Ok(found)
        })
        .await
    }

    pub(crate) async fn set_transcript(
        &self,
        account: AccountId,
        call: CallId,
        transcript: Transcript,
        bytes: u64,
        rest_until: Timestamp,
    ) -> Result<(), StoreError> {
        const UPDATE: &str = "UPDATE recording SET transcript = ?3, transcript_bytes = ?4, \
             taken_until = ?5 WHERE account = ?1 AND call_id = ?2";
        self.write(Timestamp::MIN, move |batch| {
            let mut update = batch.connection.prepare_cached(UPDATE)?;
            update.execute(params![
                account_column(account),
                call.to_string(),
                transcript.code(),
                limit_column(bytes),
                rest_until.unix_ms(),
            ])?;
            Ok(())
        })
        .await
    }

    pub(crate) async fn recordings_before(
        &self,
        before: Timestamp,
        limit: u64,
    ) -> Result<Vec<Recording>, StoreError> {
        self.read(move |connection| {
            let condition = "at < ?1 ORDER BY at, seq LIMIT ?2";
            select(
                connection,
                condition,
                params![before.unix_ms(), limit_column(limit)],
            )
        })
        .await
    }

    pub(crate) async fn forget_recordings(
        &self,
        recordings: &[(AccountId, CallId)],
    ) -> Result<(), StoreError> {
        const DELETE: &str = "DELETE FROM recording WHERE account = ?1 AND call_id = ?2";
        let recordings = recordings.to_vec();
        self.write(Timestamp::MIN, move |batch| {
            for (account, call) in recordings {
                let mut delete = batch.connection.prepare_cached(DELETE)?;
                delete.execute(params![account_column(account), call.to_string()])?;
            }
            Ok(())
        })
        .await
    }
}

fn keep(batch: &mut Batch<'_>, new: &Recording) -> Result<bool, Fault> {
    // A recording that failed may come after all; one that is ready stays as it is.
    const INSERT: &str = "INSERT INTO recording (call_id, account, at, failed, path, key_id, \
         mixed_bytes, left_bytes, right_bytes, duration_ms, transcript, transcript_bytes, \
         transcript_tries, taken_until) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 0, 0, 0) \
         ON CONFLICT (call_id) DO UPDATE SET at = excluded.at, failed = NULL, path = excluded.path, \
         key_id = excluded.key_id, mixed_bytes = excluded.mixed_bytes, \
         left_bytes = excluded.left_bytes, right_bytes = excluded.right_bytes, \
         duration_ms = excluded.duration_ms, transcript = excluded.transcript \
         WHERE recording.account = excluded.account AND recording.failed IS NOT NULL \
         AND excluded.failed IS NULL";
    let rows = batch.connection.prepare_cached(INSERT)?.execute(params![
        new.call.to_string(),
        account_column(new.account),
        new.at.unix_ms(),
        new.failed,
        new.path,
        new.key_id,
        limit_column(new.mixed_bytes),
        limit_column(new.left_bytes),
        limit_column(new.right_bytes),
        limit_column(new.duration_ms),
        new.transcript.code(),
    ])?;
    if rows == 0 {
        return Ok(false);
    }
    let topic = match new.failed {
        None => Topic::RecordingReady,
        Some(_) => Topic::RecordingFailed,
    };
    batch.event(new.account, topic, &new.call.to_string())?;
    Ok(true)
}

fn limit_column(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn select(
    connection: &Connection,
    condition: &str,
    values: &[&dyn rusqlite::ToSql],
) -> Result<Vec<Recording>, StoreError> {
    let fault = |error: rusqlite::Error| engine(&error);
    let mut statement = connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM recording WHERE {condition}"
        ))
        .map_err(fault)?;
    let mut rows = statement.query(values).map_err(fault)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(fault)? {
        found.push(read(row)?);
    }
    Ok(found)
}

fn read(row: &Row<'_>) -> Result<Recording, StoreError> {
    let fault = |error: rusqlite::Error| engine(&error);
    let call: String = row.get(0).map_err(fault)?;
    let count = |column: usize| -> Result<u64, StoreError> {
        let count: i64 = row.get(column).map_err(fault)?;
        Ok(u64::try_from(count).unwrap_or(0))
    };
    Ok(Recording {
        account: account_from(row.get(1).map_err(fault)?)?,
        call: call.parse().map_err(|_| damaged("a call's id"))?,
        at: Timestamp::from_unix_ms(row.get(2).map_err(fault)?),
        failed: row.get(3).map_err(fault)?,
        path: row.get(4).map_err(fault)?,
        key_id: row.get(5).map_err(fault)?,
        mixed_bytes: count(6)?,
        left_bytes: count(7)?,
        right_bytes: count(8)?,
        duration_ms: count(9)?,
        transcript: Transcript::from_code(row.get(10).map_err(fault)?)
            .ok_or_else(|| damaged("a transcript's state"))?,
        transcript_bytes: count(11)?,
        transcript_tries: row.get(12).map_err(fault)?,
    })
}
