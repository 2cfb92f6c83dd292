//! Unbind, update, upgrade: one transaction each, under the locks of the numbers concerned.

use axbridge_domain::{
    binding::{Binding, Mode, Shape, SubId},
    phone::PhoneNumber,
    pool::PoolRules,
    route::Route,
    time::Timestamp,
};
use deadpool_postgres::{GenericClient, Transaction};

use super::{
    PostgresStore,
    core::{Core, until_done},
    fault::Fault,
    idempotency::{Answers, Known, lock_known, look_up, open_answer},
    look::{Claim, Replaced, Seen, given_out, lock_numbers},
    new_bindings::{NewBinding, insert_bindings},
    routes::{end_routes, put_routes, routes_of},
    rows::{BINDING_COLUMNS, BindingRow, account_column, b_key_column, city_column, number_column},
    text::escaped_option,
    write::{LoadChanges, tell},
};
use crate::{
    error::{ChangeRefusal, NumberRefusal, StoreError},
    model::{BindingChange, BindingRef, Topic, UpgradeCommand},
    sealed::{seal_parties, shape_of},
};

impl PostgresStore {
    pub(crate) async fn unbind(
        &self,
        binding: BindingRef,
        now: Timestamp,
    ) -> Result<Result<(), ChangeRefusal>, StoreError> {
        let now = self.core.moment(now);
        until_done!(async {
            match unbind(&self.core, binding, now).await {
                Err(Fault::Unknown(text)) => {
                    let found = what_stands(&self.core, binding).await?;
                    match found {
                        Some(found) if found.binding.ended_at == Some(now) => Ok(Ok(())),
                        _ => Err(Fault::Lost(text)),
                    }
                }
                other => other,
            }
        })
    }

    pub(crate) async fn update_binding(
        &self,
        binding: BindingRef,
        change: BindingChange,
        now: Timestamp,
    ) -> Result<Result<Binding, ChangeRefusal>, StoreError> {
        let now = self.core.moment(now);
        until_done!(async {
            match update(&self.core, binding, &change, now).await {
                Err(Fault::Unknown(text)) => {
                    let found = what_stands(&self.core, binding).await?;
                    match found {
                        Some(found) if changed(found.binding.clone(), &change) == found.binding => {
                            Ok(Ok(found.binding))
                        }
                        _ => Err(Fault::Lost(text)),
                    }
                }
                other => other,
            }
        })
    }

    pub(crate) async fn upgrade(
        &self,
        command: UpgradeCommand,
        now: Timestamp,
    ) -> Result<Result<Binding, ChangeRefusal>, StoreError> {
        let now = self.core.moment(now);
        let mut tries = 0u32;
        until_done!(async {
            tries += 1;
            let nonce = command
                .nonce
                .wrapping_add((tries - 1).wrapping_mul(0x9e37_79b1));
            match upgrade(&self.core, &command, nonce, now).await {
                Err(Fault::Unknown(text)) => {
                    let ended = what_stands(&self.core, command.ax).await?;
                    let Some(ended) = ended.filter(|ax| ax.binding.ended_at == Some(now)) else {
                        return Err(Fault::Lost(text));
                    };
                    let axb = BindingRef {
                        sub_id: SubId::new(now, ended.binding.x, nonce),
                        ..command.ax
                    };
                    match what_stands(&self.core, axb).await? {
                        Some(found) => Ok(Ok(found.binding)),
                        None => Err(Fault::Unknown(text)),
                    }
                }
                other => other,
            }
        })
    }
}

/// The binding after a COMMIT that was not answered, once the server is done with it.
async fn what_stands(core: &Core, binding: BindingRef) -> Result<Option<BindingRow>, Fault> {
    let mut client = core.client().await?;
    let transaction = client.transaction().await?;
    let Some(found) = find(core, &transaction, binding, false).await? else {
        return Ok(None);
    };
    lock_numbers(&transaction, binding.account, &[found.binding.x]).await?;
    let found = find(core, &transaction, binding, false).await?;
    // As the lost commit did, this one waits for the standbys.
    core.commit_for_good(transaction).await?;
    Ok(found)
}

