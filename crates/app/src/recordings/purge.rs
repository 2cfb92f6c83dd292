//! The end of what is kept: files first, rows after them, in small pieces.

use std::{sync::Arc, time::Duration};

use axbridge_domain::{account::AccountId, call::CallId};
use futures_util::{StreamExt as _, stream};

use super::{Recordings, Track, Transcript};
use crate::{App, AppError};

/// Time between two rounds.
const INTERVAL: Duration = Duration::from_secs(60);
/// Recordings destroyed in one piece.
const PIECE: u64 = 100;
/// Pieces of one round; the next one goes on.
const PIECES_MAX: usize = 100;
/// Files deleted at once.
const AT_ONCE: usize = 8;

impl App {
    /// Destroys recordings that were kept long enough; answers how many.
    ///
    /// # Errors
    /// Faults of the store and of where the files are; the next round takes up what this one left.
    pub async fn purge_recordings(&self) -> Result<u64, AppError> {
        let Some(recordings) = self.recordings.get() else {
            return Ok(0);
        };
        let before = self.now().plus_ms(-recordings.settings.kept_ms);
        let mut total = 0;
        for _ in 0..PIECES_MAX {
            let gone = self.purge_piece(recordings, before).await?;
            total += gone;
            if gone < PIECE {
                break;
            }
        }
        Ok(total)
    }

    async fn purge_piece(
        &self,
        recordings: &Recordings,
        before: axbridge_domain::time::Timestamp,
    ) -> Result<u64, AppError> {
        let old = self.store.recordings_before(before, PIECE).await?;
        let files = old.iter().filter(|it| it.failed.is_none()).flat_map(|it| {
            let sound = Track::ALL.iter().map(|track| it.object(*track));
            let text = (it.transcript == Transcript::Ready).then(|| format!("{}.txt", it.path));
            sound.chain(text)
        });
        let deletions = files.map(|file| async move { recordings.vault.delete(&file).await });
        let deletions: Vec<_> = deletions.collect();
        let mut deletions = stream::iter(deletions).buffer_unordered(AT_ONCE);
        while let Some(deleted) = deletions.next().await {
            deleted?;
        }
        let rows: Vec<(AccountId, CallId)> = old.iter().map(|it| (it.account, it.call)).collect();
        self.store.forget_recordings(&rows).await?;
        Ok(rows.len() as u64)
    }

    /// Destroys what is old until `stop` is ready.
    pub(super) async fn purge_recordings_until(self: &Arc<Self>, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        loop {
            if let Err(error) = self.purge_recordings().await {
                tracing::warn!(%error, "old recordings could not be destroyed; tried again later");
            }
            tokio::select! {
                () = &mut stop => return,
                () = tokio::time::sleep(INTERVAL) => {}
            }
        }
    }
}
