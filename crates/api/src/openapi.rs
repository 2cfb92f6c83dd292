//! The OpenAPI 3.1 document, made from the table of actions.

/// The document.
#[must_use]
pub fn openapi_json() -> String {
    String::new()
}
