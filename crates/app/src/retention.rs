//! The end of what is kept: dropped in small pieces, so that nobody waits for it. Events are dropped
//! by whoever delivers them, recordings by whoever keeps them.

use axbridge_store::model::Purged;

use crate::{App, AppError};

/// Pieces of each class in one sweep; the next one goes on.
const PIECES_MAX: usize = 100;

/// What a purge dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dropped {
    /// Calls with their records.
    pub calls: u64,
    /// Keys of months that were destroyed with the last of their calls.
    pub months: u64,
    /// Bindings.
    pub bindings: u64,
}

impl App {
    /// Drops what has been kept long enough.
    ///
    /// # Errors
    /// Faults of the store; the next time takes up what this one left.
    pub async fn purge(&self) -> Result<Dropped, AppError> {
        let now = self.now();
        let calls_before = now.plus_ms(-self.call_settings.calls_kept_ms);
        let bindings_before = now.plus_ms(-self.call_settings.bindings_kept_ms);
        let mut dropped = Dropped::default();
        for _ in 0..PIECES_MAX {
            let piece = self.store.purge_calls(calls_before).await?;
            let Purged { rows, keys, more } = piece;
            dropped.calls += rows;
            dropped.months += keys;
            if !more {
                break;
            }
        }
        for _ in 0..PIECES_MAX {
            let piece = self.store.purge_bindings(bindings_before, now).await?;
            dropped.bindings += piece.rows;
            if !piece.more {
                break;
            }
        }
        Ok(dropped)
    }
}
