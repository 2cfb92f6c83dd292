//! The numbers X: importing, disabling, listing, taking out.

use axbridge_domain::{
    account::AccountId,
    city::CityCode,
    inventory::NumberState,
    phone::{PhoneKind, PhoneNumber},
    pool::PoolNo,
};
use axbridge_store::{
    error::{DeleteRefusal, ImportRefusal},
    model::{Imported, NewNumber, NumberFilter, NumberRow, Page, Paged},
};

use crate::{App, AppError};

/// A line of an import that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedLine {
    /// Which line, counted from 1.
    pub line: usize,
    /// Why, in words for the operator.
    pub reason: String,
}

/// How an import came out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImportReport {
    /// Numbers that are new.
    pub added: u64,
    /// Numbers that were there already.
    pub unchanged: u64,
    /// Lines that were not taken.
    pub refused: Vec<RefusedLine>,
}

impl App {
    /// Puts the numbers of CSV lines (`number,city_code[,type]`) into a pool. Each line stands on
    /// its own: good ones are imported, bad ones reported. Doing it again changes nothing.
    ///
    /// # Errors
    /// [`AppError::Invalid`] for an unknown pool; faults of the store, and then nothing was
    /// imported.
    pub async fn import_numbers(&self, pool: PoolNo, csv: &str) -> Result<ImportReport, AppError> {
        let owner = self
            .known_account(self.pool(None, pool).await?.account)
            .await?;
        let mut report = ImportReport::default();
        let read = read_import(csv, |x| self.city_of(x));
        report.refused = read.refused;
        let (lines, numbers): (Vec<usize>, Vec<NewNumber>) = read.numbers.into_iter().unzip();
        let quota = owner.terms.numbers_max;
        let outcomes = self
            .store
            .import_numbers(pool, &numbers, quota, self.now())
            .await?;
        let outcomes = outcomes.ok_or_else(crate::error::unknown_pool)?;
        for (line, outcome) in lines.into_iter().zip(outcomes) {
            match outcome {
                Imported::Added => report.added += 1,
                Imported::Unchanged => report.unchanged += 1,
                Imported::Refused(refusal) => {
                    report.refused.push(RefusedLine {
                        line,
                        reason: import_reason(refusal).to_owned(),
                    });
                }
            }
        }
        report.refused.sort_by_key(|refused| refused.line);
        Ok(report)
    }

    /// Takes numbers out of a pool, each on its own; one that carries live bindings stays.
    ///
    /// # Errors
    /// [`AppError::Invalid`] for an unknown pool; faults of the store.
    pub async fn delete_numbers(
        &self,
        pool: PoolNo,
        numbers: &[PhoneNumber],
    ) -> Result<Vec<(PhoneNumber, Result<(), DeleteRefusal>)>, AppError> {
        self.pool(None, pool).await?;
        let outcomes = self.store.delete_numbers(pool, numbers, self.now()).await?;
        Ok(numbers.iter().copied().zip(outcomes).collect())
    }

    /// Enables or disables numbers, all or none. Live bindings stay, but calls to a disabled
    /// number are refused.
    ///
    /// # Errors
    /// [`AppError::Invalid`] when one is not the account's, or was disabled by the operator.
    pub async fn set_numbers_enabled(
        &self,
        account: AccountId,
        numbers: &[PhoneNumber],
        enabled: bool,
        by_operator: bool,
    ) -> Result<(), AppError> {
        let state = match (enabled, by_operator) {
            (true, _) => NumberState::Enabled,
            (false, false) => NumberState::UserDisabled,
            (false, true) => NumberState::PlatformDisabled,
        };
        let of = (!by_operator).then_some(account);
        let set = self
            .store
            .set_number_states(of, numbers, state, by_operator, self.now())
            .await?;
        set.map_err(|x| {
            AppError::invalid(
                "NumberList",
                format!("{x} is not a number of this account, or the operator has disabled it"),
            )
        })
    }

