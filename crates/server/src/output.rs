//! What commands print: text for people, or one JSON value.

use std::io::Write as _;

use serde_json::Value;

/// Where results go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    /// JSON, or text.
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether this is JSON.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// Prints the value as JSON, or what `text` makes of it.
    pub(crate) fn show(self, value: &Value, text: impl FnOnce(&Value) -> String) {
        if self.json {
            say(&value.to_string());
        } else {
            say(text(value).trim_end_matches('\n'));
        }
    }
}

/// Prints a line on standard output. A reader that went away (`| head`) is no
/// fault of the command.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Fields of an object, one a line, values aligned.
pub(crate) fn fields(value: &Value) -> String {
    let Value::Object(object) = value else {
        return plain(value);
    };
    let width = object.keys().map(String::len).max().unwrap_or_default();
    let line = |(name, value): (&String, &Value)| format!("{name:width$}  {}", plain(value));
    object.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// A result in full: its fields, or each of its `Records` with theirs.
pub(crate) fn result(value: &Value) -> String {
    if !value["Records"].is_array() {
        return fields(value);
    }
    let mut blocks: Vec<String> = list(value, "Records").iter().map(fields).collect();
    blocks.push(format!("{} of {}", blocks.len(), plain(&value["Total"])));
    blocks.join("\n\n")
}

/// Rows of `value`'s list `Records` under the names of `columns`, aligned, with
/// how many there are in all.
pub(crate) fn records(value: &Value, columns: &[&str]) -> String {
    let rows: Vec<&Value> = list(value, "Records").iter().collect();
    let mut text = table(&rows, columns);
    let total = value["Total"].as_u64().unwrap_or_default();
    let shown = rows.len() as u64;
    if shown < total {
        text.push_str(&format!("\n{shown} of {total}; --offset shows the next"));
    }
    text
}

/// Rows under the names of `columns`, aligned.
pub(crate) fn table(rows: &[&Value], columns: &[&str]) -> String {
    if rows.is_empty() {
        return "none".to_owned();
    }
    let mut lines: Vec<Vec<String>> = vec![columns.iter().map(|it| (*it).to_owned()).collect()];
    for row in rows {
        lines.push(columns.iter().map(|it| plain(&row[*it])).collect());
    }
    let width = |column: usize| {
        let cells = lines.iter().map(|line| width_of(&line[column]));
        cells.max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let line = |cells: &Vec<String>| {
        let cells = cells.iter().zip(&widths);
        let padded = cells.map(|(cell, width)| {
            let space = width - width_of(cell);
            format!("{cell}{}", " ".repeat(space))
        });
        let line = padded.collect::<Vec<_>>().join("  ");
        line.trim_end().to_owned()
    };
    lines.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Columns that a terminal gives to a text: two to a Chinese character.
fn width_of(text: &str) -> usize {
    let wide = |letter: char| {
        matches!(letter, '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}' | '\u{1f300}'..='\u{1faff}' | '\u{20000}'..='\u{3fffd}')
    };
    text.chars()
        .map(|letter| 1 + usize::from(wide(letter)))
        .sum()
}

/// A list field, empty when there is none.
pub(crate) fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().map_or(&[], Vec::as_slice)
}

/// A text field, empty when there is none.
pub(crate) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// A value without the marks of JSON where it needs none.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) if text.is_empty() => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_table_is_aligned_and_says_what_it_left_out() {
        let value = json!({"Total": 3, "Records": [{"Name": "a", "No": 1}, {"Name": "long"}]});
        let text = records(&value, &["Name", "No"]);
        assert_eq!(
            text,
            "Name  No\na     1\nlong  -\n2 of 3; --offset shows the next"
        );
    }

    #[test]
    fn chinese_takes_two_columns() {
        let row = json!({"City": "北京市", "No": 1});
        assert_eq!(table(&[&row], &["City", "No"]), "City    No\n北京市  1");
    }

    #[test]
    fn a_result_with_records_shows_each_in_full() {
        let value = json!({"Records": [{"A": 1}, {"A": 2}], "Total": 7});
        assert_eq!(result(&value), "A  1\n\nA  2\n\n2 of 7");
        assert_eq!(result(&json!({"A": 1})), "A  1");
    }

    #[test]
    fn fields_are_aligned() {
        let text = fields(&json!({"A": "x", "Long": [1]}));
        assert_eq!(text, "A     x\nLong  [1]");
        assert_eq!(fields(&json!(true)), "true");
    }
}
