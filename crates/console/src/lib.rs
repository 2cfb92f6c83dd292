//! The operator's web console, rendered on the server.
//!
//! **Invariant: no business rules of its own.** Every page shows what the app crate answers, and
//! every button is a use case of the app crate.
//!
//! The console is not built yet; operators use the command line and the API.
