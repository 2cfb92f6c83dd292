//! Listings of numbers and of bindings.

use axbridge_domain::{
    account::AccountId, binding::Binding, inventory::NumberState, phone::PhoneNumber,
    pool::PoolKind,
};
use axbridge_store::model::{BindingFilter, BindingRef, NumberFilter, Page};

use crate::world::{
    ALL, HOUR, SECOND, World, a, at, b, city, main_pool, named_by, other_account, pool_no, x,
};

scenarios!(
    numbers_are_listed_by_number,
    numbers_are_filtered,
    numbers_are_scrolled_without_gaps,
    numbers_show_their_live_load,
    bindings_are_listed_newest_first,
    bindings_are_filtered,
    bindings_of_another_account_or_pool_are_not_found,
    a_binding_is_shown_as_it_was_asked_for,
);

fn all() -> NumberFilter {
    NumberFilter::default()
}

async fn numbers(world: &World, filter: NumberFilter) -> Vec<PhoneNumber> {
    let found = world
        .store
        .list_numbers(&filter, ALL, at(0))
        .await
        .expect("works");
    assert_eq!(found.rows.len() as u64, found.total);
    found.rows.into_iter().map(|row| row.x).collect()
}

async fn numbers_are_listed_by_number(world: &mut World) {
    world
        .import(&[(x(3), "010"), (x(1), "021"), (x(2), "010")])
        .await;
    assert_eq!(numbers(world, all()).await, [x(1), x(2), x(3)]);
    let page = Page {
        offset: 1,
        limit: 1,
    };
    let page = world
        .store
        .list_numbers(&all(), page, at(0))
        .await
        .expect("works");
    assert_eq!((page.rows.len(), page.total), (1, 3));
    let row = &page.rows[0];
    assert_eq!(
        (row.x, row.city, row.pool),
        (x(2), Some(city("010")), main_pool())
    );
    assert_eq!((row.state, row.kind), (NumberState::Enabled, PoolKind::Axb));
    assert_eq!((row.pool_name.as_str(), row.imported_at), ("pool 1", at(0)));
}

async fn numbers_are_filtered(world: &mut World) {
    world.add_account(other_account()).await;
    world
        .add_pool(other_account(), pool_no(2), PoolKind::Axn)
        .await;
    let landline = PhoneNumber::parse("01087654321").expect("a landline");
    world
        .import(&[
            (x(1), "010"),
            (x(2), "021"),
            (x(3), "010"),
            (landline, "010"),
        ])
        .await;
    world.import_into(pool_no(2), &[(x(4), "021")]).await;
    let state = NumberState::UserDisabled;
    let set = world
        .store
        .set_number_states(None, &[x(3)], state, true, at(0))
        .await;
    assert_eq!(set.expect("works"), Ok(()));

    let landlines = NumberFilter {
        landline: Some(true),
        ..all()
    };
    assert_eq!(numbers(world, landlines).await, [landline]);
    let others = NumberFilter {
        landline: Some(false),
        ..all()
    };
    assert_eq!(numbers(world, others).await, [x(1), x(2), x(3), x(4)]);
    let disabled = NumberFilter {
        state: Some(state),
        ..all()
    };
    assert_eq!(numbers(world, disabled).await, [x(3)]);
    let of_city = NumberFilter {
        city: Some(city("021")),
        ..all()
    };
    assert_eq!(numbers(world, of_city.clone()).await, [x(2), x(4)]);
    let of_pool = NumberFilter {
        pool: Some(pool_no(2)),
        ..all()
    };
    assert_eq!(numbers(world, of_pool).await, [x(4)]);
    let of_account = NumberFilter {
        account: Some(AccountId::DEFAULT),
        ..of_city
    };
    assert_eq!(numbers(world, of_account).await, [x(2)]);
    let of_kind = NumberFilter {
        kind: Some(PoolKind::Axn),
        ..all()
    };
    assert_eq!(numbers(world, of_kind).await, [x(4)]);
    let these = NumberFilter {
        numbers: vec![x(4), x(9), x(1)],
        ..all()
    };
    assert_eq!(numbers(world, these).await, [x(1), x(4)]);
}

