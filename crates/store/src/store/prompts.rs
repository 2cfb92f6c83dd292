//! Prompts.

use axbridge_domain::account::AccountId;

use super::Store;
use crate::{
    error::StoreError,
    model::{Prompt, PromptRow},
};

impl Store {
    /// Keeps a prompt, in the place of the one of its code if there is one. False, and nothing is
    /// kept, if it would be a new one and the account has `prompts_max` already.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn keep_prompt(&self, prompt: &Prompt, prompts_max: u64) -> Result<bool, StoreError> {
        dispatch!(self, keep_prompt(prompt, prompts_max))
    }

    /// The prompt of an account.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn prompt(
        &self,
        account: AccountId,
        code: &str,
    ) -> Result<Option<Prompt>, StoreError> {
        dispatch!(self, prompt(account, code))
    }

    /// The prompts of an account, by code.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_prompts(&self, account: AccountId) -> Result<Vec<PromptRow>, StoreError> {
        dispatch!(self, list_prompts(account))
    }

    /// Removes a prompt; false if there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn remove_prompt(&self, account: AccountId, code: &str) -> Result<bool, StoreError> {
        dispatch!(self, remove_prompt(account, code))
    }
}
