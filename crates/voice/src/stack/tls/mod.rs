//! SIP over TLS (RFC 3261 §26.3.1): who we are and whom we trust ([`TlsMaterial`]), connections
//! that peers open to us ([`accept()`]) and those that we open ([`Dialler`]).
//!
//! The stack's own TLS brings another cryptographic library, so it is left out; what it keeps is a
//! seam through which a stream of ours becomes a connection of its ([`handover`]). The stream
//! ([`stream`]) cuts messages and has the guard judge them as they came, before the stack sees a
//! byte.
//!
//! Nothing falls back to clear text: a request that is to go by TLS goes over a connection made
//! here, or fails.

mod accept;
mod dial;
mod framing;
mod handover;
mod material;
mod stream;

pub(super) use accept::accept;
pub(super) use dial::{Dialler, name_for};
pub use material::{TlsError, TlsFiles, TlsMaterial, certificate_expiry};
