//! What the demo does, and says while it does it.

use std::path::Path;

use serde_json::{Value, json};

use super::calls::Carrier;
use crate::client::{CallError, Client, unix_now_s};
use crate::failure::Failure;
use crate::output::{Output, list, say, text};

/// The numbers of the pool: two of Beijing, two of Shanghai, one of Shenzhen.
const NUMBERS: &str = "17000000001,010\n17000000002,010\n\
                       17000000011,021\n17000000012,021\n\
                       17000000021,0755\n";

/// The people. All numbers of the demo are made up.
pub(super) const ANNA: &str = "13700000000";
pub(super) const BEN: &str = "13800000000";
const CARL: &str = "13900000000";
const DORA: &str = "13600000000";
const STRANGER: &str = "13500000000";

/// Seconds that the bindings live.
const LIFE_S: i64 = 3600;

/// The story so far.
pub(super) struct Story {
    output: Output,
    endpoint: String,
    steps: Vec<Value>,
}

impl Story {
    /// Nothing told yet.
    pub(super) fn new(output: Output, endpoint: String) -> Self {
        Self {
            output,
            endpoint,
            steps: Vec::new(),
        }
    }

    /// Begins a step.
    pub(super) fn step(&mut self, title: &str) {
        self.steps.push(json!({"Step": title, "Says": []}));
        let number = self.steps.len();
        self.print(&format!("\n{number}. {title}"));
    }

    /// Says what came of it.
    pub(super) fn tell(&mut self, line: &str) {
        if let Some(Value::Array(says)) = self.steps.last_mut().map(|step| step["Says"].take()) {
            let says: Vec<Value> = says.into_iter().chain([line.into()]).collect();
            if let Some(step) = self.steps.last_mut() {
                step["Says"] = says.into();
            }
        }
        self.print(&format!("   {line}"));
    }

    fn print(&self, line: &str) {
        if !self.output.is_json() {
            say(line);
        }
    }

    /// The story as JSON.
    pub(super) fn value(&self, pool: &str, key: &Value) -> Value {
        json!({
            "Endpoint": self.endpoint,
            "AccessKeyId": key["AccessKeyId"],
            "SecretAccessKey": key["SecretAccessKey"],
            "NumberPoolNo": pool,
            "Steps": self.steps,
        })
    }

    /// A pool with numbers in three cities.
    pub(super) async fn make_pool(&mut self, operator: &Client) -> Result<String, Failure> {
        self.step("A pool with privacy numbers (CreateNumberPool, ImportNumbers)");
        let parameters = json!({"Name": "demo", "ServiceType": 200, "SubServiceType": 201});
        let made = operator.call("CreateNumberPool", &parameters).await?;
        let pool = text(&made, "NumberPoolNo").to_owned();
        let parameters = json!({"NumberPoolNo": pool, "Csv": NUMBERS});
        let imported = operator.call("ImportNumbers", &parameters).await?;
        self.tell(&format!(
            "{pool} with {} numbers: 2 of Beijing (010), 2 of Shanghai (021), 1 of Shenzhen (0755)",
            imported["Added"]
        ));
        Ok(pool)
    }

    /// A key for the application: id and secret.
    pub(super) async fn make_key(
        &mut self,
        operator: &Client,
    ) -> Result<(String, String), Failure> {
        self.step("An access key for an application (CreateAccessKey)");
        let parameters = json!({"Role": "application", "Description": "demo"});
        let made = operator.call("CreateAccessKey", &parameters).await?;
        let id = text(&made, "AccessKeyId").to_owned();
        self.tell(&format!("{id}; from here on the application signs with it"));
        Ok((id, text(&made, "SecretAccessKey").to_owned()))
    }

