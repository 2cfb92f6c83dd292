//! The rules between crates: who may depend on whom, and that each library
//! says what it keeps.

use crate::findings::Finding;
use crate::source::SourceFile;

/// What one crate may depend on.
struct Rule {
    name: &'static str,
    /// The crates of this workspace it may use.
    ours: &'static [&'static str],
    /// Packages it must not use, each for the reason in `ARCHITECTURE.md`.
    banned: &'static [&'static str],
    /// If given, the only packages from outside that it may use.
    only: Option<&'static [&'static str]>,
}

/// Libraries that speak SQL; they belong to the store.
const DATABASES: [&str; 3] = ["rusqlite", "tokio-postgres", "deadpool-postgres"];

const RULES: [Rule; 7] = [
    Rule {
        name: "domain",
        ours: &[],
        banned: &[],
        only: Some(&["hashbrown"]),
    },
    Rule {
        name: "store",
        ours: &["axbridge-domain"],
        banned: &["axum", "reqwest"],
        only: None,
    },
    Rule {
        name: "app",
        ours: &["axbridge-domain", "axbridge-store"],
        banned: &["axum", "serde_html_form"],
        only: None,
    },
    Rule {
        name: "api",
        ours: &["axbridge-domain", "axbridge-app"],
        banned: &[],
        only: None,
    },
    Rule {
        name: "console",
        ours: &["axbridge-domain", "axbridge-app"],
        banned: &[],
        only: None,
    },
    Rule {
        name: "voice",
        ours: &["axbridge-domain", "axbridge-app"],
        banned: &["axum"],
        only: None,
    },
    Rule {
        name: "server",
        ours: &[
            "axbridge-domain",
            "axbridge-store",
            "axbridge-app",
            "axbridge-api",
            "axbridge-console",
            "axbridge-voice",
        ],
        banned: &[],
        only: None,
    },
];

pub(crate) fn dependencies_against_the_arrow(files: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files {
        let Some(name) = crate_of_manifest(&file.path) else {
            continue;
        };
        match RULES.iter().find(|rule| rule.name == name) {
            Some(rule) => findings.extend(broken(rule, file)),
            None => findings.push(Finding::new(
                &file.path,
                1,
                "a new crate needs a rule to keep; add it to tests/tidy/crates.rs and ARCHITECTURE.md",
            )),
        }
    }
    findings
}

fn crate_of_manifest(path: &str) -> Option<&str> {
    path.strip_prefix("crates/")?.strip_suffix("/Cargo.toml")
}

fn broken(rule: &Rule, manifest: &SourceFile) -> Vec<Finding> {
    dependencies(&manifest.text)
        .into_iter()
        .filter_map(|(line, package)| {
            let advice = refusal(rule, &package)?;
            Some(Finding::new(&manifest.path, line, advice))
        })
        .collect()
}

fn refusal(rule: &Rule, package: &str) -> Option<String> {
    let name = rule.name;
    if package.starts_with("axbridge-") {
        let allowed = rule.ours.contains(&package);
        return (!allowed)
            .then(|| format!("{name} must not know {package}; move the code, or pass a value"));
    }
    if rule.only.is_some_and(|only| !only.contains(&package)) {
        return Some(format!(
            "{name} is pure: {package} is not among the packages it may use"
        ));
    }
    if rule.banned.contains(&package) {
        return Some(format!(
            "{name} must not use {package}; ARCHITECTURE.md says where that belongs"
        ));
    }
    let is_database = DATABASES.contains(&package) && name != "store";
    is_database.then(|| format!("{package} belongs to the store alone; call a method of the store"))
}

/// The packages of the `[dependencies]` sections with their lines; those of
/// tests and build scripts are free.
fn dependencies(manifest: &str) -> Vec<(usize, String)> {
    let mut inside = false;
    let mut found = Vec::new();
    for (index, line) in manifest.lines().enumerate() {
        let line = line.trim();
        if let Some(section) = line.strip_prefix('[') {
            let section = section.trim_end_matches(']');
            inside = section == "dependencies" || section.ends_with(".dependencies");
            if let Some(package) = section.strip_prefix("dependencies.") {
                found.push((index + 1, package.to_owned()));
            }
        } else if inside && let Some((key, _)) = line.split_once('=') {
            let package = key.trim().trim_end_matches(".workspace").trim_matches('"');
            if !package.starts_with('#') {
                found.push((index + 1, package.to_owned()));
            }
        }
    }
    found
}

pub(crate) fn libraries_without_invariant(files: &[SourceFile]) -> Vec<Finding> {
    files
        .iter()
        .filter(|file| file.path.starts_with("crates/") && file.path.ends_with("/src/lib.rs"))
        .filter(|file| {
            let mut head = file.text.lines().take_while(|line| line.starts_with("//!"));
            !head.any(|line| line.contains("Invariant"))
        })
        .map(|file| {
            let advice =
                "say in the head which rule this crate keeps, after the word \"Invariant\"";
            Finding::new(&file.path, 1, advice)
        })
        .collect()
}

#[test]
fn dependencies_of_every_spelling_are_read_and_those_of_tests_left_out() {
    let manifest = "[dependencies]\naxum = { workspace = true }\nhex.workspace = true\n\
                    [dependencies.rand]\nversion = \"1\"\n[dev-dependencies]\nrusqlite = \"1\"\n";
    let names: Vec<String> = dependencies(manifest)
        .into_iter()
        .map(|(_, name)| name)
        .collect();
    assert_eq!(names, ["axum", "hex", "rand"]);
}

#[test]
fn the_arrow_is_kept_in_both_directions() {
    let rule = |name: &str| {
        RULES
            .iter()
            .find(|rule| rule.name == name)
            .expect("a known crate")
    };
    assert_eq!(refusal(rule("store"), "axbridge-domain"), None);
    assert!(refusal(rule("store"), "axbridge-app").is_some());
    assert!(refusal(rule("domain"), "tokio").is_some());
    assert!(refusal(rule("app"), "axum").is_some());
    assert!(refusal(rule("api"), "rusqlite").is_some());
    assert_eq!(refusal(rule("api"), "axum"), None);
}
