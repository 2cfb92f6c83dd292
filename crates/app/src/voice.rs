//! What the application asks of the voice plane of its own node, if it has one.
//!
//! The application knows nothing of SIP: whoever wires a node gives it a [`VoiceFace`].

use std::{future::Future, pin::Pin, sync::Arc};

use axbridge_domain::trunk::{Transport, Trunk};

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
    /// Whether the node listens for SIP by this transport, without which no trunk is called by it.
    fn speaks(&self, transport: Transport) -> bool;

    /// Asks each peer of a trunk whether it is there.
    fn test_trunk<'a>(&'a self, trunk: &'a Trunk) -> PeerAnswers<'a>;
}

impl App {
    /// Tells the application of this node's voice plane; the first one stays.
    pub fn set_voice(&self, face: Arc<dyn VoiceFace>) {
        // A node has one voice plane; a second call would be a mistake without effect.
        let _ = self.voice.set(face);
    }

    /// Refuses a trunk that this node could not call. A node without a voice plane cannot know.
    pub(crate) fn check_transports(&self, trunk: &Trunk) -> Result<(), AppError> {
        let Some(face) = self.voice.get() else {
            return Ok(());
        };
        let mut peers = trunk.peers.iter();
        match peers.find(|peer| !face.speaks(peer.transport)) {
            None => Ok(()),
            Some(peer) => {
                let name = peer.transport.name();
                let listen = match peer.transport {
                    Transport::Udp => "ADDRESS:PORT".to_owned(),
                    Transport::Tcp | Transport::Tls => format!("{name}:ADDRESS:PORT"),
                };
                let papers = match peer.transport {
                    Transport::Tls => " and give it voice.tls_certificate and voice.tls_key",
                    Transport::Udp | Transport::Tcp => "",
                };
                Err(AppError::invalid(
                    "Peers",
                    format!(
                        "{peer}: this node does not speak SIP over {name}; add {listen} to its \
                         voice.sip{papers}, or name another transport"
                    ),
                ))
            }
        }
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
