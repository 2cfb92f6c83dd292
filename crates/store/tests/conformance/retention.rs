//! The end of what is kept: gone, and nothing else with it; and what a destroyed key leaves behind
//! is noise.

use axbridge_domain::{
    call::{CallId, CallResult, ReleasedBy},
    month::Month,
    time::Timestamp,
};
use axbridge_store::{
    Location,
    model::{BindingFilter, CallFilter, Purged},
};

use crate::{
    calls::{by, ended_by},
    world::{ALL, DAY, MINUTE, SECOND, World, a, at, b, connect, is_unreadable, named_by, x},
};

scenarios!(
    calls_go_when_their_time_is_over_and_others_stay,
    a_month_without_calls_cannot_be_read_from_any_copy,
    a_purge_goes_on_in_bounded_pieces,
    bindings_go_when_their_time_is_over_and_others_stay,
    a_purge_of_many_bindings_goes_on_in_bounded_pieces_while_others_are_made,
    a_binding_that_is_still_needed_stays_whatever_is_asked,
    what_was_purged_stays_away_after_a_restart,
);

async fn purge_calls(world: &World, before: Timestamp) -> Purged {
    let purged = world.store.purge_calls(before).await;
    purged.expect("the store works")
}

async fn one_call(world: &World, nonce: u64, now: Timestamp) -> CallId {
    let found = world
        .store
        .list_bindings(
            axbridge_domain::account::AccountId::DEFAULT,
            &BindingFilter::default(),
            ALL,
            now,
        )
        .await;
    let binding = found.expect("works").rows.pop().expect("one binding");
    let call = world.begin(&by(&binding, a(1), nonce), now).await;
    let end = ended_by(ReleasedBy::Caller, CallResult::Connected);
    assert!(world.ends_now(call, end, now.plus_ms(SECOND)).await);
    call
}

async fn one_binding(world: &World) {
    world.stock(1).await;
    let mut command = world.named(x(0), a(1), b(1));
    command.terms.expires_at = at(1000 * DAY);
    world.bound(command, at(0)).await;
}

async fn calls_go_when_their_time_is_over_and_others_stay(world: &mut World) {
    one_binding(world).await;
    let old = one_call(world, 1, at(0)).await;
    let open = {
        let binding = named_by(&world.bound(world.select(a(7), b(7)), at(0)).await);
        let binding = world.store.binding(binding, at(0)).await.expect("works");
        let call = by(&binding.expect("it exists"), a(7), 2);
        world.begin(&call, at(1)).await
    };
    let young = one_call(world, 3, at(10 * DAY)).await;
    let before = at(10 * DAY);
    assert_eq!(purge_calls(world, before).await.rows, 1);
    assert_eq!(purge_calls(world, before).await, Purged::default());
    assert_eq!(world.store.call(old).await.expect("works"), None);
    assert_eq!(world.calls(&CallFilter::default()).await, [young, open]);
    let party = CallFilter {
        party: Some(a(1)),
        ..CallFilter::default()
    };
    assert_eq!(world.calls(&party).await, [young]);
}

async fn a_month_without_calls_cannot_be_read_from_any_copy(world: &mut World) {
    one_binding(world).await;
    let first = Month::of(at(0));
    one_call(world, 1, at(0)).await;
    let copied = one_call(world, 2, at(MINUTE)).await;
    let next = one_call(world, 3, first.end()).await;
    let kept = Kept::of(world, copied).await;

    // The calls are gone, the month is not over for the retention: its key stays.
    let purged = purge_calls(world, first.end().plus_ms(-1)).await;
    assert_eq!((purged.rows, purged.keys), (2, 0));
    kept.put_back(world).await;
    assert_eq!(world.record_of(copied).await.caller, Some(a(1)));

    let purged = purge_calls(world, first.end()).await;
    assert_eq!((purged.rows, purged.keys), (1, 1));
    kept.put_back(world).await;
    let read = world.store.call(copied).await;
    assert!(is_unreadable(&read), "{read:?}");
    assert_eq!(world.record_of(next).await.caller, Some(a(1)));
    kept.remove(world).await;
    world.reopen(first.end().plus_ms(DAY)).await;
    assert_eq!(world.record_of(next).await.caller, Some(a(1)));
    world.store.close().await;
    assert_eq!(kept.keys_at_rest(world).await, 1, "only the later month's");
}

