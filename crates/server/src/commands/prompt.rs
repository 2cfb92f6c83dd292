//! `prompt`: what callers hear before they are connected.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::cli::Prompt;
use crate::client::Client;
use crate::failure::{Failure, about};
use crate::output::{Output, fields, list, table, text};

/// Runs the command.
pub(crate) async fn run(client: &Client, output: Output, prompt: &Prompt) -> Result<(), Failure> {
    match prompt {
        Prompt::Add {
            code,
            file,
            account,
        } => {
            let bytes = std::fs::read(file).map_err(about(file))?;
            let parameters = json!({
                "VoiceCode": code, "Audio": STANDARD.encode(bytes), "AccountId": account,
            });
            let kept = client.call("UploadPrompt", &parameters).await?;
            output.show(&kept, fields);
        }
        Prompt::List { account } => {
            let found = client
                .call("ListPrompts", &json!({"AccountId": account}))
                .await?;
            let columns = ["VoiceCode", "Milliseconds", "CreateTime"];
            output.show(&found, |found| {
                let rows: Vec<&Value> = list(found, "Records").iter().collect();
                table(&rows, &columns)
            });
        }
        Prompt::Show { code, account } => {
            let found = client
                .call("ListPrompts", &json!({"AccountId": account}))
                .await?;
            let mut records = list(&found, "Records").iter();
            let record = records.find(|record| text(record, "VoiceCode") == code);
            let record = record.ok_or_else(|| {
                Failure::new(format!("there is no prompt {code}"))
                    .hint("`axbridge prompt list` lists them")
            })?;
            output.show(record, fields);
        }
        Prompt::Remove { code, account } => {
            let parameters = json!({"VoiceCode": code, "AccountId": account});
            let answer = client.call("DeletePrompt", &parameters).await?;
            output.show(&answer, |_| format!("{code} is removed"));
        }
    }
    Ok(())
}
