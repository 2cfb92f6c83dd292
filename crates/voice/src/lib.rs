//! SIP and media: the calls themselves.
//!
//! **Invariant: no HTTP API and no SQL.** A call is decided by the domain, looked up and recorded
//! through the app crate; nothing of one leg's signalling or media exists in the other's.
//!
//! | Module | What lives there |
//! |---|---|
//! | [`audio`], [`media`] | sound: clips, codecs, RTP |
//! | [`message`], [`guard`], [`identity`], [`sdp`] | SIP as values: what may come in, who is shown, what is agreed |
//! | [`stack`] | our own narrow face over the SIP stack: legs and their signals |
//! | [`call`] | one call as a pure state machine |
//! | [`plane`] | the voice plane of one node: a task for each call |

pub mod audio;
pub mod call;
pub mod digest;
pub mod guard;
pub mod identity;
pub mod media;
pub mod message;
pub mod phone;
pub mod plane;
pub mod sdp;
pub mod stack;
