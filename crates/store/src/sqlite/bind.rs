//! Making a binding: replay or refuse, choose, write, claim.

use axbridge_domain::{
    account::AccountId,
    binding::{Binding, Shape, SubId},
    draft::{ClaimRefusal, ClaimRules},
    inventory::NumberSlot,
    phone::PhoneNumber,
    pool::{Pool, PoolRules},
    refusal::Refusal,
    route::Selector,
    route_table::Record,
    selection::{self, Wanted},
    time::Timestamp,
};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{
    SqliteStore,
    fault::{Fault, damaged},
    rows::{BindingRow, NewBinding, account_column},
    writer::Batch,
};
use crate::{
    error::{BindRefusal, NumberRefusal, StoreError},
    model::{BindCommand, Bound, Idempotency, Placement},
    sealed::{seal_at_keys, shape_of},
};

impl SqliteStore {
    pub(crate) async fn bind(
        &self,
        command: BindCommand,
        now: Timestamp,
    ) -> Result<Result<Bound, BindRefusal>, StoreError> {
        let terms = &command.terms;
        // What needs no decision is done before the writer's turn.
        let keys = &self.inner.shared.keys;
        let shape = shape_of(keys, command.account, terms.a, terms.b);
        let sealed = seal_at_keys(keys, &shape, terms.a, terms.b)?;
        self.write(now, move |batch| decide(batch, command, shape, sealed))
            .await
    }

    pub(crate) async fn explain(
        &self,
        command: &BindCommand,
        now: Timestamp,
    ) -> Result<Option<Refusal>, StoreError> {
        let command = command.clone();
        let terms = &command.terms;
        let shape = shape_of(&self.inner.shared.keys, command.account, terms.a, terms.b);
        self.write(now, move |batch| {
            let Some(pool) = batch.pool(command.account, command.pool) else {
                return Ok(None);
            };
            let wanted = wanted(&command, &pool, &shape);
            let tally = selection::tally(&batch.state.inventory, &batch.draft, &wanted);
            Ok(Some(tally))
        })
        .await
    }
}

fn decide(
    batch: &mut Batch<'_>,
    command: BindCommand,
    shape: Shape,
    sealed: Vec<u8>,
) -> Result<Result<Bound, BindRefusal>, Fault> {
    let Some(pool) = batch.pool(command.account, command.pool) else {
        return Ok(Err(BindRefusal::UnknownPool));
    };
    let idempotency = command.idempotency.as_ref().filter(|_| !command.dry_run);
    if let Some(key) = idempotency {
        match earlier(batch, command.account, key)? {
            Earlier::Mismatch => return Ok(Err(BindRefusal::IdempotencyMismatch)),
            Earlier::Answered(binding) => return Ok(Ok(Bound::Replayed(*binding))),
            Earlier::None => {}
        }
    }
    let most = command.live_bindings_max;
    if most.is_some_and(|most| batch.live(command.account) >= most) {
        return Ok(Err(BindRefusal::LiveBindingQuota));
    }
    let x = match place(batch, &command, &pool, &shape) {
        Ok(x) => x,
        Err(refusal) => return Ok(Err(refusal)),
    };
    if command.dry_run {
        return Ok(Ok(Bound::WouldBind(x)));
    }
    let idempotency = command.idempotency;
    let mut new = NewBinding {
        binding: Binding {
            // Its own is made of its place.
            sub_id: SubId::new(batch.now(), x, 0),
            account: command.account,
            pool: command.pool,
            x,
            x_city: batch.state.inventory.get(x).and_then(|slot| slot.city),
            created_at: batch.now(),
            ended_at: None,
            terms: command.terms,
        },
        shape,
        sealed,
    };
    let seq = insert(batch, &mut new)?;
    let claimed = selection::claim(&mut batch.draft, new.record(), &pool.rules);
    claimed.map_err(unjudged)?;
    finish(batch, &new, seq, idempotency)?;
    Ok(Ok(Bound::New(new.binding)))
}

/// Chooses X, or checks the named one.
fn place(
    batch: &mut Batch<'_>,
    command: &BindCommand,
    pool: &Pool,
    shape: &Shape,
) -> Result<PhoneNumber, BindRefusal> {
    match &command.placement {
        Placement::Select { .. } => {
            let wanted = wanted(command, pool, shape);
            let inventory = &batch.state.inventory;
            let seed = command.seed;
            selection::choose_among_open(inventory, &batch.draft, &wanted, seed, batch.closed)
                .map_err(BindRefusal::NoneEligible)
        }
        Placement::Named(x) => named(batch, command, pool, shape, *x)
            .map(|()| *x)
            .map_err(BindRefusal::Number),
    }
}

fn named(
    batch: &Batch<'_>,
    command: &BindCommand,
    pool: &Pool,
    shape: &Shape,
    x: PhoneNumber,
) -> Result<(), NumberRefusal> {
    let terms = &command.terms;
    let slot = slot_in(batch, pool, x)?;
    // A number of A or B themselves is as good as disabled: calls to it would go in circles.
    if !slot.enabled || terms.a == x || terms.b == Some(x) {
        return Err(NumberRefusal::Disabled);
    }
    let record = Record {
        sub_id: SubId::new(batch.now(), x, command.nonce),
        x,
        shape: shape.clone(),
        exclusive: terms.exclusive,
        live_until: terms.expires_at,
    };
    let checked = batch.draft.check(&record, claim_rules(&pool.rules), None);
    checked.map_err(number_refusal)
}