async fn a_purge_goes_on_in_bounded_pieces(world: &mut World) {
    const CALLS: u64 = 1_100;
    one_binding(world).await;
    let filter = BindingFilter::default();
    let account = axbridge_domain::account::AccountId::DEFAULT;
    let found = world
        .store
        .list_bindings(account, &filter, ALL, at(0))
        .await;
    let binding = found.expect("works").rows.pop().expect("one binding");
    let calls: Vec<_> = (0..CALLS).map(|nonce| by(&binding, a(1), nonce)).collect();
    let end = ended_by(ReleasedBy::Caller, CallResult::CallerHungUp);
    for some in calls.chunks(100) {
        let mut steps = tokio::task::JoinSet::new();
        for call in some.iter().cloned() {
            let (store, end) = (world.store.clone(), end.clone());
            steps.spawn(async move {
                let id = call.id;
                store.begin_call(call, at(0)).await.expect("works");
                store.end_call(id, end, at(1)).await.expect("works")
            });
        }
        assert!(steps.join_all().await.into_iter().all(|ended| ended));
    }
    let mut dropped = 0;
    let mut pieces = 0;
    loop {
        let piece = purge_calls(world, at(100 * DAY)).await;
        dropped += piece.rows;
        pieces += 1;
        if !piece.more {
            break;
        }
        assert!(pieces < 50, "it never ends");
    }
    assert_eq!(dropped, CALLS);
    if matches!(world.location, Location::Directory(_)) {
        assert!(pieces > 2, "the writer was held up by {pieces} pieces");
    }
    assert_eq!(world.calls(&CallFilter::default()).await, []);
}

async fn bindings_go_when_their_time_is_over_and_others_stay(world: &mut World) {
    world.stock(4).await;
    let mut expires = world.named(x(0), a(1), b(1));
    expires.terms.expires_at = at(DAY);
    let expires = world.bound(expires, at(0)).await;
    let mut lives = world.named(x(1), a(2), b(2));
    lives.terms.expires_at = at(1000 * DAY);
    let lives = world.bound(lives, at(0)).await;
    let unbound = world.bound(world.named(x(2), a(3), b(3)), at(0)).await;
    assert_eq!(world.unbind(&unbound, at(2 * DAY)).await, Ok(()));
    let mut later = world.named(x(3), a(4), b(4));
    later.terms.expires_at = at(1000 * DAY);
    let later = world.bound(later, at(3 * DAY)).await;
    assert_eq!(world.unbind(&later, at(90 * DAY)).await, Ok(()));
    let now = at(200 * DAY);
    world.sweep(now).await;
    let purged = world.store.purge_bindings(at(20 * DAY), now).await;
    assert_eq!(purged.expect("works").rows, 2);
    for gone in [&expires, &unbound] {
        let found = world.store.binding(named_by(gone), now).await;
        assert_eq!(found.expect("works"), None);
    }
    let listed = world
        .store
        .list_bindings(lives.account, &BindingFilter::default(), ALL, now)
        .await
        .expect("works");
    let ids: Vec<_> = listed.rows.iter().map(|binding| binding.sub_id).collect();
    assert_eq!(ids, [later.sub_id, lives.sub_id]);
    assert_eq!(listed.total, 2);
    assert_eq!(world.rings(x(1), b(2), now).await, Some(a(2)));
    // The number that the gone one had is free.
    let mut next = world.named(x(0), a(1), b(9));
    next.terms.expires_at = at(1000 * DAY);
    world.bound(next, now).await;
}

async fn a_purge_of_many_bindings_goes_on_in_bounded_pieces_while_others_are_made(
    world: &mut World,
) {
    const OLD: u64 = 1_200;
    const PIECE_MAX: u64 = 2_000;
    world.stock(3).await;
    let mut lives = world.select(a(OLD), b(OLD));
    lives.terms.expires_at = at(1000 * DAY);
    let lives = world.bound(lives, at(0)).await;
    let mut binds = tokio::task::JoinSet::new();
    for index in 0..OLD {
        let (store, mut command) = (world.store.clone(), world.select(a(index), b(index)));
        command.terms.expires_at = at(DAY);
        binds.spawn(async move { store.bind(command, at(0)).await.expect("works").is_ok() });
    }
    assert!(binds.join_all().await.into_iter().all(|bound| bound));
    let now = at(200 * DAY);
    world.sweep(now).await;
    let purging = async {
        let mut pieces = Vec::new();
        loop {
            let piece = world.store.purge_bindings(at(20 * DAY), now).await;
            let piece = piece.expect("works");
            pieces.push(piece.rows);
            if !piece.more {
                return pieces;
            }
            assert!(pieces.len() < 50, "it never ends");
        }
    };
    let binding = async {
        let mut made = Vec::new();
        for index in OLD + 1..OLD + 40 {
            let mut command = world.select(a(index), b(index));
            command.terms.expires_at = at(1000 * DAY);
            made.push(world.bound(command, now).await);
        }
        made
    };
    let (pieces, made) = tokio::join!(purging, binding);
    assert_eq!(pieces.iter().sum::<u64>(), OLD);
    assert!(pieces.iter().all(|rows| *rows <= PIECE_MAX), "{pieces:?}");
    if matches!(world.location, Location::Directory(_)) {
        assert!(pieces.len() > 2, "the writer was held up by {pieces:?}");
    }
    for binding in made.iter().chain([&lives]) {
        let (a, b) = (binding.terms.a, binding.terms.b);
        assert_eq!(world.rings(binding.x, a, now).await, b);
    }
}

