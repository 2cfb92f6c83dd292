//! Keys that make a retry safe, with the answers that were given.
//!
//! The answer is kept whole and sealed, because the binding itself may change afterwards.

use axbridge_domain::{
    account::AccountId,
    binding::{Binding, DisplayType, Terms},
    phone::PhoneNumber,
    time::Timestamp,
};
use deadpool_postgres::{GenericClient, Transaction};

use super::{
    core::Core,
    fault::Fault,
    rows::{account_column, city_of, column, number_of, pool_of, sub_id_of, unreadable},
    text::{escaped, unescaped},
};
use crate::{error::StoreError, keyring::Keyring, model::Idempotency};

/// What a key stands for.
pub(super) enum Known {
    /// The same request, with the sealed answer.
    Answered(Vec<u8>),
    /// Another request.
    Other,
}

/// Looks keys up; the answer's places match the request's.
pub(super) async fn look_up(
    core: &Core,
    client: &impl GenericClient,
    account: AccountId,
    keys: &[&Idempotency],
    now: Timestamp,
) -> Result<Vec<Option<Known>>, Fault> {
    let statement = client
        .prepare_cached(
            "SELECT i.action, i.key, i.fingerprint, i.answer
             FROM unnest($2::text[], $3::text[]) q (action, key)
             CROSS JOIN LATERAL (
                 SELECT * FROM idempotency
                 WHERE account = $1 AND action = q.action AND key = q.key LIMIT 1) i
             WHERE i.at > $4",
        )
        .await?;
    let actions: Vec<&str> = keys.iter().map(|key| key.action).collect();
    let texts: Vec<String> = keys
        .iter()
        .map(|key| escaped(&key.key).into_owned())
        .collect();
    let oldest = forgotten_at(core, now);
    let rows = client
        .query(
            &statement,
            &[&account_column(account), &actions, &texts, &oldest],
        )
        .await?;
    let mut known: Vec<Option<Known>> = keys.iter().map(|_| None).collect();
    for row in rows {
        let action: &str = column(&row, "action")?;
        let text = unescaped(column(&row, "key")?);
        let fingerprint: &[u8] = column(&row, "fingerprint")?;
        let answer: &[u8] = column(&row, "answer")?;
        for (key, place) in keys.iter().zip(&mut known) {
            if key.action == action && key.key == text {
                *place = Some(if key.fingerprint == fingerprint {
                    Known::Answered(answer.to_vec())
                } else {
                    Known::Other
                });
            }
        }
    }
    Ok(known)
}

/// Locks known keys, so that the commit of who answers a replay waits for the standbys as the first
/// answer did. What was seen of a key may be on this server alone: its commit was told not to wait.
pub(super) async fn lock_known(
    transaction: &Transaction<'_>,
    account: AccountId,
    keys: &[&Idempotency],
) -> Result<(), Fault> {
    let statement = transaction
        .prepare_cached(
            "SELECT 1 FROM idempotency WHERE account = $1 AND action = ANY ($2) AND key = ANY ($3)
             ORDER BY action, key FOR UPDATE",
        )
        .await?;
    let actions: Vec<&str> = keys.iter().map(|key| key.action).collect();
    let texts: Vec<String> = keys
        .iter()
        .map(|key| escaped(&key.key).into_owned())
        .collect();
    transaction
        .query(&statement, &[&account_column(account), &actions, &texts])
        .await?;
    Ok(())
}

/// Keys with the answers they are to stand for.
pub(super) struct Answers<'a> {
    pub(super) entries: Vec<(&'a Idempotency, &'a Binding)>,
}

