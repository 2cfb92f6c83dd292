//! Prompts.

use axbridge_domain::{account::AccountId, time::Timestamp};

use super::{
    PostgresStore,
    core::{Core, until_done},
    fault::Fault,
    rows::{account_column, column, count_of},
    text::{escaped, unescaped},
};
use crate::{
    error::StoreError,
    model::{Prompt, PromptRow},
};

impl PostgresStore {
    pub(crate) async fn keep_prompt(
        &self,
        prompt: &Prompt,
        prompts_max: u64,
    ) -> Result<bool, StoreError> {
        until_done!(keep(&self.core, prompt, prompts_max))
    }

    pub(crate) async fn prompt(
        &self,
        account: AccountId,
        code: &str,
    ) -> Result<Option<Prompt>, StoreError> {
        until_done!(prompt(&self.core, account, code))
    }

    pub(crate) async fn list_prompts(
        &self,
        account: AccountId,
    ) -> Result<Vec<PromptRow>, StoreError> {
        until_done!(list(&self.core, account))
    }

    pub(crate) async fn remove_prompt(
        &self,
        account: AccountId,
        code: &str,
    ) -> Result<bool, StoreError> {
        until_done!(remove(&self.core, account, code))
    }
}

async fn keep(core: &Core, prompt: &Prompt, prompts_max: u64) -> Result<bool, Fault> {
    let account = account_column(prompt.account);
    let code = escaped(&prompt.code);
    let mut client = core.client().await?;
    let transaction = client.transaction().await?;
    // The account's row makes uploads of one account wait for each other, so that the count holds.
    transaction
        .execute(
            "SELECT 1 FROM account WHERE account = $1 FOR UPDATE",
            &[&account],
        )
        .await?;
    let others = transaction
        .query_one(
            "SELECT count(*) FROM prompt WHERE account = $1 AND code <> $2",
            &[&account, &code],
        )
        .await?;
    if count_of(others.try_get(0)?) >= prompts_max {
        return Ok(false);
    }
    transaction
        .execute(
            "INSERT INTO prompt (account, code, audio, created_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (account, code)
             DO UPDATE SET audio = excluded.audio, created_at = excluded.created_at",
            &[&account, &code, &prompt.audio, &prompt.created_at.unix_ms()],
        )
        .await?;
    core.commit(transaction).await?;
    Ok(true)
}

async fn prompt(core: &Core, account: AccountId, code: &str) -> Result<Option<Prompt>, Fault> {
    let client = core.client().await?;
    let statement = client
        .prepare_cached("SELECT audio, created_at FROM prompt WHERE account = $1 AND code = $2")
        .await?;
    let found = client
        .query_opt(&statement, &[&account_column(account), &escaped(code)])
        .await?;
    let Some(row) = found else {
        return Ok(None);
    };
    Ok(Some(Prompt {
        account,
        code: code.to_owned(),
        audio: column(&row, "audio")?,
        created_at: Timestamp::from_unix_ms(column(&row, "created_at")?),
    }))
}

async fn list(core: &Core, account: AccountId) -> Result<Vec<PromptRow>, Fault> {
    let client = core.client().await?;
    let statement = client
        .prepare_cached(
            "SELECT code, length(audio)::bigint AS bytes, created_at FROM prompt
             WHERE account = $1 ORDER BY code",
        )
        .await?;
    let rows = client
        .query(&statement, &[&account_column(account)])
        .await?;
    let mut prompts = Vec::with_capacity(rows.len());
    for row in &rows {
        prompts.push(PromptRow {
            code: unescaped(column(row, "code")?),
            bytes: count_of(column(row, "bytes")?),
            created_at: Timestamp::from_unix_ms(column(row, "created_at")?),
        });
    }
    Ok(prompts)
}

async fn remove(core: &Core, account: AccountId, code: &str) -> Result<bool, Fault> {
    let client = core.client().await?;
    let removed = client
        .execute(
            "DELETE FROM prompt WHERE account = $1 AND code = $2",
            &[&account_column(account), &escaped(code)],
        )
        .await?;
    Ok(removed == 1)
}
