//! `pool`: number pools and their rules.

use serde_json::{Map, Value, json};

use crate::cli::{Pool, PoolRules};
use crate::client::Client;
use crate::failure::Failure;
use crate::output::{Output, fields, list, records};

/// Privacy numbers (`ServiceType`, vendor doc 6358/173382).
const SERVICE_TYPE: i64 = 200;

/// Runs the command.
pub(crate) async fn run(client: &Client, output: Output, pool: &Pool) -> Result<(), Failure> {
    match pool {
        Pool::Create {
            name,
            sub_service_type,
            scene,
            account,
            rules,
        } => {
            let parameters = json!({
                "Name": name,
                "ServiceType": SERVICE_TYPE,
                "SubServiceType": sub_service_type,
                "Scene": scene,
                "AccountId": account,
            });
            let mut made = client.call("CreateNumberPool", &parameters).await?;
            if *rules != PoolRules::default() {
                let pool = made["NumberPoolNo"].clone();
                merge(&mut made, set_rules(client, pool, rules).await?);
            }
            output.show(&made, fields);
        }
        Pool::List { name, page } => {
            let parameters = json!({
                "NumberPoolName": name,
                "Limit": page.limit,
                "Offset": page.offset,
            });
            let found = client.call("NumberPoolList", &parameters).await?;
            let columns = [
                "NumberPoolNo",
                "NumberPoolName",
                "SubServiceTypeName",
                "NumberCount",
            ];
            output.show(&found, |found| records(found, &columns));
        }
        Pool::Show { pool } => output.show(&one(client, pool).await?, fields),
        Pool::Update { pool, name, rules } => {
            if name.is_none() && *rules == PoolRules::default() {
                return Err(Failure::usage("nothing to change was named")
                    .hint("`axbridge pool update --help` lists what can be changed"));
            }
            let mut updated = one(client, pool).await?;
            if let Some(name) = name {
                let parameters = json!({"NumberPoolNo": pool, "Name": name});
                client.call("UpdateNumberPoolV2", &parameters).await?;
                updated = one(client, pool).await?;
            }
            if *rules != PoolRules::default() {
                merge(&mut updated, set_rules(client, json!(pool), rules).await?);
            }
            output.show(&updated, fields);
        }
    }
    Ok(())
}

async fn one(client: &Client, pool: &str) -> Result<Value, Failure> {
    let parameters = json!({"NumberPoolNo": pool});
    let found = client.call("NumberPoolList", &parameters).await?;
    let unknown = || {
        Failure::new(format!("there is no pool {pool}"))
            .hint("`axbridge pool list` shows those that there are")
    };
    let mut shown = list(&found, "Records")
        .first()
        .cloned()
        .ok_or_else(unknown)?;
    // Without a change, the answer is the rules as they are.
    let rules = client.call("UpdatePoolSettings", &parameters).await?;
    merge(&mut shown, rules);
    Ok(shown)
}

async fn set_rules(client: &Client, pool: Value, rules: &PoolRules) -> Result<Value, Failure> {
    let mut parameters = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            parameters.insert(name.to_owned(), value);
        }
    };
    put("NumberPoolNo", Some(pool));
    put("Policy", rules.policy.clone().map(Value::from));
    put("CityFallback", rules.city_fallback.clone().map(Value::from));
    put("QuarantineSeconds", rules.quarantine_s.map(Value::from));
    put(
        "QuarantineMinSeconds",
        rules.quarantine_min_s.map(Value::from),
    );
    let most = rules.bindings_per_number_max;
    put("BindingsPerNumberMax", most.map(Value::from));
    let parameters = Value::Object(parameters);
    Ok(client.call("UpdatePoolSettings", &parameters).await?)
}

fn merge(into: &mut Value, from: Value) {
    if let (Value::Object(into), Value::Object(from)) = (into, from) {
        into.extend(from);
    }
}
