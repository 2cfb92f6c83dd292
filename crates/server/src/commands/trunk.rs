//! `trunk`: SIP peers over which calls come and go.

use axbridge_domain::trunk::FIELDS;
use serde_json::{Map, Value, json};

use crate::cli::{Hidden, Trunk, TrunkFields};
use crate::client::Client;
use crate::failure::Failure;
use crate::output::{Output, fields as show_fields, list, table, text};

/// Runs the command.
pub(crate) async fn run(client: &Client, output: Output, trunk: &Trunk) -> Result<(), Failure> {
    match trunk {
        Trunk::Add { name, fields } => {
            let parameters = parameters(name, fields, |name| std::env::var(name).ok())?;
            let made = client.call("CreateTrunk", &parameters).await?;
            output.show(&made, show_fields);
        }
        Trunk::Update { name, fields } => {
            let parameters = parameters(name, fields, |name| std::env::var(name).ok())?;
            let changed = client.call("UpdateTrunk", &parameters).await?;
            output.show(&changed, show_fields);
        }
        Trunk::List => {
            let found = client.call("ListTrunks", &json!({})).await?;
            let columns = [
                "TrunkName",
                "Enabled",
                "Inbound",
                "Outbound",
                "Peers",
                "CallsMax",
                "Priority",
            ];
            output.show(&found, |found| {
                table(&list(found, "Records").iter().collect::<Vec<_>>(), &columns)
            });
        }
        Trunk::Show { name } => {
            let parameters = json!({"TrunkName": name});
            let found = client.call("ListTrunks", &parameters).await?;
            let record = &found["Records"][0];
            output.show(record, show_fields);
        }
        Trunk::Remove { name } => {
            let answer = client
                .call("DeleteTrunk", &json!({"TrunkName": name}))
                .await?;
            output.show(&answer, |_| format!("{name} is removed"));
        }
        Trunk::Test { name } => return test(client, output, name).await,
    }
    Ok(())
}

/// Fails when a peer does not answer, so that scripts can ask.
async fn test(client: &Client, output: Output, name: &str) -> Result<(), Failure> {
    let found = client
        .call("TestTrunk", &json!({"TrunkName": name}))
        .await?;
    let columns = ["Peer", "Answers", "Status", "Milliseconds", "Reason"];
    let peers: Vec<&Value> = list(&found, "Records").iter().collect();
    output.show(&found, |_| table(&peers, &columns));
    let silent: Vec<&str> = peers
        .iter()
        .filter(|peer| peer["Answers"] != json!(true))
        .map(|peer| text(peer, "Peer"))
        .collect();
    if silent.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("{} did not answer", silent.join(", "))).hint(
        "check address, port and transport, that the peer accepts this server's address, and the \
         firewall between",
    ))
}

/// What a request says of a trunk.
fn parameters(
    name: &str,
    fields: &TrunkFields,
    environment: impl Fn(&str) -> Option<String>,
) -> Result<Value, Failure> {
    let mut parameters = Map::new();
    parameters.insert("TrunkName".to_owned(), json!(name));
    let lists = [
        ("Peers", &fields.peer),
        ("Networks", &fields.network),
        ("PrefixRules", &fields.prefix),
    ];
    for (name, items) in lists {
        if !items.is_empty() {
            parameters.insert(name.to_owned(), json!(items));
        }
    }
    let password = |flag: &Option<Hidden>, name: &str| {
        let flag = flag.as_ref().map(|it| it.0.clone());
        flag.or_else(|| environment(name).filter(|it| !it.is_empty()))
    };
    let texts = [
        ("CallerIdForm", fields.caller_id_form.clone()),
        ("CallerIdHeader", fields.caller_id_header.clone()),
        ("CallsMax", fields.calls_max.map(|most| most.to_string())),
        ("OutboundUser", fields.outbound_user.clone()),
        (
            "OutboundPassword",
            password(
                &fields.outbound_password,
                "AXBRIDGE_TRUNK_OUTBOUND_PASSWORD",
            ),
        ),
        ("InboundUser", fields.inbound_user.clone()),
        (
            "InboundPassword",
            password(&fields.inbound_password, "AXBRIDGE_TRUNK_INBOUND_PASSWORD"),
        ),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            parameters.insert(name.to_owned(), json!(text));
        }
    }
    for wish in &fields.set {
        let (name, value) = read_wish(wish)?;
        parameters.insert(name.to_owned(), value);
    }
    Ok(Value::Object(parameters))
}

fn read_wish(wish: &str) -> Result<(&'static str, Value), Failure> {
    let (name, value) = wish.split_once('=').ok_or_else(|| {
        Failure::usage(format!("`{wish}` sets nothing")).hint("write it like SymmetricRtp=true")
    })?;
    let mut known = FIELDS.iter();
    let field = known.find(|field| field.name.eq_ignore_ascii_case(name.trim()));
    let field = field.ok_or_else(|| {
        let names: Vec<&str> = FIELDS.iter().map(|field| field.name).collect();
        Failure::usage(format!("a trunk has no field `{name}`"))
            .hint(format!("it has {}", names.join(", ")))
    })?;
    let items = value.split(',').map(str::trim).filter(|it| !it.is_empty());
    Ok(if field.is_list && !value.trim().is_empty() {
        (field.name, json!(items.collect::<Vec<_>>()))
    } else {
        (field.name, json!(value.trim()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_become_the_fields_of_the_api() {
        let fields = TrunkFields {
            peer: vec!["192.0.2.7".to_owned(), "192.0.2.8".to_owned()],
            calls_max: Some(30),
            outbound_user: Some("axbridge".to_owned()),
            set: vec![
                "symmetricrtp=true".to_owned(),
                "Codecs=pcmu,pcma".to_owned(),
                "Networks=".to_owned(),
            ],
            ..TrunkFields::default()
        };
        let environment =
            |name: &str| (name == "AXBRIDGE_TRUNK_OUTBOUND_PASSWORD").then(|| "p".to_owned());
        let found = parameters("carrier", &fields, environment).expect("fits");
        let expected = json!({
            "TrunkName": "carrier", "Peers": ["192.0.2.7", "192.0.2.8"], "CallsMax": "30",
            "OutboundUser": "axbridge", "OutboundPassword": "p", "SymmetricRtp": "true",
            "Codecs": ["pcmu", "pcma"], "Networks": "",
        });
        assert_eq!(found, expected);
    }

    #[test]
    fn a_field_that_there_is_not_is_told_with_those_there_are() {
        for wish in ["SymmetricRtp", "Nonsense=1"] {
            let failure = read_wish(wish).expect_err("refused");
            assert!(failure.to_string().contains("hint"), "{failure}");
        }
    }
}
