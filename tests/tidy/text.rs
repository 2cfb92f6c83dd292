//! Rules on words: nothing unfinished, a head on every file, no names of the
//! machines that the project happens to be built on.

use crate::findings::Finding;
use crate::source::SourceFile;

/// Words are put together here, so that this file does not find itself.
const UNFINISHED_MACROS: [&str; 2] = [concat!("to", "do!"), concat!("unim", "plemented!")];
const UNFINISHED_WORDS: [&str; 2] = [concat!("FIX", "ME"), concat!("XX", "X")];
const NOTE: &str = concat!("TO", "DO");

const MACHINE_PATHS: [&str; 4] = [
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/tmp/", "brief"),
    concat!("../sha", "red/"),
];

const REGISTRY_HOSTS: [&str; 6] = [
    concat!("index.", "crates.io"),
    concat!("static.", "crates.io"),
    concat!("registry.", "npmjs.org"),
    concat!("py", "pi.org"),
    concat!("python", "hosted.org"),
    concat!("deb.", "debian.org"),
];

/// Files in which people write code.
const CODE_ENDINGS: [&str; 5] = [".rs", ".py", ".mjs", ".sql", ".sh"];

pub(crate) fn unfinished_work(files: &[SourceFile]) -> Vec<Finding> {
    let is_code = |file: &&SourceFile| CODE_ENDINGS.iter().any(|end| file.path.ends_with(end));
    files
        .iter()
        .filter(is_code)
        .flat_map(|file| on_lines(file, unfinished))
        .collect()
}

fn unfinished(line: &str) -> Option<String> {
    if let Some(name) = UNFINISHED_MACROS.iter().find(|name| line.contains(*name)) {
        return Some(format!(
            "`{name}` panics on a user; write the code or leave the case out"
        ));
    }
    if let Some(word) = UNFINISHED_WORDS.iter().find(|word| has_word(line, word)) {
        return Some(format!("`{word}` marks a known fault; mend it or file it"));
    }
    let untagged = has_word(line, NOTE) && !line.contains(&format!("{NOTE}("));
    untagged.then(|| format!("a {NOTE} needs a topic to search for: {NOTE}(topic)"))
}

pub(crate) fn missing_heads(files: &[SourceFile]) -> Vec<Finding> {
    files
        .iter()
        .filter(|file| file.is_rust())
        .filter(|file| {
            let first = file.text.lines().find(|line| !line.trim().is_empty());
            !first.is_some_and(|line| line.starts_with("//!"))
        })
        .map(|file| {
            let advice = "begin the file with `//!`: what it is for, and what not";
            Finding::new(&file.path, 1, advice)
        })
        .collect()
}

pub(crate) fn named_machines(files: &[SourceFile]) -> Vec<Finding> {
    files
        .iter()
        .flat_map(|file| on_lines(file, named_machine))
        .collect()
}

fn named_machine(line: &str) -> Option<String> {
    let path = MACHINE_PATHS.iter().find(|path| line.contains(*path));
    let host = REGISTRY_HOSTS.iter().find(|host| line.contains(*host));
    if let Some(path) = path {
        return Some(format!(
            "`{path}` is a path of one machine; write it from the repository's root"
        ));
    }
    host.map(|host| {
        format!("`{host}` is for the package client's own settings, not for the repository")
    })
}

fn on_lines(file: &SourceFile, check: impl Fn(&str) -> Option<String>) -> Vec<Finding> {
    let numbered = file.text.lines().enumerate();
    numbered
        .filter_map(|(index, line)| Some(Finding::new(&file.path, index + 1, check(line)?)))
        .collect()
}

/// Whether `word` stands in `line` with no letter, digit or `_` at its sides.
fn has_word(line: &str, word: &str) -> bool {
    let joins = |char: Option<char>| char.is_some_and(|char| char.is_alphanumeric() || char == '_');
    line.match_indices(word).any(|(start, _)| {
        let before = line[..start].chars().next_back();
        let after = line[start + word.len()..].chars().next();
        !joins(before) && !joins(after)
    })
}

#[test]
fn words_are_found_alone_and_a_tagged_note_passes() {
    assert!(has_word(
        concat!("// FIX", "ME: later"),
        UNFINISHED_WORDS[0]
    ));
    assert!(!has_word("S1672128495980XXXX", UNFINISHED_WORDS[1]));
    assert!(unfinished(&format!("// {NOTE}(voice): say who")).is_none());
    assert!(unfinished(&format!("// {NOTE}: say who")).is_some());
}
