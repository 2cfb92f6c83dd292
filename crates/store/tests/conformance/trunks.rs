//! Trunks and their secrets.

use axbridge_domain::trunk::{Trunk, TrunkName};
use axbridge_store::{keyring::Secret, model::TrunkRecord};

use crate::world::{World, at};

scenarios!(
    a_trunk_is_made_once_and_kept_with_its_secrets,
    trunks_are_listed_by_name,
    a_trunk_is_replaced_as_a_whole,
    a_removed_trunk_is_gone_and_its_name_is_free,
);

fn name(text: &str) -> TrunkName {
    text.parse().expect("a name")
}

fn record(text: &str, secret: Option<&str>) -> TrunkRecord {
    let mut trunk = Trunk::new(name(text));
    for (field, value) in [
        ("Peers", "192.0.2.7:5070;transport=tcp, carrier.example.com"),
        ("Networks", "192.0.2.0/24"),
        ("PrefixRules", "13,*>9"),
        ("CallsMax", "30"),
    ] {
        trunk.set(field, value).expect("fits");
    }
    TrunkRecord {
        trunk,
        outbound_secret: secret.map(|secret| Secret::new(format!("out {secret}"))),
        inbound_secret: secret.map(|secret| Secret::new(format!("in {secret}"))),
        created_at: at(7),
    }
}

fn secrets(record: &TrunkRecord) -> [Option<&str>; 2] {
    [&record.outbound_secret, &record.inbound_secret].map(|it| it.as_ref().map(Secret::reveal))
}

async fn a_trunk_is_made_once_and_kept_with_its_secrets(world: &mut World) {
    let made = record("carrier", Some("1"));
    assert!(world.store.create_trunk(&made).await.expect("works"));
    let again = record("carrier", Some("2"));
    assert!(!world.store.create_trunk(&again).await.expect("works"));
    world.reopen(at(10)).await;
    let all = world.store.trunks().await.expect("works");
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].trunk, made.trunk);
    assert_eq!(secrets(&all[0]), [Some("out 1"), Some("in 1")]);
    assert_eq!(all[0].created_at, at(7));
}

async fn trunks_are_listed_by_name(world: &mut World) {
    assert_eq!(world.store.trunks().await.expect("works").len(), 0);
    for text in ["c", "a-1", "a1", "b"] {
        let made = world.store.create_trunk(&record(text, None)).await;
        assert!(made.expect("works"));
    }
    let all = world.store.trunks().await.expect("works");
    let names: Vec<&str> = all.iter().map(|it| it.trunk.name.as_str()).collect();
    assert_eq!(names, ["a-1", "a1", "b", "c"]);
}

async fn a_trunk_is_replaced_as_a_whole(world: &mut World) {
    let store = &world.store;
    let mut other = record("carrier", None);
    assert!(
        !store.replace_trunk(&other).await.expect("works"),
        "none yet"
    );
    let made = store.create_trunk(&record("carrier", Some("1"))).await;
    assert!(made.expect("works"));
    other.trunk.set("Enabled", "false").expect("fits");
    other.trunk.set("PrefixRules", "").expect("fits");
    other.created_at = at(99);
    assert!(store.replace_trunk(&other).await.expect("works"));
    let all = store.trunks().await.expect("works");
    assert_eq!(all[0].trunk, other.trunk);
    assert_eq!(secrets(&all[0]), [None, None]);
    assert_eq!(all[0].created_at, at(7), "it was made when it was made");
}

async fn a_removed_trunk_is_gone_and_its_name_is_free(world: &mut World) {
    let store = &world.store;
    assert!(!store.remove_trunk(&name("carrier")).await.expect("works"));
    let made = record("carrier", Some("1"));
    assert!(store.create_trunk(&made).await.expect("works"));
    assert!(store.remove_trunk(&name("carrier")).await.expect("works"));
    assert_eq!(store.trunks().await.expect("works").len(), 0);
    assert!(store.create_trunk(&made).await.expect("works"));
}
