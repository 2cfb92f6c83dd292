//! An application in a test's hand: the real router over a real store, requests signed as an
//! official client signs them, a clock that only moves when it is told to.
//!
//! The store is SQLite in a directory of its own; with `TEST_DATABASE_URL` set it is PostgreSQL,
//! in a database of its own.

mod answer;
mod app;
mod client;
mod home;
mod world;

pub(crate) use answer::Answer;
pub(crate) use app::{Setup, TestApp};
pub(crate) use client::{Client, Message, unsigned};
pub(crate) use world::{A, B, C, D, Snapshot, text};
