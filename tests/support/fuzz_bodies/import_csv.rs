//! Imports of numbers: every line stands on its own, none is lost, and what is
//! taken is what stands there.

use std::sync::LazyLock;

use axbridge_app::numbers::{ImportLines, read_import};
use axbridge_domain::numbering::Numbering;
use axbridge_domain::phone::PhoneKind;

use super::{LINES_MAX, assert_tells_no_number};

static NUMBERING: LazyLock<Numbering> = LazyLock::new(Numbering::built_in);

/// Checks the text of a CSV file, `number,city_code[,type]` a line.
pub fn check_import_csv(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let whole = read(&text);
    let lines: Vec<&str> = text.lines().collect();
    let taken: Vec<usize> = whole.numbers.iter().map(|(line, _)| *line).collect();
    let refused: Vec<usize> = whole.refused.iter().map(|refused| refused.line).collect();
    for ascending in [&taken, &refused] {
        assert!(ascending.windows(2).all(|two| two[0] < two[1]));
        assert!(
            ascending
                .iter()
                .all(|line| (1..=lines.len()).contains(line))
        );
    }
    for refused in &whole.refused {
        assert_tells_no_number(&refused.reason);
    }
    for (line, number) in &whole.numbers {
        let digits = number.x.expose();
        assert!(lines[line - 1].contains(digits.as_str()));
        assert_ne!(number.x.kind(), PhoneKind::Service);
        let city = number.city.map(|city| city.to_string());
        assert!(city.is_some() || number.x.kind() == PhoneKind::Number700);
        let plain = format!("{},{}", digits.as_str(), city.unwrap_or_default());
        assert_eq!(read(&plain).numbers, [(1, *number)]);
    }
    check_lines_stand_alone(&lines, &whole);
}

/// Each line but the first, which may be a heading, reads alone as in the file.
fn check_lines_stand_alone(lines: &[&str], whole: &ImportLines) {
    for (index, line) in lines.iter().enumerate().skip(1).take(LINES_MAX) {
        let alone = read(&format!("\n{line}"));
        let line_no = index + 1;
        let number = whole.numbers.iter().find(|(at, _)| *at == line_no);
        let refused = whole.refused.iter().find(|refused| refused.line == line_no);
        assert_eq!(
            alone.numbers.first().map(|(_, number)| number),
            number.map(|(_, number)| number)
        );
        assert_eq!(
            alone.refused.first().map(|refused| &refused.reason),
            refused.map(|refused| &refused.reason)
        );
        let is_blank = line.trim().trim_start_matches('\u{feff}').is_empty();
        let verdicts = usize::from(number.is_some()) + usize::from(refused.is_some());
        assert_eq!(verdicts, usize::from(!is_blank), "line {line_no}");
    }
}

fn read(csv: &str) -> ImportLines {
    read_import(csv, |number| NUMBERING.city_of(&number))
}
