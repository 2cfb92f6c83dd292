//! How a binding stands in its row, written and read. What is decided about it is elsewhere.

use axbridge_domain::{
    account::AccountId,
    binding::{Binding, DisplayType, Shape, SubId, Terms},
    city::CityCode,
    party::PartyKey,
    phone::PhoneNumber,
    pool::PoolNo,
    route_table::Record,
    time::Timestamp,
};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{
    fault::{Fault, damaged, engine},
    sub_ids::SubIds,
};
use crate::{
    error::StoreError,
    keyring::Keyring,
    sealed::{open_at_keys, open_parties, seal_at_keys},
};

const DISPLAY_BITS: i64 = 0b111;
const RECORD_BIT: i64 = 1 << 3;
const VERIFY_BIT: i64 = 1 << 4;
const EXCLUSIVE_BIT: i64 = 1 << 5;
/// From this bit on stands the longest talk in seconds, 0 for none: so it costs no column, and a
/// binding's former selves keep it too.
const TALK_SHIFT: u32 = 8;
/// The parties are sealed at their keys; without it, at the SubId.
const SEALED_AT_KEYS_BIT: i64 = 1 << 6;

/// The columns that [`BindingRow::read`] expects, in its order.
macro_rules! select_bindings {
    ($rest:literal) => {
        concat!(
            "SELECT b.seq, b.sub_id, b.account, b.pool, b.x, b.x_city, b.a_key, b.b_key, b.sealed, ",
            "b.flags, b.expires_at, b.created_at, b.out_id, b.user_data, b.voice_code, b.order_id, ",
            "b.industrial_id, e.at FROM binding b LEFT JOIN ended e ON e.seq = b.seq ",
            $rest
        )
    };
}
pub(super) use select_bindings;

/// A number as an integer column.
pub(super) fn number_column(number: PhoneNumber) -> i64 {
    number.to_bits().cast_signed()
}

/// Reads [`number_column`].
pub(super) fn number_from(column: i64) -> Result<PhoneNumber, StoreError> {
    PhoneNumber::from_bits(column.cast_unsigned()).ok_or_else(|| damaged("a number"))
}

/// A pool's number as an integer column.
pub(super) fn pool_column(pool: PoolNo) -> i64 {
    pool.digits().cast_signed()
}

/// Reads [`pool_column`].
pub(super) fn pool_from(column: i64) -> Result<PoolNo, StoreError> {
    PoolNo::new(column.cast_unsigned()).ok_or_else(|| damaged("a pool number"))
}

/// An account's id as an integer column.
pub(super) fn account_column(account: AccountId) -> i64 {
    account.number().cast_signed()
}

/// Reads [`account_column`].
pub(super) fn account_from(column: i64) -> Result<AccountId, StoreError> {
    AccountId::new(column.cast_unsigned()).ok_or_else(|| damaged("an account id"))
}

/// Reads a nullable city column.
pub(super) fn city_from(column: Option<i64>) -> Result<Option<CityCode>, StoreError> {
    let read = |bits: i64| {
        u16::try_from(bits)
            .ok()
            .and_then(CityCode::from_bits)
            .ok_or_else(|| damaged("a city code"))
    };
    column.map(read).transpose()
}

/// The shape of an AX or AXB from its key columns.
pub(super) fn shape_from(a: &[u8], b: Option<&[u8]>) -> Result<Shape, StoreError> {
    let key = |bytes: &[u8]| {
        let bytes = bytes.try_into().ok();
        bytes
            .and_then(PartyKey::from_bytes)
            .ok_or_else(|| damaged("a party key"))
    };
    let a = key(a)?;
    Ok(match b {
        None => Shape::Ax { a },
        Some(b) => Shape::Axb { a, b: key(b)? },
    })
}

/// Whether the flags say that X may not carry the other kind.
pub(super) fn exclusive_from(flags: i64) -> bool {
    flags & EXCLUSIVE_BIT != 0
}

fn talk_from(flags: i64) -> Option<u32> {
    u32::try_from(flags >> TALK_SHIFT).ok().filter(|it| *it > 0)
}

fn flags_of(terms: &Terms) -> i64 {
    let bit = |set: bool, bit: i64| if set { bit } else { 0 };
    i64::from(terms.display.code())
        | bit(terms.record, RECORD_BIT)
        | bit(terms.verify, VERIFY_BIT)
        | bit(terms.exclusive, EXCLUSIVE_BIT)
        | i64::from(terms.talk_s_max.unwrap_or(0)) << TALK_SHIFT
        | SEALED_AT_KEYS_BIT
}

