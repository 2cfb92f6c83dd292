//! Names that a misspelt one may have meant.

/// The names nearest to `written`, nearest first, at most three; none that
/// would take changing more than a third of it.
pub(crate) fn closest<'a>(written: &str, names: &[&'a str]) -> Vec<&'a str> {
    let written = plain(written);
    let most = (written.chars().count() / 3).max(1);
    let mut near: Vec<(usize, &str)> = names
        .iter()
        .map(|name| (distance(&written, &plain(name)), *name))
        .filter(|(distance, _)| *distance <= most)
        .collect();
    near.sort();
    near.into_iter().take(3).map(|(_, name)| name).collect()
}

/// A name as people who mistype it would see it: case and marks aside.
pub(crate) fn plain(name: &str) -> String {
    let letters = name.chars().filter(|it| it.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

/// Letters to insert, delete or replace to come from one text to the other.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (index, letter) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (column, other) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_name_and_nonsense_none() {
        let names = ["BindAXB", "UnbindAXB", "NumberList"];
        assert_eq!(closest("bind-axc", &names), ["BindAXB"]);
        assert_eq!(closest("number-lsit", &names), ["NumberList"]);
        assert!(closest("weather", &names).is_empty());
    }

    #[test]
    fn the_distance_counts_single_changes() {
        for (from, to, changes) in [("", "abc", 3), ("abc", "abc", 0), ("abc", "axcd", 2)] {
            assert_eq!(distance(from, to), changes, "{from} to {to}");
        }
    }
}
