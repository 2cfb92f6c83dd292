//! `generate-docs`: the reference pages that come from the program's own tables.

use std::path::Path;

use axbridge_api::{callbacks, docs};

use crate::cli::GenerateDocs;
use crate::config::settings_page;
use crate::failure::{Failure, about};
use crate::output::say;

/// Writes the pages, or checks that they are up to date.
pub(crate) fn run(docs: &GenerateDocs) -> Result<(), Failure> {
    for (name, text) in pages() {
        let path = docs.dir.join(name);
        if docs.check {
            check(&path, &text)?;
            continue;
        }
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(about(folder))?;
        }
        std::fs::write(&path, &text).map_err(about(&path))?;
        say(&format!("wrote {}", path.display()));
    }
    Ok(())
}

/// File names and texts.
fn pages() -> Vec<(String, String)> {
    let pages = [
        ("actions.md", docs::actions_page()),
        ("call-results.md", docs::call_results_page()),
        ("errors.md", docs::errors_page()),
        ("settings.md", settings_page()),
        ("openapi.json", docs::openapi_json()),
        ("callbacks.md", callbacks::page()),
    ];
    let mut pages: Vec<_> = pages.map(|(name, text)| (name.to_owned(), text)).into();
    pages.extend(callbacks::schemas());
    pages
}

fn check(path: &Path, text: &str) -> Result<(), Failure> {
    let stale = |what: &str| {
        Failure::new(format!("{} {what}", path.display()))
            .hint("run `cargo xtask docs` and commit what it writes")
    };
    match std::fs::read_to_string(path) {
        Ok(found) if found == text => Ok(()),
        Ok(_) => Err(stale("is not up to date")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(stale("is missing")),
        Err(error) => Err(about(path)(error)),
    }
}
