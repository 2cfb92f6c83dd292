//! Risk control: blacklist entries that stand, end and are told of; calls that are counted.

use axbridge_domain::{
    account::AccountId,
    phone::PhoneNumber,
    risk::{FreezeTime, FrequencyWindow, Restriction, Restrictions, RiskEntryId},
    time::Timestamp,
};
use axbridge_store::{
    model::{Event, Page, Topic},
    risk::{NewRiskEntry, RiskEntry, RiskFilter},
};

use crate::world::{ALL, DAY, HOUR, MINUTE, World, a, at, b, other_account};

scenarios!(
    an_entry_restricts_its_number_in_its_respect_until_it_is_deleted,
    an_entry_restricts_nobody_of_another_account,
    a_new_entry_replaces_the_one_that_stands,
    an_entry_ends_at_its_moment_and_its_end_is_told_once,
    an_entry_that_lasts_forever_never_expires,
    entries_are_listed_newest_first_and_found_by_number,
    entries_and_windows_survive_a_restart,
    ended_entries_are_dropped_when_their_time_is_over,
    a_full_window_lets_no_call_through_until_it_frees,
    refused_calls_are_not_counted,
    callers_are_counted_apart_from_callees,
    of_calls_at_once_no_more_go_through_than_the_window_allows,
    windows_are_replaced_as_a_whole,
    binds_are_counted_for_each_of_their_parties_apart_from_calls,
);

const MAIN: AccountId = AccountId::DEFAULT;

fn entry(id: u64, number: PhoneNumber, restriction: Restriction) -> NewRiskEntry {
    NewRiskEntry {
        id: RiskEntryId::new(id),
        account: MAIN,
        number,
        restriction,
        freeze_time: FreezeTime::Days30,
        service_type: 200,
        sub_service_type: 201,
        remark: "complaints".to_owned(),
        made_by: "AK1".to_owned(),
    }
}

fn windows(texts: &[&str]) -> Vec<FrequencyWindow> {
    let windows = texts.iter().map(|text| text.parse().expect("a window"));
    windows.collect()
}

impl World {
    async fn freeze(&self, entry: &NewRiskEntry, now: Timestamp) -> RiskEntry {
        let made = self.store.freeze(entry, now).await;
        made.expect("the store works")
    }

    async fn unfreeze(
        &self,
        number: PhoneNumber,
        restriction: Restriction,
        now: Timestamp,
    ) -> bool {
        let ended = self.store.unfreeze(MAIN, number, restriction, now).await;
        ended.expect("the store works")
    }

    async fn restricted(&self, number: PhoneNumber, now: Timestamp) -> Restrictions {
        let found = self.store.restrictions(MAIN, &[number], now).await;
        found.expect("the store works")[0]
    }

    async fn risk_events(&self) -> Vec<Event> {
        let events = self.events_after(0).await;
        let of_risk =
            |event: &Event| matches!(event.topic, Topic::RiskFrozen | Topic::RiskUnfrozen);
        events.into_iter().filter(of_risk).collect()
    }

    async fn list_risk(&self, filter: &RiskFilter, page: Page, now: Timestamp) -> (Vec<u64>, u64) {
        let found = self.store.list_risk_entries(MAIN, filter, page, now).await;
        let found = found.expect("the store works");
        let ids = found.rows.iter().map(|row| row.made.id.number()).collect();
        (ids, found.total)
    }

    async fn set_windows(&self, texts: &[&str]) {
        let set = self
            .store
            .set_frequency_windows(MAIN, &windows(texts), at(0))
            .await;
        set.expect("the store works");
    }

    /// Whether a call goes through.
    async fn counts(&self, caller: PhoneNumber, callee: PhoneNumber, now: Timestamp) -> bool {
        let counted = self.store.count_call(MAIN, Some(caller), callee, now).await;
        counted.expect("the store works").is_none()
    }
}

