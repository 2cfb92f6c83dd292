//! The reference pages of actions and errors, as Markdown, made from the same
//! tables that the program runs by.
//!
//! Not here: the guides, which people write.

use std::fmt::Write as _;

use crate::action::{Action, Field, FieldKind, Kind, Parameter, Permission, ResultShape};
use crate::actions::ACTIONS;
use crate::error::{ERROR_TABLE, ErrorEntry, ErrorFamily};

mod call_results;

pub use crate::openapi::openapi_json;
pub use call_results::call_results_page;

const GENERATED: &str = "<!-- Made by `axbridge generate-docs` from the tables in the code; \
    changes here are lost. -->\n\n";

const ACTIONS_HEAD: &str = "# Actions\n\n\
Every action is `POST /?Action=NAME&Version=2022-01-01`, signed, with its parameters as a JSON \
object or a urlencoded form in the body; `GET` with the parameters in the query works as well. \
The names of actions and parameters may be written in any case.\n\n\
- Numbers and flags may be sent as numbers or as text.\n\
- Empty text and `null` count as not sent. Zero counts as not sent where it is not a value that \
the parameter may have.\n\
- A list is a JSON array, a repeated key, `Key[0]=…`, `Key.1=…`, or text with commas.\n\
- Parameters that an action does not know are ignored.\n\n\
The answer is `{\"ResponseMetadata\": {…}, \"Result\": …}`; a failure has \
`ResponseMetadata.Error` and no `Result` ([errors](errors.md)). Every action may answer \
`MissingParameter`, `InvalidParameter`, `InternalError`, `ServiceUnavailable`, and the codes of \
the gateway. Actions marked *axbridge extension* are not the vendor's; those that manage the server \
need an access key with the operator role.\n";

/// The page of all actions.
#[must_use]
pub fn actions_page() -> String {
    let mut page = format!("{GENERATED}{ACTIONS_HEAD}\n| Action | |\n|---|---|\n");
    for action in ACTIONS {
        let (name, mark) = (action.name, mark(action));
        let anchor = name.to_ascii_lowercase();
        line(
            &mut page,
            &format!("| [{name}](#{anchor}) | {}{mark} |", action.summary),
        );
    }
    for action in ACTIONS {
        page.push_str(&section(action));
    }
    page
}

fn mark(action: &Action) -> &'static str {
    if action.extension {
        " (*axbridge extension*)"
    } else {
        ""
    }
}

fn section(action: &Action) -> String {
    let mut text = format!(
        "\n## {}\n\n{}{}.",
        action.name,
        action.summary,
        mark(action)
    );
    if action.permission == Permission::Operator {
        text.push_str(" Operator keys only.");
    }
    line(&mut text, &format!("\n\n{}", action.description));
    if !action.aliases.is_empty() {
        let aliases = quoted(action.aliases.iter().copied());
        line(&mut text, &format!("\nAlso called {aliases}."));
    }
    parameters(&mut text, action.parameters);
    result(&mut text, action.result);
    let codes = action.errors.iter().map(|code| code.name());
    if !action.errors.is_empty() {
        line(&mut text, &format!("\nErrors: {}.", quoted(codes)));
    }
    text
}

fn parameters(text: &mut String, parameters: &[Parameter]) {
    if parameters.is_empty() {
        line(text, "\nIt takes no parameters.");
        return;
    }
    line(
        text,
        "\n| Parameter | Type | Required | Default | Meaning |\n|---|---|---|---|---|",
    );
    for parameter in parameters {
        let required = if parameter.required { "yes" } else { "" };
        let default = parameter
            .default
            .map_or_else(String::new, |default| format!("`{default}`"));
        line(
            text,
            &format!(
                "| {} | {} | {required} | {default} | {} |",
                parameter.name,
                kind(parameter.kind),
                cell(parameter.doc),
            ),
        );
    }
}

fn kind(kind: Kind) -> String {
    match kind {
        Kind::Text { chars_max } => format!("text, at most {chars_max} characters"),
        Kind::FreeText { chars_max } => {
            format!("text with line breaks, at most {chars_max} characters")
        }
        Kind::TextOrJson { chars_max } => {
            format!("text or JSON object, at most {chars_max} characters")
        }
        Kind::Party | Kind::Number => "phone number".to_owned(),
        Kind::City => "city code".to_owned(),
        Kind::DegradeCities => "list of city codes".to_owned(),
        Kind::Integer {
            min, max: i64::MAX, ..
        } => format!("integer from {min}"),
        Kind::Integer { min, max, .. } => format!("integer, {min} to {max}"),
        Kind::Flag => "0 or 1".to_owned(),
        Kind::Boolean => "boolean".to_owned(),
        Kind::UnixSeconds => "integer, Unix seconds".to_owned(),
        Kind::Enumeration(words) => quoted(words.iter().copied()),
        Kind::Pool => "`NumberPoolNo`".to_owned(),
        Kind::SubId => "`SubId`".to_owned(),
        Kind::Account => "account id, 10 digits".to_owned(),
        Kind::Texts { items_max, .. } => format!("list of texts, at most {items_max}"),
        Kind::Numbers { items_max } => format!("list of phone numbers, at most {items_max}"),
    }
}

