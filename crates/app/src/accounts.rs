//! Accounts and access keys.

use std::sync::Arc;

use axbridge_domain::account::{AccountId, AccountTerms};
use axbridge_store::{
    keyring::Secret,
    model::{AccessKey, Account, Role},
};

use crate::{App, AppError};

const KEY_ID_PREFIX: &str = "AKLT";
const KEY_ID_LETTERS: usize = 32;
const SECRET_LETTERS: usize = 44;
const NAME_CHARS_MAX: usize = 64;
const ID_TRIES: usize = 8;

impl App {
    /// Makes the default account, and an operator key when there is none. Gives the key when it
    /// made one.
    ///
    /// # Errors
    /// Faults of the store.
    pub async fn first_start(&self) -> Result<Option<AccessKey>, AppError> {
        if self.store.account(AccountId::DEFAULT).await?.is_none() {
            let account = Account {
                id: AccountId::DEFAULT,
                name: "default".to_owned(),
                terms: self.default_terms,
                created_at: self.now(),
            };
            // Another node may have been faster, which is just as well.
            self.store.create_account(&account).await?;
        }
        let keys = self.store.list_access_keys(None).await?;
        if keys
            .iter()
            .any(|key| key.role == Role::Operator && key.disabled_at.is_none())
        {
            return Ok(None);
        }
        let key = self
            .create_access_key(AccountId::DEFAULT, Role::Operator, "made at first start")
            .await?;
        Ok(Some(key))
    }

    /// Makes an account with the default terms.
    ///
    /// # Errors
    /// [`AppError::Invalid`] for the name.
    pub async fn create_account(&self, name: &str) -> Result<Account, AppError> {
        check_text("AccountName", name)?;
        for _ in 0..ID_TRIES {
            let number = 2_100_000_000 + self.chance.u64()? % 7_000_000_000;
            let Some(id) = AccountId::new(number) else {
                continue;
            };
            let account = Account {
                id,
                name: name.to_owned(),
                terms: self.default_terms,
                created_at: self.now(),
            };
            if self.store.create_account(&account).await? {
                return Ok(account);
            }
        }
        Err(AppError::Internal("no free account id found".to_owned()))
    }

    /// All accounts.
    ///
    /// # Errors
    /// Faults of the store.
    pub async fn list_accounts(&self) -> Result<Vec<Account>, AppError> {
        Ok(self.store.list_accounts().await?)
    }

    /// The account.
    ///
    /// # Errors
    /// [`AppError::Invalid`] naming `AccountId`.
    pub async fn account(&self, id: AccountId) -> Result<Account, AppError> {
        self.store.account(id).await?.ok_or_else(unknown_account)
    }

    /// Changes what an account may do.
    ///
    /// # Errors
    /// [`AppError::Invalid`] naming `AccountId`.
    pub async fn set_account_terms(
        &self,
        id: AccountId,
        terms: AccountTerms,
    ) -> Result<(), AppError> {
        let known = self.store.set_account_terms(id, terms).await?;
        self.forget_account(id);
        if known {
            Ok(())
        } else {
            Err(unknown_account())
        }
    }

    /// Makes an access key. The answer is the only time the secret is shown.
    ///
    /// # Errors
    /// [`AppError::Invalid`] for the account or the description.
    pub async fn create_access_key(
        &self,
        account: AccountId,
        role: Role,
        description: &str,
    ) -> Result<AccessKey, AppError> {
        if !description.is_empty() {
            check_text("Description", description)?;
        }
        self.account(account).await?;
        let key = AccessKey {
            id: format!("{KEY_ID_PREFIX}{}", self.chance.text(KEY_ID_LETTERS)?),
            secret: Secret::new(self.chance.text(SECRET_LETTERS)?),
            account,
            role,
            description: description.to_owned(),
            created_at: self.now(),
            disabled_at: None,
        };
        if self.store.create_access_key(&key).await? {
            Ok(key)
        } else {
            Err(AppError::Internal("the new key's id is taken".to_owned()))
        }
    }

    /// The key, if it exists and is not disabled.
    ///
    /// # Errors
    /// Faults of the store.
    pub async fn active_key(&self, id: &str) -> Result<Option<Arc<AccessKey>>, AppError> {
        Ok(self
            .store
            .access_key(id)
            .await?
            .filter(|key| key.disabled_at.is_none()))
    }

    /// Keys of an account, or all; secrets included, so mind what you show.
    ///
    /// # Errors
    /// Faults of the store.
    pub async fn list_access_keys(
        &self,
        account: Option<AccountId>,
    ) -> Result<Vec<AccessKey>, AppError> {
        Ok(self.store.list_access_keys(account).await?)
    }

    /// Disables a key for good.
    ///
    /// # Errors
    /// [`AppError::Invalid`] naming `AccessKeyId`; [`AppError::Denied`] for the last operator key,
    /// without which nobody could manage anything.
    pub async fn disable_access_key(&self, id: &str) -> Result<(), AppError> {
        let keys = self.store.list_access_keys(None).await?;
        let operators = || {
            keys.iter()
                .filter(|key| key.role == Role::Operator && key.disabled_at.is_none())
        };
        if operators().any(|key| key.id == id) && operators().count() == 1 {
            return Err(AppError::Denied(
                "this is the last operator key; make another one first".to_owned(),
            ));
        }
        if self.store.disable_access_key(id, self.now()).await? {
            Ok(())
        } else {
            Err(AppError::invalid(
                "AccessKeyId",
                "there is no such key; ListAccessKeys lists them",
            ))
        }
    }
}

fn unknown_account() -> AppError {
    AppError::invalid("AccountId", "there is no such account")
}

fn check_text(parameter: &'static str, text: &str) -> Result<(), AppError> {
    let length = text.chars().count();
    if length == 0 || length > NAME_CHARS_MAX || text.chars().any(char::is_control) {
        return Err(AppError::invalid(
            parameter,
            format!("it is 1 to {NAME_CHARS_MAX} characters, none of them a control character"),
        ));
    }
    Ok(())
}
