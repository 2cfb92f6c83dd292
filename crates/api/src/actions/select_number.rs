//! `SelectNumber`: which numbers of a pool could be used (vendor doc
//! 6358/173346).

use axbridge_app::model::NumberFilter;
use axbridge_domain::city::CityCode;
use axbridge_domain::city_order::{CityWish, Tier, city_order};
use axbridge_domain::inventory::NumberState;
use axbridge_domain::limits;
use axbridge_domain::phone::PhoneNumber;
use axbridge_domain::pool::{CityFallback, Pool};
use serde_json::Value;

use super::number_records::{LANDLINE, MOBILE};
use super::parameters::{CITY_CODE, DEGRADE_CITY_LIST, NUMBER_POOL_NO};
use super::pool_records::reach;
use crate::action::{Action, Kind, Parameter, Permission, ResultShape};
use crate::answer;
use crate::call::{Call, CallError};
use crate::error::{ApiError, ErrorCode};

/// The most numbers of one answer.
const COUNT_MAX: i64 = 100;
/// How many numbers are looked at together.
const LOOK: u64 = limits::PAGE_SIZE_MAX as u64;
/// How often, in one place, before it counts as exhausted.
const LOOKS_MAX: usize = 20;

const NUMBERS: Kind = Kind::Numbers {
    items_max: limits::PAGE_SIZE_MAX,
};

/// The action.
pub(super) const ACTION: Action = Action {
    name: "SelectNumber",
    aliases: &[],
    summary: "Look up numbers of a pool that could be used",
    description: "Answers numbers that are in use and below the pool's cap of live bindings: first \
                  of `CityCode`, then of the degrade cities in order; without either, of the whole \
                  pool. It answers fewer than `NumberCount` when there are no more, and \
                  `NumberNotEnough` when there is none. Nothing is reserved: to bind, use \
                  `SelectNumberAndBindAXB`, which selects and binds in one step. The vendor's \
                  `SelectType` is ignored.",
    parameters: &[
        NUMBER_POOL_NO,
        CITY_CODE,
        Parameter::optional(
            "NumberType",
            Kind::Integer {
                min: MOBILE,
                max: LANDLINE,
                zero_is_absent: false,
            },
            "0 only mobile numbers, 1 only landlines.",
        ),
        DEGRADE_CITY_LIST,
        Parameter::optional(
            "NumberCount",
            Kind::Integer {
                min: 1,
                max: COUNT_MAX,
                zero_is_absent: true,
            },
            "How many numbers to answer at most, up to 100.",
        )
        .or("1"),
        Parameter::optional(
            "BindNumberList",
            NUMBERS,
            "Numbers to leave out, because you use them already.",
        ),
        Parameter::optional("CandidateNumberList", NUMBERS, "Only these numbers."),
    ],
    result: ResultShape::Texts("The numbers."),
    errors: &[ErrorCode::NumberNotEnough],
    permission: Permission::Application,
    extension: false,
    handler: |call| Box::pin(run(call)),
};

async fn run(call: &Call<'_>) -> Result<Value, CallError> {
    let pool_no = call.need("NumberPoolNo")?;
    let pool = call.app.pool(reach(call), pool_no).await?;
    let count: i64 = call.need("NumberCount")?;
    let mut search = Search {
        call,
        pool: &pool,
        wanted: usize::try_from(count).unwrap_or_default(),
        leave_out: call.get("BindNumberList")?.unwrap_or_default(),
        found: Vec::new(),
    };
    for tier in places(call)? {
        search.look_in(tier).await?;
    }
    if search.found.is_empty() {
        return Err(CallError::Api(ApiError::business(
            ErrorCode::NumberNotEnough,
            "no number of these cities is in use, below its cap and among those asked for",
        )));
    }
    Ok(search.found.into_iter().map(answer::number).collect())
}

fn places(call: &Call<'_>) -> Result<Vec<Tier>, CallError> {
    let city: Option<CityCode> = call.get("CityCode")?;
    let wish = CityWish {
        city,
        degrade: call.get("DegradeCityList")?.unwrap_or_default(),
        ..CityWish::default()
    };
    Ok(city_order(&wish, None, None, false, CityFallback::None))
}

struct Search<'a> {
    call: &'a Call<'a>,
    pool: &'a Pool,
    wanted: usize,
    leave_out: Vec<PhoneNumber>,
    found: Vec<PhoneNumber>,
}

impl Search<'_> {
    async fn look_in(&mut self, tier: Tier) -> Result<(), CallError> {
        let number_type: Option<i64> = self.call.get("NumberType")?;
        let filter = NumberFilter {
            account: Some(self.pool.account),
            pool: Some(self.pool.pool_no),
            state: Some(NumberState::Enabled),
            numbers: self.call.get("CandidateNumberList")?.unwrap_or_default(),
            landline: number_type.map(|code| code == LANDLINE),
            city: tier.city(),
            kind: None,
        };
        let mut after = None;
        for _ in 0..LOOKS_MAX {
            if self.found.len() >= self.wanted {
                return Ok(());
            }
            let page = self.call.app.scroll_numbers(&filter, after, LOOK).await?;
            let cap = self.pool.rules.bindings_per_number_max;
            for row in &page.rows {
                let fits = row.load.live() < cap
                    && !self.leave_out.contains(&row.x)
                    && !self.found.contains(&row.x);
                if fits && self.found.len() < self.wanted {
                    self.found.push(row.x);
                }
            }
            after = page.rows.last().map(|row| row.x);
            if (page.rows.len() as u64) < LOOK {
                return Ok(());
            }
        }
        Ok(())
    }
}