/// Reads a binding of the account (and pool, if one is named), to change it when `lock`.
async fn find(
    core: &Core,
    client: &impl GenericClient,
    binding: BindingRef,
    lock: bool,
) -> Result<Option<BindingRow>, Fault> {
    let lock = if lock { "FOR UPDATE" } else { "" };
    let statement = client
        .prepare_cached(&format!(
            "SELECT {BINDING_COLUMNS} FROM binding b WHERE b.account = $1 AND b.sub_id = $2 {lock}"
        ))
        .await?;
    let row = client
        .query_opt(
            &statement,
            &[
                &account_column(binding.account),
                &binding.sub_id.to_string(),
            ],
        )
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let found = BindingRow::read(&row, binding.account, &core.keys)?;
    let in_pool = binding.pool.is_none_or(|pool| pool == found.binding.pool);
    Ok(Some(found).filter(|_| in_pool))
}

/// Reads a live binding under the lock of its number and of `also`.
async fn find_live(
    core: &Core,
    transaction: &Transaction<'_>,
    binding: BindingRef,
    also: Option<PhoneNumber>,
    now: Timestamp,
) -> Result<Option<BindingRow>, Fault> {
    let Some(first) = find(core, transaction, binding, false).await? else {
        return Ok(None);
    };
    let mut numbers = vec![first.binding.x];
    numbers.extend(also);
    lock_numbers(transaction, binding.account, &numbers).await?;
    let found = find(core, transaction, binding, true).await?;
    if found
        .as_ref()
        .is_some_and(|found| found.binding.x != first.binding.x)
    {
        return Err(Fault::Again(
            "the binding moved to another number".to_owned(),
        ));
    }
    Ok(found.filter(|found| found.is_live(now)))
}

async fn unbind(
    core: &Core,
    binding: BindingRef,
    now: Timestamp,
) -> Result<Result<(), ChangeRefusal>, Fault> {
    let mut client = core.client().await?;
    let transaction = client.transaction().await?;
    let Some(found) = find_live(core, &transaction, binding, None, now).await? else {
        // That it has ended must not be news to the standbys either.
        core.commit_for_good(transaction).await?;
        return Ok(Err(ChangeRefusal::NoSuchBinding));
    };
    end(&transaction, &found, now).await?;
    core.commit(transaction).await?;
    core.taken.forget(found.binding.x, &found.shape);
    Ok(Ok(()))
}

/// Ends a live binding by its client's wish.
async fn end(
    transaction: &Transaction<'_>,
    found: &BindingRow,
    now: Timestamp,
) -> Result<(), Fault> {
    let binding = &found.binding;
    let (account, id, x) = (binding.account, binding.sub_id, binding.x);
    end_routes(transaction, account, id, found.shape.routes(x), now).await?;
    let statement = transaction
        .prepare_cached(
            "UPDATE binding SET ended_at = $3, counted = false WHERE account = $1 AND sub_id = $2",
        )
        .await?;
    transaction
        .execute(
            &statement,
            &[&account_column(account), &id.to_string(), &now.unix_ms()],
        )
        .await?;
    let mut loads = LoadChanges::default();
    loads.subtract(x, &found.shape, binding.terms.exclusive);
    loads.write(transaction, account).await?;
    let topic = Topic::BindingUnbound;
    tell(transaction, account, topic, &[id.to_string()], now).await
}

