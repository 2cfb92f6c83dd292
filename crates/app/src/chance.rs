//! The dice, from the system's secure source or from a simulation's seed.

use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use axbridge_domain::draws::Draws;

use crate::error::AppError;

const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Rolls the dice for ids, secrets and selections.
#[derive(Debug, Clone)]
pub struct Chance(Source);

#[derive(Debug, Clone)]
enum Source {
    System,
    Seeded(Arc<Mutex<Draws>>),
}

impl Chance {
    /// Bytes that nobody can guess: the only chance for anything that serves clients.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// The same bytes in every run with this seed, so that a simulation can be replayed. Ids and
    /// secrets made of them can be guessed.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        let draws = Draws::from_seed(seed);
        Self(Source::Seeded(Arc::new(Mutex::new(draws))))
    }

    fn fill(&self, bytes: &mut [u8]) -> Result<(), AppError> {
        match &self.0 {
            Source::System => SystemRandom::new()
                .fill(bytes)
                .map_err(|_| AppError::Internal("the system gave no random bytes".to_owned())),
            Source::Seeded(draws) => {
                let mut draws = draws.lock().unwrap_or_else(PoisonError::into_inner);
                for chunk in bytes.chunks_mut(8) {
                    let drawn = draws.next_u64().to_le_bytes();
                    chunk.copy_from_slice(&drawn[..chunk.len()]);
                }
                Ok(())
            }
        }
    }

    /// A random number.
    ///
    /// # Errors
    /// [`AppError::Internal`] when the system has none to give.
    pub fn u64(&self) -> Result<u64, AppError> {
        let mut bytes = [0; 8];
        self.fill(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// `length` random letters and digits.
    ///
    /// # Errors
    /// As [`Chance::u64`].
    pub fn text(&self, length: usize) -> Result<String, AppError> {
        let mut text = String::with_capacity(length);
        while text.len() < length {
            // 248 is the largest multiple of 62 in a byte: bytes above it would favour some letters.
            let mut fresh = [0; 64];
            self.fill(&mut fresh)?;
            let letters = fresh
                .iter()
                .filter(|byte| **byte < 248)
                .map(|byte| usize::from(*byte) % LETTERS.len());
            for letter in letters
                .filter_map(|index| LETTERS.get(index))
                .take(length - text.len())
            {
                text.push(char::from(*letter));
            }
        }
        Ok(text)
    }
}
