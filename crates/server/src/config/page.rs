//! The reference page of settings, made from the commented defaults.

use std::fmt::Write as _;

use super::DEFAULTS;

const HEAD: &str = "<!-- Made by `axbridge generate-docs` from config.default.toml; changes here \
    are lost. -->\n\n# Settings\n\n";

/// The page `settings.md`.
pub(crate) fn settings_page() -> String {
    let mut page = String::from(HEAD);
    let mut comment: Vec<&str> = Vec::new();
    let mut section = "";
    for line in DEFAULTS.lines() {
        if let Some(text) = line.strip_prefix('#') {
            comment.push(text.strip_prefix(' ').unwrap_or(text));
        } else if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']');
            write_section(&mut page, section, &comment);
            comment.clear();
        } else if let Some((key, default)) = line.split_once(" = ") {
            write_setting(&mut page, section, key, default, &comment);
            comment.clear();
        } else if section.is_empty() && !comment.is_empty() {
            write_head(&mut page, &comment);
            comment.clear();
        }
    }
    page
}

fn write_head(page: &mut String, comment: &[&str]) {
    for line in comment {
        // Four spaces keep the numbered list a list; nothing here is code.
        let _ = writeln!(page, "{}", line.trim_start());
    }
    page.push('\n');
}

fn write_section(page: &mut String, section: &str, comment: &[&str]) {
    let _ = writeln!(page, "## `[{section}]`\n\n{}\n", comment.join("\n"));
}

fn write_setting(page: &mut String, section: &str, key: &str, default: &str, comment: &[&str]) {
    let variable = format!("AXBRIDGE__{section}__{key}").to_uppercase();
    let text = comment.join("\n");
    let _ = writeln!(
        page,
        "### `{section}.{key}`\n\nDefault `{default}`, environment `{variable}`.\n\n{text}\n"
    );
}
