//! Prompts.

use axbridge_domain::{account::AccountId, time::Timestamp};
use rusqlite::{OptionalExtension as _, params};

use super::{SqliteStore, fault::engine, rows::account_column};
use crate::{
    error::StoreError,
    model::{Prompt, PromptRow},
};

impl SqliteStore {
    pub(crate) async fn keep_prompt(
        &self,
        prompt: &Prompt,
        prompts_max: u64,
    ) -> Result<bool, StoreError> {
        const OTHERS: &str = "SELECT count(*) FROM prompt WHERE account = ?1 AND code <> ?2";
        const KEEP: &str = "INSERT INTO prompt (account, code, audio, created_at) \
             VALUES (?1, ?2, ?3, ?4) ON CONFLICT (account, code) \
             DO UPDATE SET audio = excluded.audio, created_at = excluded.created_at";
        let prompt = prompt.clone();
        self.write_alone(Timestamp::MIN, move |batch| {
            let account = account_column(prompt.account);
            let others: i64 = batch
                .connection
                .prepare_cached(OTHERS)?
                .query_row(params![account, prompt.code], |row| row.get(0))?;
            if others.cast_unsigned() >= prompts_max {
                return Ok(false);
            }
            batch.connection.prepare_cached(KEEP)?.execute(params![
                account,
                prompt.code,
                prompt.audio,
                prompt.created_at.unix_ms(),
            ])?;
            Ok(true)
        })
        .await
    }

    pub(crate) async fn prompt(
        &self,
        account: AccountId,
        code: &str,
    ) -> Result<Option<Prompt>, StoreError> {
        const SELECT: &str =
            "SELECT audio, created_at FROM prompt WHERE account = ?1 AND code = ?2";
        let code = code.to_owned();
        self.read(move |connection| {
            let read = || {
                connection
                    .prepare_cached(SELECT)?
                    .query_row(params![account_column(account), code], |row| {
                        Ok((row.get(0)?, row.get(1)?))
                    })
                    .optional()
            };
            let found = read().map_err(|error| engine(&error))?;
            Ok(found.map(|(audio, created_at)| Prompt {
                account,
                code,
                audio,
                created_at: Timestamp::from_unix_ms(created_at),
            }))
        })
        .await
    }

    pub(crate) async fn list_prompts(
        &self,
        account: AccountId,
    ) -> Result<Vec<PromptRow>, StoreError> {
        const SELECT: &str = "SELECT code, length(audio), created_at FROM prompt \
             WHERE account = ?1 ORDER BY code";
        self.read(move |connection| {
            let read = || {
                connection
                    .prepare_cached(SELECT)?
                    .query_map([account_column(account)], |row| {
                        Ok(PromptRow {
                            code: row.get(0)?,
                            bytes: row.get::<_, i64>(1)?.cast_unsigned(),
                            created_at: Timestamp::from_unix_ms(row.get(2)?),
                        })
                    })?
                    .collect::<rusqlite::Result<Vec<_>>>()
            };
            read().map_err(|error| engine(&error))
        })
        .await
    }

    pub(crate) async fn remove_prompt(
        &self,
        account: AccountId,
        code: &str,
    ) -> Result<bool, StoreError> {
        const DELETE: &str = "DELETE FROM prompt WHERE account = ?1 AND code = ?2";
        let code = code.to_owned();
        self.write_alone(Timestamp::MIN, move |batch| {
            let rows = batch
                .connection
                .prepare_cached(DELETE)?
                .execute(params![account_column(account), code])?;
            Ok(rows == 1)
        })
        .await
    }
}
