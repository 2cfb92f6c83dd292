//! What is known about recordings.

use axbridge_domain::{account::AccountId, call::CallId, time::Timestamp};
use tokio_postgres::Row;

use super::{
    PostgresStore,
    core::{Core, until_done},
    fault::Fault,
    rows::{account_column, account_of, column, count_column, count_of, unreadable},
    text::{escaped_option, unescaped},
    write::tell,
};
use crate::{
    error::StoreError,
    model::Topic,
    recording::{Recording, Transcript},
};

const COLUMNS: &str = "account, call_id, at, failed, path, key_id, mixed_bytes, left_bytes, \
     right_bytes, duration_ms, transcript, transcript_bytes, transcript_tries";

impl PostgresStore {
    pub(crate) async fn keep_recording(
        &self,
        recording: &Recording,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let now = self.core.moment(now);
        let mut outcome_unknown = false;
        until_done!(async {
            match keep(&self.core, recording, now).await {
                Err(Fault::Unknown(text)) => {
                    outcome_unknown = true;
                    Err(Fault::Lost(text))
                }
                // It stands: the first try had done it.
                Ok(false) if outcome_unknown => Ok(true),
                other => other,
            }
        })
    }

    pub(crate) async fn recording(
        &self,
        account: AccountId,
        call: CallId,
    ) -> Result<Option<Recording>, StoreError> {
        until_done!(recording(&self.core, account, call))
    }

    pub(crate) async fn take_transcripts(
        &self,
        limit: u64,
        lease_ms: i64,
        now: Timestamp,
    ) -> Result<Vec<Recording>, StoreError> {
        let now = self.core.moment(now);
        until_done!(take(&self.core, limit, lease_ms, now))
    }

    pub(crate) async fn set_transcript(
        &self,
        account: AccountId,
        call: CallId,
        transcript: Transcript,
        bytes: u64,
        rest_until: Timestamp,
    ) -> Result<(), StoreError> {
        until_done!(async {
            let client = self.core.client().await?;
            let statement = client
                .prepare_cached(
                    "UPDATE recording SET transcript = $3, transcript_bytes = $4, taken_until = $5
                     WHERE account = $1 AND call_id = $2",
                )
                .await?;
            client
                .execute(
                    &statement,
                    &[
                        &account_column(account),
                        &call.to_string(),
                        &i16::from(transcript.code()),
                        &count_column(bytes),
                        &rest_until.unix_ms(),
                    ],
                )
                .await?;
            Ok::<_, Fault>(())
        })
    }

    pub(crate) async fn recordings_before(
        &self,
        before: Timestamp,
        limit: u64,
    ) -> Result<Vec<Recording>, StoreError> {
        until_done!(async {
            let client = self.core.client().await?;
            let statement = client
                .prepare_cached(&format!(
                    "SELECT {COLUMNS} FROM recording WHERE at < $1 ORDER BY at, call_id LIMIT $2"
                ))
                .await?;
            let rows = client
                .query(&statement, &[&before.unix_ms(), &count_column(limit)])
                .await?;
            let found: Result<_, StoreError> = rows.iter().map(read).collect();
            Ok::<Vec<Recording>, Fault>(found?)
        })
    }

    pub(crate) async fn forget_recordings(
        &self,
        recordings: &[(AccountId, CallId)],
    ) -> Result<(), StoreError> {
        let accounts: Vec<i64> = recordings
            .iter()
            .map(|(account, _)| account_column(*account))
            .collect();
        let calls: Vec<String> = recordings
            .iter()
            .map(|(_, call)| call.to_string())
            .collect();
        until_done!(async {
            let client = self.core.client().await?;
            let statement = client
                .prepare_cached(
                    "DELETE FROM recording r USING unnest($1::int8[], $2::text[]) q (account, call_id)
                     WHERE r.account = q.account AND r.call_id = q.call_id",
                )
                .await?;
            client.execute(&statement, &[&accounts, &calls]).await?;
            Ok::<_, Fault>(())
        })
    }
}