/// A binding's row as it was read: the parties still sealed.
pub(super) struct BindingRow {
    pub(super) seq: i64,
    pub(super) sub_id: SubId,
    pub(super) account: AccountId,
    pub(super) pool: PoolNo,
    pub(super) x: PhoneNumber,
    pub(super) shape: Shape,
    pub(super) exclusive: bool,
    pub(super) expires_at: Timestamp,
    x_city: Option<CityCode>,
    sealed: Vec<u8>,
    display: DisplayType,
    flags: i64,
    created_at: Timestamp,
    ended_at: Option<Timestamp>,
    texts: [Option<String>; 5],
}

impl BindingRow {
    /// Reads a row of [`select_bindings`].
    pub(super) fn read(row: &Row<'_>) -> Result<Self, StoreError> {
        let fault = |error: rusqlite::Error| engine(&error);
        let integer = |column: usize| row.get::<_, i64>(column).map_err(fault);
        let text = |column: usize| row.get::<_, Option<String>>(column).map_err(fault);
        let sub_id: String = row.get(1).map_err(fault)?;
        let a: Vec<u8> = row.get(6).map_err(fault)?;
        let b: Option<Vec<u8>> = row.get(7).map_err(fault)?;
        let flags = integer(9)?;
        Ok(Self {
            seq: integer(0)?,
            sub_id: sub_id.parse().map_err(|_| damaged("a SubId"))?,
            account: account_from(integer(2)?)?,
            pool: pool_from(integer(3)?)?,
            x: number_from(integer(4)?)?,
            x_city: city_from(row.get(5).map_err(fault)?)?,
            shape: shape_from(&a, b.as_deref())?,
            sealed: row.get(8).map_err(fault)?,
            exclusive: exclusive_from(flags),
            display: DisplayType::from_code(flags & DISPLAY_BITS)
                .ok_or_else(|| damaged("a display type"))?,
            flags,
            expires_at: Timestamp::from_unix_ms(integer(10)?),
            created_at: Timestamp::from_unix_ms(integer(11)?),
            texts: [text(12)?, text(13)?, text(14)?, text(15)?, text(16)?],
            ended_at: row
                .get::<_, Option<i64>>(17)
                .map_err(fault)?
                .map(Timestamp::from_unix_ms),
        })
    }

    /// The row of a binding, live or ended.
    pub(super) fn find(
        connection: &Connection,
        ids: &SubIds,
        sub_id: SubId,
    ) -> Result<Option<Self>, StoreError> {
        const LAST: &str = "SELECT coalesce(max(seq), 0) FROM binding";
        const AT: &str = select_bindings!("WHERE b.seq = ?1");
        const DRAWN: &str = select_bindings!("WHERE b.sub_id = ?1 AND b.drawn = 1");
        let last: i64 = connection
            .prepare_cached(LAST)
            .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
            .map_err(|error| engine(&error))?;
        for seq in ids.places(sub_id, last) {
            let row = query_one(connection, AT, &seq)?.transpose()?;
            if let Some(row) = row.filter(|row| row.sub_id == sub_id) {
                return Ok(Some(row));
            }
        }
        query_one(connection, DRAWN, &sub_id.to_string())?.transpose()
    }

    /// The binding as its bind answered it, whatever was changed since.
    pub(super) fn as_answered(
        connection: &Connection,
        seq: i64,
        keys: &Keyring,
    ) -> Result<Binding, StoreError> {
        const FIRST: &str = "SELECT b.seq, b.sub_id, b.account, f.pool, f.x, f.x_city, f.a_key, f.b_key, \
             f.sealed, f.flags, f.expires_at, b.created_at, f.out_id, f.user_data, f.voice_code, \
             f.order_id, f.industrial_id, NULL FROM former f JOIN binding b ON b.seq = f.seq \
             WHERE f.seq = ?1 ORDER BY f.no LIMIT 1";
        const NEVER_CHANGED: &str = select_bindings!("WHERE b.seq = ?1");
        let row = match query_one(connection, FIRST, &seq)? {
            Some(row) => row?,
            None => query_one(connection, NEVER_CHANGED, &seq)?
                .ok_or_else(|| damaged("an idempotency key without its binding"))??,
        };
        let mut binding = row.open(keys)?;
        binding.ended_at = None;
        Ok(binding)
    }

    /// The binding with its parties in clear.
    pub(super) fn open(self, keys: &Keyring) -> Result<Binding, StoreError> {
        let (a, b) = if self.flags & SEALED_AT_KEYS_BIT == 0 {
            open_parties(keys, self.sub_id, &self.sealed)?
        } else {
            open_at_keys(keys, &self.shape, self.sub_id, &self.sealed)?
        };
        let [out_id, user_data, voice_code, order_id, industrial_id] = self.texts;
        Ok(Binding {
            sub_id: self.sub_id,
            account: self.account,
            pool: self.pool,
            x: self.x,
            x_city: self.x_city,
            created_at: self.created_at,
            ended_at: self.ended_at,
            terms: Terms {
                a,
                b,
                expires_at: self.expires_at,
                display: self.display,
                record: self.flags & RECORD_BIT != 0,
                verify: self.flags & VERIFY_BIT != 0,
                exclusive: self.exclusive,
                user_data,
                out_id,
                voice_code,
                order_id,
                industrial_id,
                talk_s_max: talk_from(self.flags),
            },
        })
    }
}

