//! Reading of parameters by the table: from what a client sent to values that
//! fit, or to the one refusal that names the parameter and says what would do.
//!
//! Handlers therefore never see a value of the wrong kind. Not here: rules that
//! concern several parameters, or the moment.

use axbridge_domain::account::AccountId;
use axbridge_domain::binding::SubId;
use axbridge_domain::city::CityCode;
use axbridge_domain::city_order::DegradeCity;
use axbridge_domain::limits;
use axbridge_domain::phone::{PhoneError, PhoneNumber, ServiceNumbers};
use axbridge_domain::pool::PoolNo;
use axbridge_domain::time::Timestamp;

use crate::action::{Action, Kind, Parameter};
use crate::decode::{Params, has_control_characters};
use crate::error::{ApiError, ErrorCode};

/// The entry of a degrade list that stands for the capital of the province.
const PROVINCIAL_CAPITAL: &str = "PNPC";

/// A `SubId` as a client wrote it. `None` when it cannot be one of ours, which
/// is no mistake in form but a binding that does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubIdText(pub Option<SubId>);

/// One value that fits the table.
#[derive(Clone, Debug)]
pub enum Argument {
    /// Text of all kinds.
    Text(String),
    /// A phone number.
    Phone(PhoneNumber),
    /// A city.
    City(CityCode),
    /// A degrade list.
    DegradeCities(Vec<DegradeCity>),
    /// A whole number.
    Integer(i64),
    /// A flag or boolean.
    Boolean(bool),
    /// A moment.
    Moment(Timestamp),
    /// A word of an enumeration, as the table writes it.
    Word(&'static str),
    /// A pool.
    Pool(PoolNo),
    /// A binding's id.
    SubId(SubIdText),
    /// An account.
    Account(AccountId),
    /// A list of texts.
    Texts(Vec<String>),
    /// A list of phone numbers.
    Phones(Vec<PhoneNumber>),
}

/// A type that a parameter can be asked for as.
pub trait FromArgument: Sized {
    /// The value, if the table's kind is this type's.
    fn from_argument(argument: &Argument) -> Option<Self>;
}

macro_rules! from_argument {
    ($($variant:ident => $type:ty),+ $(,)?) => {
        $(impl FromArgument for $type {
            fn from_argument(argument: &Argument) -> Option<Self> {
                match argument {
                    Argument::$variant(value) => Some(value.clone()),
                    _ => None,
                }
            }
        })+
    };
}

from_argument! {
    Text => String,
    Phone => PhoneNumber,
    City => CityCode,
    DegradeCities => Vec<DegradeCity>,
    Integer => i64,
    Boolean => bool,
    Moment => Timestamp,
    Word => &'static str,
    Pool => PoolNo,
    SubId => SubIdText,
    Account => AccountId,
    Texts => Vec<String>,
    Phones => Vec<PhoneNumber>,
}

/// The values of one request, by the names of the table.
#[derive(Clone, Debug, Default)]
pub struct Arguments {
    values: Vec<(&'static str, Argument)>,
}

impl Arguments {
    /// Reads all parameters of an action.
    ///
    /// # Errors
    /// The first, in the order of the table, that is missing or does not fit.
    pub fn read(
        action: &Action,
        params: &Params,
        services: &ServiceNumbers,
    ) -> Result<Self, ApiError> {
        let reader = Reader { params, services };
        let mut values = Vec::with_capacity(action.parameters.len());
        for parameter in action.parameters {
            let value = match reader.read(parameter)? {
                Some(value) => Some(value),
                None => reader.default_of(parameter)?,
            };
            match value {
                Some(value) => values.push((parameter.name, value)),
                None if parameter.required => {
                    return Err(ApiError::missing_parameter(parameter.name));
                }
                None => {}
            }
        }
        Ok(Self { values })
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Argument> {
        let mut values = self.values.iter();
        values
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value)
    }
}

struct Reader<'a> {
    params: &'a Params,
    services: &'a ServiceNumbers,
}

impl Reader<'_> {
    fn read(&self, parameter: &Parameter) -> Result<Option<Argument>, ApiError> {
        let (params, name) = (self.params, parameter.name);
        match parameter.kind {
            Kind::Integer {
                min,
                max,
                zero_is_absent,
            } => {
                let number = params.integer(name)?;
                let number = number.filter(|number| !(zero_is_absent && *number == 0));
                number
                    .map(|number| in_range(name, number, min, max))
                    .transpose()
            }
            Kind::Flag => match params.integer(name)? {
                None => Ok(None),
                Some(0) => Ok(Some(Argument::Boolean(false))),
                Some(1) => Ok(Some(Argument::Boolean(true))),
                Some(_) => Err(ApiError::invalid_parameter(name, "must be 0 or 1")),
            },
            Kind::Boolean => Ok(params.boolean(name)?.map(Argument::Boolean)),
            Kind::UnixSeconds => {
                let seconds = params.integer(name)?.filter(|seconds| *seconds != 0);
                Ok(seconds.map(|seconds| Argument::Moment(Timestamp::from_unix_s(seconds))))
            }
            Kind::TextOrJson { .. } => self.parsed(parameter, params.text_or_json(name)?),
            Kind::DegradeCities | Kind::Texts { .. } | Kind::Numbers { .. } => {
                let items = params.list(name)?;
                items.map(|items| read_list(parameter, items)).transpose()
            }
            _ => self.parsed(parameter, params.text(name)?),
        }
    }

