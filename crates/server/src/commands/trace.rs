//! `trace`: the lines of a server's log that belong to one call, both legs of it.
//!
//! The log says which SIP Call-IDs a call has (`axbridge_voice=debug`) and has every message under
//! its Call-ID (`axbridge::sip=trace`), numbers masked. The file is read twice, because the first
//! message of a call comes before the call has an id.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, BufRead as _, BufReader, Read as _},
    path::Path,
    process::ExitCode,
};

use crate::cli::Trace;
use crate::failure::Failure;
use crate::output::say;

/// How a log must be written for this.
const LEVEL: &str = "info,axbridge_voice=debug,axbridge::sip=trace";

/// The longest entry that is read as one; the longest SIP message is shorter.
const ENTRY_BYTES_MAX: u64 = 1 << 20;

/// Runs the command.
pub(crate) fn run(asked: &Trace) -> Result<ExitCode, Failure> {
    let mut legs = BTreeSet::from([asked.call.clone()]);
    for_each_entry(&asked.log, |entry| {
        let of_it = entry.contains(&asked.call);
        if let Some(leg) = value(entry, "sip_call_id").filter(|_| of_it) {
            legs.insert(leg.to_owned());
            // Asked by one leg's Call-ID, the call's own id leads to the other.
            legs.extend(value(entry, "call").map(str::to_owned));
        }
    })?;
    if !legs.iter().any(|leg| *leg != asked.call) {
        return Err(unknown(asked));
    }
    // A Call-ID leads to the call, and the call to its other leg.
    let calls = legs.clone();
    for_each_entry(&asked.log, |entry| {
        let call = value(entry, "call").filter(|call| calls.contains(*call));
        legs.extend(call.and(value(entry, "sip_call_id")).map(str::to_owned));
    })?;
    for_each_entry(&asked.log, |entry| {
        let is_of = |name| value(entry, name).is_some_and(|value| legs.contains(value));
        if is_of("sip_call_id") || is_of("call") {
            say(entry.trim_end());
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

fn unknown(asked: &Trace) -> Failure {
    let log = asked.log.display();
    Failure::new(format!("{log} says nothing of the call {}", asked.call)).hint(format!(
        "look its id up with `axbridge cdr list`; the server must log with log.level = \"{LEVEL}\""
    ))
}

/// Reads a log entry by entry; a message of SIP goes on over many lines of text.
fn for_each_entry(log: &Path, mut take: impl FnMut(&str)) -> Result<(), Failure> {
    let fault = |error: io::Error| {
        Failure::new(format!("{} cannot be read: {error}", log.display()))
            .hint("name the file that the server's standard error goes to")
    };
    let mut lines = BufReader::new(File::open(log).map_err(fault)?);
    let (mut entry, mut line) = (String::new(), Vec::new());
    loop {
        line.clear();
        let mut rest = (&mut lines).take(ENTRY_BYTES_MAX);
        let read = rest.read_until(b'\n', &mut line).map_err(fault)?;
        let text = String::from_utf8_lossy(&line);
        let is_full = (entry.len() + text.len()) as u64 > ENTRY_BYTES_MAX;
        if read == 0 || is_full || begins_entry(&text) {
            take(&entry);
            entry.clear();
        }
        if read == 0 {
            return Ok(());
        }
        entry.push_str(&text);
    }
}

/// Entries begin with a moment, or with a brace when the log is JSON.
fn begins_entry(line: &str) -> bool {
    let moment = line.as_bytes().get(..11).is_some_and(|start| {
        let digits = [0, 1, 2, 3, 5, 6, 8, 9];
        digits.iter().all(|at| start[*at].is_ascii_digit()) && start[10] == b'T'
    });
    moment || line.starts_with('{')
}

/// The value of a field: `name=value`, `name="value"` or `"name":"value"`.
fn value<'e>(entry: &'e str, name: &str) -> Option<&'e str> {
    let is_name = |at: usize| {
        let before = entry[..at].chars().next_back();
        before.is_none_or(|letter| letter.is_whitespace() || "\"{,".contains(letter))
    };
    let mut places = entry.match_indices(name).map(|(at, _)| at);
    places.find_map(|at| {
        let rest = entry[at + name.len()..].trim_start_matches('"');
        let rest = rest.strip_prefix(['=', ':']).filter(|_| is_name(at))?;
        match rest.strip_prefix('"') {
            Some(quoted) => quoted.split('"').next(),
            None => rest.split([' ', ',', '}', '\n']).next(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_from_text_and_json() {
        for entry in [
            "2026-11-26T00:20:25Z DEBUG x: a call arrived call=S1_2 sip_call_id=\"a b@h\"\n",
            "{\"level\":\"DEBUG\",\"call\":\"S1_2\",\"sip_call_id\":\"a b@h\"}\n",
        ] {
            assert!(begins_entry(entry));
            assert_eq!(value(entry, "call"), Some("S1_2"));
            assert_eq!(value(entry, "sip_call_id"), Some("a b@h"));
            assert_eq!(value(entry, "peer"), None);
        }
        assert!(!begins_entry("Call-ID: 2026\r\n"));
    }
}
