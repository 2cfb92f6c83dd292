//! The end of what is kept: dropped in small pieces, so that nobody waits for it.

use axbridge_store::model::Purged;

use crate::{App, AppError};

/// Pieces of one sweep; the next one goes on.
const PIECES_MAX: usize = 100;

impl App {
    /// Drops what has been kept long enough. Answers how many calls went, and how many keys of
    /// months were destroyed with the last of their calls.
    ///
    /// # Errors
    /// Faults of the store; the next time takes up what this one left.
    pub async fn purge(&self) -> Result<Purged, AppError> {
        let calls_before = self.now().plus_ms(-self.call_settings.calls_kept_ms);
        let mut total = Purged::default();
        for _ in 0..PIECES_MAX {
            let piece = self.store.purge_calls(calls_before).await?;
            total.rows += piece.rows;
            total.keys += piece.keys;
            total.more = piece.more;
            if !piece.more {
                break;
            }
        }
        Ok(total)
    }
}
