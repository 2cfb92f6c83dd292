//! `number`: the privacy numbers of pools.

use std::process::ExitCode;

use serde_json::json;

use super::import;
use crate::cli::Number;
use crate::client::Client;
use crate::failure::Failure;
use crate::output::{Output, records};

/// Runs the command.
pub(crate) async fn run(
    client: &Client,
    output: Output,
    number: &Number,
) -> Result<ExitCode, Failure> {
    match number {
        Number::Import(import) => import::run(client, output, import).await,
        Number::List {
            pool,
            number,
            status,
            page,
        } => {
            let parameters = json!({
                "NumberPoolNo": pool,
                "Number": number,
                "NumberStatusCode": status,
                "Limit": page.limit,
                "Offset": page.offset,
            });
            let found = client.call("NumberList", &parameters).await?;
            let columns = [
                "Number",
                "NumberLocation",
                "NumberStatusDesc",
                "CurrentBindCount",
                "NumberPoolNo",
            ];
            output.show(&found, |found| records(found, &columns));
            Ok(ExitCode::SUCCESS)
        }
    }
}
