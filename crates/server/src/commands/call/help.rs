//! What the table says about actions, for people.

use super::table::{Action, Kind, actions};

/// All actions, one a line.
pub(super) fn catalogue() -> String {
    let actions = actions();
    let width = actions.iter().map(|it| it.name.len()).max();
    let width = width.unwrap_or_default();
    let mut text = String::from("axbridge call ACTION [--PARAMETER VALUE]...\n\nActions:\n");
    for action in &actions {
        let mark = if action.is_extension {
            " (axbridge extension)"
        } else {
            ""
        };
        text.push_str(&format!(
            "  {:width$}  {}{mark}\n",
            action.name, action.about
        ));
    }
    text.push_str("\n`axbridge call ACTION --help` shows the parameters of one.");
    text
}

/// One action with its parameters.
pub(super) fn page(action: &Action) -> String {
    let mut text = format!("{}: {}\n", action.name, action.about);
    if action.parameters.is_empty() {
        text.push_str("\nIt takes no parameters.");
    }
    for parameter in &action.parameters {
        let kind = match parameter.kind {
            Kind::Text => "TEXT",
            Kind::Integer => "NUMBER",
            Kind::Boolean => "true|false",
            Kind::List => "TEXT, several times",
        };
        let need = if parameter.required { ", required" } else { "" };
        text.push_str(&format!("\n  --{} {kind}{need}", flag(parameter.name)));
        text.push_str(&format!("\n      {}", parameter.about));
    }
    text
}

/// A name in small letters with hyphens: `PhoneNoA` is `phone-no-a`.
pub(crate) fn flag(name: &str) -> String {
    let mut text = String::new();
    let mut last_is_small = false;
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && last_is_small {
            text.push('-');
        }
        last_is_small = !letter.is_ascii_uppercase();
        text.push(letter.to_ascii_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_names_in_small_letters() {
        for (name, written) in [
            ("PhoneNoA", "phone-no-a"),
            ("CityCodeByPhoneNo", "city-code-by-phone-no"),
            ("X", "x"),
        ] {
            assert_eq!(flag(name), written);
        }
    }
}
