//! The layers of settings and what may stand in them.

use std::collections::BTreeSet;
use std::path::Path;

use config::{Config, ConfigError, File, FileFormat, Source, Value, ValueKind};
use serde::{Deserialize, Deserializer};

use super::{DEFAULTS, Settings};
use crate::failure::Failure;
use crate::suggest::closest;

const ENVIRONMENT_PREFIX: &str = "AXBRIDGE__";

const HINT: &str = "every setting is explained in docs/reference/settings.md";

/// What flags set: setting and text.
pub(crate) type Overrides = Vec<(&'static str, String)>;

/// The settings of the defaults, the file, `environment` and `flags`, the later
/// over the earlier.
///
/// # Errors
/// A setting that does not exist or has a value that cannot be, with its name
/// and where it stands. Values of the environment are never shown.
pub(crate) fn load(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
    flags: &Overrides,
) -> Result<Settings, Failure> {
    let defaults = File::from_str(DEFAULTS, FileFormat::Toml);
    let known = keys_of(&defaults.collect().map_err(unusable)?);
    let mut layers = Config::builder().add_source(defaults);
    if let Some(path) = file {
        let source = File::from(path).format(FileFormat::Toml);
        let place = path.display().to_string();
        let found = source.collect().map_err(|error| in_file(&place, &error))?;
        for key in keys_of(&found) {
            check_known(&known, &key, &key, &place)?;
        }
        layers = layers.add_source(source);
    }
    for (name, value) in environment {
        let Some(path) = name.strip_prefix(ENVIRONMENT_PREFIX) else {
            continue;
        };
        let key = path.to_lowercase().replace("__", ".");
        check_known(&known, &key, &name, "the environment")?;
        layers = set(layers, &key, &value)?;
    }
    for (key, value) in flags {
        layers = set(layers, key, value)?;
    }
    let settings: Settings = layers
        .build()
        .and_then(Config::try_deserialize)
        .map_err(unusable)?;
    let checked = settings.check();
    checked.map_err(|what| Failure::usage(what).hint(HINT))?;
    Ok(settings)
}

type Builder = config::ConfigBuilder<config::builder::DefaultState>;

fn set(layers: Builder, key: &str, value: &str) -> Result<Builder, Failure> {
    layers.set_override(key, value).map_err(unusable)
}

/// The dotted names of all settings in a layer.
fn keys_of(layer: &config::Map<String, Value>) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for (section, value) in layer {
        match &value.kind {
            ValueKind::Table(table) => {
                keys.extend(table.keys().map(|key| format!("{section}.{key}")));
            }
            _ => {
                keys.insert(section.clone());
            }
        }
    }
    keys
}

fn check_known(
    known: &BTreeSet<String>,
    key: &str,
    written: &str,
    place: &str,
) -> Result<(), Failure> {
    if known.contains(key) {
        return Ok(());
    }
    let failure = Failure::usage(format!("there is no setting `{written}` ({place})"));
    let names: Vec<&str> = known.iter().map(String::as_str).collect();
    Err(match closest(key, &names).first() {
        Some(name) => failure.hint(format!("did you mean `{name}`? {HINT}")),
        None => failure.hint(HINT),
    })
}

fn in_file(place: &str, error: &ConfigError) -> Failure {
    let said = error.to_string();
    let what = if said.contains(place) {
        said
    } else {
        format!("{said} in {place}")
    };
    Failure::usage(format!("the settings cannot be read: {what}"))
        .hint("the file is TOML, UTF-8; the defaults show its form")
}

fn unusable(error: ConfigError) -> Failure {
    Failure::usage(format!("a setting cannot be used: {error}")).hint(HINT)
}

/// A list, or its items as one text with commas, as the environment gives it.
pub(super) fn list<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Items(Vec<String>),
        Text(String),
    }
    Ok(match Either::deserialize(from)? {
        Either::Items(items) => items,
        Either::Text(text) => {
            let items = text.split(',').map(str::trim);
            items
                .filter(|it| !it.is_empty())
                .map(str::to_owned)
                .collect()
        }
    })
}
