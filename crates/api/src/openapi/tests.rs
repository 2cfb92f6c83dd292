//! The document holds together and says what the tables say.

use std::collections::HashSet;

use super::*;

fn parsed() -> Value {
    serde_json::from_str(text()).expect("the document is JSON")
}

/// All texts under `$ref`, wherever they are.
fn references(tree: &Value, found: &mut Vec<String>) {
    match tree {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(target) if name == "$ref" => found.push(target.clone()),
                    other => references(other, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = parsed();
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > ACTIONS.len());
    for target in found {
        let pointer = target.strip_prefix('#').expect("a local reference");
        assert!(document.pointer(pointer).is_some(), "{target}");
    }
}

#[test]
fn every_action_has_its_path_and_every_operation_its_own_id() {
    let document = parsed();
    let paths = document["paths"].as_object().expect("paths");
    let mut ids = HashSet::new();
    for path in paths.values() {
        for operation in path.as_object().expect("operations").values() {
            let id = operation["operationId"].as_str().expect("an id");
            assert!(ids.insert(id.to_owned()), "{id} is twice");
            assert!(operation["responses"]["200"].is_object(), "{id}");
        }
    }
    for action in ACTIONS {
        assert!(ids.contains(action.name), "{}", action.name);
    }
}

#[test]
fn defaults_have_the_type_of_their_parameter() {
    let document = parsed();
    let schemas = document["components"]["schemas"]
        .as_object()
        .expect("schemas");
    let mut checked = 0;
    for (name, schema) in schemas {
        let Some(properties) = schema["properties"].as_object() else {
            continue;
        };
        for (property, schema) in properties {
            let default = &schema["default"];
            let fits = match schema["type"].as_str() {
                _ if default.is_null() => continue,
                Some("integer") => default.is_i64(),
                Some("boolean") => default.is_boolean(),
                Some("string") => default.is_string(),
                _ => false,
            };
            assert!(fits, "{name}.{property}: {default}");
            checked += 1;
        }
    }
    assert!(checked > 0);
}

#[test]
fn an_extension_is_marked() {
    let document = parsed();
    for action in ACTIONS {
        let path = format!("/?Action={}&Version={VERSION}", action.name);
        let operation = &document["paths"][&path]["post"];
        assert_eq!(operation["operationId"], action.name);
        assert_eq!(operation["x-axbridge-extension"] == true, action.extension);
    }
}
