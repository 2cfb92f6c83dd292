//! What lies on disk: privacy numbers in clear, real numbers and secrets never.

use std::path::Path;

use axbridge_domain::{
    account::AccountId,
    call::{CallResult, ReleasedBy},
    phone::PhoneNumber,
    trunk::Trunk,
};
use axbridge_store::{
    Location,
    keyring::Secret,
    model::{AccessKey, BindingChange, CallEnd, Role, TrunkRecord, UpgradeCommand, Verification},
};

use crate::{
    calls::{by, ended_by},
    world::{SECOND, World, a, at, b, connect, key, named_by, x},
};

scenarios!(no_real_number_and_no_secret_lies_in_clear);

const SECRET: &str = "dGhpcyBpcyBhIHNlY3JldA";
/// What a client wrote beside a call, and what its caller keyed.
const USER_DATA: &str = "for Mr Zhang in flat 7";
const KEYED: &str = "864209753186";

async fn no_real_number_and_no_secret_lies_in_clear(world: &mut World) {
    fill(world).await;
    assert_sealed(&everything_at_rest(world).await);
    world.reopen(at(9 * SECOND)).await;
    world.store.close().await;
    assert_sealed(&everything_at_rest(world).await);
}

/// Leaves a trace of every kind of operation.
async fn fill(world: &World) {
    world.stock(4).await;
    let trunk = TrunkRecord {
        trunk: Trunk::new("carrier".parse().expect("a name")),
        outbound_secret: Some(Secret::new(SECRET.to_owned())),
        inbound_secret: Some(Secret::new(SECRET.to_owned())),
        created_at: at(0),
    };
    assert!(world.store.create_trunk(&trunk).await.expect("works"));
    let made = AccessKey {
        id: "AK1".to_owned(),
        secret: Secret::new(SECRET.to_owned()),
        account: AccountId::DEFAULT,
        role: Role::Application,
        description: String::new(),
        created_at: at(0),
        disabled_at: None,
    };
    assert!(world.store.create_access_key(&made).await.expect("works"));
    let mut command = world.named(x(0), a(1), b(1));
    command.idempotency = key("BindAXB", "k", 1);
    let axb = world.bound(command, at(0)).await;
    for change in [
        BindingChange::PhoneA(a(2)),
        BindingChange::PhoneB(b(2)),
        BindingChange::PhoneX(x(1)),
    ] {
        world.update(&axb, change, at(1)).await.expect("free");
    }
    assert_eq!(world.unbind(&axb, at(2)).await, Ok(()));
    let mut arrived = by(&axb, a(1), 1);
    let snapshot = arrived.binding.as_mut().expect("it has one");
    snapshot.user_data = Some(USER_DATA.to_owned());
    let call = world.begin(&arrived, at(2)).await;
    let end = CallEnd {
        verification: Some(Verification {
            voice_code: String::new(),
            correct: KEYED.to_owned(),
            answer: KEYED.to_owned(),
            passed: true,
        }),
        ..ended_by(ReleasedBy::Caller, CallResult::Connected)
    };
    assert!(world.ends_now(call, end, at(3)).await);
    let mut short = world.named(x(2), a(4), b(4));
    short.terms.expires_at = at(3);
    world.bound(short, at(2)).await;
    let ax = world.bound(world.named(x(3), a(3), None), at(2)).await;
    let upgrade = UpgradeCommand {
        ax: named_by(&ax),
        b: b(3),
        display: None,
        user_data: None,
        out_id: None,
        idempotency: key("UpgradeAXToAXB", "k", 1),
        nonce: 99,
    };
    let upgraded = world.store.upgrade(upgrade, at(3)).await.expect("works");
    assert!(upgraded.is_ok());
    world.refused(world.named(x(3), a(5), b(3)), at(4)).await;
    world.sweep(at(5)).await;
}

async fn everything_at_rest(world: &World) -> Vec<u8> {
    match &world.location {
        Location::Directory(directory) => {
            let mut bytes = Vec::new();
            collect_files(directory, &mut bytes);
            bytes
        }
        Location::Postgres(url) => dump(url).await,
    }
}

fn collect_files(directory: &Path, bytes: &mut Vec<u8>) {
    for entry in std::fs::read_dir(directory).expect("readable") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            collect_files(&path, bytes);
        } else {
            bytes.extend(std::fs::read(&path).expect("readable"));
        }
    }
}

/// All rows of all tables as text, in which bytes stand as hex digits.
async fn dump(url: &str) -> Vec<u8> {
    let client = connect(url).await;
    let tables = "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables \
                  WHERE schemaname NOT IN ('pg_catalog', 'information_schema')";
    let tables = client.query(tables, &[]).await.expect("readable");
    assert!(!tables.is_empty());
    let mut text = String::new();
    for table in tables {
        let table: String = table.get(0);
        let rows = client
            .query(&format!("SELECT t::text FROM {table} t"), &[])
            .await;
        for row in rows.expect("readable") {
            text.push_str(row.get(0));
            text.push('\n');
        }
    }
    text.into_bytes()
}

/// Every form in which a number could lie there: digits, its bits as bytes in either order, with
/// or without the leading zeros, and all of these as hex digits.
fn forms(number: PhoneNumber) -> Vec<Vec<u8>> {
    let digits = number.expose().as_str().to_owned();
    let value: u64 = digits.parse().expect("digits");
    let mut forms = vec![
        digits.clone().into_bytes(),
        number.to_bits().to_string().into_bytes(),
    ];
    for bits in [number.to_bits(), value] {
        let big = bits.to_be_bytes();
        let significant = big.iter().position(|byte| *byte != 0).unwrap_or(0);
        let mut little = big[significant..].to_vec();
        little.reverse();
        forms.extend([big[significant..].to_vec(), little]);
    }
    let as_hex = |bytes: &Vec<u8>| {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        hex.into_bytes()
    };
    forms.extend(forms.iter().map(as_hex).collect::<Vec<_>>());
    forms
}

fn holds(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

fn assert_sealed(bytes: &[u8]) {
    let is_found = |number| forms(number).iter().any(|form| holds(bytes, form));
    assert!(is_found(x(0)), "the search finds what lies in clear");
    for index in 1..=5 {
        assert!(!is_found(a(index)), "A number {index} lies in clear");
        assert!(!is_found(b(index)), "B number {index} lies in clear");
    }
    for text in [SECRET, USER_DATA, KEYED] {
        let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
        for form in [text, &hex] {
            assert!(!holds(bytes, form.as_bytes()), "{text} lies in clear");
        }
    }
}
