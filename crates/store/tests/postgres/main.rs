//! What only the shared backend must do: several nodes on one database, connections that die, and
//! schemas of other versions. Every test makes a database of its own on the server that
//! `TEST_DATABASE_URL` names.

mod calls;
mod commits;
mod nodes;
mod outages;
mod races;
mod schema;
mod standby;
