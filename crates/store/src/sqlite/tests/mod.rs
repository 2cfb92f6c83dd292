//! What only the embedded backend can get wrong: its files, its memory, its batches. What every
//! backend must do is in the conformance suite.

mod batches;
mod calls;
mod directory;
mod flushes;
mod history;
mod lean;
mod plans;
mod power_loss;

use std::{path::Path, sync::Arc};

use axbridge_domain::{
    account::AccountId,
    binding::{Binding, DisplayType, Terms},
    phone::PhoneNumber,
    pool::{Pool, PoolKind, PoolNo, PoolRules},
    time::Timestamp,
};

use super::SqliteStore;
use crate::{
    error::BindRefusal,
    keyring::Keyring,
    model::{BindCommand, BindingRef, Bound, Imported, NewNumber, Placement},
    store::StoreOptions,
};

const HOUR: i64 = 60 * 60 * 1000;
const NUMBERS: u64 = 6;
const ACCOUNT: AccountId = AccountId::DEFAULT;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(1_800_000_000_000 + ms)
}

fn x(index: u64) -> PhoneNumber {
    PhoneNumber::parse(&format!("138{index:08}")).expect("a mobile number")
}

fn party(index: u64) -> PhoneNumber {
    PhoneNumber::parse(&format!("139{index:08}")).expect("a mobile number")
}

fn pool_no() -> PoolNo {
    PoolNo::new(1).expect("18 digits")
}

fn fresh_keys() -> Arc<Keyring> {
    Arc::new(Keyring::parse(&Keyring::generate().expect("random")).expect("own text"))
}

async fn open(directory: &Path, keys: &Arc<Keyring>, now: Timestamp) -> SqliteStore {
    open_with(directory, keys, StoreOptions::default(), now).await
}

async fn open_with(
    directory: &Path,
    keys: &Arc<Keyring>,
    options: StoreOptions,
    now: Timestamp,
) -> SqliteStore {
    SqliteStore::open(directory, Arc::clone(keys), options, now)
        .await
        .expect("opened")
}

/// One pool with a few numbers.
async fn fill(store: &SqliteStore, rules: PoolRules) {
    let pool = Pool {
        pool_no: pool_no(),
        account: ACCOUNT,
        name: "pool".to_owned(),
        kind: PoolKind::Axb,
        scene: None,
        rules,
    };
    assert!(store.create_pool(&pool, at(0)).await.expect("pool"));
    let numbers: Vec<NewNumber> = (0..NUMBERS)
        .map(|index| NewNumber {
            x: x(index),
            city: None,
        })
        .collect();
    let imported = store
        .import_numbers(pool_no(), &numbers, None, at(0))
        .await
        .expect("import");
    assert_eq!(imported, Some(vec![Imported::Added; numbers.len()]));
}

fn command(
    a: PhoneNumber,
    b: Option<PhoneNumber>,
    placement: Placement,
    nonce: u32,
) -> BindCommand {
    BindCommand {
        account: ACCOUNT,
        pool: pool_no(),
        placement,
        terms: Terms {
            a,
            b,
            expires_at: at(24 * HOUR),
            display: DisplayType::BothSeeX,
            record: true,
            verify: false,
            exclusive: false,
            user_data: None,
            out_id: None,
            voice_code: None,
            order_id: None,
            industrial_id: None,
            talk_s_max: None,
        },
        idempotency: None,
        live_bindings_max: None,
        dry_run: false,
        nonce,
        seed: u64::from(nonce),
    }
}

fn reference(binding: &Binding) -> BindingRef {
    BindingRef {
        account: binding.account,
        pool: None,
        sub_id: binding.sub_id,
    }
}

fn newly_bound(outcome: Result<Bound, BindRefusal>) -> Binding {
    match outcome {
        Ok(Bound::New(binding)) => binding,
        other => panic!("not bound: {other:?}"),
    }
}

/// The database behind the store's back.
fn behind(directory: &Path) -> rusqlite::Connection {
    rusqlite::Connection::open(directory.join("axbridge.db")).expect("opened")
}
