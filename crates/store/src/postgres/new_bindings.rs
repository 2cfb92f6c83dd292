//! Rows of new bindings.

use axbridge_domain::{
    account::AccountId,
    binding::{Binding, Shape},
};
use deadpool_postgres::Transaction;
use tokio_postgres::types::ToSql;

use super::{
    fault::Fault,
    look::any_caller,
    rows::{account_column, b_key_column, city_column, number_column, pool_column},
    text::escaped_option,
};
use crate::{keyring::Keyring, sealed::seal_parties};

/// A binding to write.
pub(super) struct NewBinding {
    pub(super) binding: Binding,
    pub(super) shape: Shape,
}

/// The bits of a binding's small properties on their way into the table.
const ANY_CALLER: i32 = 1;
const EXCLUSIVE: i32 = 1 << 1;
const RECORD: i32 = 1 << 2;
const VERIFY: i32 = 1 << 3;
const DISPLAY_SHIFT: u32 = 8;

/// Every array costs as much for each of its elements as a good part of the row, so what is small
/// travels together.
const INSERT_SQL: &str = "INSERT INTO binding (account, sub_id, pool, x, x_city, a_key, b_key,
         sealed, created_at, expires_at, any_caller, exclusive, record, verify, display, counted";
const SELECT_SQL: &str = "SELECT $1, q.sub_id, q.pool, q.x, q.city, q.a, q.b, q.sealed,
         q.created_at, q.expires_at, q.flags & 1 <> 0, q.flags & 2 <> 0, q.flags & 4 <> 0,
         q.flags & 8 <> 0, (q.flags >> 8)::int2, true";
const ARRAYS_SQL: &str = "FROM unnest($2::text[], $3::int8[], $4::int8[], $5::int2[], $6::bytea[],
         $7::bytea[], $8::bytea[], $9::int8[], $10::int8[], $11::int4[]";
const NAMES_SQL: &str = "q (sub_id, pool, x, city, a, b, sealed, created_at, expires_at, flags";

/// Writes bindings that are counted from now on.
///
/// # Errors
/// `Again` when one's id is taken.
pub(super) async fn insert_bindings(
    transaction: &Transaction<'_>,
    account: AccountId,
    bindings: &[NewBinding],
    keys: &Keyring,
) -> Result<(), Fault> {
    let all = bindings;
    let mut sealed = Vec::with_capacity(all.len());
    for new in all {
        let terms = &new.binding.terms;
        sealed.push(seal_parties(keys, new.binding.sub_id, terms.a, terms.b)?);
    }
    let mut columns: Vec<Box<dyn ToSql + Sync + Send>> = vec![
        Box::new(account_column(account)),
        Box::new(each(all, |new| new.binding.sub_id.to_string())),
        Box::new(each(all, |new| pool_column(new.binding.pool))),
        Box::new(each(all, |new| number_column(new.binding.x))),
        Box::new(each(all, |new| city_column(new.binding.x_city))),
        Box::new(each(all, |new| new.shape.a().as_bytes().to_vec())),
        Box::new(each(all, |new| b_key_column(&new.shape))),
        Box::new(sealed),
        Box::new(each(all, |new| new.binding.created_at.unix_ms())),
        Box::new(each(all, |new| new.binding.terms.expires_at.unix_ms())),
        Box::new(each(all, flags_of)),
    ];
    let sql = if all.iter().any(has_text) {
        let texts: [fn(&Binding) -> &Option<String>; 5] = [
            |binding| &binding.terms.user_data,
            |binding| &binding.terms.out_id,
            |binding| &binding.terms.voice_code,
            |binding| &binding.terms.order_id,
            |binding| &binding.terms.industrial_id,
        ];
        for text in texts {
            let escaped = each(all, |new| escaped_option(text(&new.binding).as_ref()));
            columns.push(Box::new(escaped));
        }
        format!(
            "{INSERT_SQL}, user_data, out_id, voice_code, order_id, industrial_id)
             {SELECT_SQL}, q.user_data, q.out_id, q.voice_code, q.order_id, q.industrial_id
             {ARRAYS_SQL}, $12::text[], $13::text[], $14::text[], $15::text[], $16::text[])
             {NAMES_SQL}, user_data, out_id, voice_code, order_id, industrial_id)"
        )
    } else {
        format!("{INSERT_SQL}) {SELECT_SQL} {ARRAYS_SQL}) {NAMES_SQL})")
    };
    let statement = transaction.prepare_cached(&sql).await?;
    let values: Vec<&(dyn ToSql + Sync)> = columns
        .iter()
        .map(|column| &**column as &(dyn ToSql + Sync))
        .collect();
    transaction.execute(&statement, &values).await?;
    limit_talks(transaction, account, bindings).await
}

/// Writes the longest talks of those bindings that ask for one; most ask for none, and so cost
/// nothing.
async fn limit_talks(
    transaction: &Transaction<'_>,
    account: AccountId,
    bindings: &[NewBinding],
) -> Result<(), Fault> {
    let (ids, limits): (Vec<String>, Vec<i32>) = bindings
        .iter()
        .filter_map(|new| {
            let limit = new.binding.terms.talk_s_max?;
            Some((new.binding.sub_id.to_string(), limit.cast_signed()))
        })
        .unzip();
    if ids.is_empty() {
        return Ok(());
    }
    let statement = transaction
        .prepare_cached(
            "UPDATE binding b SET talk_s_max = q.talk_s_max
             FROM unnest($2::text[], $3::int4[]) q (sub_id, talk_s_max)
             WHERE b.account = $1 AND b.sub_id = q.sub_id",
        )
        .await?;
    let account = account_column(account);
    transaction
        .execute(&statement, &[&account, &ids, &limits])
        .await?;
    Ok(())
}

fn has_text(new: &NewBinding) -> bool {
    let terms = &new.binding.terms;
    [
        &terms.user_data,
        &terms.out_id,
        &terms.voice_code,
        &terms.order_id,
        &terms.industrial_id,
    ]
    .into_iter()
    .any(Option::is_some)
}

fn flags_of(new: &NewBinding) -> i32 {
    let terms = &new.binding.terms;
    let bit = |set: bool, bit: i32| if set { bit } else { 0 };
    bit(any_caller(new.shape.mode()), ANY_CALLER)
        | bit(terms.exclusive, EXCLUSIVE)
        | bit(terms.record, RECORD)
        | bit(terms.verify, VERIFY)
        | i32::from(terms.display.code()) << DISPLAY_SHIFT
}

fn each<T, U>(items: &[T], value: impl Fn(&T) -> U) -> Vec<U> {
    items.iter().map(value).collect()
}
