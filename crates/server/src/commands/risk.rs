//! `risk`: blacklists and frequency limits.

use serde_json::{Value, json};

use crate::cli::Risk;
use crate::client::Client;
use crate::failure::Failure;
use crate::output::{Output, fields, records};

/// What entries made here are for.
const PRIVACY_NUMBERS: i64 = 200;
const AXB: i64 = 201;

/// Runs the command.
pub(crate) async fn run(client: &Client, output: Output, risk: &Risk) -> Result<(), Failure> {
    match risk {
        Risk::Add {
            number,
            kind,
            freeze_time,
            remark,
        } => {
            let mut entry = entry(number, *kind);
            entry["FreezeTime"] = json!(freeze_time);
            entry["Remark"] = json!(remark);
            let answer = client.call("AddBlackList", &entry).await?;
            output.show(&answer, |_| "it is on the blacklist".to_owned());
        }
        Risk::Remove { number, kind } => {
            let answer = client
                .call("DeleteBlackList", &entry(number, *kind))
                .await?;
            output.show(&answer, |_| "it is off the blacklist".to_owned());
        }
        Risk::List {
            account,
            number,
            ended,
            page,
        } => {
            let parameters = json!({
                "AccountId": account,
                "CustomerNumber": number,
                "StandingOnly": !ended,
                "Limit": page.limit,
                "Offset": page.offset,
            });
            let found = client.call("ListBlackList", &parameters).await?;
            let columns = [
                "CustomerNumber",
                "Type",
                "TypeName",
                "StartTime",
                "ExpiryTime",
                "Remark",
            ];
            output.show(&found, |found| records(found, &columns));
        }
        Risk::Limits { account } => {
            let parameters = json!({"AccountId": account});
            let found = client.call("ListFrequencyLimits", &parameters).await?;
            output.show(&found, fields);
        }
        Risk::SetLimits { account, windows } => {
            let parameters = json!({"AccountId": account, "Windows": windows});
            let set = client.call("SetFrequencyLimits", &parameters).await?;
            output.show(&set, fields);
        }
    }
    Ok(())
}

fn entry(number: &str, kind: i64) -> Value {
    json!({
        "CustomerNumber": number,
        "ServiceType": PRIVACY_NUMBERS,
        "SubServiceType": AXB,
        "Type": kind,
    })
}