async fn an_entry_restricts_its_number_in_its_respect_until_it_is_deleted(world: &mut World) {
    assert!(world.restricted(a(1), at(0)).await.is_empty());
    let made = world
        .freeze(&entry(1, a(1), Restriction::BoundAsA), at(0))
        .await;
    assert_eq!(made.started_at, at(0));
    assert_eq!(made.expires_at, at(30 * DAY));
    let found = world.restricted(a(1), at(1)).await;
    assert_eq!(found, Restrictions::NONE.with(Restriction::BoundAsA));
    assert!(world.restricted(a(2), at(1)).await.is_empty());
    let both = world.store.restrictions(MAIN, &[a(2), a(1)], at(1)).await;
    assert_eq!(both.expect("the store works"), [Restrictions::NONE, found]);

    assert!(!world.unfreeze(a(1), Restriction::BoundAsB, at(2)).await);
    assert!(!world.unfreeze(a(2), Restriction::BoundAsA, at(2)).await);
    assert!(world.unfreeze(a(1), Restriction::BoundAsA, at(2)).await);
    assert!(!world.unfreeze(a(1), Restriction::BoundAsA, at(3)).await);
    assert!(world.restricted(a(1), at(2)).await.is_empty());

    let id = RiskEntryId::new(1);
    let told: Vec<_> = world
        .risk_events()
        .await
        .into_iter()
        .map(|event| (event.topic, event.subject, event.at))
        .collect();
    let expected = [
        (Topic::RiskFrozen, id.to_string(), at(0)),
        (Topic::RiskUnfrozen, id.to_string(), at(2)),
    ];
    assert_eq!(told, expected);
    let found = world.store.risk_entry(MAIN, id).await;
    let found = found.expect("the store works").expect("it is kept");
    assert_eq!(found.made, entry(1, a(1), Restriction::BoundAsA));
    assert_eq!(found.ended_at, Some(at(2)));
}

async fn an_entry_restricts_nobody_of_another_account(world: &mut World) {
    world.add_account(other_account()).await;
    world
        .freeze(&entry(1, a(1), Restriction::Called), at(0))
        .await;
    let found = world
        .store
        .restrictions(other_account(), &[a(1)], at(1))
        .await;
    assert!(found.expect("the store works")[0].is_empty());
    let found = world
        .store
        .risk_entry(other_account(), RiskEntryId::new(1))
        .await;
    assert_eq!(found.expect("the store works"), None);
    let ended = world
        .store
        .unfreeze(other_account(), a(1), Restriction::Called, at(1));
    assert!(!ended.await.expect("the store works"));
}

async fn a_new_entry_replaces_the_one_that_stands(world: &mut World) {
    let first = entry(1, b(1), Restriction::BoundAsB);
    world.freeze(&first, at(0)).await;
    let longer = NewRiskEntry {
        freeze_time: FreezeTime::Days360,
        ..entry(2, b(1), Restriction::BoundAsB)
    };
    world.freeze(&longer, at(DAY)).await;
    assert!(!world.restricted(b(1), at(60 * DAY)).await.is_empty());
    let standing = RiskFilter {
        standing_only: true,
        ..RiskFilter::default()
    };
    assert_eq!(world.list_risk(&standing, ALL, at(DAY)).await, (vec![2], 1));
    let topics: Vec<_> = world
        .risk_events()
        .await
        .iter()
        .map(|it| it.topic)
        .collect();
    assert_eq!(topics, [Topic::RiskFrozen, Topic::RiskFrozen]);
    assert!(
        world
            .unfreeze(b(1), Restriction::BoundAsB, at(2 * DAY))
            .await
    );
    assert!(world.restricted(b(1), at(2 * DAY)).await.is_empty());
}

async fn an_entry_ends_at_its_moment_and_its_end_is_told_once(world: &mut World) {
    world
        .freeze(&entry(1, a(1), Restriction::ACallsB), at(0))
        .await;
    world
        .freeze(&entry(2, a(2), Restriction::ACallsB), at(HOUR))
        .await;
    assert!(!world.restricted(a(1), at(30 * DAY - 1)).await.is_empty());
    assert!(world.restricted(a(1), at(30 * DAY)).await.is_empty());
    for _ in 0..2 {
        let swept = world.store.sweep_risk(DAY, at(30 * DAY)).await;
        swept.expect("the store works");
    }
    let told = world.risk_events().await;
    assert_eq!(told.len(), 3, "{told:?}");
    assert_eq!(told[2].topic, Topic::RiskUnfrozen);
    assert_eq!(told[2].subject, RiskEntryId::new(1).to_string());
    assert_eq!(told[2].at, at(30 * DAY));
    // One that expired and was not swept yet is no longer there to be deleted.
    let late = at(30 * DAY + HOUR);
    assert!(!world.unfreeze(a(2), Restriction::ACallsB, late).await);
    let told = world.risk_events().await;
    assert_eq!(told[3].subject, RiskEntryId::new(2).to_string());
    assert_eq!((told.len(), told[3].at), (4, late));
}

