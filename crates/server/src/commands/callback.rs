//! `callback`: where events go.

use serde_json::{Value, json};

use crate::cli::Callback;
use crate::client::Client;
use crate::failure::{Failure, about};
use crate::output::{Output, fields, records, text};

const COLUMNS: [&str; 5] = ["CallbackId", "AccountId", "Url", "EventKinds", "Paused"];

/// Runs the command.
pub(crate) async fn run(
    client: &Client,
    output: Output,
    callback: &Callback,
) -> Result<(), Failure> {
    match callback {
        Callback::Set {
            callback_id,
            url,
            events,
            token,
            ca,
            system_ca,
            account,
        } => {
            let ca = match ca {
                Some(path) => Some(std::fs::read_to_string(path).map_err(about(path))?),
                None => system_ca.then(|| "system".to_owned()),
            };
            let parameters = json!({
                "CallbackId": callback_id,
                "AccountId": account,
                "Url": url,
                "EventKinds": events,
                "AuthToken": token.as_ref().map(|it| &it.0),
                "CaCertificates": ca,
            });
            let set = client.call("SetCallback", &parameters).await?;
            output.show(&set, fields);
        }
        Callback::List { account } => {
            let found = client
                .call("ListCallbacks", &json!({"AccountId": account}))
                .await?;
            output.show(&found, |found| records(found, &COLUMNS));
        }
        Callback::Test { callback_id, event } => {
            let parameters = json!({"CallbackId": callback_id, "EventKind": event});
            let tested = client.call("TestCallback", &parameters).await?;
            output.show(&tested, shown_test);
            if tested["Delivered"] != true {
                return Err(Failure::new("the receiver did not take the message")
                    .hint("what it answered is shown above; it must be a 2xx"));
            }
        }
        Callback::Pause { callback_id } => pause(client, output, callback_id, true).await?,
        Callback::Resume { callback_id } => pause(client, output, callback_id, false).await?,
        Callback::Delete { callback_id } => {
            let answer = client
                .call("DeleteCallback", &json!({"CallbackId": callback_id}))
                .await?;
            output.show(&answer, |_| format!("{callback_id} is deleted"));
        }
    }
    Ok(())
}

async fn pause(client: &Client, output: Output, id: &str, paused: bool) -> Result<(), Failure> {
    let parameters = json!({"CallbackId": id, "Paused": paused});
    let set = client.call("SetCallback", &parameters).await?;
    output.show(&set, |_| match paused {
        true => format!("{id} is paused; what happens meanwhile is kept for later"),
        false => format!("{id} goes on"),
    });
    Ok(())
}

fn shown_test(tested: &Value) -> String {
    let came_back = match tested.get("Status") {
        Some(status) => format!("{status}\n\n{}", text(tested, "AnswerBody")),
        None => format!("nothing: {}", text(tested, "Problem")),
    };
    format!(
        "POST {}\n{}\n\n{}\n\nAfter {} ms came {came_back}",
        text(tested, "RequestUrl"),
        text(tested, "EventIdHeader"),
        text(tested, "RequestBody"),
        tested["TookMs"],
    )
}
