//! The rules of size: short files, short functions. Tests are free of them.

use crate::findings::Finding;
use crate::source::SourceFile;

/// Longest file, in lines, without its tests.
const FILE_LINES_MAX: usize = 600;

/// Longest function, in lines, from the line of `fn` to its closing brace.
const FUNCTION_LINES_MAX: usize = 70;

pub(crate) fn long_files(files: &[SourceFile]) -> Vec<Finding> {
    files
        .iter()
        .filter(|file| file.is_rust() && !file.is_test())
        .filter(|file| file.code_lines() > FILE_LINES_MAX)
        .map(|file| {
            let lines = file.code_lines();
            let advice = format!(
                "{lines} lines before its tests, {FILE_LINES_MAX} are allowed; \
                 split the file where a second idea begins"
            );
            Finding::new(&file.path, FILE_LINES_MAX + 1, advice)
        })
        .collect()
}

pub(crate) fn long_functions(files: &[SourceFile]) -> Vec<Finding> {
    let checked = files
        .iter()
        .filter(|file| file.is_rust() && !file.is_test());
    checked.flat_map(long_functions_of).collect()
}

fn long_functions_of(file: &SourceFile) -> Vec<Finding> {
    functions(&file.code())
        .into_iter()
        .filter(|function| function.lines > FUNCTION_LINES_MAX)
        .map(|function| {
            let advice = format!(
                "function {} has {} lines, {FUNCTION_LINES_MAX} are allowed; \
                 give its parts names of their own",
                function.name, function.lines
            );
            Finding::new(&file.path, function.line, advice)
        })
        .collect()
}

#[derive(Debug, PartialEq, Eq)]
struct Function {
    name: String,
    line: usize,
    lines: usize,
}

/// The functions of masked code that have a body.
fn functions(masked: &str) -> Vec<Function> {
    let bytes = masked.as_bytes();
    let mut found = Vec::new();
    for (start, _) in masked.match_indices("fn ") {
        let in_word =
            start > 0 && (bytes[start - 1].is_ascii_alphanumeric() || bytes[start - 1] == b'_');
        if in_word {
            continue;
        }
        let name: String = masked[start + 3..]
            .chars()
            .take_while(|char| char.is_alphanumeric() || *char == '_')
            .collect();
        let Some(end) = body_end(bytes, start) else {
            continue;
        };
        if name.is_empty() {
            continue;
        }
        let newlines = |from: usize, to: usize| {
            bytes[from..to]
                .iter()
                .filter(|&&byte| byte == b'\n')
                .count()
        };
        found.push(Function {
            name,
            line: newlines(0, start) + 1,
            lines: newlines(start, end) + 1,
        });
    }
    found
}

/// Where the body of the function at `start` closes; `None` without a body.
fn body_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut nesting = 0_i32;
    let mut open = None;
    for (at, byte) in bytes.iter().enumerate().skip(start) {
        match byte {
            b'(' | b'[' => nesting += 1,
            b')' | b']' => nesting -= 1,
            b';' if nesting == 0 => return None,
            b'{' if nesting == 0 => {
                open = Some(at);
                break;
            }
            _ => {}
        }
    }
    let mut depth = 0_i32;
    for (at, byte) in bytes.iter().enumerate().skip(open?) {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

#[test]
fn functions_are_measured_from_their_first_line_to_the_closing_brace() {
    let code = "trait A { fn b(&self) -> [u8; 4]; }\nasync fn c<T>(\n  x: [T; 2],\n) {\n  if x { y() }\n}\nfn d() {}\n";
    let of = |name: &str, line: usize, lines: usize| Function {
        name: name.to_owned(),
        line,
        lines,
    };
    assert_eq!(functions(code), vec![of("c", 2, 5), of("d", 7, 1)]);
}

#[test]
fn a_function_of_71_lines_is_found() {
    let body = "  call();\n".repeat(FUNCTION_LINES_MAX - 1);
    let file = |text: String| {
        vec![SourceFile {
            path: "crates/a/src/lib.rs".to_owned(),
            text,
        }]
    };
    let long = long_functions(&file(format!("fn long() {{\n{body}}}\n")));
    assert_eq!(long.len(), 1);
    assert!(
        long[0]
            .to_string()
            .starts_with("crates/a/src/lib.rs:1: function long has 71 lines")
    );
    let body = "  call();\n".repeat(FUNCTION_LINES_MAX - 2);
    assert!(long_functions(&file(format!("fn fits() {{\n{body}}}\n"))).is_empty());
}
