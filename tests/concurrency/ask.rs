//! Puts the model's questions to a real store.

use axbridge_domain::{
    account::AccountId,
    binding::{DisplayType, SubId, Terms},
    city_order::Tier,
    inventory::NumberState,
    phone::PhoneNumber,
    time::Timestamp,
};
use axbridge_store::{
    Store,
    error::StoreError,
    model::{BindCommand, BindingRef, Bound, CallQuery, Idempotency, Placement, UpgradeCommand},
};

use crate::{
    held::Held,
    model::{Answer, Call},
    venue::pool,
};

/// Asks; `chance` is the request's own.
///
/// # Errors
/// The store's, which no test here expects.
pub(crate) async fn ask(
    store: &Store,
    call: &Call,
    chance: u64,
    now: Timestamp,
) -> Result<Answer, StoreError> {
    Ok(match call {
        Call::Bind { .. } => match store.bind(command(call, chance), now).await? {
            Ok(Bound::New(binding)) => Answer::Bound(Held::of(&binding)),
            Ok(Bound::Replayed(binding)) => Answer::Replayed(Held::of(&binding)),
            Ok(Bound::WouldBind(x)) => unreachable!("no dry run was asked for {x:?}"),
            Err(refusal) => Answer::NotBound(refusal),
        },
        Call::Unbind(sub_id) => match store.unbind(named(*sub_id), now).await? {
            Ok(()) => Answer::Done,
            Err(refusal) => Answer::NotChanged(refusal),
        },
        Call::Update(sub_id, change) => {
            let changed = store.update_binding(named(*sub_id), change.clone(), now);
            match changed.await? {
                Ok(binding) => Answer::Changed(Held::of(&binding)),
                Err(refusal) => Answer::NotChanged(refusal),
            }
        }
        Call::Upgrade(sub_id, b) => match store.upgrade(upgrade(*sub_id, *b, chance), now).await? {
            Ok(binding) => Answer::Changed(Held::of(&binding)),
            Err(refusal) => Answer::NotChanged(refusal),
        },
        Call::Dial { x, caller } => {
            let query = CallQuery {
                x: *x,
                caller: Some(*caller),
                extension: None,
            };
            Answer::Routed(store.route_call(query, now).await?)
        }
        Call::Show(sub_id) => {
            let found = store.binding(named(*sub_id), now).await?;
            Answer::Shown(found.as_ref().map(Held::of))
        }
        Call::Enable(x, enabled) => {
            let state = if *enabled {
                NumberState::Enabled
            } else {
                NumberState::UserDisabled
            };
            let numbers = [*x];
            let set = store.set_number_states(None, &numbers, state, false, now);
            set.await?.expect("the number is known");
            Answer::Done
        }
    })
}

fn named(sub_id: SubId) -> BindingRef {
    BindingRef {
        account: AccountId::DEFAULT,
        pool: Some(pool()),
        sub_id,
    }
}

fn upgrade(sub_id: SubId, b: PhoneNumber, chance: u64) -> UpgradeCommand {
    UpgradeCommand {
        ax: named(sub_id),
        b,
        display: None,
        user_data: None,
        out_id: None,
        idempotency: None,
        nonce: chance as u32,
    }
}

/// The store's form of [`Call::Bind`].
pub(crate) fn command(call: &Call, chance: u64) -> BindCommand {
    let Call::Bind {
        x,
        a,
        b,
        exclusive,
        expires_at,
        key,
        live_max,
    } = call
    else {
        unreachable!("not a bind: {call:?}");
    };
    let select = Placement::Select {
        tiers: vec![Tier::WholePool],
        policy: None,
    };
    BindCommand {
        account: AccountId::DEFAULT,
        pool: pool(),
        placement: x.map_or(select, Placement::Named),
        terms: Terms {
            a: *a,
            b: *b,
            expires_at: *expires_at,
            display: DisplayType::BothSeeX,
            record: true,
            verify: false,
            exclusive: *exclusive,
            user_data: None,
            out_id: None,
            voice_code: None,
            order_id: None,
            industrial_id: None,
            talk_s_max: None,
        },
        idempotency: key.map(|key| Idempotency {
            action: "BindAXB",
            key: key.to_string(),
            fingerprint: [7; 32],
        }),
        live_bindings_max: *live_max,
        dry_run: false,
        nonce: chance as u32,
        seed: chance,
    }
}
