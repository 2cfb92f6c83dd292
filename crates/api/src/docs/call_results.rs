//! The page of call results: the numbers, and which of them follows from what the network says.

use std::fmt::Display;

use axbridge_domain::call::CallResult;
use axbridge_domain::call_outcome::{CAUSES, CLASSES, Meaning, STATUSES};

use super::{GENERATED, line};

const HEAD: &str = "# Call results\n\n\
`CallResult` of a call's record says how it came out. Once the two were connected it is 1, however \
the call ended. A call that nobody answers because the caller hung up is 5; one that this server \
gave up is 19 when the callee's phone did not ring and 7 when it did; 20 is also what a call gets \
whose server died.\n\n\
| CallResult | Name |\n|---|---|\n";

const BY_CAUSE: &str = "\n## By the cause of the telephone network\n\n\
When the callee's side ends a call before the answer and says why (the `Reason` header with a \
Q.850 cause, RFC 3326), the cause decides.\n";

const BY_STATUS: &str = "\n## By the SIP status\n\n\
Without a cause, or with one that is not listed, the final status decides; of those that are not \
listed, their class.\n";

/// The page of all call results.
#[must_use]
pub fn call_results_page() -> String {
    let mut page = format!("{GENERATED}{HEAD}");
    for result in CallResult::ALL {
        line(
            &mut page,
            &format!("| {} | {} |", result.code(), words(*result)),
        );
    }
    page.push_str(BY_CAUSE);
    table(&mut page, "Cause", CAUSES.iter());
    page.push_str(BY_STATUS);
    table(&mut page, "Status", STATUSES.iter());
    let classes = CLASSES
        .iter()
        .map(|(class, meaning)| (format!("other {class}xx"), *meaning));
    for (class, meaning) in classes {
        row(&mut page, &class, meaning);
    }
    page
}

fn table<'a, K: Display + 'a>(
    page: &mut String,
    name: &str,
    rows: impl Iterator<Item = &'a (K, Meaning)>,
) {
    line(
        page,
        &format!("\n| {name} | Before the phone rang | While it rang |\n|---|---|---|"),
    );
    for (key, meaning) in rows {
        row(page, &key.to_string(), *meaning);
    }
}

fn row(page: &mut String, key: &str, meaning: Meaning) {
    let shown = |result: CallResult| format!("{} {}", result.code(), words(result));
    let (before, ringing) = (shown(meaning.before_ringing), shown(meaning.ringing));
    line(page, &format!("| {key} | {before} | {ringing} |"));
}

fn words(result: CallResult) -> String {
    result.name().replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_every_result_cause_and_status() {
        let page = call_results_page();
        for result in CallResult::ALL {
            let row = format!("\n| {} | {} |\n", result.code(), words(*result));
            assert!(page.contains(&row), "{row}");
        }
        let causes = CAUSES.iter().map(|(cause, _)| u16::from(*cause));
        let statuses = STATUSES.iter().map(|(status, _)| *status);
        for key in causes.chain(statuses) {
            assert!(page.contains(&format!("\n| {key} | ")), "{key}");
        }
    }
}
