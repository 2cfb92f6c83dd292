//! SIP and media: the calls themselves.
//!
//! **Invariant: no HTTP API and no SQL.** A call is decided by the domain, looked up and recorded
//! through the app crate; nothing of one leg's signalling or media exists in the other's.
//!
//! The call control is not built yet; this version answers who *would* ring (`ResolveCall`).

pub mod audio;
pub mod guard;
pub mod identity;
pub mod media;
pub mod message;
pub mod sdp;
