//! Texts of clients as PostgreSQL can hold them: its `text` has no zero character, and a client may
//! send one. Only texts with a zero (or the escape itself) look different from what was sent.

use std::borrow::Cow;

const ESCAPE: char = '\u{1}';

/// The text to store.
pub(super) fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(['\0', ESCAPE]) {
        return Cow::Borrowed(text);
    }
    let mut stored = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '\0' => stored.extend([ESCAPE, '0']),
            ESCAPE => stored.extend([ESCAPE, '1']),
            other => stored.push(other),
        }
    }
    Cow::Owned(stored)
}

/// The same for a text that may be absent.
pub(super) fn escaped_option(text: Option<&String>) -> Option<String> {
    text.map(|text| escaped(text).into_owned())
}

/// The text that was stored.
pub(super) fn unescaped(stored: String) -> String {
    if !stored.contains(ESCAPE) {
        return stored;
    }
    let mut text = String::with_capacity(stored.len());
    let mut characters = stored.chars();
    while let Some(character) = characters.next() {
        if character != ESCAPE {
            text.push(character);
        } else if characters.next() == Some('0') {
            text.push('\0');
        } else {
            text.push(ESCAPE);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_comes_back_and_holds_no_zero_meanwhile() {
        for text in [
            "",
            "plain 你好 🙂",
            "\0",
            "a\0\u{1}b",
            "\u{1}0",
            "\u{1}\u{1}\0\0",
        ] {
            let stored = escaped(text).into_owned();
            assert!(!stored.contains('\0'));
            assert_eq!(unescaped(stored), text);
        }
    }
}
