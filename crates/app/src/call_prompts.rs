//! The prompts of accounts, as calls play them.

use axbridge_domain::account::AccountId;

use crate::{App, AppError};

impl App {
    /// The sound of an account's prompt, G.711 A-law at 8000 Hz without a head; `None` if there is
    /// no such prompt.
    ///
    /// # Errors
    /// Faults of the store.
    pub async fn prompt_sound(
        &self,
        account: AccountId,
        code: &str,
    ) -> Result<Option<Vec<u8>>, AppError> {
        let prompt = self.store.prompt(account, code).await?;
        Ok(prompt.map(|prompt| prompt.audio))
    }
}