    /// Numbers, by number.
    ///
    /// # Errors
    /// [`AppError::Unavailable`], [`AppError::Internal`].
    pub async fn list_numbers(
        &self,
        filter: &NumberFilter,
        page: Page,
    ) -> Result<Paged<NumberRow>, AppError> {
        Ok(self.store.list_numbers(filter, page, self.now()).await?)
    }

    /// Numbers after `after`, for scrolling.
    ///
    /// # Errors
    /// [`AppError::Unavailable`], [`AppError::Internal`].
    pub async fn scroll_numbers(
        &self,
        filter: &NumberFilter,
        after: Option<PhoneNumber>,
        limit: u64,
    ) -> Result<Paged<NumberRow>, AppError> {
        Ok(self
            .store
            .scroll_numbers(filter, after, limit, self.now())
            .await?)
    }
}

/// What the lines of an import say, before anything is stored.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImportLines {
    /// The numbers, each with its line, counted from 1.
    pub numbers: Vec<(usize, NewNumber)>,
    /// Lines that cannot be taken.
    pub refused: Vec<RefusedLine>,
}

/// Reads CSV lines (`number,city_code[,type]`), each on its own. Blank lines are skipped, and so
/// is a first line that starts with `number,`. `city_of` is asked for the city of a number that
/// stands there without one.
pub fn read_import(csv: &str, city_of: impl Fn(PhoneNumber) -> Option<CityCode>) -> ImportLines {
    let mut read = ImportLines::default();
    for (index, line) in csv.lines().enumerate() {
        let (line_no, line) = (index + 1, line.trim().trim_start_matches('\u{feff}'));
        if line.is_empty() || (index == 0 && line.to_ascii_lowercase().starts_with("number,")) {
            continue;
        }
        match read_line(line, &city_of) {
            Ok(number) => read.numbers.push((line_no, number)),
            Err(reason) => read.refused.push(RefusedLine {
                line: line_no,
                reason,
            }),
        }
    }
    read
}

const CITY_UNKNOWN: &str =
    "the number's city is not known; write its area code in the second field";

fn read_line(
    line: &str,
    city_of: impl Fn(PhoneNumber) -> Option<CityCode>,
) -> Result<NewNumber, String> {
    let mut fields = line.split(',').map(|field| field.trim().trim_matches('"'));
    let number = fields.next().unwrap_or_default();
    let city = fields.next().unwrap_or_default();
    let kind = fields.next().unwrap_or_default();
    if fields.next().is_some() {
        return Err("more than three fields; a line is number,city_code[,type]".to_owned());
    }
    let x = PhoneNumber::parse(number).map_err(|error| error.to_string())?;
    if x.kind() == PhoneKind::Service {
        return Err("a service number cannot be a privacy number".to_owned());
    }
    check_kind(x, kind)?;
    let city = match city {
        "" if x.kind() == PhoneKind::Number700 => None,
        "" => Some(city_of(x).ok_or(CITY_UNKNOWN)?),
        code => Some(CityCode::parse(code).map_err(|error| error.to_string())?),
    };
    Ok(NewNumber { x, city })
}

fn check_kind(x: PhoneNumber, kind: &str) -> Result<(), String> {
    let stated = match kind.to_ascii_lowercase().as_str() {
        "" => return Ok(()),
        "0" | "mobile" => PhoneKind::Mobile,
        "1" | "landline" => PhoneKind::Landline,
        "700" => PhoneKind::Number700,
        _ => return Err("the type is mobile (0), landline (1) or 700, or is left out".to_owned()),
    };
    if stated == x.kind() {
        Ok(())
    } else {
        Err("the number is not of the type that the line states".to_owned())
    }
}

fn import_reason(refusal: ImportRefusal) -> &'static str {
    match refusal {
        ImportRefusal::InAnotherPool => {
            "the number belongs to another pool, where it stays even when it is deleted; import it into that pool"
        }
        ImportRefusal::OtherCity => {
            "the number is here with another city; delete it first to change that"
        }
        ImportRefusal::Quota => "the account's quota of numbers is exhausted",
    }
}
