//! Events are found by when they were, whatever their ids and however many there are.

use axbridge_domain::time::Timestamp;
use axbridge_store::delivery::{EventFilter, EventRow};

use crate::world::{HOUR, World, a, at, b};

/// Events of each hour: no hour has ids of one thousand to itself.
const AN_HOUR: u64 = 700;

scenarios!(
    events_of_a_time_are_found_among_thousands,
    a_purge_drops_what_is_older_to_the_very_event,
);

/// Binds so many pairs at once, all at that moment.
async fn bind_many(world: &World, first: u64, now: Timestamp) {
    let mut binds = tokio::task::JoinSet::new();
    for index in first..first + AN_HOUR {
        let store = world.store.clone();
        let command = world.select(a(index), b(index));
        binds.spawn(async move { store.bind(command, now).await.expect("works").is_ok() });
    }
    assert!(binds.join_all().await.into_iter().all(|bound| bound));
}

async fn pass_all(world: &World) {
    while world.store.fan_out(500).await.expect("works").events > 0 {}
}

async fn log(world: &World, filter: EventFilter) -> Vec<EventRow> {
    let rows = world.store.event_log(filter, 10_000).await;
    let rows = rows.expect("works");
    assert!(rows.is_sorted_by(|newer, older| newer.event.id > older.event.id));
    rows
}

fn between(from: Option<i64>, to: Option<i64>) -> EventFilter {
    EventFilter {
        from: from.map(at),
        to: to.map(at),
        ..EventFilter::default()
    }
}

/// Three hours of events, of which the last have not become deliveries.
async fn three_hours(world: &mut World) {
    world.stock(4).await;
    for hour in 0..3 {
        bind_many(world, hour * AN_HOUR, at(hour as i64 * HOUR)).await;
        if hour < 2 {
            pass_all(world).await;
        }
    }
}

async fn events_of_a_time_are_found_among_thousands(world: &mut World) {
    three_hours(world).await;
    let hour = AN_HOUR as usize;
    // Before and after the last became deliveries.
    for _ in 0..2 {
        for (from, to, count) in [
            (None, None, 3 * hour),
            (Some(HOUR), Some(HOUR + 1), hour),
            (Some(HOUR), Some(2 * HOUR), hour),
            (Some(HOUR), None, 2 * hour),
            (None, Some(HOUR), hour),
            (Some(1), Some(HOUR), 0),
            (Some(2 * HOUR + 1), None, 0),
        ] {
            let rows = log(world, between(from, to)).await;
            assert_eq!(rows.len(), count, "{from:?} {to:?}");
            let fits = |row: &EventRow| {
                from.is_none_or(|from| row.event.at >= at(from))
                    && to.is_none_or(|to| row.event.at < at(to))
            };
            assert!(rows.iter().all(fits), "{from:?} {to:?}");
        }
        pass_all(world).await;
    }
    // Page by page it is the same.
    let filter = between(Some(HOUR), Some(2 * HOUR));
    let whole = log(world, filter).await;
    let (mut paged, mut before) = (Vec::new(), None);
    loop {
        let page = EventFilter { before, ..filter };
        let page = world.store.event_log(page, 300).await.expect("works");
        before = page.last().map(|row| row.event.id);
        if page.is_empty() {
            break;
        }
        paged.extend(page);
    }
    assert_eq!(paged, whole);
}

async fn a_purge_drops_what_is_older_to_the_very_event(world: &mut World) {
    three_hours(world).await;
    pass_all(world).await;
    let left = async || log(world, EventFilter::default()).await.len() as u64;
    let purge = async |before| {
        let purged = world.store.purge_deliveries(at(before)).await;
        purged.expect("works");
    };
    purge(0).await;
    assert_eq!(left().await, 3 * AN_HOUR);
    for (before, expected) in [(1, 2), (HOUR, 2), (HOUR + 1, 1), (3 * HOUR, 0)] {
        purge(before).await;
        assert_eq!(left().await, expected * AN_HOUR, "{before}");
    }
}
