//! What happens to a live binding: unbind, update, upgrade.

use axbridge_domain::{
    binding::{Binding, Mode, Shape, SubId},
    city::CityCode,
    draft::ClaimRules,
    phone::PhoneNumber,
    time::Timestamp,
};

use super::{
    SqliteStore,
    bind::{Earlier, claim_rules, earlier, finish, insert, number_refusal, slot_in, unjudged},
    fault::{Fault, damaged},
    rows::{BindingRow, NewBinding, insert_ended},
    writer::Batch,
};
use crate::{
    error::{ChangeRefusal, NumberRefusal, StoreError},
    model::{BindingChange, BindingRef, Topic, UpgradeCommand},
    sealed::shape_of,
};

impl SqliteStore {
    pub(crate) async fn unbind(
        &self,
        binding: BindingRef,
        now: Timestamp,
    ) -> Result<Result<(), ChangeRefusal>, StoreError> {
        self.write(now, move |batch| {
            let Some(row) = find_live(batch, &binding)? else {
                return Ok(Err(ChangeRefusal::NoSuchBinding));
            };
            insert_ended(batch.connection, row.seq, batch.now())?;
            let subject = row.sub_id.to_string();
            batch.event(row.account, Topic::BindingUnbound, &subject)?;
            batch.draft.release(row.sub_id, row.x, &row.shape);
            batch.count_live(row.account, -1);
            Ok(Ok(()))
        })
        .await
    }

    pub(crate) async fn update_binding(
        &self,
        binding: BindingRef,
        change: BindingChange,
        now: Timestamp,
    ) -> Result<Result<Binding, ChangeRefusal>, StoreError> {
        self.write(now, move |batch| {
            let Some(row) = find_live(batch, &binding)? else {
                return Ok(Err(ChangeRefusal::NoSuchBinding));
            };
            update(batch, row, change)
        })
        .await
    }

    pub(crate) async fn upgrade(
        &self,
        command: UpgradeCommand,
        now: Timestamp,
    ) -> Result<Result<Binding, ChangeRefusal>, StoreError> {
        self.write(now, move |batch| {
            if let Some(key) = &command.idempotency {
                match earlier(batch, command.ax.account, key)? {
                    Earlier::Mismatch => return Ok(Err(ChangeRefusal::IdempotencyMismatch)),
                    Earlier::Answered(binding) => return Ok(Ok(*binding)),
                    Earlier::None => {}
                }
            }
            match find_live(batch, &command.ax)? {
                Some(row) => upgrade(batch, row, command),
                None => Ok(Err(ChangeRefusal::NoSuchBinding)),
            }
        })
        .await
    }
}

/// The row of a binding that the reference names and that is live in the batch.
fn find_live(batch: &Batch<'_>, binding: &BindingRef) -> Result<Option<BindingRow>, StoreError> {
    let row = BindingRow::find(batch.connection, batch.sub_ids, binding.sub_id)?;
    Ok(row.filter(|row| {
        row.account == binding.account
            && binding.pool.is_none_or(|pool| row.pool == pool)
            && batch.draft.is_live(row.sub_id, row.x, &row.shape)
    }))
}

/// The rules of the binding's pool.
fn rules_of(batch: &Batch<'_>, row: &BindingRow) -> Result<ClaimRules, StoreError> {
    let pool = batch.pool(row.account, row.pool);
    pool.map(|pool| claim_rules(&pool.rules))
        .ok_or_else(|| damaged("a binding whose pool is missing"))
}

fn update(
    batch: &mut Batch<'_>,
    row: BindingRow,
    change: BindingChange,
) -> Result<Result<Binding, ChangeRefusal>, Fault> {
    let (seq, old_x, old_shape) = (row.seq, row.x, row.shape.clone());
    let rules = rules_of(batch, &row)?;
    let mut binding = row.open(batch.keys)?;
    if let Err(refusal) = amend(batch, &mut binding, change.clone()) {
        return Ok(Err(refusal));
    }
    let terms = &binding.terms;
    let shape = shape_of(batch.keys, binding.account, terms.a, terms.b);
    let new = NewBinding::new(batch.keys, binding, shape)?;
    let (account, sub_id) = (new.binding.account, new.binding.sub_id);
    let claims_anew = matches!(
        change,
        BindingChange::PhoneA(_) | BindingChange::PhoneB(_) | BindingChange::PhoneX(_)
    );
    let replacing = Some((sub_id, old_x, &old_shape));
    if claims_anew {
        let checked = batch.draft.check(&new.record(), rules, replacing);
        if let Err(refusal) = checked {
            return Ok(Err(ChangeRefusal::Number(number_refusal(refusal))));
        }
    }
    let claim = claims_anew.then(|| batch.take_seq());
    new.replace(batch.connection, seq, claim, batch.now())?;
    batch.event(account, Topic::BindingUpdated, &sub_id.to_string())?;
    if claims_anew {
        let claimed = batch.draft.claim(new.record(), rules, replacing);
        claimed.map_err(unjudged)?;
    } else if let BindingChange::ExpiresAt(until) = change {
        move_end(batch, &new, until)?;
    }
    Ok(Ok(new.binding))
}