async fn keep(core: &Core, new: &Recording, now: Timestamp) -> Result<bool, Fault> {
    let mut client = core.client().await?;
    let transaction = client.transaction().await?;
    // A recording that failed may come after all; one that is ready stays as it is.
    let statement = transaction
        .prepare_cached(
            "INSERT INTO recording (account, call_id, at, failed, path, key_id, mixed_bytes,
                 left_bytes, right_bytes, duration_ms, transcript, transcript_bytes,
                 transcript_tries, taken_until)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0, 0, 0)
             ON CONFLICT (account, call_id) DO UPDATE SET at = excluded.at, failed = NULL,
                 path = excluded.path, key_id = excluded.key_id,
                 mixed_bytes = excluded.mixed_bytes, left_bytes = excluded.left_bytes,
                 right_bytes = excluded.right_bytes, duration_ms = excluded.duration_ms,
                 transcript = excluded.transcript
             WHERE recording.failed IS NOT NULL AND excluded.failed IS NULL",
        )
        .await?;
    let call = new.call.to_string();
    let written = transaction
        .execute(
            &statement,
            &[
                &account_column(new.account),
                &call,
                &new.at.unix_ms(),
                &escaped_option(new.failed.as_ref()),
                &new.path,
                &new.key_id.map(i16::from),
                &count_column(new.mixed_bytes),
                &count_column(new.left_bytes),
                &count_column(new.right_bytes),
                &count_column(new.duration_ms),
                &i16::from(new.transcript.code()),
            ],
        )
        .await?;
    if written == 0 {
        return Ok(false);
    }
    let topic = match new.failed {
        None => Topic::RecordingReady,
        Some(_) => Topic::RecordingFailed,
    };
    tell(&transaction, new.account, topic, &[call], now).await?;
    core.commit(transaction).await?;
    Ok(true)
}

async fn recording(
    core: &Core,
    account: AccountId,
    call: CallId,
) -> Result<Option<Recording>, Fault> {
    let client = core.client().await?;
    let statement = client
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM recording WHERE account = $1 AND call_id = $2"
        ))
        .await?;
    let row = client
        .query_opt(&statement, &[&account_column(account), &call.to_string()])
        .await?;
    Ok(row.as_ref().map(read).transpose()?)
}

async fn take(
    core: &Core,
    limit: u64,
    lease_ms: i64,
    now: Timestamp,
) -> Result<Vec<Recording>, Fault> {
    let client = core.client().await?;
    let statement = client
        .prepare_cached(&format!(
            "UPDATE recording SET taken_until = $2, transcript_tries = transcript_tries + 1
             WHERE (account, call_id) IN (
                 SELECT account, call_id FROM recording WHERE transcript = 1 AND taken_until <= $1
                 ORDER BY taken_until LIMIT $3 FOR UPDATE SKIP LOCKED)
             RETURNING {COLUMNS}"
        ))
        .await?;
    let until = now.plus_ms(lease_ms).unix_ms();
    let rows = client
        .query(&statement, &[&now.unix_ms(), &until, &count_column(limit)])
        .await?;
    let found: Result<_, StoreError> = rows.iter().map(read).collect();
    Ok(found?)
}

fn read(row: &Row) -> Result<Recording, StoreError> {
    let count = |name| -> Result<u64, StoreError> { Ok(count_of(column(row, name)?)) };
    let call: &str = column(row, "call_id")?;
    let transcript: i16 = column(row, "transcript")?;
    let tries: i32 = column(row, "transcript_tries")?;
    let key_id: Option<i16> = column(row, "key_id")?;
    let key_id = key_id.map(u8::try_from).transpose();
    Ok(Recording {
        account: account_of(column(row, "account")?)?,
        call: call.parse().map_err(|_| unreadable("a call's id"))?,
        at: Timestamp::from_unix_ms(column(row, "at")?),
        failed: column::<Option<String>>(row, "failed")?.map(unescaped),
        path: column(row, "path")?,
        key_id: key_id.map_err(|_| unreadable("a key's id"))?,
        mixed_bytes: count("mixed_bytes")?,
        left_bytes: count("left_bytes")?,
        right_bytes: count("right_bytes")?,
        duration_ms: count("duration_ms")?,
        transcript: Transcript::from_code(transcript.into())
            .ok_or_else(|| unreadable("a transcript's state"))?,
        transcript_bytes: count("transcript_bytes")?,
        transcript_tries: u32::try_from(tries).unwrap_or(u32::MAX),
    })
}