/// The binding with the change made.
fn changed(mut binding: Binding, change: &BindingChange) -> Binding {
    let terms = &mut binding.terms;
    match change.clone() {
        BindingChange::ExpiresAt(moment) => terms.expires_at = moment,
        BindingChange::UserData(text) => terms.user_data = text,
        BindingChange::OutId(text) => terms.out_id = text,
        BindingChange::OrderId(text) => terms.order_id = text,
        BindingChange::IndustrialId(text) => terms.industrial_id = text,
        BindingChange::PhoneA(a) => terms.a = a,
        BindingChange::PhoneB(b) => terms.b = Some(b),
        BindingChange::PhoneX(x) => binding.x = x,
    }
    binding
}

fn has_equal_numbers(x: PhoneNumber, a: PhoneNumber, b: Option<PhoneNumber>) -> bool {
    a == x || b == Some(x) || b == Some(a)
}

async fn update(
    core: &Core,
    binding: BindingRef,
    change: &BindingChange,
    now: Timestamp,
) -> Result<Result<Binding, ChangeRefusal>, Fault> {
    let mut client = core.client().await?;
    let transaction = client.transaction().await?;
    let moves_to = match change {
        BindingChange::PhoneX(x) => Some(*x),
        _ => None,
    };
    let Some(old) = find_live(core, &transaction, binding, moves_to, now).await? else {
        return Ok(Err(ChangeRefusal::NoSuchBinding));
    };
    if matches!(change, BindingChange::PhoneB(_)) && old.binding.mode() != Mode::Axb {
        return Ok(Err(ChangeRefusal::WrongMode));
    }
    let mut new = changed(old.binding.clone(), change);
    if has_equal_numbers(new.x, new.terms.a, new.terms.b) {
        return Ok(Err(ChangeRefusal::SameNumber));
    }
    let account = binding.account;
    let shape = match change {
        BindingChange::PhoneA(_) | BindingChange::PhoneB(_) | BindingChange::PhoneX(_) => {
            match reclaim(core, &transaction, &old, &mut new, now).await? {
                Ok(shape) => shape,
                Err(refusal) => return Ok(Err(ChangeRefusal::Number(refusal))),
            }
        }
        BindingChange::ExpiresAt(moment) => {
            let routes = old.shape.routes(new.x);
            end_routes(&transaction, account, new.sub_id, routes, *moment).await?;
            let mut loads = LoadChanges::default();
            loads.expire_at(new.x, *moment);
            loads.write(&transaction, account).await?;
            old.shape.clone()
        }
        _ => old.shape.clone(),
    };
    let moved = shape != old.shape || new.x != old.binding.x;
    write(core, &transaction, &new, &shape, moved).await?;
    let topic = Topic::BindingUpdated;
    tell(&transaction, account, topic, &[new.sub_id.to_string()], now).await?;
    core.commit(transaction).await?;
    if moved {
        core.taken.forget(old.binding.x, &old.shape);
    }
    Ok(Ok(new))
}

/// Gives up the routes of `old` and claims those of `new`, whose city of X it fills in. The number
/// of `new` is locked.
async fn reclaim(
    core: &Core,
    transaction: &Transaction<'_>,
    old: &BindingRow,
    new: &mut Binding,
    now: Timestamp,
) -> Result<Result<Shape, NumberRefusal>, Fault> {
    let account = new.account;
    let rules = rules_of(core, transaction, new).await?;
    let shape = shape_of(&core.keys, account, new.terms.a, new.terms.b);
    let routes: Vec<Route> = shape.routes(new.x).collect();
    let mut seen = Seen::default();
    seen.look(transaction, account, &routes, now, &core.options)
        .await?;
    if new.x != old.binding.x
        && let Err(refusal) = given_out(seen.number(new.x), new.pool)
    {
        return Ok(Err(refusal));
    }
    let exclusive = new.terms.exclusive;
    let claim = Claim {
        x: new.x,
        shape: &shape,
        exclusive,
        rules: &rules,
        replacing: Some(Replaced {
            sub_id: old.binding.sub_id,
            x: old.binding.x,
            shape: &old.shape,
            exclusive,
        }),
    };
    if let Err(refusal) = claim.check(&seen, now) {
        return Ok(Err(refusal));
    }
    new.x_city = seen.number(new.x).and_then(|number| number.city);
    let given_up = old.shape.routes(old.binding.x);
    end_routes(transaction, account, new.sub_id, given_up, now).await?;
    let expires_at = new.terms.expires_at;
    let routes: Vec<_> = routes_of(new.sub_id, new.x, &shape, expires_at).collect();
    put_routes(transaction, account, &routes, now).await?;
    let mut loads = LoadChanges::default();
    loads.subtract(old.binding.x, &old.shape, exclusive);
    loads.add(new.x, &shape, exclusive, expires_at);
    loads.write(transaction, account).await?;
    Ok(Ok(shape))
}