    /// The default as if the client had sent it; only kinds that are written as
    /// text, numbers and flags have one.
    fn default_of(&self, parameter: &Parameter) -> Result<Option<Argument>, ApiError> {
        let Some(default) = parameter.default else {
            return Ok(None);
        };
        let number = || {
            default.parse::<i64>().map_err(|_| {
                ApiError::internal(format!("default of {} is no number", parameter.name))
            })
        };
        match parameter.kind {
            Kind::Integer { .. } => Ok(Some(Argument::Integer(number()?))),
            Kind::Flag => Ok(Some(Argument::Boolean(number()? == 1))),
            Kind::Boolean => Ok(Some(Argument::Boolean(default == "true"))),
            _ => self.parsed(parameter, Some(default.to_owned())),
        }
    }

    fn parsed(
        &self,
        parameter: &Parameter,
        text: Option<String>,
    ) -> Result<Option<Argument>, ApiError> {
        text.map(|text| self.parse(parameter, text)).transpose()
    }

    fn parse(&self, parameter: &Parameter, text: String) -> Result<Argument, ApiError> {
        let name = parameter.name;
        let explained = |why: &dyn std::fmt::Display| unfit(name, why);
        match parameter.kind {
            Kind::Text { chars_max } => {
                refuse_control_characters(name, &text)?;
                at_most(name, &text, chars_max)?;
                Ok(Argument::Text(text))
            }
            Kind::FreeText { chars_max } | Kind::TextOrJson { chars_max } => {
                refuse_odd_control_characters(name, &text)?;
                at_most(name, &text, chars_max)?;
                Ok(Argument::Text(text))
            }
            Kind::Party => party(&text, self.services)
                .map(Argument::Phone)
                .map_err(|error| explained(&error)),
            Kind::Number => PhoneNumber::parse(&text)
                .map(Argument::Phone)
                .map_err(|error| explained(&error)),
            Kind::City => CityCode::parse(&text)
                .map(Argument::City)
                .map_err(|error| explained(&error)),
            Kind::Pool => text
                .parse()
                .map(Argument::Pool)
                .map_err(|error| explained(&error)),
            Kind::Account => text
                .parse()
                .map(Argument::Account)
                .map_err(|error| explained(&error)),
            Kind::SubId => {
                refuse_control_characters(name, &text)?;
                at_most(name, &text, limits::SUB_ID_CHARS_MAX)?;
                Ok(Argument::SubId(SubIdText(text.parse().ok())))
            }
            Kind::Enumeration(words) => word(name, &text, words),
            _ => Err(ApiError::internal(format!("{name} is not read as text"))),
        }
    }
}

