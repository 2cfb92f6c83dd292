//! What a newcomer can paste next.

use std::path::Path;

use serde_json::json;

use super::story::{ANNA, BEN};
use crate::client::{Client, VERSION, unix_now_s};

/// The action that the snippets call.
const ACTION: &str = "SelectNumberAndBindAXB";

/// Endpoint and key, a signed curl, the vendor's Python client, our own command
/// line.
pub(super) fn all(application: &Client, pool: &str, data: &Path) -> String {
    let target = application.target();
    format!(
        "endpoint    {endpoint}\n\
         access key  {id}\n\
         secret      {secret}\n\
         pool        {pool}\n\n\
         With curl (the signature holds for 15 minutes):\n\n{curl}\n\n\
         With the vendor's Python client (pip install volcengine-python-sdk):\n\n{python}\n\n\
         With axbridge:\n\n  axbridge --data {data} number list\n  \
         axbridge --data {data} call QuerySubscriptionForList --number-pool-no {pool}",
        endpoint = target.endpoint,
        id = target.access_key,
        secret = target.secret.0,
        curl = curl(application, pool),
        python = python(application, pool),
        data = data.display(),
    )
}

fn curl(application: &Client, pool: &str) -> String {
    let body = json!({
        "NumberPoolNo": pool,
        "PhoneNoA": ANNA,
        "PhoneNoB": BEN,
        "CityCode": "010",
        "ExpireTime": unix_now_s() + 3600,
    })
    .to_string();
    let signed = application.sign(ACTION, body.as_bytes());
    let headers: Vec<String> = signed
        .as_pairs()
        .iter()
        .map(|(name, value)| format!("  -H '{name}: {value}' \\\n"))
        .collect();
    format!(
        "curl '{}/?Action={ACTION}&Version={VERSION}' \\\n  \
         -H 'Content-Type: application/json' \\\n{}  -d '{body}'",
        application.target().endpoint,
        headers.concat(),
    )
}

fn python(application: &Client, pool: &str) -> String {
    let target = application.target();
    let (scheme, host) = target
        .endpoint
        .split_once("://")
        .unwrap_or(("http", &target.endpoint));
    format!(
        "import time, volcenginesdkcore, volcenginesdkvms\n\
         configuration = volcenginesdkcore.Configuration()\n\
         configuration.ak = \"{id}\"\n\
         configuration.sk = \"{secret}\"\n\
         configuration.region = \"cn-beijing\"\n\
         configuration.host = \"{host}\"\n\
         configuration.scheme = \"{scheme}\"\n\
         api = volcenginesdkvms.VMSApi(volcenginesdkcore.ApiClient(configuration))\n\
         print(api.select_number_and_bind_axb(volcenginesdkvms.SelectNumberAndBindAXBRequest(\n    \
         number_pool_no=\"{pool}\", phone_no_a=\"{ANNA}\", phone_no_b=\"{BEN}\",\n    \
         city_code=\"010\", expire_time=int(time.time()) + 3600)))",
        id = target.access_key,
        secret = target.secret.0,
    )
}
