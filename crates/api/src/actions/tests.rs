//! What must hold for every line of the table.

use std::collections::HashSet;

use axbridge_domain::phone::ServiceNumbers;

use super::*;
use crate::action::Permission;
use crate::arguments::Arguments;
use crate::decode::Params;
use crate::error::ErrorCode;

#[test]
fn no_two_actions_answer_to_one_name() {
    let mut seen = HashSet::new();
    for action in ACTIONS {
        for name in std::iter::once(&action.name).chain(action.aliases) {
            assert!(seen.insert(name.to_ascii_lowercase()), "{name} is twice");
        }
    }
}

#[test]
fn no_two_parameters_of_an_action_share_a_name() {
    for action in ACTIONS {
        let mut seen = HashSet::new();
        for parameter in action.parameters {
            let name = parameter.name;
            let is_new = seen.insert(name.to_ascii_lowercase());
            assert!(is_new, "{}: {name} is twice", action.name);
        }
    }
}

#[test]
fn every_default_is_a_value_that_its_parameter_takes() {
    for action in ACTIONS {
        for parameter in action.parameters {
            let Some(default) = parameter.default else {
                continue;
            };
            let alone = Action {
                parameters: std::slice::from_ref(parameter),
                ..*action
            };
            let body = format!("{}={default}", parameter.name);
            let sent = Params::decode("", None, body.as_bytes()).expect("a form");
            let unsent = Params::decode("", None, b"").expect("nothing");
            for params in [sent, unsent] {
                let read = Arguments::read(&alone, &params, &ServiceNumbers::default())
                    .unwrap_or_else(|error| panic!("{}: {error}", action.name));
                assert!(read.find(parameter.name).is_some());
            }
        }
    }
}

/// Extensions by which an application looks after what is its own.
const FOR_APPLICATIONS: [&str; 1] = ["ListCalls"];

#[test]
fn extensions_need_the_operator_and_the_vendors_actions_do_not() {
    for action in ACTIONS {
        let for_operators = action.permission == Permission::Operator;
        let is_managing = action.extension && !FOR_APPLICATIONS.contains(&action.name);
        assert_eq!(for_operators, is_managing, "{}", action.name);
    }
}

#[test]
fn no_action_promises_a_code_that_is_never_answered() {
    for action in ACTIONS {
        let reserved: Vec<ErrorCode> = action
            .all_errors()
            .filter(|code| code.entry().reserved)
            .collect();
        assert_eq!(reserved, [], "{}", action.name);
    }
}