fn result(text: &mut String, shape: ResultShape) {
    match shape {
        ResultShape::True => line(text, "\n`Result` is `true`."),
        ResultShape::Texts(doc) => {
            line(text, &format!("\n`Result` is an array of strings: {doc}"));
        }
        ResultShape::Word(word) => line(text, &format!("\n`Result` is `\"{word}\"`.")),
        ResultShape::Records(fields) => {
            line(text, "\n`Result` is an array of objects.");
            line(text, "\n| Of each | Type | Meaning |\n|---|---|---|");
            rows(text, "", fields);
        }
        ResultShape::Object([]) => line(text, "\n`Result` is `{}`."),
        ResultShape::Object(fields) => {
            line(text, "\n| Result | Type | Meaning |\n|---|---|---|");
            rows(text, "", fields);
        }
    }
}

fn rows(text: &mut String, prefix: &str, fields: &[Field]) {
    for field in fields {
        let (kind, inner): (&str, &[Field]) = match field.kind {
            FieldKind::Text => ("text", &[]),
            FieldKind::Integer => ("integer", &[]),
            FieldKind::Boolean => ("boolean", &[]),
            FieldKind::ListTime => ("integer or text", &[]),
            FieldKind::Texts => ("array of texts", &[]),
            FieldKind::Records(inner) => ("array of objects", inner),
        };
        let name = format!("{prefix}{}", field.name);
        line(text, &format!("| {name} | {kind} | {} |", cell(field.doc)));
        rows(text, &format!("{name}[]."), inner);
    }
}

/// The page of all errors.
#[must_use]
pub fn errors_page() -> String {
    let mut page = format!(
        "{GENERATED}# Errors\n\n\
         A failure is `ResponseMetadata.Error` with `Code`, `Message` and, for codes of the \
         gateway, the number `CodeN`. The message is the text of the table with the `%s` filled \
         in, and a sentence may follow that says what is wrong and what would do. Tell errors \
         apart by `Code`, never by the message.\n"
    );
    let families = [
        (ErrorFamily::Page, "Requests", "What any action may answer."),
        (
            ErrorFamily::Gateway,
            "Gateway",
            "Who is asking, and what for; before an action runs.",
        ),
        (
            ErrorFamily::Business,
            "Business",
            "Refusals of the privacy-number business. They travel with status 200, or 400 when \
             the setting `api.business_error_status` says so.",
        ),
        (
            ErrorFamily::Own,
            "HTTP",
            "Where the vendor answers without a code.",
        ),
    ];
    for (family, name, about) in families {
        let known = ERROR_TABLE
            .iter()
            .filter(|it| it.family == family && !it.reserved);
        line(&mut page, &format!("\n## {name}\n\n{about}\n"));
        line(
            &mut page,
            "| Code | Status | CodeN | Text | When | What to do |\n|---|---|---|---|---|---|",
        );
        known.for_each(|entry| line(&mut page, &error_row(entry)));
    }
    let reserved = ERROR_TABLE.iter().filter(|it| it.reserved);
    line(
        &mut page,
        &format!(
            "\n## Never answered\n\nThe vendor's documents name these codes; this version answers \
             none of them: {}.",
            quoted(reserved.map(|entry| entry.name))
        ),
    );
    page
}

fn error_row(entry: &ErrorEntry) -> String {
    let number = entry.number.map_or_else(String::new, |it| it.to_string());
    format!(
        "| {} | {} | {number} | {} | {} | {} |",
        entry.name,
        entry.http_status,
        cell(entry.text),
        cell(entry.when),
        cell(entry.remedy),
    )
}

/// Text that must not end a table's cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn quoted<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

fn line(text: &mut String, line: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_actions_has_every_action_with_every_parameter() {
        let page = actions_page();
        for action in ACTIONS {
            let heading = format!("\n## {}\n", action.name);
            let from = page.find(&heading).expect(action.name) + heading.len();
            let section = &page[from..];
            let section = section.split("\n## ").next().expect("a section");
            for parameter in action.parameters {
                let row = format!("\n| {} | ", parameter.name);
                assert!(section.contains(&row), "{} {}", action.name, parameter.name);
            }
            for code in action.errors {
                assert!(section.contains(&format!("`{}`", code.name())));
            }
        }
    }

    #[test]
    fn the_page_of_errors_has_every_code_once() {
        let page = errors_page();
        for entry in ERROR_TABLE {
            let row = format!("\n| {} | ", entry.name);
            let rows = page.matches(&row).count();
            assert_eq!(rows, usize::from(!entry.reserved), "{}", entry.name);
            assert!(!entry.reserved || page.contains(&format!("`{}`", entry.name)));
        }
    }

    #[test]
    fn every_row_of_a_table_has_as_many_cells_as_its_head() {
        for page in [actions_page(), errors_page()] {
            let mut width = 0;
            for row in page.lines() {
                let bars = row.replace("\\|", "").matches('|').count();
                match (row.starts_with('|'), width) {
                    (false, _) => width = 0,
                    (true, 0) => width = bars,
                    (true, width) => assert_eq!(bars, width, "{row}"),
                }
            }
        }
    }
}