type Found = Result<Option<Result<BindingRow, StoreError>>, StoreError>;

fn query_one(connection: &Connection, sql: &str, key: &dyn rusqlite::ToSql) -> Found {
    let read = || {
        let mut statement = connection.prepare_cached(sql)?;
        statement
            .query_row([key], |row| Ok(BindingRow::read(row)))
            .optional()
    };
    read().map_err(|error| engine(&error))
}

/// A binding that is about to be written, with what the tables need of it.
pub(super) struct NewBinding {
    pub(super) binding: Binding,
    pub(super) shape: Shape,
    /// Its parties, sealed.
    pub(super) sealed: Vec<u8>,
}

impl NewBinding {
    /// A binding with the keys of its parties, which are sealed now.
    pub(super) fn new(keys: &Keyring, binding: Binding, shape: Shape) -> Result<Self, StoreError> {
        let sealed = seal_at_keys(keys, &shape, binding.terms.a, binding.terms.b)?;
        Ok(Self {
            binding,
            shape,
            sealed,
        })
    }

    /// What the route table holds of it.
    pub(super) fn record(&self) -> Record {
        Record {
            sub_id: self.binding.sub_id,
            x: self.binding.x,
            shape: self.shape.clone(),
            exclusive: self.binding.terms.exclusive,
            live_until: self.binding.terms.expires_at,
        }
    }

    /// Appends the row, which is the binding's "bound" event as well.
    pub(super) fn insert(&self, connection: &Connection, seq: i64) -> Result<(), Fault> {
        const INSERT: &str = "INSERT INTO binding (seq, sub_id, account, pool, x, x_city, a_key, b_key, \
             sealed, flags, expires_at, created_at, out_id, user_data, voice_code, order_id, \
             industrial_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, \
             ?15, ?16, ?17)";
        let binding = &self.binding;
        let terms = &binding.terms;
        connection.prepare_cached(INSERT)?.execute(params![
            seq,
            binding.sub_id.to_string(),
            account_column(binding.account),
            pool_column(binding.pool),
            number_column(binding.x),
            binding.x_city.map(CityCode::to_bits),
            self.shape.a().as_bytes(),
            self.shape.b().map(|key| *key.as_bytes()),
            self.sealed,
            flags_of(terms),
            terms.expires_at.unix_ms(),
            binding.created_at.unix_ms(),
            terms.out_id,
            terms.user_data,
            terms.voice_code,
            terms.order_id,
            terms.industrial_id,
        ])?;
        Ok(())
    }

    /// Puts the row in the place of the binding's earlier self, which moves to `former`.
    /// `claim` is the order of the claim if routes were claimed anew.
    pub(super) fn replace(
        &self,
        connection: &Connection,
        seq: i64,
        claim: Option<i64>,
        now: Timestamp,
    ) -> Result<(), Fault> {
        const KEEP: &str = "INSERT INTO former (seq, claim, released, replaced_at, pool, x, x_city, a_key, \
             b_key, sealed, flags, expires_at, out_id, user_data, voice_code, order_id, \
             industrial_id) SELECT seq, claim, ?2, ?3, pool, x, x_city, a_key, b_key, sealed, flags, \
             expires_at, out_id, user_data, voice_code, order_id, industrial_id FROM binding \
             WHERE seq = ?1";
        const UPDATE: &str = "UPDATE binding SET claim = coalesce(?2, claim), x = ?3, x_city = ?4, \
             a_key = ?5, b_key = ?6, sealed = ?7, expires_at = ?8, out_id = ?9, user_data = ?10, \
             order_id = ?11, industrial_id = ?12, flags = ?13 WHERE seq = ?1";
        let binding = &self.binding;
        let terms = &binding.terms;
        connection
            .prepare_cached(KEEP)?
            .execute(params![seq, claim.is_some(), now.unix_ms()])?;
        connection.prepare_cached(UPDATE)?.execute(params![
            seq,
            claim,
            number_column(binding.x),
            binding.x_city.map(CityCode::to_bits),
            self.shape.a().as_bytes(),
            self.shape.b().map(|key| *key.as_bytes()),
            self.sealed,
            terms.expires_at.unix_ms(),
            terms.out_id,
            terms.user_data,
            terms.order_id,
            terms.industrial_id,
            flags_of(terms),
        ])?;
        Ok(())
    }
}

/// Notes that a binding was unbound or upgraded.
pub(super) fn insert_ended(connection: &Connection, seq: i64, at: Timestamp) -> Result<(), Fault> {
    connection
        .prepare_cached("INSERT INTO ended (seq, at) VALUES (?1, ?2)")?
        .execute([seq, at.unix_ms()])?;
    Ok(())
}
