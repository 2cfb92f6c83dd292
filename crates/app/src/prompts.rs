//! Prompts that operators keep for an account, named by the `VoiceCode` of its bindings.

use axbridge_domain::account::AccountId;
use axbridge_store::model::{Prompt, PromptRow};

use crate::{App, AppError};

/// Characters of a prompt's code.
pub const PROMPT_CODE_CHARS_MAX: usize = 64;
/// Prompts of one account.
const PROMPTS_PER_ACCOUNT_MAX: u64 = 200;

/// Makes G.711 A-law at 8000 Hz of a sound file, or says what is wrong with it.
pub type PromptReader = fn(&[u8]) -> Result<Vec<u8>, String>;

impl App {
    /// Tells the application how sound files are read; the first way stays.
    pub fn set_prompt_reader(&self, reader: PromptReader) {
        // A node reads files in one way; a second call would be a mistake without effect.
        let _ = self.prompt_reader.set(reader);
    }

    /// Keeps a prompt from a sound file, in the place of the one of its code.
    ///
    /// # Errors
    /// [`AppError::Invalid`] for the code, the account or the file, [`AppError::Quota`].
    pub async fn keep_prompt(
        &self,
        account: AccountId,
        code: &str,
        file: Vec<u8>,
    ) -> Result<PromptRow, AppError> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let is_code = (1..=PROMPT_CODE_CHARS_MAX).contains(&code.len()) && code.bytes().all(fits);
        if !is_code {
            return Err(AppError::invalid(
                "VoiceCode",
                format!(
                    "it is 1 to {PROMPT_CODE_CHARS_MAX} letters, digits, hyphens, dots and \
                     underscores"
                ),
            ));
        }
        self.account(account).await?;
        let reader =
            self.prompt_reader.get().copied().ok_or_else(|| {
                AppError::Internal("nobody told how sound files are read".to_owned())
            })?;
        // Decoding takes longer than a request may hold up others.
        let read = tokio::task::spawn_blocking(move || reader(&file)).await;
        let audio = read
            .map_err(|error| AppError::Internal(format!("a sound file was not read: {error}")))?
            .map_err(|why| AppError::invalid("Audio", why))?;
        let prompt = Prompt {
            account,
            code: code.to_owned(),
            audio,
            created_at: self.now(),
        };
        if !self
            .store
            .keep_prompt(&prompt, PROMPTS_PER_ACCOUNT_MAX)
            .await?
        {
            return Err(AppError::Quota("Prompts of this account"));
        }
        Ok(PromptRow {
            code: prompt.code,
            bytes: prompt.audio.len() as u64,
            created_at: prompt.created_at,
        })
    }

    /// The prompts of an account, by code.
    ///
    /// # Errors
    /// Faults of the store.
    pub async fn list_prompts(&self, account: AccountId) -> Result<Vec<PromptRow>, AppError> {
        Ok(self.store.list_prompts(account).await?)
    }

    /// Removes a prompt. Calls in progress play it to its end.
    ///
    /// # Errors
    /// [`AppError::Invalid`] naming `VoiceCode`.
    pub async fn remove_prompt(&self, account: AccountId, code: &str) -> Result<(), AppError> {
        if self.store.remove_prompt(account, code).await? {
            Ok(())
        } else {
            Err(AppError::invalid(
                "VoiceCode",
                "there is no such prompt; ListPrompts lists them",
            ))
        }
    }
}