/// The number's slot, if the pool holds it.
pub(super) fn slot_in(
    batch: &Batch<'_>,
    pool: &Pool,
    x: PhoneNumber,
) -> Result<NumberSlot, NumberRefusal> {
    let slot = batch.state.inventory.get(x).copied();
    slot.filter(|slot| slot.pool == pool.pool_no)
        .ok_or(NumberRefusal::NotInPool)
}

/// What a claim of a named number is judged by, as [`selection::claim`] does.
pub(super) fn claim_rules(rules: &PoolRules) -> ClaimRules {
    ClaimRules {
        quarantine_ms: rules.quarantine_min_ms.min(rules.quarantine_ms),
        bindings_per_number_max: rules.bindings_per_number_max,
    }
}

pub(super) fn number_refusal(refusal: ClaimRefusal) -> NumberRefusal {
    match refusal {
        ClaimRefusal::Held { by, selector } => NumberRefusal::Conflict {
            by,
            by_ax: selector == Selector::Any,
        },
        ClaimRefusal::Quarantined { .. } => NumberRefusal::Quarantined,
        ClaimRefusal::AtCap => NumberRefusal::AtCap,
        ClaimRefusal::KindConflict => NumberRefusal::KindConflict,
    }
}

/// A claim that was judged free and is not: a fault of ours, for which the batch is undone.
pub(super) fn unjudged(refusal: ClaimRefusal) -> Fault {
    Fault::Batch(StoreError::Internal(format!(
        "a claim was refused after it was judged free: {refusal:?}"
    )))
}

fn wanted(command: &BindCommand, pool: &Pool, shape: &Shape) -> Wanted {
    let mut rules = pool.rules;
    let tiers = match &command.placement {
        Placement::Select { tiers, policy } => {
            rules.policy = policy.unwrap_or(rules.policy);
            tiers.clone()
        }
        Placement::Named(_) => Vec::new(),
    };
    Wanted {
        pool: command.pool,
        tiers,
        shape: shape.clone(),
        exclusive: command.terms.exclusive,
        rules,
        never: [Some(command.terms.a), command.terms.b],
    }
}

/// Appends the row, which is the event as well, under its id, and returns its place.
pub(super) fn insert(batch: &mut Batch<'_>, new: &mut NewBinding) -> Result<i64, Fault> {
    let seq = batch.take_seq();
    let nonce = batch.sub_ids.nonce(seq);
    new.binding.sub_id = SubId::new(batch.now(), new.binding.x, nonce);
    new.insert(batch.connection, seq)?;
    Ok(seq)
}

/// Writes what goes with every new binding: its idempotency key, the live count.
pub(super) fn finish(
    batch: &mut Batch<'_>,
    new: &NewBinding,
    seq: i64,
    idempotency: Option<Idempotency>,
) -> Result<(), Fault> {
    let binding = &new.binding;
    let (account, sub_id) = (binding.account, binding.sub_id);
    if let Some(key) = idempotency {
        remember(batch.connection, account, &key, seq, batch.now())?;
    }
    let until = binding.terms.expires_at;
    if until > batch.now() {
        batch.count_live(account, 1);
        Ok(())
    } else {
        batch.ended_in_the_past(sub_id, account, until)
    }
}

/// What is known of an idempotency key.
pub(super) enum Earlier {
    None,
    Answered(Box<Binding>),
    Mismatch,
}

/// Looks an idempotency key up, the batch included: of two in flight, the second finds the first.
pub(super) fn earlier(
    batch: &Batch<'_>,
    account: AccountId,
    key: &Idempotency,
) -> Result<Earlier, Fault> {
    const SELECT: &str = "SELECT fingerprint, seq FROM idempotency \
         WHERE account = ?1 AND action = ?2 AND key = ?3 AND at > ?4";
    let kept_since = batch.now().plus_ms(-batch.options.idempotency_ms);
    let found: Option<(Vec<u8>, i64)> = batch
        .connection
        .prepare_cached(SELECT)?
        .query_row(
            params![
                account_column(account),
                key.action,
                key.key,
                kept_since.unix_ms()
            ],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?;
    let Some((fingerprint, seq)) = found else {
        return Ok(Earlier::None);
    };
    if fingerprint.len() != key.fingerprint.len() {
        return Err(damaged("an idempotency key's fingerprint").into());
    }
    if fingerprint != key.fingerprint {
        return Ok(Earlier::Mismatch);
    }
    let binding = BindingRow::as_answered(batch.connection, seq, batch.keys)?;
    Ok(Earlier::Answered(Box::new(binding)))
}

fn remember(
    connection: &Connection,
    account: AccountId,
    key: &Idempotency,
    seq: i64,
    now: Timestamp,
) -> Result<(), Fault> {
    // Replacing can only meet a key whose time is over.
    const INSERT: &str = "INSERT OR REPLACE INTO idempotency (account, action, key, fingerprint, seq, at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    connection.prepare_cached(INSERT)?.execute(params![
        account_column(account),
        key.action,
        key.key,
        key.fingerprint,
        seq,
        now.unix_ms()
    ])?;
    Ok(())
}