async fn an_entry_that_lasts_forever_never_expires(world: &mut World) {
    let forever = NewRiskEntry {
        freeze_time: FreezeTime::Forever,
        ..entry(1, a(1), Restriction::Called)
    };
    world.freeze(&forever, at(0)).await;
    let swept = world.store.sweep_risk(DAY, at(36_500 * DAY)).await;
    assert_eq!(swept.expect("the store works").expired, 0);
    assert!(!world.restricted(a(1), at(36_500 * DAY)).await.is_empty());
}

async fn entries_are_listed_newest_first_and_found_by_number(world: &mut World) {
    let all = [
        (1, a(1), Restriction::Called),
        (2, a(2), Restriction::BoundAsA),
        (3, a(1), Restriction::BoundAsA),
    ];
    for (id, number, restriction) in all {
        let now = at(i64::try_from(id).expect("small"));
        world.freeze(&entry(id, number, restriction), now).await;
    }
    world.unfreeze(a(1), Restriction::Called, at(9)).await;
    let every = RiskFilter::default();
    assert_eq!(world.list_risk(&every, ALL, at(9)).await.0, [3, 2, 1]);
    let page = Page {
        offset: 1,
        limit: 1,
    };
    assert_eq!(world.list_risk(&every, page, at(9)).await, (vec![2], 3));
    let of_number = RiskFilter {
        number: Some(a(1)),
        ..RiskFilter::default()
    };
    assert_eq!(world.list_risk(&of_number, ALL, at(9)).await.0, [3, 1]);
    let standing = RiskFilter {
        restriction: Some(Restriction::BoundAsA),
        standing_only: true,
        ..RiskFilter::default()
    };
    assert_eq!(world.list_risk(&standing, ALL, at(9)).await.0, [3, 2]);
    let later = at(31 * DAY);
    assert_eq!(world.list_risk(&standing, ALL, later).await.1, 0);
}

async fn entries_and_windows_survive_a_restart(world: &mut World) {
    world
        .freeze(&entry(1, a(1), Restriction::BoundAsA), at(0))
        .await;
    world.set_windows(&["caller:5/1", "10/2"]).await;
    assert!(world.counts(a(1), b(1), at(0)).await);
    world.reopen(at(MINUTE)).await;
    assert!(!world.restricted(a(1), at(MINUTE)).await.is_empty());
    let rules = world.store.risk_rules(MAIN).await;
    let rules = rules.expect("the store works");
    assert_eq!(rules.windows, windows(&["caller:5/1", "10/2"]));
    assert!(rules.has_entries);
    assert!(
        !world.counts(a(1), b(2), at(MINUTE)).await,
        "it was counted"
    );
}

async fn ended_entries_are_dropped_when_their_time_is_over(world: &mut World) {
    world
        .freeze(&entry(1, a(1), Restriction::Called), at(0))
        .await;
    world.unfreeze(a(1), Restriction::Called, at(0)).await;
    let sweep = async |now| {
        let swept = world.store.sweep_risk(7 * DAY, now).await;
        swept.expect("the store works").dropped
    };
    assert_eq!(sweep(at(6 * DAY)).await, 0);
    assert_eq!(sweep(at(7 * DAY)).await, 1);
    let found = world.store.risk_entry(MAIN, RiskEntryId::new(1)).await;
    assert_eq!(found.expect("the store works"), None);
    // Counts that no window can look back at go as well.
    world.set_windows(&["5/1"]).await;
    assert!(world.counts(a(1), b(1), at(8 * DAY)).await);
    assert_eq!(sweep(at(9 * DAY)).await, 0);
    assert_eq!(sweep(at(15 * DAY)).await, 1);
}

async fn a_full_window_lets_no_call_through_until_it_frees(world: &mut World) {
    world.set_windows(&["5/3", "60/4"]).await;
    for minute in [0, 1, 2] {
        assert!(world.counts(a(minute), b(1), at(0)).await);
    }
    let full = world
        .store
        .count_call(MAIN, None, b(1), at(4 * MINUTE))
        .await;
    let full = full.expect("the store works").expect("three in five");
    assert_eq!(full.window, windows(&["5/3"])[0]);
    assert_eq!(full.free_at, at(5 * MINUTE));
    let asked = world
        .store
        .full_windows(MAIN, &[b(2), b(1)], at(4 * MINUTE))
        .await;
    let asked = asked.expect("the store works");
    assert_eq!(asked, [[None, None], [None, Some(full)]]);
    assert!(
        world.counts(a(9), b(2), at(4 * MINUTE)).await,
        "another callee"
    );
    assert!(world.counts(a(9), b(1), at(5 * MINUTE)).await);
    assert!(!world.counts(a(9), b(1), at(59 * MINUTE)).await, "60/4");
    assert!(world.counts(a(9), b(1), at(60 * MINUTE)).await);
}