/// Moves the end of the binding's routes.
fn move_end(batch: &mut Batch<'_>, new: &NewBinding, until: Timestamp) -> Result<(), Fault> {
    let (account, sub_id) = (new.binding.account, new.binding.sub_id);
    batch
        .draft
        .set_live_until(sub_id, new.binding.x, &new.shape, until);
    if until > batch.now() {
        return Ok(());
    }
    batch.count_live(account, -1);
    batch.ended_in_the_past(sub_id, account, until)
}

/// Makes the change on the binding as a value, if it makes sense.
fn amend(
    batch: &Batch<'_>,
    binding: &mut Binding,
    change: BindingChange,
) -> Result<(), ChangeRefusal> {
    match change {
        BindingChange::ExpiresAt(until) => binding.terms.expires_at = until,
        BindingChange::UserData(text) => binding.terms.user_data = text,
        BindingChange::OutId(text) => binding.terms.out_id = text,
        BindingChange::OrderId(text) => binding.terms.order_id = text,
        BindingChange::IndustrialId(text) => binding.terms.industrial_id = text,
        BindingChange::PhoneA(a) => {
            binding.terms.a = a;
            check_distinct(binding)?;
        }
        BindingChange::PhoneB(b) => {
            if binding.mode() != Mode::Axb {
                return Err(ChangeRefusal::WrongMode);
            }
            binding.terms.b = Some(b);
            check_distinct(binding)?;
        }
        BindingChange::PhoneX(x) => {
            binding.x = x;
            check_distinct(binding)?;
            binding.x_city = enabled_in_pool(batch, binding, x).map_err(ChangeRefusal::Number)?;
        }
    }
    Ok(())
}

fn check_distinct(binding: &Binding) -> Result<(), ChangeRefusal> {
    let (a, b, x) = (binding.terms.a, binding.terms.b, binding.x);
    if a == x || b == Some(x) || b == Some(a) {
        return Err(ChangeRefusal::SameNumber);
    }
    Ok(())
}

/// The city of a number that the binding may move to.
fn enabled_in_pool(
    batch: &Batch<'_>,
    binding: &Binding,
    x: PhoneNumber,
) -> Result<Option<CityCode>, NumberRefusal> {
    let pool = batch.pool(binding.account, binding.pool);
    let pool = pool.ok_or(NumberRefusal::NotInPool)?;
    let slot = slot_in(batch, &pool, x)?;
    if slot.enabled {
        Ok(slot.city)
    } else {
        Err(NumberRefusal::Disabled)
    }
}

fn upgrade(
    batch: &mut Batch<'_>,
    row: BindingRow,
    command: UpgradeCommand,
) -> Result<Result<Binding, ChangeRefusal>, Fault> {
    if row.shape.mode() != Mode::Ax {
        return Ok(Err(ChangeRefusal::WrongMode));
    }
    let rules = rules_of(batch, &row)?;
    let (ax_seq, ax_shape): (i64, Shape) = (row.seq, row.shape.clone());
    let mut binding = row.open(batch.keys)?;
    let ax_id = binding.sub_id;
    // Its own is made of its place.
    binding.sub_id = SubId::new(batch.now(), binding.x, 0);
    binding.created_at = batch.now();
    let terms = &mut binding.terms;
    terms.b = Some(command.b);
    terms.display = command.display.unwrap_or(terms.display);
    terms.user_data = command.user_data.or(terms.user_data.take());
    terms.out_id = command.out_id.or(terms.out_id.take());
    if let Err(refusal) = check_distinct(&binding) {
        return Ok(Err(refusal));
    }
    let terms = &binding.terms;
    let shape = shape_of(batch.keys, binding.account, terms.a, terms.b);
    let mut new = NewBinding::new(batch.keys, binding, shape)?;
    let (account, x) = (new.binding.account, new.binding.x);
    let replacing = Some((ax_id, x, &ax_shape));
    if let Err(refusal) = batch.draft.check(&new.record(), rules, replacing) {
        return Ok(Err(ChangeRefusal::Number(number_refusal(refusal))));
    }
    insert_ended(batch.connection, ax_seq, batch.now())?;
    batch.event(account, Topic::BindingUnbound, &ax_id.to_string())?;
    let seq = insert(batch, &mut new)?;
    batch.count_live(account, -1);
    let claimed = batch.draft.claim(new.record(), rules, replacing);
    claimed.map_err(unjudged)?;
    finish(batch, &new, seq, command.idempotency)?;
    Ok(Ok(new.binding))
}
