//! The HTTP gateway: signatures, tolerant decoding, the answer envelope, the
//! one table of errors, the one table of actions.
//!
//! Invariant: this crate knows the wire and nothing below it. No SQL, no SIP, no
//! business rule: those live in `axbridge-app` and further down.
//!
//! | Module | What lives there |
//! |---|---|
//! | [`gateway`] | from an HTTP request to one call of an action and back |
//! | [`signature`], [`decode`] | who signs, and what they sent |
//! | [`action`], [`actions`] | what an action is; the table [`actions::ACTIONS`], one file an action |
//! | [`arguments`], [`call`] | parameters read by the table; a call as its handler sees it |
//! | [`error`], [`envelope`], [`request_id`] | the table of errors, the form of every answer |
//! | [`callbacks`] | what callbacks say: bodies, their schemas and samples |
//! | [`shares`] | places that many share, so that nobody takes them all |
//! | [`openapi`], [`docs`] | the document and the reference pages that the tables make |

pub mod action;
pub mod actions;
mod answer;
mod app_error;
pub mod arguments;
pub mod call;
pub mod callbacks;
pub mod decode;
pub mod docs;
pub mod envelope;
pub mod error;
pub mod gateway;
pub mod openapi;
mod percent;
pub mod request_id;
pub mod shares;
pub mod signature;