async fn rules_of(
    core: &Core,
    transaction: &Transaction<'_>,
    binding: &Binding,
) -> Result<PoolRules, Fault> {
    let pool = core.find_pool_by(transaction, binding.pool).await?;
    let missing = || StoreError::Internal(format!("{} has no pool", binding.sub_id));
    Ok(pool.ok_or_else(missing)?.rules)
}

/// Writes what a change may have touched of a binding. `moved`: it claimed other routes, which
/// makes its number the last one of its pair.
async fn write(
    core: &Core,
    transaction: &Transaction<'_>,
    binding: &Binding,
    shape: &Shape,
    moved: bool,
) -> Result<(), Fault> {
    let statement = transaction
        .prepare_cached(
            "UPDATE binding SET x = $3, x_city = $4, a_key = $5, b_key = $6, sealed = $7,
                 expires_at = $8, user_data = $9, out_id = $10, order_id = $11,
                 industrial_id = $12,
                 claim_no = CASE WHEN $13 THEN nextval('binding_claim') ELSE claim_no END
             WHERE account = $1 AND sub_id = $2",
        )
        .await?;
    let terms = &binding.terms;
    transaction
        .execute(
            &statement,
            &[
                &account_column(binding.account),
                &binding.sub_id.to_string(),
                &number_column(binding.x),
                &city_column(binding.x_city),
                &shape.a().as_bytes().as_slice(),
                &b_key_column(shape),
                &seal_parties(&core.keys, binding.sub_id, terms.a, terms.b)?,
                &terms.expires_at.unix_ms(),
                &escaped_option(terms.user_data.as_ref()),
                &escaped_option(terms.out_id.as_ref()),
                &escaped_option(terms.order_id.as_ref()),
                &escaped_option(terms.industrial_id.as_ref()),
                &moved,
            ],
        )
        .await?;
    Ok(())
}

async fn upgrade(
    core: &Core,
    command: &UpgradeCommand,
    nonce: u32,
    now: Timestamp,
) -> Result<Result<Binding, ChangeRefusal>, Fault> {
    let account = command.ax.account;
    let mut client = core.client().await?;
    let transaction = client.transaction().await?;
    if let Some(answer) = replay(core, &transaction, command, now).await? {
        core.commit_for_good(transaction).await?;
        return Ok(answer);
    }
    let Some(ax) = find_live(core, &transaction, command.ax, None, now).await? else {
        // A twin may have answered between the two looks.
        let twin = replay(core, &transaction, command, now).await?;
        core.commit_for_good(transaction).await?;
        return Ok(twin.unwrap_or(Err(ChangeRefusal::NoSuchBinding)));
    };
    if ax.binding.mode() != Mode::Ax {
        return Ok(Err(ChangeRefusal::WrongMode));
    }
    let axb = upgraded(&ax.binding, command, nonce, now);
    if has_equal_numbers(axb.x, axb.terms.a, axb.terms.b) {
        return Ok(Err(ChangeRefusal::SameNumber));
    }
    let shape = shape_of(&core.keys, account, axb.terms.a, axb.terms.b);
    if let Err(refusal) = check_upgrade(core, &transaction, &ax, &axb, &shape, now).await? {
        return Ok(Err(ChangeRefusal::Number(refusal)));
    }
    if let Some(key) = &command.idempotency {
        let entries = vec![(key, &axb)];
        let taken = Answers { entries }.keep(core, &transaction, account, now);
        if !taken.await?.is_empty() {
            return Err(Fault::Again(
                "the idempotency key was just taken".to_owned(),
            ));
        }
    }
    end(&transaction, &ax, now).await?;
    join(core, &transaction, axb.clone(), shape, now).await?;
    core.commit(transaction).await?;
    core.taken.forget(ax.binding.x, &ax.shape);
    Ok(Ok(axb))
}

