//! What the application asks of the voice plane of its own node, if it has one.
//!
//! The application knows nothing of SIP: whoever wires a node gives it a [`VoiceFace`].

use std::{future::Future, pin::Pin, sync::Arc};

use axbridge_domain::trunk::Trunk;

use crate::{App, AppError};

/// How one peer of a trunk answered when it was asked whether it is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerAnswer {
    /// The peer, as `host:port`.
    pub peer: String,
    /// The status of its answer, or why there was none.
    pub status: Result<u16, String>,
    /// How long it took, in milliseconds.
    pub ms: u64,
}

/// A wait for the answers of a trunk's peers.
pub type PeerAnswers<'a> = Pin<Box<dyn Future<Output = Vec<PeerAnswer>> + Send + 'a>>;

/// The voice plane as the application sees it.
pub trait VoiceFace: Send + Sync {
    /// Asks each peer of a trunk whether it is there.
    fn test_trunk<'a>(&'a self, trunk: &'a Trunk) -> PeerAnswers<'a>;
}

impl App {
    /// Tells the application of this node's voice plane; the first one stays.
    pub fn set_voice(&self, face: Arc<dyn VoiceFace>) {
        // A node has one voice plane; a second call would be a mistake without effect.
        let _ = self.voice.set(face);
    }

    /// Asks each peer of a trunk whether it is there.
    ///
    /// # Errors
    /// [`AppError::Invalid`] naming `TrunkName`, [`AppError::Denied`] when this node speaks no SIP.
    pub async fn test_trunk(&self, name: &str) -> Result<Vec<PeerAnswer>, AppError> {
        let record = self.trunk(name).await?;
        let face = self.voice.get().ok_or_else(|| {
            AppError::Denied(
                "this node speaks no SIP; ask one that was started with voice.sip (--sip)"
                    .to_owned(),
            )
        })?;
        Ok(face.test_trunk(&record.trunk).await)
    }
}
