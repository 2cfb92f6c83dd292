//! The files of the repository, and a view of Rust code without its comments
//! and literals. It knows just enough of the language to count braces; it is
//! no parser.

use std::fs;
use std::path::{Path, PathBuf};

/// What holds no source of ours.
const SKIPPED: [&str; 5] = ["target", ".git", ".venv", "node_modules", "__pycache__"];

/// One text file.
pub(crate) struct SourceFile {
    /// Path from the root of the repository, with `/`.
    pub(crate) path: String,
    /// The whole text.
    pub(crate) text: String,
}

impl SourceFile {
    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether the file is nothing but tests.
    pub(crate) fn is_test(&self) -> bool {
        let in_folder = |name: &str| self.path.split('/').any(|part| part == name);
        in_folder("tests")
            || in_folder("benches")
            || self.path.ends_with("/tests.rs")
            || self.path.ends_with("_tests.rs")
    }

    /// The code without comments and literals, up to its test module.
    pub(crate) fn code(&self) -> String {
        let masked = mask(&self.text);
        match test_module_start(&masked) {
            Some(start) => masked[..start].to_owned(),
            None => masked,
        }
    }

    /// The number of lines before the test module.
    pub(crate) fn code_lines(&self) -> usize {
        self.code().lines().count()
    }
}

/// Every text file of the repository, sorted by path.
pub(crate) fn repository() -> Vec<SourceFile> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the tests package lies in the repository");
    let mut paths = Vec::new();
    collect(root, &mut paths);
    paths.sort();
    paths
        .iter()
        .filter_map(|path| {
            let text = fs::read_to_string(path).ok()?;
            let inside = path.strip_prefix(root).ok()?;
            Some(SourceFile {
                path: inside.to_string_lossy().replace('\\', "/"),
                text,
            })
        })
        .collect()
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        // In a second work tree of a repository, `.git` is a file.
        let is_skipped = SKIPPED.iter().any(|name| entry.file_name() == *name);
        if is_skipped {
            continue;
        }
        if kind.is_file() {
            into.push(entry.path());
        } else if kind.is_dir() {
            collect(&entry.path(), into);
        }
    }
}

/// Where a `#[cfg(test)] mod name {` begins.
fn test_module_start(masked: &str) -> Option<usize> {
    const ATTRIBUTE: &str = "#[cfg(test)]";
    masked
        .match_indices(ATTRIBUTE)
        .map(|(start, _)| start)
        .find(|start| {
            let after = &masked[start + ATTRIBUTE.len()..];
            let declaration = after.split(['{', ';']).next().unwrap_or_default();
            after[declaration.len()..].starts_with('{')
                && declaration.split_whitespace().any(|word| word == "mod")
        })
}

/// Rust code in which every character of comments and literals became a blank.
/// Lines and their numbers stay as they are.
pub(crate) fn mask(code: &str) -> String {
    let chars: Vec<char> = code.chars().collect();
    let mut masked = String::with_capacity(code.len());
    let mut at = 0;
    while at < chars.len() {
        let length = literal_length(&chars, at);
        if length == 0 {
            masked.push(chars[at]);
            at += 1;
            continue;
        }
        for &char in &chars[at..at + length] {
            masked.push(if char == '\n' { '\n' } else { ' ' });
        }
        at += length;
    }
    masked
}

/// How many characters the comment or literal at `at` takes; 0 if none is there.
fn literal_length(chars: &[char], at: usize) -> usize {
    let starts = |text: &str| {
        text.chars()
            .enumerate()
            .all(|(offset, char)| chars.get(at + offset) == Some(&char))
    };
    if starts("//") {
        return line_end(chars, at) - at;
    }
    if starts("/*") {
        return block_comment_end(chars, at) - at;
    }
    let in_word = at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_');
    if !in_word && let Some(end) = raw_string_end(chars, at) {
        return end - at;
    }
    if starts("\"") {
        return quoted_end(chars, at + 1, '"') - at;
    }
    let is_char =
        starts("'") && (chars.get(at + 1) == Some(&'\\') || chars.get(at + 2) == Some(&'\''));
    if is_char {
        return quoted_end(chars, at + 1, '\'') - at;
    }
    0
}

fn line_end(chars: &[char], at: usize) -> usize {
    (at..chars.len())
        .find(|&index| chars[index] == '\n')
        .unwrap_or(chars.len())
}

fn block_comment_end(chars: &[char], start: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = start;
    while at + 1 < chars.len() {
        match (chars[at], chars[at + 1]) {
            ('/', '*') => {
                depth += 1;
                at += 2;
            }
            ('*', '/') => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    chars.len()
}

fn raw_string_end(chars: &[char], start: usize) -> Option<usize> {
    let mut at = start;
    if matches!(chars.get(at), Some('b' | 'c')) {
        at += 1;
    }
    if chars.get(at) != Some(&'r') {
        return None;
    }
    at += 1;
    let hashes = chars[at..].iter().take_while(|&&char| char == '#').count();
    at += hashes;
    if chars.get(at) != Some(&'"') {
        return None;
    }
    at += 1;
    while at < chars.len() {
        let closes = chars[at] == '"'
            && chars[at + 1..]
                .iter()
                .take(hashes)
                .filter(|&&char| char == '#')
                .count()
                == hashes;
        at += 1;
        if closes {
            return Some(at + hashes);
        }
    }
    Some(chars.len())
}

fn quoted_end(chars: &[char], start: usize, quote: char) -> usize {
    let mut at = start;
    while at < chars.len() {
        match chars[at] {
            '\\' => at += 2,
            char if char == quote => return at + 1,
            _ => at += 1,
        }
    }
    chars.len()
}

#[test]
fn comments_and_literals_are_masked_and_lines_kept() {
    let code = "a(\"}\"); // }\nb('{', '\\'', r#\"}\"#); /* } /* } */ } */ c::<'x>()\n";
    let masked = mask(code);
    assert_eq!(masked.lines().count(), 2);
    assert_eq!(masked.chars().count(), code.chars().count());
    assert!(!masked.contains(['{', '}']), "{masked}");
    assert!(masked.contains("c::<'x>()"), "{masked}");
}

#[test]
fn the_test_module_is_cut_but_a_lone_test_item_is_not() {
    let file = SourceFile {
        path: "crates/a/src/lib.rs".to_owned(),
        text: "//! A.\n#[cfg(test)]\nuse b;\nfn c() {}\n#[cfg(test)]\nmod tests {\n}\n".to_owned(),
    };
    assert!(file.code().contains("fn c()"));
    assert!(!file.code().contains("mod tests"));
    assert_eq!(file.code_lines(), 4);
}
