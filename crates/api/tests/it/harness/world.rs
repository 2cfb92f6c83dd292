//! The people and numbers that scenarios speak of, and what can be seen of the whole state.

use serde_json::{Value, json};

use super::{app::TestApp, client::Client};

/// A landline of Beijing (010).
pub(crate) const A: &str = "01062345670";
/// A landline of Shanghai (021).
pub(crate) const B: &str = "02162345671";
/// A landline of Guangzhou (020).
pub(crate) const C: &str = "02062345672";
/// A landline of Jinan (0531).
pub(crate) const D: &str = "053182345673";

/// Numbers X of one city, one a line, as ImportNumbers reads them.
fn lines(numbers: &[(&str, &str)]) -> String {
    numbers
        .iter()
        .map(|(number, city)| format!("{number},{city}\n"))
        .collect()
}

impl TestApp {
    /// A pool of the default account with these numbers and cities.
    pub(crate) async fn pool(&self, numbers: &[(&str, &str)]) -> String {
        let account = self.operator.account;
        self.pool_of(account, numbers).await
    }

    /// A pool of an account with these numbers and cities.
    pub(crate) async fn pool_of(
        &self,
        account: axbridge_domain::account::AccountId,
        numbers: &[(&str, &str)],
    ) -> String {
        let pool = self
            .operator
            .ok(
                "CreateNumberPool",
                json!({"Name": "shop", "ServiceType": 200, "SubServiceType": 201, "AccountId": account.to_string()}),
            )
            .await;
        let pool = text(&pool["NumberPoolNo"]);
        self.import(&pool, numbers).await;
        pool
    }

    /// Puts numbers into a pool.
    pub(crate) async fn import(&self, pool: &str, numbers: &[(&str, &str)]) {
        if numbers.is_empty() {
            return;
        }
        let report = self
            .operator
            .ok(
                "ImportNumbers",
                json!({"NumberPoolNo": pool, "Csv": lines(numbers)}),
            )
            .await;
        assert_eq!(report["RefusedCount"], 0, "{report}");
    }

    /// Who rings when `caller` dials `x`: the outcome, and the callee where somebody rings.
    pub(crate) async fn ring(&self, x: &str, caller: &str) -> (String, String) {
        let route = self
            .operator
            .ok("ResolveCall", json!({"PhoneNoX": x, "Caller": caller}))
            .await;
        let callee = route.get("Callee").map(text).unwrap_or_default();
        (text(&route["Outcome"]), callee)
    }

    /// Binds and gives the result.
    pub(crate) async fn bind(
        &self,
        client: &Client,
        pool: &str,
        a: &str,
        b: Option<&str>,
    ) -> Value {
        let mut parameters = self.wish(pool, a);
        if let Some(b) = b {
            parameters["PhoneNoB"] = b.into();
        }
        client.ok("SelectNumberAndBindAXB", parameters).await
    }

    /// The parameters that every bind needs; it ends after an hour.
    pub(crate) fn wish(&self, pool: &str, a: &str) -> Value {
        json!({"PhoneNoA": a, "NumberPoolNo": pool, "ExpireTime": self.in_s(3600)})
    }
}

/// Everything of an account that a client can list.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Snapshot {
    bindings: Value,
    pools: Value,
    numbers: Value,
    accounts: Value,
    keys: Value,
}

impl Snapshot {
    pub(crate) async fn take(operator: &Client) -> Self {
        let page = || json!({"Limit": 500});
        Self {
            bindings: operator.ok("QuerySubscriptionForList", page()).await,
            pools: operator.ok("NumberPoolList", page()).await,
            numbers: operator.ok("NumberList", page()).await,
            accounts: operator.ok("ListAccounts", json!({})).await,
            keys: operator.ok("ListAccessKeys", json!({})).await,
        }
    }
}

/// The text of a JSON string.
#[track_caller]
pub(crate) fn text(value: &Value) -> String {
    value.as_str().expect("a string").to_owned()
}