fn read_list(parameter: &Parameter, items: Vec<String>) -> Result<Argument, ApiError> {
    let name = parameter.name;
    match parameter.kind {
        Kind::DegradeCities => {
            count(name, &items, limits::DEGRADE_CITIES_MAX)?;
            let cities = each(name, &items, |item| {
                if item.eq_ignore_ascii_case(PROVINCIAL_CAPITAL) {
                    return Ok(DegradeCity::ProvincialCapital);
                }
                CityCode::parse(item)
                    .map(DegradeCity::City)
                    .map_err(|error| error.to_string())
            });
            cities.map(Argument::DegradeCities)
        }
        Kind::Numbers { items_max } => {
            count(name, &items, items_max)?;
            let numbers = each(name, &items, |item| {
                PhoneNumber::parse(item).map_err(|error| error.to_string())
            });
            numbers.map(Argument::Phones)
        }
        Kind::Texts {
            chars_max,
            items_max,
        } => {
            count(name, &items, items_max)?;
            for item in &items {
                refuse_control_characters(name, item)?;
                at_most(name, item, chars_max)?;
            }
            Ok(Argument::Texts(items))
        }
        _ => Err(ApiError::internal(format!("{name} is not read as a list"))),
    }
}

fn each<T>(
    name: &str,
    items: &[String],
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Vec<T>, ApiError> {
    let numbered = items.iter().enumerate();
    numbered
        .map(|(index, item)| {
            parse(item).map_err(|why| unfit(name, &format!("entry {}: {why}", index + 1)))
        })
        .collect()
}

fn party(text: &str, services: &ServiceNumbers) -> Result<PhoneNumber, PhoneError> {
    PhoneNumber::parse_as_party(text, services)
}

fn in_range(name: &str, number: i64, min: i64, max: i64) -> Result<Argument, ApiError> {
    if (min..=max).contains(&number) {
        return Ok(Argument::Integer(number));
    }
    let why = match (min, max) {
        (_, i64::MAX) => format!("must be {min} or more"),
        _ => format!("must be {min} to {max}"),
    };
    Err(ApiError::invalid_parameter(name, why))
}

fn word(name: &str, text: &str, words: &'static [&'static str]) -> Result<Argument, ApiError> {
    let known = words
        .iter()
        .find(|word| word.eq_ignore_ascii_case(text.trim()));
    known.map(|word| Argument::Word(word)).ok_or_else(|| {
        ApiError::invalid_parameter(name, format!("must be one of {}", words.join(", ")))
    })
}

fn at_most(name: &str, text: &str, chars_max: usize) -> Result<(), ApiError> {
    if text.chars().count() > chars_max {
        let why = format!("must have at most {chars_max} characters");
        return Err(ApiError::invalid_parameter(name, why));
    }
    Ok(())
}

fn count(name: &str, items: &[String], items_max: usize) -> Result<(), ApiError> {
    if items.len() > items_max {
        let why = format!("must have at most {items_max} entries");
        return Err(ApiError::invalid_parameter(name, why));
    }
    Ok(())
}

fn refuse_control_characters(name: &str, text: &str) -> Result<(), ApiError> {
    if has_control_characters(text) {
        let why = "must not have control characters, line breaks included";
        return Err(ApiError::invalid_parameter(name, why));
    }
    Ok(())
}

fn refuse_odd_control_characters(name: &str, text: &str) -> Result<(), ApiError> {
    let odd = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    if text.chars().any(odd) {
        let why = "must not have control characters other than line breaks and tabs";
        return Err(ApiError::invalid_parameter(name, why));
    }
    Ok(())
}

/// A refusal whose reason is a sentence of its own.
pub(crate) fn unfit(name: &str, why: &dyn std::fmt::Display) -> ApiError {
    ApiError::new(ErrorCode::InvalidParameter)
        .with_argument(name)
        .with_detail(why.to_string())
}

#[cfg(test)]
mod tests;
