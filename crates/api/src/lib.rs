//! The HTTP gateway: signatures, tolerant decoding, the answer envelope, the
//! one table of errors.
//!
//! Invariant: this crate knows the wire and nothing below it. No SQL, no SIP, no
//! business rule: those live in `axbridge-app` and further down.

pub mod action;
pub mod actions;
mod answer;
mod app_error;
pub mod arguments;
pub mod call;
pub mod decode;
pub mod docs;
pub mod envelope;
pub mod error;
pub mod gateway;
pub mod openapi;
mod percent;
pub mod request_id;
pub mod signature;