async fn a_binding_that_is_still_needed_stays_whatever_is_asked(world: &mut World) {
    world.stock(1).await;
    let ended = world.bound(world.select(a(1), b(1)), at(0)).await;
    assert_eq!(world.unbind(&ended, at(DAY)).await, Ok(()));
    let now = at(2 * DAY);
    world.sweep(now).await;
    // It is remembered for a week, so that the pair may come back to its number.
    let purged = world.store.purge_bindings(now, now).await;
    assert_eq!(purged.expect("works").rows, 0);
    assert_eq!(world.shown(&ended, now).await.ended_at, Some(at(DAY)));
    let later = at(9 * DAY);
    world.sweep(later).await;
    let purged = world.store.purge_bindings(later, later).await;
    assert_eq!(purged.expect("works").rows, 1);
}

async fn what_was_purged_stays_away_after_a_restart(world: &mut World) {
    one_binding(world).await;
    world.import(&[(x(5), "010")]).await;
    let ended = world.bound(world.named(x(5), a(5), b(5)), at(0)).await;
    assert_eq!(world.unbind(&ended, at(1)).await, Ok(()));
    one_call(world, 1, at(0)).await;
    let now = at(100 * DAY);
    world.sweep(now).await;
    let purged = world.store.purge_bindings(at(50 * DAY), now).await;
    assert_eq!(purged.expect("works").rows, 1);
    purge_calls(world, at(50 * DAY)).await;
    world.reopen(now).await;
    assert_eq!(world.calls(&CallFilter::default()).await, []);
    let found = world.store.binding(named_by(&ended), now).await;
    assert_eq!(found.expect("works"), None);
    assert_eq!(world.rings(x(0), b(1), now).await, Some(a(1)));
    let mut next = world.named(x(5), a(6), b(6));
    next.terms.expires_at = at(1000 * DAY);
    let next = world.bound(next, now).await;
    assert_eq!(world.shown(&next, now).await, next);
    world.reopen(now.plus_ms(1)).await;
    assert_eq!(world.rings(x(5), b(6), now).await, Some(a(6)));
}

/// The row of a call as a copy outside of the store would hold it.
struct Kept {
    id: String,
}

impl Kept {
    async fn of(world: &World, call: CallId) -> Self {
        let kept = Self {
            id: call.to_string(),
        };
        let copy = format!(
            "CREATE TABLE call_copy AS SELECT * FROM call WHERE id = '{}'",
            kept.id
        );
        kept.run(world, &copy).await;
        kept
    }

    async fn put_back(&self, world: &World) {
        self.run(world, "INSERT INTO call SELECT * FROM call_copy")
            .await;
    }

    async fn remove(&self, world: &World) {
        let sql = format!("DELETE FROM call WHERE id = '{}'", self.id);
        self.run(world, &sql).await;
    }

    async fn run(&self, world: &World, sql: &str) {
        match &world.location {
            Location::Directory(directory) => {
                let database = directory.join("axbridge.db");
                let connection = rusqlite::Connection::open(database).expect("it opens");
                connection.execute_batch(sql).expect(sql);
            }
            Location::Postgres(url) => {
                let client = connect(url).await;
                client.batch_execute(sql).await.expect(sql);
            }
        }
    }

    /// How many keys lie in the table once the store is closed.
    async fn keys_at_rest(&self, world: &World) -> i64 {
        const COUNT: &str = "SELECT count(*) FROM call_key";
        match &world.location {
            Location::Directory(directory) => {
                let database = directory.join("axbridge.db");
                let connection = rusqlite::Connection::open(database).expect("it opens");
                connection
                    .query_row(COUNT, [], |row| row.get(0))
                    .expect(COUNT)
            }
            Location::Postgres(url) => {
                let client = connect(url).await;
                client.query_one(COUNT, &[]).await.expect(COUNT).get(0)
            }
        }
    }
}