async fn replay(
    core: &Core,
    transaction: &Transaction<'_>,
    command: &UpgradeCommand,
    now: Timestamp,
) -> Result<Option<Result<Binding, ChangeRefusal>>, Fault> {
    let Some(key) = &command.idempotency else {
        return Ok(None);
    };
    let account = command.ax.account;
    let known = look_up(core, transaction, account, &[key], now).await?;
    if known.iter().any(Option::is_some) {
        lock_known(transaction, account, &[key]).await?;
    }
    Ok(match known.into_iter().next().flatten() {
        None => None,
        Some(Known::Other) => Some(Err(ChangeRefusal::IdempotencyMismatch)),
        Some(Known::Answered(sealed)) => Some(Ok(open_answer(&core.keys, account, key, &sealed)?)),
    })
}

fn upgraded(ax: &Binding, command: &UpgradeCommand, nonce: u32, now: Timestamp) -> Binding {
    let mut axb = ax.clone();
    axb.sub_id = SubId::new(now, ax.x, nonce);
    axb.created_at = now;
    let terms = &mut axb.terms;
    terms.b = Some(command.b);
    terms.display = command.display.unwrap_or(terms.display);
    if command.user_data.is_some() {
        terms.user_data.clone_from(&command.user_data);
    }
    if command.out_id.is_some() {
        terms.out_id.clone_from(&command.out_id);
    }
    axb
}

async fn check_upgrade(
    core: &Core,
    transaction: &Transaction<'_>,
    ax: &BindingRow,
    axb: &Binding,
    shape: &Shape,
    now: Timestamp,
) -> Result<Result<(), NumberRefusal>, Fault> {
    let rules = rules_of(core, transaction, axb).await?;
    let routes: Vec<Route> = shape.routes(axb.x).collect();
    let mut seen = Seen::default();
    seen.look(transaction, axb.account, &routes, now, &core.options)
        .await?;
    let exclusive = axb.terms.exclusive;
    let claim = Claim {
        x: axb.x,
        shape,
        exclusive,
        rules: &rules,
        replacing: Some(Replaced {
            sub_id: ax.binding.sub_id,
            x: ax.binding.x,
            shape: &ax.shape,
            exclusive,
        }),
    };
    Ok(claim.check(&seen, now))
}

/// Writes a binding whose routes were found claimable under the lock of its number.
async fn join(
    core: &Core,
    transaction: &Transaction<'_>,
    binding: Binding,
    shape: Shape,
    now: Timestamp,
) -> Result<(), Fault> {
    let (account, id, x) = (binding.account, binding.sub_id, binding.x);
    let expires_at = binding.terms.expires_at;
    let mut loads = LoadChanges::default();
    loads.add(x, &shape, binding.terms.exclusive, expires_at);
    let routes: Vec<_> = routes_of(id, x, &shape, expires_at).collect();
    put_routes(transaction, account, &routes, now).await?;
    loads.write(transaction, account).await?;
    let new = [NewBinding { binding, shape }];
    insert_bindings(transaction, account, &new, &core.keys).await?;
    let topic = Topic::BindingBound;
    tell(transaction, account, topic, &[id.to_string()], now).await
}
