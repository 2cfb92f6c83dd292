//! Bodies of callbacks (vendor docs 6358/187779, 173378, 187780, 148197, 80245, and our own).
//!
//! One table of fields a body ([`BODIES`]) drives the JSON schemas and the reference page; the tests
//! hold every body that is written to its schema. Not here: when and how they are sent.

mod body;
mod calls;
mod sample;
mod schema;
mod tables;

pub use body::render;
pub use sample::sample;
pub use schema::{misfits, page, schema_json, schemas};
pub use tables::{BODIES, Body, BodyField, BodyKind, body_of};

#[cfg(test)]
mod tests;
