//! Where real phone numbers may leave their type: only in the files of
//! `expose_allowed.txt`, each with its reason.

use crate::findings::Finding;
use crate::source::SourceFile;

const LIST: &str = "tests/tidy/expose_allowed.txt";

/// The ways to write the call, also as a path handed to `map`.
const CALLS: [&str; 2] = [".expose()", "::expose"];

pub(crate) fn unlisted_exposures(files: &[SourceFile]) -> Vec<Finding> {
    let allowed = allowed(files);
    let exposing = files
        .iter()
        .filter(|file| file.is_rust() && !file.is_test());
    exposing
        .filter(|file| !allowed.iter().any(|entry| entry.path == file.path))
        .flat_map(exposures)
        .collect()
}

fn exposes(code: &str) -> bool {
    CALLS.iter().any(|call| code.contains(call))
}

fn exposures(file: &SourceFile) -> Vec<Finding> {
    let advice = format!(
        "a real number leaves its type here; keep it masked, or list the file \
         with its reason in {LIST}"
    );
    let code = file.code();
    let lines = code.lines().enumerate();
    lines
        .filter(|(_, line)| exposes(line))
        .map(|(index, _)| Finding::new(&file.path, index + 1, advice.clone()))
        .collect()
}

pub(crate) fn stale_exposures(files: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for entry in allowed(files) {
        let file = files.iter().find(|file| file.path == entry.path);
        if !file.is_some_and(|file| exposes(&file.code())) {
            let advice = format!("{} exposes nothing; remove the entry", entry.path);
            findings.push(Finding::new(LIST, entry.line, advice));
        }
        if entry.reason.is_empty() {
            let advice = format!("say why {} needs real numbers: `path: reason`", entry.path);
            findings.push(Finding::new(LIST, entry.line, advice));
        }
    }
    findings
}

struct Entry {
    path: String,
    reason: String,
    line: usize,
}

/// The entries of the list, written `path: reason`; `#` begins a comment.
fn allowed(files: &[SourceFile]) -> Vec<Entry> {
    let text = files
        .iter()
        .find(|file| file.path == LIST)
        .map(|file| file.text.as_str())
        .unwrap_or_default();
    let lines = text.lines().enumerate();
    lines
        .filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'))
        .map(|(index, line)| {
            let (path, reason) = line.split_once(':').unwrap_or((line, ""));
            Entry {
                path: path.trim().to_owned(),
                reason: reason.trim().to_owned(),
                line: index + 1,
            }
        })
        .collect()
}

#[test]
fn an_exposure_is_found_unless_its_file_is_listed() {
    let file = |path: &str, text: &str| SourceFile {
        path: path.to_owned(),
        text: text.to_owned(),
    };
    let files = [
        file("crates/a/src/x.rs", "//! X.\nfn f() { n.expose(); }\n"),
        file(
            "crates/a/src/y.rs",
            "//! Y: `.expose()` is told of here only.\n",
        ),
        file(LIST, "# list\ncrates/a/src/y.rs: told\n"),
    ];
    let unlisted = unlisted_exposures(&files);
    assert_eq!(unlisted.len(), 1);
    assert_eq!(
        (unlisted[0].file.as_str(), unlisted[0].line),
        ("crates/a/src/x.rs", 2)
    );
    assert_eq!(stale_exposures(&files).len(), 1);
}
