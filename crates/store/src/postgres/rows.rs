//! Between columns and values of the domain.

use axbridge_domain::{
    account::AccountId,
    binding::{Binding, DisplayType, Shape, SubId, Terms},
    city::CityCode,
    party::PartyKey,
    phone::PhoneNumber,
    pool::{CityFallback, Policy, Pool, PoolKind, PoolNo, PoolRules},
    route_table::Load,
    time::Timestamp,
};
use tokio_postgres::{Row, types::FromSql};

use super::text::unescaped;
use crate::{error::StoreError, keyring::Keyring, sealed::open_parties};

/// A column of a row.
///
/// # Errors
/// When the statement and the code disagree about it.
pub(super) fn column<'r, T: FromSql<'r>>(row: &'r Row, name: &str) -> Result<T, StoreError> {
    row.try_get(name)
        .map_err(|error| StoreError::Internal(format!("column {name}: {error}")))
}

pub(super) fn unreadable(what: &str) -> StoreError {
    StoreError::Unreadable(what.to_owned())
}

pub(super) fn account_column(account: AccountId) -> i64 {
    account.number().cast_signed()
}

pub(super) fn pool_column(pool: PoolNo) -> i64 {
    pool.digits().cast_signed()
}

pub(super) fn number_column(x: PhoneNumber) -> i64 {
    x.to_bits().cast_signed()
}

pub(super) fn number_columns(numbers: &[PhoneNumber]) -> Vec<i64> {
    numbers.iter().map(|x| number_column(*x)).collect()
}

/// A city, 0 for none.
pub(super) fn city_column(city: Option<CityCode>) -> i16 {
    city.map_or(0, |city| city.to_bits().cast_signed())
}