    /// Binds, calls over SIP, is refused, unbinds.
    pub(super) async fn bind_and_call(
        &mut self,
        application: &Client,
        operator: &Client,
        carrier: &Carrier,
        pool: &str,
        data: &Path,
    ) -> Result<(), Failure> {
        self.step("An AX: Anna is reached by a Shanghai number, by whoever dials it");
        let ax = bind(application, pool, ANNA, None, "021").await?;
        self.tell(&format!("Anna {ANNA} got X {}", text(&ax, "PhoneNoX")));
        carrier.talk(self, STRANGER, text(&ax, "PhoneNoX")).await?;

        self.step("An AXB: Anna and Ben reach each other by a Beijing number, nobody else does");
        let axb = bind(application, pool, ANNA, Some(BEN), "010").await?;
        let x = text(&axb, "PhoneNoX");
        self.tell(&format!("Anna {ANNA} and Ben {BEN} got X {x}"));
        for caller in [ANNA, BEN] {
            carrier.talk(self, caller, x).await?;
        }
        carrier.refused(self, STRANGER, x).await?;
        let binding = text(&axb, "SubId");
        carrier.records(self, application, binding, data).await?;

        self.refusal(application, operator, pool).await?;

        self.step("The order is done: the AXB is unbound (UnbindAXB)");
        let parameters = json!({"NumberPoolNo": pool, "SubId": text(&axb, "SubId")});
        application.call("UnbindAXB", &parameters).await?;
        self.tell(&format!("{} has ended", text(&axb, "SubId")));
        carrier.refused(self, ANNA, x).await?;
        self.who_rings(operator, x, BEN).await
    }

    async fn who_rings(&mut self, operator: &Client, x: &str, caller: &str) -> Result<(), Failure> {
        let parameters = json!({"PhoneNoX": x, "Caller": caller});
        let route = operator.call("ResolveCall", &parameters).await?;
        let who = format!("{} dials {x}", named(caller));
        self.tell(&match text(&route, "Outcome") {
            "Connect" => format!(
                "{who}: {} rings and sees {}",
                named(text(&route, "Callee")),
                text(&route, "CalleeShowNumber")
            ),
            outcome => format!(
                "{who}: nobody rings (Outcome {outcome}); the caller hears \"{}\"",
                text(&route, "Announcement")
            ),
        });
        Ok(())
    }

    async fn refusal(
        &mut self,
        application: &Client,
        operator: &Client,
        pool: &str,
    ) -> Result<(), Failure> {
        self.step("A refusal says why: Carl needs two numbers of Shenzhen, and there is one");
        let first = bind(application, pool, CARL, Some(ANNA), "0755").await?;
        self.tell(&format!("Carl and Anna got X {}", text(&first, "PhoneNoX")));
        match bind(application, pool, CARL, Some(DORA), "0755").await {
            Err(CallError::Refused { code, message, .. }) => {
                self.tell(&format!("Carl and Dora: {code}: {message}"));
            }
            Err(error) => return Err(error.into()),
            Ok(second) => {
                let x = text(&second, "PhoneNoX");
                return Err(Failure::new(format!(
                    "the demo got X {x} where none was left"
                )));
            }
        }
        let parameters = asked(pool, CARL, Some(DORA), "0755");
        let standing = operator.call("ExplainSelection", &parameters).await?;
        for place in list(&standing, "Places") {
            self.tell(&format!(
                "ExplainSelection: city {} has {} number, {} eligible, {} held by A",
                text(place, "City"),
                place["Total"],
                place["Eligible"],
                place["HeldByA"],
            ));
        }
        Ok(())
    }
}

async fn bind(
    application: &Client,
    pool: &str,
    a: &str,
    b: Option<&str>,
    city: &str,
) -> Result<Value, CallError> {
    let parameters = asked(pool, a, b, city);
    application
        .call("SelectNumberAndBindAXB", &parameters)
        .await
}

fn asked(pool: &str, a: &str, b: Option<&str>, city: &str) -> Value {
    json!({
        "NumberPoolNo": pool,
        "PhoneNoA": a,
        "PhoneNoB": b,
        "CityCode": city,
        "ExpireTime": unix_now_s() + LIFE_S,
    })
}

/// A number of the demo with its person.
pub(super) fn named(number: &str) -> String {
    let name = match number {
        ANNA => "Anna",
        BEN => "Ben",
        CARL => "Carl",
        DORA => "Dora",
        _ => "a stranger",
    };
    format!("{name} ({number})")
}
