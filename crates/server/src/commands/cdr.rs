//! `cdr`: what calls left.

use serde_json::{Value, json};

use crate::cli::{CallFilter, Cdr, ExportFormat};
use crate::client::Client;
use crate::failure::Failure;
use crate::output::{Output, fields, list, plain, records, say};

/// Calls asked for at once by an export.
const PAGE: u64 = 500;

/// What `ListCalls` answers of each call, in the order of an export's columns.
const COLUMNS: [&str; 19] = [
    "CallId",
    "AccountId",
    "State",
    "SubscriptionId",
    "PhoneNoX",
    "Caller",
    "Callee",
    "SecretCallType",
    "BeginCallTime",
    "RingTime",
    "StartTime",
    "EndTime",
    "CallDuration",
    "CallResult",
    "CallResultName",
    "ReleaseType",
    "OutId",
    "Trunk",
    "Node",
];

/// Runs the command.
pub(crate) async fn run(client: &Client, output: Output, cdr: &Cdr) -> Result<(), Failure> {
    match cdr {
        Cdr::List { filter, page } => {
            let mut parameters = parameters_of(filter);
            parameters["Limit"] = json!(page.limit);
            parameters["Offset"] = json!(page.offset);
            let found = client.call("ListCalls", &parameters).await?;
            let columns = [
                "CallId",
                "State",
                "BeginCallTime",
                "Caller",
                "PhoneNoX",
                "Callee",
                "CallDuration",
                "CallResultName",
            ];
            output.show(&found, |found| records(found, &columns));
        }
        Cdr::Show { calls } => {
            let parameters = json!({ "CallIdList": calls });
            let found = client.call("QueryCallRecordMsgV2", &parameters).await?;
            if list(&found, "Records").is_empty() {
                return Err(Failure::new("there is no record of such a call").hint(
                    "`axbridge cdr list` shows the calls; one that is not over has no record yet",
                ));
            }
            output.show(&found, |found| {
                let blocks: Vec<String> = list(found, "Records").iter().map(fields).collect();
                blocks.join("\n\n")
            });
        }
        Cdr::Export { filter, format } => export(client, filter, *format).await?,
    }
    Ok(())
}

fn parameters_of(filter: &CallFilter) -> Value {
    json!({
        "AccountId": filter.account,
        "SubId": filter.sub_id,
        "PhoneNoX": filter.x,
        "Number": filter.number,
        "StartTime": filter.from,
        "EndTime": filter.to,
        "CallResult": filter.result,
        "Node": filter.node,
    })
}

async fn export(client: &Client, filter: &CallFilter, format: ExportFormat) -> Result<(), Failure> {
    if matches!(format, ExportFormat::Csv) {
        say(&COLUMNS.join(","));
    }
    let mut parameters = parameters_of(filter);
    parameters["Limit"] = json!(PAGE);
    let mut place = Place {
        until_s: filter.to,
        ..Place::default()
    };
    loop {
        parameters["Offset"] = json!(place.offset);
        parameters["EndTime"] = json!(place.until_s);
        let found = client.call("ListCalls", &parameters).await?;
        let page = list(&found, "Records");
        for call in place.pass(page) {
            say(&match format {
                ExportFormat::Csv => csv_line(call),
                ExportFormat::Jsonl => call.to_string(),
            });
        }
        if (page.len() as u64) < PAGE {
            return Ok(());
        }
    }
}

/// How far an export has come, newest first. Calls that arrive meanwhile would move the pages, so
/// each page is asked for up to the second in which the last one ended; calls that two pages share
/// are passed on once.
#[derive(Default)]
struct Place {
    until_s: Option<i64>,
    offset: u64,
    seen_in_second: Vec<Value>,
}

impl Place {
    /// What is new on a page; afterwards the place is behind it.
    fn pass<'a>(&mut self, page: &'a [Value]) -> Vec<&'a Value> {
        let second = |call: &Value| call["BeginCallTime"].as_i64().unwrap_or_default() / 1000;
        let seen = &self.seen_in_second;
        let fresh = page.iter().filter(|call| !seen.contains(&call["CallId"]));
        let fresh: Vec<&Value> = fresh.collect();
        let Some(last) = page.last().map(second) else {
            return fresh;
        };
        if self.until_s == Some(last + 1) {
            // All of one second: no moment parts them, so pass over them instead.
            self.offset += page.len() as u64;
        } else {
            self.until_s = Some(last + 1);
            self.offset = 0;
            self.seen_in_second.clear();
        }
        let in_second = fresh.iter().filter(|call| second(call) == last);
        self.seen_in_second
            .extend(in_second.map(|call| call["CallId"].clone()));
        fresh
    }
}

fn csv_line(call: &Value) -> String {
    let cells = COLUMNS.iter().map(|column| match &call[*column] {
        Value::Null => String::new(),
        Value::String(text) => csv_cell(text),
        other => plain(other),
    });
    cells.collect::<Vec<_>>().join(",")
}

/// A cell as RFC 4180 quotes it. What a spreadsheet would take for a formula is kept from it by an
/// apostrophe.
fn csv_cell(text: &str) -> String {
    let text = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_csv_quotes_what_would_break_it() {
        let call = json!({"CallId": "S1_0", "OutId": "a,\"b\"", "CallDuration": 7, "Node": "=1"});
        let line = csv_line(&call);
        assert_eq!(line.matches(',').count(), COLUMNS.len());
        assert!(line.starts_with("S1_0,,"), "{line}");
        assert!(
            line.contains(",7,") && line.contains(",\"a,\"\"b\"\"\","),
            "{line}"
        );
        assert!(line.ends_with(",'=1"), "{line}");
    }

    /// What `ListCalls` would answer.
    fn ask<'a>(calls: &'a [Value], place: &Place, limit: usize) -> Vec<Value> {
        let begun = |call: &'a Value| call["BeginCallTime"].as_i64().expect("a moment");
        let until = place.until_s.map_or(i64::MAX, |until| until * 1000);
        let fit = calls.iter().filter(|call| begun(call) < until);
        let offset = usize::try_from(place.offset).expect("small");
        fit.skip(offset).take(limit).cloned().collect()
    }

    #[test]
    fn an_export_has_every_call_once_while_others_arrive() {
        const LIMIT: usize = 10;
        let call = |id: usize, at: i64| json!({"CallId": format!("c{id}"), "BeginCallTime": at});
        // Newest first; 35 of one second, the others spread.
        let mut calls: Vec<Value> = (0..35).map(|id| call(id, 50_000)).collect();
        calls.extend((35..90).map(|id| call(id, 49_999 - 300 * (id as i64 - 35))));
        let before = calls.len();
        let mut place = Place::default();
        let mut exported: Vec<Value> = Vec::new();
        for turn in 0.. {
            let page = ask(&calls, &place, LIMIT);
            exported.extend(place.pass(&page).into_iter().cloned());
            if page.len() < LIMIT {
                break;
            }
            calls.insert(0, call(1_000 + turn, 60_000));
            assert!(turn < 100, "it never ends");
        }
        assert_eq!(exported.len(), before);
        let as_they_were = &calls[calls.len() - before..];
        assert_eq!(exported, as_they_were);
    }
}
