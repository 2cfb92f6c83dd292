//! Helpers that the end-to-end and simulation suites share. Nothing here is
//! part of the product; a helper that only one suite needs stays with it.

pub mod fuzz_bodies;
pub mod kamailio;
pub mod leaks;
pub mod program;
pub mod signed_client;
