//! Number pools.

use std::sync::Arc;

use axbridge_domain::{
    account::AccountId,
    limits,
    pool::{Pool, PoolKind, PoolNo, PoolRules},
};
use axbridge_store::model::{Page, Paged, PoolChange, PoolChanged, PoolFilter, PoolRow};

use crate::{App, AppError, error::unknown_pool};

const NUMBER_TRIES: usize = 8;

impl App {
    /// Makes a pool with the default rules.
    ///
    /// # Errors
    /// [`AppError::Invalid`] for the name, [`AppError::Quota`].
    pub async fn create_pool(
        &self,
        account: AccountId,
        name: &str,
        kind: PoolKind,
        scene: Option<String>,
    ) -> Result<Pool, AppError> {
        check_name(name)?;
        let owner = self.known_account(account).await?;
        if let Some(most) = owner.terms.pools_max {
            let filter = PoolFilter {
                account: Some(account),
                ..PoolFilter::default()
            };
            let existing = self
                .store
                .list_pools(
                    &filter,
                    Page {
                        offset: 0,
                        limit: 1,
                    },
                )
                .await?
                .total;
            if existing >= most {
                return Err(AppError::Quota("Number pools of this account"));
            }
        }
        let now = self.now();
        for _ in 0..NUMBER_TRIES {
            // Like the vendor's: digits that begin with the second it was made in.
            let tail = self.chance.u64()? % 100_000_000;
            let digits = (now.unix_s().unsigned_abs() % 10_000_000_000) * 100_000_000 + tail;
            let Some(pool_no) = PoolNo::new(digits) else {
                continue;
            };
            let pool = Pool {
                pool_no,
                account,
                name: name.to_owned(),
                kind,
                scene: scene.clone(),
                rules: PoolRules::default(),
            };
            if self.store.create_pool(&pool, now).await? {
                return Ok(pool);
            }
        }
        Err(AppError::Internal("no free pool number found".to_owned()))
    }

    /// The pool, if it is this account's (of any account when `None`).
    ///
    /// # Errors
    /// [`AppError::Invalid`] naming `NumberPoolNo`.
    pub async fn pool(
        &self,
        account: Option<AccountId>,
        pool: PoolNo,
    ) -> Result<Arc<Pool>, AppError> {
        let found = self.store.pool(pool).await?;
        found
            .filter(|pool| account.is_none_or(|account| pool.account == account))
            .ok_or_else(unknown_pool)
    }

    /// Changes a pool.
    ///
    /// # Errors
    /// [`AppError::Invalid`] for an unknown pool or a bad value, [`AppError::Denied`] while its
    /// numbers carry bindings that the change does not allow.
    pub async fn update_pool(
        &self,
        account: Option<AccountId>,
        pool: PoolNo,
        change: PoolChange,
    ) -> Result<Pool, AppError> {
        if let Some(name) = &change.name {
            check_name(name)?;
        }
        if let Some(rules) = &change.rules {
            check_rules(rules)?;
        }
        let owner = self.pool(account, pool).await?.account;
        match self
            .store
            .update_pool(owner, pool, &change, self.now())
            .await?
        {
            PoolChanged::Done(pool) => Ok(pool),
            PoolChanged::UnknownPool => Err(unknown_pool()),
            PoolChanged::InUse => Err(AppError::Denied(
                "numbers of this pool carry live bindings; unbind them, then change its type"
                    .to_owned(),
            )),
        }
    }

    /// Pools, by number.
    ///
    /// # Errors
    /// [`AppError::Unavailable`], [`AppError::Internal`].
    pub async fn list_pools(
        &self,
        filter: &PoolFilter,
        page: Page,
    ) -> Result<Paged<PoolRow>, AppError> {
        Ok(self.store.list_pools(filter, page).await?)
    }
}

fn check_name(name: &str) -> Result<(), AppError> {
    let length = name.chars().count();
    if length == 0 || length > limits::POOL_NAME_CHARS_MAX || name.chars().any(char::is_control) {
        return Err(AppError::invalid(
            "Name",
            format!(
                "a pool's name is 1 to {} characters, none of them a control character",
                limits::POOL_NAME_CHARS_MAX
            ),
        ));
    }
    Ok(())
}

fn check_rules(rules: &PoolRules) -> Result<(), AppError> {
    if !(0..=limits::QUARANTINE_MAX_MS).contains(&rules.quarantine_ms) {
        let most = limits::QUARANTINE_MAX_MS / 1000;
        return Err(AppError::invalid(
            "QuarantineSeconds",
            format!("it is 0 to {most} seconds"),
        ));
    }
    if !(0..=rules.quarantine_ms).contains(&rules.quarantine_min_ms) {
        return Err(AppError::invalid(
            "QuarantineMinSeconds",
            "it is 0 to QuarantineSeconds",
        ));
    }
    if rules.bindings_per_number_max == 0 {
        return Err(AppError::invalid(
            "BindingsPerNumberMax",
            "it is at least 1",
        ));
    }
    Ok(())
}
