//! `resolve` and `explain`: who would ring, and how the numbers stand.

use serde_json::{Value, json};

use crate::cli::{Explain, Resolve};
use crate::client::{Client, unix_now_s};
use crate::failure::Failure;
use crate::output::{Output, fields, list, table, text};

/// How long the bind that is explained would live, which it must say and nothing
/// depends on.
const LIFE_S: i64 = 3600;

/// Asks where a call would go.
pub(crate) async fn resolve(
    client: &Client,
    output: Output,
    resolve: &Resolve,
) -> Result<(), Failure> {
    let parameters = json!({
        "PhoneNoX": resolve.x,
        "Caller": resolve.caller,
        "Extension": resolve.extension,
    });
    let found = client.call("ResolveCall", &parameters).await?;
    output.show(&found, who_rings);
    Ok(())
}

/// Asks how the numbers of a pool stand for a pair.
pub(crate) async fn explain(
    client: &Client,
    output: Output,
    explain: &Explain,
) -> Result<(), Failure> {
    let parameters = json!({
        "NumberPoolNo": explain.pool,
        "PhoneNoA": explain.a,
        "PhoneNoB": explain.b,
        "CityCode": explain.city,
        "CityCodeByPhoneNo": explain.city_by,
        "DegradeCityList": explain.degrade,
        "ExpireTime": unix_now_s() + LIFE_S,
    });
    let found: Value = client.call("ExplainSelection", &parameters).await?;
    output.show(&found, standing);
    Ok(())
}

fn who_rings(found: &Value) -> String {
    let sentence = match text(found, "Outcome") {
        "Connect" => format!(
            "{} rings and sees {}",
            text(found, "Callee"),
            text(found, "CalleeShowNumber")
        ),
        _ => format!("nobody rings: \"{}\"", text(found, "Announcement")),
    };
    format!("{sentence}\n\n{}", fields(found))
}

fn standing(found: &Value) -> String {
    let places: Vec<&Value> = list(found, "Places").iter().collect();
    let columns = [
        "City",
        "Total",
        "Eligible",
        "Disabled",
        "AtCap",
        "KindConflict",
        "HeldByA",
        "HeldByB",
        "HeldByAx",
        "Quarantined",
    ];
    let verdict = if found["Eligible"] == true {
        "a number would be found"
    } else {
        "no number is eligible; each is counted under the first reason that rules it out"
    };
    format!("{}\n{verdict}", table(&places, &columns))
}