async fn refused_calls_are_not_counted(world: &mut World) {
    world.set_windows(&["caller:60/2", "5/1"]).await;
    assert!(world.counts(a(1), b(1), at(0)).await);
    for minute in [1, 2, 3] {
        assert!(!world.counts(a(1), b(1), at(minute * MINUTE)).await);
    }
    assert!(
        world.counts(a(1), b(2), at(4 * MINUTE)).await,
        "the caller's second"
    );
    assert!(!world.counts(a(1), b(3), at(4 * MINUTE)).await);
}

async fn callers_are_counted_apart_from_callees(world: &mut World) {
    world.set_windows(&["caller:5/1"]).await;
    assert!(world.counts(a(1), b(1), at(0)).await);
    assert!(world.counts(b(1), a(1), at(0)).await);
    assert!(!world.counts(a(1), b(2), at(1)).await);
    let withheld = world.store.count_call(MAIN, None, b(2), at(1)).await;
    assert_eq!(withheld.expect("the store works"), None);
}

async fn of_calls_at_once_no_more_go_through_than_the_window_allows(world: &mut World) {
    world.set_windows(&["5/3", "caller:5/3"]).await;
    let calls = (0..12).map(|_| {
        let store = world.store.clone();
        tokio::spawn(async move { store.count_call(MAIN, Some(a(1)), b(1), at(0)).await })
    });
    let calls: Vec<_> = calls.collect();
    let mut through = 0;
    for call in calls {
        let counted = call.await.expect("it ends").expect("the store works");
        through += usize::from(counted.is_none());
    }
    assert_eq!(through, 3);
}

async fn binds_are_counted_for_each_of_their_parties_apart_from_calls(world: &mut World) {
    world
        .set_windows(&["bound_as_a:5/2", "bound_as_b:60/1"])
        .await;
    let counts = async |a, b, now| {
        let counted = world.store.count_bind(MAIN, a, b, now).await;
        counted.expect("the store works")
    };
    assert_eq!(counts(Some(a(1)), Some(b(1)), at(0)).await, None);
    let full = counts(Some(a(1)), Some(b(1)), at(1))
        .await
        .expect("B is full");
    assert_eq!(full.window, windows(&["bound_as_b:60/1"])[0]);
    assert_eq!(full.free_at, at(HOUR));
    // What was refused counted for nobody; in the other role, and in calls, they are free.
    assert_eq!(counts(Some(a(1)), None, at(2)).await, None);
    let full = counts(Some(a(1)), Some(b(2)), at(3))
        .await
        .expect("A is full");
    assert_eq!(full.free_at, at(5 * MINUTE));
    assert_eq!(counts(None, Some(b(2)), at(4)).await, None);
    assert_eq!(counts(Some(b(1)), Some(a(1)), at(5)).await, None);
    assert!(world.counts(a(1), b(1), at(6)).await);
    assert_eq!(counts(Some(a(1)), None, at(5 * MINUTE)).await, None);
    let rules = world.store.risk_rules(MAIN).await.expect("the store works");
    assert!(rules.count_binds());
    world.set_windows(&["5/3"]).await;
    let rules = world.store.risk_rules(MAIN).await.expect("the store works");
    assert!(!rules.count_binds());
    assert_eq!(counts(Some(a(1)), Some(b(1)), at(6 * MINUTE)).await, None);
}

async fn windows_are_replaced_as_a_whole(world: &mut World) {
    world.set_windows(&["5/1"]).await;
    assert!(world.counts(a(1), b(1), at(0)).await);
    assert!(!world.counts(a(1), b(1), at(1)).await);
    world.set_windows(&[]).await;
    assert!(world.counts(a(1), b(1), at(1)).await);
    let rules = world.store.risk_rules(MAIN).await;
    assert!(rules.expect("the store works").is_empty());
}
