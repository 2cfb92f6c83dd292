//! `key`: access keys.

use serde_json::{Value, json};

use crate::cli::Key;
use crate::client::Client;
use crate::failure::Failure;
use crate::output::{Output, fields, records, text};

/// Runs the command.
pub(crate) async fn run(client: &Client, output: Output, key: &Key) -> Result<(), Failure> {
    match key {
        Key::Create {
            role,
            account,
            account_name,
            description,
        } => {
            let parameters = json!({
                "Role": role.name(),
                "AccountId": account,
                "AccountName": account_name,
                "Description": description,
            });
            let made = client.call("CreateAccessKey", &parameters).await?;
            output.show(&made, created);
        }
        Key::List { account } => {
            let parameters = json!({"AccountId": account});
            let found = client.call("ListAccessKeys", &parameters).await?;
            let columns = [
                "AccessKeyId",
                "AccountId",
                "Role",
                "Disabled",
                "CreateTime",
                "Description",
            ];
            output.show(&found, |found| records(found, &columns));
        }
        Key::Disable { access_key_id } => {
            let parameters = json!({"AccessKeyId": access_key_id});
            let answer = client.call("DisableAccessKey", &parameters).await?;
            output.show(&answer, |_| format!("{access_key_id} is disabled"));
        }
    }
    Ok(())
}

fn created(made: &Value) -> String {
    format!(
        "{}\n\nThe secret is shown this once. To use the key in this shell:\n\
         export AXBRIDGE_ACCESS_KEY={}\nexport AXBRIDGE_SECRET_KEY={}",
        fields(made),
        text(made, "AccessKeyId"),
        text(made, "SecretAccessKey"),
    )
}
