//! The table of actions as the shell sees it.

use axbridge_api::action;
use axbridge_api::actions::ACTIONS;

use crate::suggest::plain;

/// An action.
#[derive(Clone, Debug)]
pub(super) struct Action {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    /// Whether it is ours and not the vendor's.
    pub(super) is_extension: bool,
    pub(super) parameters: Vec<Parameter>,
}

/// One of its parameters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) required: bool,
    pub(super) about: &'static str,
}

/// What is to be sent for a parameter; whether the value fits is the server's to
/// say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Integer,
    Boolean,
    List,
}

/// All actions, in the order of the reference pages.
pub(super) fn actions() -> Vec<Action> {
    ACTIONS.iter().map(of).collect()
}

/// The action of this name or alias, in any spelling.
pub(super) fn find(name: &str) -> Option<Action> {
    let name = plain(name);
    let mut actions = ACTIONS.iter();
    let found = actions.find(|action| {
        let mut names = std::iter::once(&action.name).chain(action.aliases);
        names.any(|known| plain(known) == name)
    });
    found.map(of)
}

fn of(action: &action::Action) -> Action {
    let parameters = action.parameters.iter().map(|it| Parameter {
        name: it.name,
        kind: kind_of(it.kind),
        required: it.required,
        about: it.doc,
    });
    Action {
        name: action.name,
        about: action.summary,
        is_extension: action.extension,
        parameters: parameters.collect(),
    }
}

fn kind_of(kind: action::Kind) -> Kind {
    match kind {
        action::Kind::Integer { .. } | action::Kind::Flag | action::Kind::UnixSeconds => {
            Kind::Integer
        }
        action::Kind::Boolean => Kind::Boolean,
        action::Kind::DegradeCities | action::Kind::Texts { .. } | action::Kind::Numbers { .. } => {
            Kind::List
        }
        _ => Kind::Text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_found_in_any_spelling() {
        for name in ["UnbindAXB", "unbind-axb", "unbindaxb"] {
            assert_eq!(find(name).map(|it| it.name), Some("UnbindAXB"), "{name}");
        }
        assert!(find("unbind").is_none());
    }
}
