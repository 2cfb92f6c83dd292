//! Reading bodies within bounds: of one, of all that arrive at a time, of time.
//!
//! A body that arrives slowly holds the memory of what has arrived and no room
//! for work, so that slow clients cost the quick ones nothing.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody as _};
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{ApiError, ErrorCode};

/// Bytes of all bodies that have arrived and are not answered yet. Some hundred
/// of the largest, and no end of usual ones.
const ALL_BODIES_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Takes in bodies.
pub(super) struct Bodies {
    one_bytes_max: usize,
    time_max: Duration,
    memory: Arc<Semaphore>,
}

/// A body that arrived whole; its memory counts until this is dropped.
pub(super) struct TakenBody {
    bytes: Bytes,
    _memory: Option<OwnedSemaphorePermit>,
}

impl std::ops::Deref for TakenBody {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Bodies {
    /// One may have so many bytes and take so long; and all together stay within
    /// a fixed bound, which is at least one body.
    pub(super) fn new(one_bytes_max: usize, time_max: Duration) -> Self {
        let all = ALL_BODIES_BYTES_MAX.max(one_bytes_max);
        Self {
            one_bytes_max,
            time_max,
            memory: Arc::new(Semaphore::new(all.min(Semaphore::MAX_PERMITS))),
        }
    }

    /// Reads a body to its end.
    ///
    /// # Errors
    /// What a client is told when it is too long, too slow, broken off, or when
    /// there is no memory for it.
    pub(super) async fn take(&self, body: Body) -> Result<TakenBody, ApiError> {
        let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        if announced > self.one_bytes_max {
            return Err(ApiError::payload_too_large(self.one_bytes_max));
        }
        tokio::time::timeout(self.time_max, self.read(body))
            .await
            .map_err(|_| ApiError::new(ErrorCode::RequestTimeout))?
    }

    async fn read(&self, mut body: Body) -> Result<TakenBody, ApiError> {
        let mut taken = TakenBody {
            bytes: Bytes::new(),
            _memory: None,
        };
        let mut pieces: Vec<u8> = Vec::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| {
                ApiError::invalid_parameter("body", "broke off").with_log(error)
            })?;
            let Ok(piece) = frame.into_data() else {
                continue;
            };
            let so_far = taken.bytes.len() + pieces.len();
            if piece.len() > self.one_bytes_max - so_far {
                return Err(ApiError::payload_too_large(self.one_bytes_max));
            }
            taken.count(self.memory_for(piece.len())?);
            // Most bodies come in one piece and need not be copied.
            if so_far == 0 {
                taken.bytes = piece;
            } else {
                if pieces.is_empty() {
                    pieces = std::mem::take(&mut taken.bytes).to_vec();
                }
                pieces.extend_from_slice(&piece);
            }
        }
        if !pieces.is_empty() {
            taken.bytes = Bytes::from(pieces);
        }
        Ok(taken)
    }

    fn memory_for(&self, bytes: usize) -> Result<OwnedSemaphorePermit, ApiError> {
        let no_memory = || ApiError::unavailable("bodies that arrive fill the memory for them");
        let bytes = u32::try_from(bytes).map_err(|_| no_memory())?;
        let memory = self.memory.clone().try_acquire_many_owned(bytes);
        memory.map_err(|_| no_memory())
    }
}

impl TakenBody {
    fn count(&mut self, more: OwnedSemaphorePermit) {
        match &mut self._memory {
            Some(memory) => memory.merge(more),
            none => *none = Some(more),
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::channel::Channel;

    use super::*;

    #[tokio::test]
    async fn a_body_in_pieces_is_put_together_and_its_memory_given_back() {
        let bodies = Bodies::new(10, Duration::from_secs(60));
        let before = bodies.memory.available_permits();
        let (mut sender, body) = Channel::<Bytes>::new(4);
        for piece in ["012", "", "345", "6789"] {
            let sent = sender.send_data(Bytes::from(piece)).await;
            sent.expect("there is room for four");
        }
        drop(sender);
        let taken = bodies.take(Body::new(body)).await;
        let taken = taken.expect("it is within bounds");
        assert_eq!(&taken[..], b"0123456789");
        assert_eq!(bodies.memory.available_permits(), before - 10);
        drop(taken);
        assert_eq!(bodies.memory.available_permits(), before);
    }

    #[tokio::test]
    async fn bodies_that_do_not_fit_into_memory_together_are_told_to_come_again() {
        let mut bodies = Bodies::new(10, Duration::from_secs(60));
        bodies.memory = Arc::new(Semaphore::new(15));
        let first = bodies.take(Body::from("0123456789")).await;
        assert!(first.is_ok());
        let second = bodies.take(Body::from("0123456789")).await;
        let refused = second.err().expect("no memory is left");
        assert_eq!(refused.code(), ErrorCode::ServiceUnavailable);
        drop(first);
        assert!(bodies.take(Body::from("0123456789")).await.is_ok());
    }
}
