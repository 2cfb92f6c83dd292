//! `event`: what happened, and who was told.

use serde_json::{Value, json};

use crate::cli::{Event, Period};
use crate::client::{Client, unix_now_s};
use crate::failure::Failure;
use crate::output::{Output, list, plain, table, text};

/// Runs the command.
pub(crate) async fn run(client: &Client, output: Output, event: &Event) -> Result<(), Failure> {
    match event {
        Event::List {
            period,
            state,
            account,
            limit,
            before,
        } => {
            let (from, to) = moments(period)?;
            let parameters = json!({
                "AccountId": account,
                "From": from,
                "To": to,
                "State": state,
                "BeforeEventId": before,
                "Limit": limit,
            });
            let found = client.call("ListEvents", &parameters).await?;
            output.show(&found, shown);
        }
        Event::Replay {
            period,
            callback,
            event,
            account,
        } => {
            let (from, to) = moments(period)?;
            let from = from.ok_or_else(|| Failure::usage("--from is missing"))?;
            let parameters = json!({
                "From": from,
                // Times are whole seconds, and the one that is under way belongs to what has been.
                "To": to.unwrap_or_else(|| unix_now_s() + 1),
                "AccountId": account,
                "CallbackId": callback,
                "EventKind": event,
            });
            let made = client.call("ReplayEvents", &parameters).await?;
            output.show(&made, |made| {
                format!("{} deliveries are under way again", made["Deliveries"])
            });
        }
    }
    Ok(())
}

fn moments(period: &Period) -> Result<(Option<i64>, Option<i64>), Failure> {
    let read = |text: &Option<String>| text.as_deref().map(moment).transpose();
    Ok((read(&period.from)?, read(&period.to)?))
}

/// Unix seconds, or how long ago: `90m`, `2h`, `3d`.
fn moment(text: &str) -> Result<i64, Failure> {
    let wrong = || {
        Failure::usage(format!("`{text}` is no moment"))
            .hint("write Unix seconds, or how long ago: 30s, 90m, 2h, 3d")
    };
    let unit = match text.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3600,
        Some('d') => 86_400,
        _ => return text.parse().map_err(|_| wrong()),
    };
    let count = text[..text.len() - 1].parse::<u32>().map_err(|_| wrong())?;
    Ok(unix_now_s() - i64::from(count) * unit)
}

/// One line for each delivery, or for an event that nobody subscribed to.
fn shown(found: &Value) -> String {
    let mut lines = Vec::new();
    for event in list(found, "Records") {
        let mut line = json!({
            "EventId": event["EventId"],
            "EventTime": event["EventTime"],
            "Topic": event["Topic"],
            "Subject": event["Subject"],
        });
        let deliveries = list(event, "Deliveries");
        if deliveries.is_empty() {
            lines.push(line.clone());
        }
        for delivery in deliveries {
            for name in ["CallbackId", "State", "Failures"] {
                line[name] = delivery[name].clone();
            }
            line["Last"] = match delivery.get("Status") {
                Some(status) => status.clone(),
                None => text(delivery, "Problem").into(),
            };
            lines.push(line.clone());
        }
    }
    let rows: Vec<&Value> = lines.iter().collect();
    let columns = [
        "EventId",
        "EventTime",
        "Topic",
        "Subject",
        "CallbackId",
        "State",
        "Failures",
        "Last",
    ];
    let mut shown = table(&rows, &columns);
    if found["HasMore"] == true
        && let Some(last) = list(found, "Records").last()
    {
        let before = plain(&last["EventId"]);
        shown.push_str(&format!("\n--before {before} shows the next"));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_unix_seconds_or_how_long_ago() {
        assert_eq!(moment("1800000000").expect("a moment"), 1_800_000_000);
        let ago = unix_now_s() - moment("2h").expect("a moment");
        assert!((7200..7210).contains(&ago), "{ago}");
        for text in ["", "h", "2w", "-2h", "soon", "二h"] {
            assert!(moment(text).is_err(), "{text}");
        }
    }
}
