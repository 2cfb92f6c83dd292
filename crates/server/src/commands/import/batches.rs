//! Cuts a file into batches that one call can carry, in bounded memory however
//! long the file or its lines are.

use std::io::{self, BufRead, Read as _};

/// Lines of one call; the server takes no more.
pub(super) const LINES_MAX: usize = axbridge_domain::limits::NUMBERS_PER_IMPORT_CALL_MAX;

/// Bytes of one call's text; the server takes 64 characters a line.
const CSV_BYTES_MAX: usize = LINES_MAX * 64 - LINE_BYTES_MAX;

/// A line that is longer is refused unsent.
const LINE_BYTES_MAX: usize = 256;

/// Some lines of the file, one after the other.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Batch {
    /// Where in the file its first line is, counted from 1.
    pub(super) first_line: u64,
    /// The lines to send. One that cannot be sent stands as an empty line, so
    /// that places match.
    pub(super) csv: String,
    /// How many lines that is.
    pub(super) lines: u64,
    /// How many bytes of the file that was.
    pub(super) bytes: u64,
    /// Lines that were not sent: line of the file, and why.
    pub(super) unsent: Vec<(u64, String)>,
}

/// Reads batches from a file.
pub(super) struct Batches<R> {
    from: R,
    next_line: u64,
}

impl<R: BufRead> Batches<R> {
    /// Reads from the beginning.
    pub(super) fn new(from: R) -> Self {
        Self { from, next_line: 1 }
    }

    /// The next batch; `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Batch>> {
        let mut batch = Batch {
            first_line: self.next_line,
            ..Batch::default()
        };
        let mut line = Vec::new();
        while batch.lines < LINES_MAX as u64 && batch.csv.len() < CSV_BYTES_MAX {
            line.clear();
            let (read, whole) = self.read_line(&mut line)?;
            if read == 0 {
                break;
            }
            batch.bytes += read;
            batch.lines += 1;
            match text_of(&line, whole) {
                Ok(text) => batch.csv.push_str(text),
                Err(reason) => batch.unsent.push((self.next_line, reason)),
            }
            batch.csv.push('\n');
            self.next_line += 1;
        }
        Ok((batch.lines > 0).then_some(batch))
    }

    /// Reads one line, keeping at most a little more than may be sent; how many
    /// bytes it had, and whether all were kept.
    fn read_line(&mut self, line: &mut Vec<u8>) -> io::Result<(u64, bool)> {
        let most = LINE_BYTES_MAX as u64 + 1;
        let mut read = (&mut self.from).take(most).read_until(b'\n', line)? as u64;
        let whole = line.last() == Some(&b'\n') || read < most;
        let mut rest = Vec::new();
        while !whole && rest.last() != Some(&b'\n') {
            rest.clear();
            let more = (&mut self.from)
                .take(64 * 1024)
                .read_until(b'\n', &mut rest)?;
            if more == 0 {
                break;
            }
            read += more as u64;
        }
        Ok((read, whole))
    }
}

fn text_of(line: &[u8], whole: bool) -> Result<&str, String> {
    if !whole {
        return Err(format!("the line is longer than {LINE_BYTES_MAX} bytes"));
    }
    let text = std::str::from_utf8(line).map_err(|_| "the line is not UTF-8".to_owned())?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim();
    // Inside a line, such characters would shift the places of those after it.
    if text.contains(['\r', '\n']) {
        return Err("the line has a carriage return in it".to_owned());
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Vec<Batch> {
        let mut batches = Batches::new(bytes);
        let next = || batches.next().expect("memory can be read");
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn places_stay_whatever_a_line_is() {
        let mut file = "\u{feff}number,city_code\r\n13700000000,010\r\n"
            .as_bytes()
            .to_vec();
        file.extend_from_slice(b"\xff\xfe,010\n");
        file.extend_from_slice(&[b'1'; 100_000]);
        file.extend_from_slice(b"\n\n13700000001,021");
        let batches = all(&file);
        assert_eq!(batches.len(), 1);
        let batch = &batches[0];
        let lines: Vec<&str> = batch.csv.lines().collect();
        let sent = [
            "number,city_code",
            "13700000000,010",
            "",
            "",
            "",
            "13700000001,021",
        ];
        assert_eq!(lines, sent);
        let unsent: Vec<u64> = batch.unsent.iter().map(|(line, _)| *line).collect();
        assert_eq!(unsent, [3, 4]);
        assert_eq!((batch.lines, batch.bytes), (6, file.len() as u64));
    }

    #[test]
    fn a_long_file_is_cut() {
        let file = "13700000000,010\n".repeat(LINES_MAX * 2 + 1);
        let batches = all(file.as_bytes());
        let places: Vec<(u64, u64)> = batches.iter().map(|it| (it.first_line, it.lines)).collect();
        let most = LINES_MAX as u64;
        assert_eq!(places, [(1, most), (most + 1, most), (2 * most + 1, 1)]);
    }

    #[test]
    fn long_lines_make_smaller_batches() {
        let line = format!("13700000000,010,{}\n", "x".repeat(LINE_BYTES_MAX - 20));
        let batches = all(line.repeat(LINES_MAX).as_bytes());
        assert!(batches.len() > 1);
        assert!(batches.iter().all(|it| it.csv.len() <= LINES_MAX * 64));
        let lines: u64 = batches.iter().map(|it| it.lines).sum();
        assert_eq!(lines, LINES_MAX as u64);
    }

    #[test]
    fn an_empty_file_has_no_batch() {
        assert!(all(b"").is_empty());
    }
}