pub(super) fn count_column(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

pub(super) fn account_of(value: i64) -> Result<AccountId, StoreError> {
    AccountId::new(value.cast_unsigned()).ok_or_else(|| unreadable("an account id"))
}

pub(super) fn pool_of(value: i64) -> Result<PoolNo, StoreError> {
    PoolNo::new(value.cast_unsigned()).ok_or_else(|| unreadable("a pool number"))
}

pub(super) fn number_of(value: i64) -> Result<PhoneNumber, StoreError> {
    PhoneNumber::from_bits(value.cast_unsigned()).ok_or_else(|| unreadable("a number"))
}

pub(super) fn city_of(value: i16) -> Option<CityCode> {
    CityCode::from_bits(value.cast_unsigned())
}

pub(super) fn count_of(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

pub(super) fn party_of(bytes: &[u8]) -> Result<PartyKey, StoreError> {
    bytes
        .try_into()
        .ok()
        .and_then(PartyKey::from_bytes)
        .ok_or_else(|| unreadable("a party's key"))
}

pub(super) fn sub_id_of(text: &str) -> Result<SubId, StoreError> {
    text.parse().map_err(|_| unreadable("a binding's id"))
}

/// The stored key of B: empty where there is none.
pub(super) fn b_key_column(shape: &Shape) -> Vec<u8> {
    shape
        .b()
        .map_or_else(Vec::new, |key| key.as_bytes().to_vec())
}

/// Live bindings from columns `ax`, `axb`, `ax_exclusive`, `axb_exclusive`.
pub(super) fn load_of(row: &Row) -> Result<Load, StoreError> {
    let count = |name| -> Result<u32, StoreError> {
        Ok(u32::try_from(column::<i32>(row, name)?).unwrap_or(0))
    };
    Ok(Load {
        ax: count("ax")?,
        axb: count("axb")?,
        ax_exclusive: count("ax_exclusive")?,
        axb_exclusive: count("axb_exclusive")?,
    })
}

pub(super) const POOL_COLUMNS: &str = "p.account, p.pool, p.name, p.kind, p.scene, p.policy, \
     p.city_fallback, p.quarantine_ms, p.quarantine_min_ms, p.bindings_per_number_max";

/// A pool from [`POOL_COLUMNS`].
pub(super) fn pool_from(row: &Row) -> Result<Pool, StoreError> {
    let kind: i16 = column(row, "kind")?;
    let cap: i64 = column(row, "bindings_per_number_max")?;
    Ok(Pool {
        pool_no: pool_of(column(row, "pool")?)?,
        account: account_of(column(row, "account")?)?,
        name: unescaped(column(row, "name")?),
        kind: PoolKind::from_code(kind.into()).ok_or_else(|| unreadable("a pool's kind"))?,
        scene: column::<Option<String>>(row, "scene")?.map(unescaped),
        rules: PoolRules {
            policy: Policy::from_name(column(row, "policy")?)
                .ok_or_else(|| unreadable("a pool's policy"))?,
            city_fallback: CityFallback::from_name(column(row, "city_fallback")?)
                .ok_or_else(|| unreadable("a pool's city fallback"))?,
            quarantine_ms: column(row, "quarantine_ms")?,
            quarantine_min_ms: column(row, "quarantine_min_ms")?,
            bindings_per_number_max: u32::try_from(cap).unwrap_or(u32::MAX),
        },
    })
}

pub(super) const BINDING_COLUMNS: &str = "b.sub_id, b.pool, b.x, b.x_city, b.a_key, b.b_key, \
     b.sealed, b.exclusive, b.display, b.record, b.verify, b.created_at, b.expires_at, \
     b.ended_at, b.counted, b.user_data, b.out_id, b.voice_code, b.order_id, b.industrial_id, \
     b.talk_s_max";

/// A row of the table `binding`.
#[derive(Debug, Clone)]
pub(super) struct BindingRow {
    pub(super) binding: Binding,
    pub(super) shape: Shape,
    /// Whether the counts of its number include it. An expiry that was announced is final, even
    /// for a node whose clock is behind.
    counted: bool,
}

impl BindingRow {
    /// Reads [`BINDING_COLUMNS`].
    pub(super) fn read(row: &Row, account: AccountId, keys: &Keyring) -> Result<Self, StoreError> {
        let sub_id = sub_id_of(column(row, "sub_id")?)?;
        let (a, b) = open_parties(keys, sub_id, column(row, "sealed")?)?;
        let display: i16 = column(row, "display")?;
        let text = |name| -> Result<Option<String>, StoreError> {
            Ok(column::<Option<String>>(row, name)?.map(unescaped))
        };
        let binding = Binding {
            sub_id,
            account,
            pool: pool_of(column(row, "pool")?)?,
            x: number_of(column(row, "x")?)?,
            x_city: city_of(column(row, "x_city")?),
            created_at: Timestamp::from_unix_ms(column(row, "created_at")?),
            ended_at: column::<Option<i64>>(row, "ended_at")?.map(Timestamp::from_unix_ms),
            terms: Terms {
                a,
                b,
                expires_at: Timestamp::from_unix_ms(column(row, "expires_at")?),
                display: DisplayType::from_code(display.into())
                    .ok_or_else(|| unreadable("a display type"))?,
                record: column(row, "record")?,
                verify: column(row, "verify")?,
                exclusive: column(row, "exclusive")?,
                user_data: text("user_data")?,
                out_id: text("out_id")?,
                voice_code: text("voice_code")?,
                order_id: text("order_id")?,
                industrial_id: text("industrial_id")?,
                talk_s_max: column::<Option<i32>>(row, "talk_s_max")?.map(i32::cast_unsigned),
            },
        };
        let a = party_of(column(row, "a_key")?)?;
        let b_key: &[u8] = column(row, "b_key")?;
        let shape = if b_key.is_empty() {
            Shape::Ax { a }
        } else {
            Shape::Axb {
                a,
                b: party_of(b_key)?,
            }
        };
        Ok(Self {
            binding,
            shape,
            counted: column(row, "counted")?,
        })
    }

    pub(super) fn is_live(&self, now: Timestamp) -> bool {
        self.counted && self.binding.is_live(now)
    }
}
