//! Accounts and access keys.

use axbridge_domain::account::{AccountId, AccountTerms};
use axbridge_store::{
    keyring::Secret,
    model::{AccessKey, Account, Role},
};

use crate::world::{World, at, other_account};

scenarios!(
    an_account_is_made_once,
    accounts_are_listed_by_id,
    terms_of_an_account_change_at_once,
    an_access_key_is_kept_with_its_secret,
    access_keys_are_listed_oldest_first,
    a_key_is_disabled_for_good_at_its_first_moment,
);

fn key(id: &str, account: AccountId, made_ms: i64) -> AccessKey {
    AccessKey {
        id: id.to_owned(),
        secret: Secret::new(format!("secret of {id}")),
        account,
        role: Role::Application,
        description: format!("key {id}"),
        created_at: at(made_ms),
        disabled_at: None,
    }
}

async fn an_account_is_made_once(world: &mut World) {
    let account = Account {
        id: other_account(),
        name: "the other".to_owned(),
        terms: AccountTerms {
            may_show_real_numbers: true,
            live_bindings_max: Some(5),
            numbers_max: None,
            pools_max: Some(0),
            calls_max: Some(u32::MAX),
            talk_s_max: None,
        },
        created_at: at(7),
    };
    let found = world.store.account(other_account()).await.expect("works");
    assert_eq!(found, None);
    assert!(world.store.create_account(&account).await.expect("works"));
    let namesake = Account {
        name: "a namesake".to_owned(),
        ..account.clone()
    };
    assert!(!world.store.create_account(&namesake).await.expect("works"));
    let found = world.store.account(other_account()).await.expect("works");
    assert_eq!(found, Some(account));
}

async fn accounts_are_listed_by_id(world: &mut World) {
    for number in [2_100_000_009, 2_100_000_003] {
        let id = AccountId::new(number).expect("ten digits");
        world.add_account(id).await;
    }
    let all = world.store.list_accounts().await.expect("works");
    let ids: Vec<u64> = all.iter().map(|account| account.id.number()).collect();
    assert_eq!(ids, [2_100_000_001, 2_100_000_003, 2_100_000_009]);
}

async fn terms_of_an_account_change_at_once(world: &mut World) {
    let terms = AccountTerms {
        may_show_real_numbers: true,
        live_bindings_max: Some(u64::from(u32::MAX)),
        numbers_max: Some(1),
        pools_max: None,
        calls_max: None,
        talk_s_max: Some(3_600),
    };
    let id = AccountId::DEFAULT;
    assert!(
        world
            .store
            .set_account_terms(id, terms)
            .await
            .expect("works")
    );
    let found = world
        .store
        .account(id)
        .await
        .expect("works")
        .expect("there");
    assert_eq!(found.terms, terms);
    let changed = world.store.set_account_terms(other_account(), terms).await;
    assert!(!changed.expect("works"), "there is no such account");
}

async fn an_access_key_is_kept_with_its_secret(world: &mut World) {
    let mut made = key("AKOPERATOR", AccountId::DEFAULT, 5);
    made.role = Role::Operator;
    let store = &world.store;
    assert!(
        store
            .access_key("AKOPERATOR")
            .await
            .expect("works")
            .is_none()
    );
    assert!(store.create_access_key(&made).await.expect("works"));
    let mut thief = made.clone();
    thief.secret = Secret::new("another".to_owned());
    assert!(!store.create_access_key(&thief).await.expect("works"));

    let found = store.access_key("AKOPERATOR").await.expect("works");
    let found = found.expect("it was made");
    assert_eq!(found.secret.reveal(), "secret of AKOPERATOR");
    assert_eq!(found.role, Role::Operator);
    assert_eq!(found.account, AccountId::DEFAULT);
    assert_eq!(found.description, "key AKOPERATOR");
    assert_eq!((found.created_at, found.disabled_at), (at(5), None));
}

async fn access_keys_are_listed_oldest_first(world: &mut World) {
    world.add_account(other_account()).await;
    let keys = [
        key("AKB", AccountId::DEFAULT, 20),
        key("AKC", other_account(), 10),
        key("AKA", AccountId::DEFAULT, 30),
    ];
    for key in &keys {
        assert!(world.store.create_access_key(key).await.expect("works"));
    }
    let listed = async |account| {
        let all = world.store.list_access_keys(account).await.expect("works");
        all.into_iter().map(|key| key.id).collect::<Vec<_>>()
    };
    assert_eq!(listed(None).await, ["AKC", "AKB", "AKA"]);
    assert_eq!(listed(Some(AccountId::DEFAULT)).await, ["AKB", "AKA"]);
    assert_eq!(listed(AccountId::new(2_100_000_077)).await, [""; 0]);
}

async fn a_key_is_disabled_for_good_at_its_first_moment(world: &mut World) {
    let store = &world.store;
    let made = store
        .create_access_key(&key("AK1", AccountId::DEFAULT, 0))
        .await;
    assert!(made.expect("works"));
    assert!(
        store.access_key("AK1").await.expect("works").is_some(),
        "warm the cache"
    );
    assert!(
        !store
            .disable_access_key("AK2", at(10))
            .await
            .expect("works")
    );
    assert!(
        store
            .disable_access_key("AK1", at(10))
            .await
            .expect("works")
    );
    let seen = async || {
        let key = store.access_key("AK1").await.expect("works");
        key.expect("it stays listed").disabled_at
    };
    assert_eq!(seen().await, Some(at(10)), "seen at once");
    assert!(
        store
            .disable_access_key("AK1", at(20))
            .await
            .expect("works")
    );
    assert_eq!(seen().await, Some(at(10)), "twice changes nothing");
    let listed = store.list_access_keys(None).await.expect("works");
    assert_eq!(listed[0].disabled_at, Some(at(10)));
}