impl Answers<'_> {
    /// Keeps the answers of those keys that nobody else took meanwhile; says which were taken.
    /// Waits for others that are taking one of the keys.
    pub(super) async fn keep(
        mut self,
        core: &Core,
        transaction: &Transaction<'_>,
        account: AccountId,
        now: Timestamp,
    ) -> Result<Vec<Idempotency>, Fault> {
        if self.entries.is_empty() {
            return Ok(Vec::new());
        }
        // In one order for everybody, so that two batches never wait for each other in a circle.
        self.entries.sort_by(|(one, _), (other, _)| {
            (one.action, &one.key).cmp(&(other.action, &other.key))
        });
        let mut sealed = Vec::with_capacity(self.entries.len());
        for (key, binding) in &self.entries {
            sealed.push(core.keys.seal(&encode(binding), &place(account, key))?);
        }
        let actions: Vec<&str> = self.entries.iter().map(|(key, _)| key.action).collect();
        let texts: Vec<String> = self
            .entries
            .iter()
            .map(|(key, _)| escaped(&key.key).into_owned())
            .collect();
        let fingerprints: Vec<&[u8]> = self
            .entries
            .iter()
            .map(|(key, _)| key.fingerprint.as_slice())
            .collect();
        let statement = transaction
            .prepare_cached(
                "INSERT INTO idempotency (account, action, key, fingerprint, answer, at)
                 SELECT $1, q.action, q.key, q.fingerprint, q.answer, $6
                 FROM unnest($2::text[], $3::text[], $4::bytea[], $5::bytea[])
                     q (action, key, fingerprint, answer)
                 ON CONFLICT (account, action, key) DO UPDATE
                     SET fingerprint = excluded.fingerprint, answer = excluded.answer,
                         at = excluded.at
                     WHERE idempotency.at <= $7
                 RETURNING action, key",
            )
            .await?;
        let rows = transaction
            .query(
                &statement,
                &[
                    &account_column(account),
                    &actions,
                    &texts,
                    &fingerprints,
                    &sealed,
                    &now.unix_ms(),
                    &forgotten_at(core, now),
                ],
            )
            .await?;
        let mut taken: Vec<Idempotency> =
            self.entries.iter().map(|(key, _)| (*key).clone()).collect();
        for row in rows {
            let action: &str = column(&row, "action")?;
            let text = unescaped(column(&row, "key")?);
            taken.retain(|key| key.action != action || key.key != text);
        }
        Ok(taken)
    }
}

/// Keys of this moment or earlier count as forgotten.
fn forgotten_at(core: &Core, now: Timestamp) -> i64 {
    now.plus_ms(-core.options.idempotency_ms).unix_ms()
}

/// Opens a kept answer.
pub(super) fn open_answer(
    keys: &Keyring,
    account: AccountId,
    key: &Idempotency,
    sealed: &[u8],
) -> Result<Binding, StoreError> {
    let plain = keys.open(sealed, &place(account, key))?;
    decode(account, &plain).ok_or_else(|| unreadable("a kept answer"))
}

fn place(account: AccountId, key: &Idempotency) -> Vec<u8> {
    format!("answer {account} {} {}", key.action, key.key).into_bytes()
}

const FORMAT: u8 = 1;

fn encode(binding: &Binding) -> Vec<u8> {
    let terms = &binding.terms;
    let mut bytes = vec![FORMAT];
    let sub_id = binding.sub_id.to_string();
    put(&mut bytes, Some(sub_id.as_bytes()));
    let numbers = [
        binding.pool.digits(),
        binding.x.to_bits(),
        binding.x_city.map_or(0, |city| city.to_bits().into()),
        binding.created_at.unix_ms().cast_unsigned(),
        terms.a.to_bits(),
        terms.b.map_or(0, PhoneNumber::to_bits),
        terms.expires_at.unix_ms().cast_unsigned(),
        terms.display.code().into(),
        u64::from(terms.record)
            | u64::from(terms.verify) << 1
            | u64::from(terms.exclusive) << 2
            | u64::from(terms.talk_s_max.unwrap_or(0)) << TALK_SHIFT,
    ];
    for number in numbers {
        bytes.extend_from_slice(&number.to_be_bytes());
    }
    let texts = [
        &terms.user_data,
        &terms.out_id,
        &terms.voice_code,
        &terms.order_id,
        &terms.industrial_id,
    ];
    for text in texts {
        put(&mut bytes, text.as_ref().map(String::as_bytes));
    }
    bytes
}