async fn numbers_are_scrolled_without_gaps(world: &mut World) {
    let stock: Vec<_> = (0..7).map(|index| (x(index * 3), "010")).collect();
    world.import(&stock).await;
    world.import(&[(x(1), "021")]).await;
    let filter = NumberFilter {
        city: Some(city("010")),
        ..all()
    };
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = world
            .store
            .scroll_numbers(&filter, after, 3, at(0))
            .await
            .expect("works");
        assert_eq!(page.total, 7, "all that match, wherever the page begins");
        assert!(page.rows.len() <= 3);
        after = page.rows.last().map(|row| row.x);
        if after.is_none() {
            break;
        }
        seen.extend(page.rows.into_iter().map(|row| row.x));
    }
    assert_eq!(seen, stock.iter().map(|(x, _)| *x).collect::<Vec<_>>());
}

async fn numbers_show_their_live_load(world: &mut World) {
    world.stock(1).await;
    let ax = world.bound(world.named(x(0), a(1), None), at(0)).await;
    let mut short = world.named(x(0), a(2), b(2));
    short.terms.expires_at = at(90 * SECOND);
    world.bound(short, at(0)).await;
    let load = world.load(x(0), at(1)).await;
    assert_eq!(
        (load.ax, load.axb, load.ax_exclusive, load.axb_exclusive),
        (1, 1, 0, 0)
    );
    assert_eq!(world.load(x(0), at(90 * SECOND - 1)).await.axb, 1);
    assert_eq!(
        world.load(x(0), at(90 * SECOND)).await.axb,
        0,
        "no sweep has been by"
    );
    assert_eq!(world.unbind(&ax, at(91 * SECOND)).await, Ok(()));
    let mut exclusive = world.named(x(0), a(1), None);
    exclusive.terms.exclusive = true;
    world.bound(exclusive, at(92 * SECOND)).await;
    let load = world.load(x(0), at(93 * SECOND)).await;
    assert_eq!(
        (load.ax, load.axb, load.ax_exclusive, load.axb_exclusive),
        (1, 0, 1, 0)
    );
}

async fn bindings(world: &World, filter: &BindingFilter, now_ms: i64) -> Vec<Binding> {
    let account = AccountId::DEFAULT;
    let found = world
        .store
        .list_bindings(account, filter, ALL, at(now_ms))
        .await;
    let found = found.expect("works");
    assert_eq!(found.rows.len() as u64, found.total);
    found.rows
}

async fn bindings_are_listed_newest_first(world: &mut World) {
    world.stock(1).await;
    let mut made = Vec::new();
    for index in 0..5 {
        let command = world.named(x(0), a(index), b(index));
        made.push(world.bound(command, at(index as i64 * SECOND)).await);
    }
    made.reverse();
    let listed = bindings(world, &BindingFilter::default(), 10 * SECOND).await;
    assert_eq!(listed, made);
    let page = Page {
        offset: 3,
        limit: 10,
    };
    let everything = BindingFilter::default();
    let page = world
        .store
        .list_bindings(AccountId::DEFAULT, &everything, page, at(10 * SECOND))
        .await
        .expect("works");
    assert_eq!((page.rows.as_slice(), page.total), (&made[3..], 5));
}