/// From this bit of the flags on stands the longest talk in seconds, 0 for none.
const TALK_SHIFT: u32 = 8;

fn put(bytes: &mut Vec<u8>, text: Option<&[u8]>) {
    let length = text.map_or(u32::MAX, |text| {
        u32::try_from(text.len()).unwrap_or(u32::MAX)
    });
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(text.unwrap_or_default());
}

fn decode(account: AccountId, bytes: &[u8]) -> Option<Binding> {
    let (format, mut rest) = bytes.split_first()?;
    if *format != FORMAT {
        return None;
    }
    let sub_id = sub_id_of(&take_text(&mut rest)??).ok()?;
    let mut number = || take_number(&mut rest);
    let pool = pool_of(number()?.cast_signed()).ok()?;
    let x = number_of(number()?.cast_signed()).ok()?;
    let x_city = city_of(i16::try_from(number()?).ok()?);
    let created_at = Timestamp::from_unix_ms(number()?.cast_signed());
    let a = PhoneNumber::from_bits(number()?)?;
    let b = match number()? {
        0 => None,
        bits => Some(PhoneNumber::from_bits(bits)?),
    };
    let expires_at = Timestamp::from_unix_ms(number()?.cast_signed());
    let display = DisplayType::from_code(number()?.cast_signed())?;
    let flags = number()?;
    let mut text = || take_text(&mut rest);
    Some(Binding {
        sub_id,
        account,
        pool,
        x,
        x_city,
        created_at,
        ended_at: None,
        terms: Terms {
            a,
            b,
            expires_at,
            display,
            record: flags & 1 != 0,
            verify: flags & 2 != 0,
            exclusive: flags & 4 != 0,
            user_data: text()?,
            out_id: text()?,
            voice_code: text()?,
            order_id: text()?,
            industrial_id: text()?,
            talk_s_max: u32::try_from(flags >> TALK_SHIFT).ok().filter(|it| *it > 0),
        },
    })
}

fn take_number(rest: &mut &[u8]) -> Option<u64> {
    let (number, after) = rest.split_first_chunk::<8>()?;
    *rest = after;
    Some(u64::from_be_bytes(*number))
}

fn take_text(rest: &mut &[u8]) -> Option<Option<String>> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let length = u32::from_be_bytes(*length);
    *rest = after;
    if length == u32::MAX {
        return Some(None);
    }
    let (text, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    *rest = after;
    Some(Some(String::from_utf8(text.to_vec()).ok()?))
}

#[cfg(test)]
mod tests {
    use axbridge_domain::{binding::SubId, city::CityCode, pool::PoolNo};

    use super::*;

    #[test]
    fn an_answer_comes_back_as_it_was_and_damage_is_noticed() {
        let number = |text| PhoneNumber::parse(text).expect("number");
        let now = Timestamp::from_unix_ms(1_800_000_000_123);
        let mut binding = Binding {
            sub_id: SubId::new(now, number("17000000001"), 7),
            account: AccountId::DEFAULT,
            pool: PoolNo::new(42).expect("pool"),
            x: number("17000000001"),
            x_city: CityCode::parse("0531").ok(),
            created_at: now,
            ended_at: None,
            terms: Terms {
                a: number("13700000001"),
                b: Some(number("02131075869")),
                expires_at: now.plus_ms(60_001),
                display: DisplayType::BSeesA,
                record: true,
                verify: false,
                exclusive: true,
                user_data: Some("你好\0".to_owned()),
                out_id: Some(String::new()),
                voice_code: None,
                order_id: None,
                industrial_id: Some("i".to_owned()),
                talk_s_max: Some(90),
            },
        };
        let bytes = encode(&binding);
        assert_eq!(decode(AccountId::DEFAULT, &bytes).as_ref(), Some(&binding));
        for end in 0..bytes.len() {
            assert_eq!(decode(AccountId::DEFAULT, &bytes[..end]), None);
        }
        binding.terms.b = None;
        binding.x_city = None;
        assert_eq!(decode(AccountId::DEFAULT, &encode(&binding)), Some(binding));
    }
}