async fn bindings_are_filtered(world: &mut World) {
    world.stock(2).await;
    world
        .add_pool(AccountId::DEFAULT, pool_no(2), PoolKind::Axb)
        .await;
    world.import_into(pool_no(2), &[(x(9), "010")]).await;
    let mut first = world.named(x(0), a(1), b(1));
    first.terms.out_id = Some("order '1'; --".to_owned());
    let first = world.bound(first, at(0)).await;
    // The same two people with their roles exchanged.
    let second = world.bound(world.named(x(1), b(1), a(1)), at(SECOND)).await;
    let mut third = world.named(x(9), a(1), None);
    third.pool = pool_no(2);
    third.terms.expires_at = at(HOUR);
    let third = world.bound(third, at(2 * SECOND)).await;
    assert_eq!(world.unbind(&first, at(3 * SECOND)).await, Ok(()));

    let ids = async |filter: BindingFilter, now_ms| {
        let found = bindings(world, &filter, now_ms).await;
        found
            .into_iter()
            .map(|binding| binding.sub_id)
            .collect::<Vec<_>>()
    };
    let all = BindingFilter::default;
    let now = 10 * SECOND;
    let (one, two, three) = (first.sub_id, second.sub_id, third.sub_id);
    assert_eq!(
        ids(
            BindingFilter {
                a: Some(a(1)),
                ..all()
            },
            now
        )
        .await,
        [three, one]
    );
    assert_eq!(
        ids(
            BindingFilter {
                b: Some(a(1)),
                ..all()
            },
            now
        )
        .await,
        [two]
    );
    assert_eq!(
        ids(
            BindingFilter {
                x: Some(x(0)),
                ..all()
            },
            now
        )
        .await,
        [one]
    );
    let role = |number| BindingFilter {
        any_role: Some(number),
        ..all()
    };
    assert_eq!(ids(role(a(1)), now).await, [three, two, one]);
    assert_eq!(ids(role(b(1)), now).await, [two, one]);
    assert_eq!(ids(role(x(9)), now).await, [three]);
    assert_eq!(ids(role(a(7)), now).await, []);
    assert_eq!(
        ids(
            BindingFilter {
                sub_id: Some(two),
                ..all()
            },
            now
        )
        .await,
        [two]
    );
    let out_id = |text: &str| BindingFilter {
        out_id: Some(text.to_owned()),
        ..all()
    };
    assert_eq!(ids(out_id("order '1'; --"), now).await, [one]);
    assert_eq!(ids(out_id("order"), now).await, [], "whole, not in part");
    assert_eq!(
        ids(
            BindingFilter {
                pool: Some(pool_no(2)),
                ..all()
            },
            now
        )
        .await,
        [three]
    );
    let live = |live| BindingFilter {
        live: Some(live),
        ..all()
    };
    assert_eq!(ids(live(true), now).await, [three, two]);
    assert_eq!(ids(live(false), now).await, [one]);
    let narrow = BindingFilter {
        a: Some(a(1)),
        live: Some(false),
        ..all()
    };
    assert_eq!(ids(narrow, now).await, [one]);
    assert_eq!(ids(live(true), HOUR - 1).await, [three, two]);
    assert_eq!(
        ids(live(true), HOUR).await,
        [two],
        "expired, though no sweep has been by"
    );
    assert_eq!(ids(live(false), HOUR).await, [three, one]);
}

async fn bindings_of_another_account_or_pool_are_not_found(world: &mut World) {
    world.stock(1).await;
    world.add_account(other_account()).await;
    world
        .add_pool(AccountId::DEFAULT, pool_no(2), PoolKind::Axb)
        .await;
    let bound = world.bound(world.select(a(1), b(1)), at(0)).await;
    let find = async |account, pool| {
        let sub_id = bound.sub_id;
        let reference = BindingRef {
            account,
            pool,
            sub_id,
        };
        world.store.binding(reference, at(1)).await.expect("works")
    };
    assert_eq!(find(AccountId::DEFAULT, None).await.as_ref(), Some(&bound));
    assert_eq!(
        find(AccountId::DEFAULT, Some(main_pool())).await.as_ref(),
        Some(&bound)
    );
    assert_eq!(find(AccountId::DEFAULT, Some(pool_no(2))).await, None);
    assert_eq!(find(other_account(), None).await, None);
    let foreign = BindingFilter::default();
    let listed = world
        .store
        .list_bindings(other_account(), &foreign, ALL, at(1))
        .await;
    assert_eq!(listed.expect("works").total, 0);
}

async fn a_binding_is_shown_as_it_was_asked_for(world: &mut World) {
    world.import(&[(x(0), "0755")]).await;
    let mut command = world.select_in(&["0755"], a(1), b(1));
    command.terms.display = axbridge_domain::binding::DisplayType::BSeesA;
    command.terms.record = false;
    command.terms.verify = true;
    command.terms.exclusive = true;
    command.terms.user_data = Some("用户 data \u{0} \"quoted\" 😀".replace('\u{0}', "\\0"));
    command.terms.out_id = Some(String::new());
    command.terms.voice_code = Some("{\"A\":\"1\"}".to_owned());
    command.terms.order_id = Some("order".to_owned());
    command.terms.industrial_id = Some("industry".to_owned());
    let terms = command.terms.clone();
    let bound = world.bound(command, at(1_234)).await;
    assert_eq!(bound.terms, terms);
    assert_eq!(
        (bound.account, bound.pool),
        (AccountId::DEFAULT, main_pool())
    );
    assert_eq!((bound.x, bound.x_city), (x(0), Some(city("0755"))));
    assert_eq!((bound.created_at, bound.ended_at), (at(1_234), None));
    let found = world
        .store
        .binding(named_by(&bound), at(2_000))
        .await
        .expect("works");
    assert_eq!(found, Some(bound));
}
