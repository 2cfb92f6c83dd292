//! Tables and properties of schedule and breaker.

use proptest::prelude::*;

use super::*;

const S: i64 = 1000;
const HOUR: i64 = 3600 * S;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(1_800_000_000_000 + ms)
}

/// The moments of all tries of a delivery that always fails at once.
fn tries(kind: EventKind, queued_at: Timestamp) -> (Vec<i64>, Next) {
    let schedule = Schedule::default();
    let mut now = queued_at;
    let mut moments = vec![0];
    for failures in 1.. {
        match schedule.after_failure(kind, queued_at, failures, now) {
            Next::At(next) => now = next,
            end => return (moments, end),
        }
        moments.push(now.ms_since(queued_at));
    }
    unreachable!("every schedule ends")
}

#[test]
fn a_record_is_retried_at_the_vendors_times_then_every_even_hour_for_three_days_then_parked() {
    // 1,800,000,000 s is 2027-01-15 08:00:00 UTC, an even hour.
    let (moments, end) = tries(EventKind::CallRecord, at(0));
    assert_eq!(moments[..6], [0, 10 * S, 40 * S, 100 * S, 220 * S, 400 * S]);
    let rounds: Vec<i64> = (1..=36).map(|round| round * 2 * HOUR).collect();
    assert_eq!(moments[6..], rounds);
    assert_eq!(end, Next::Park);
}

#[test]
fn a_call_status_is_retried_for_five_minutes_and_then_is_old_news() {
    let (moments, end) = tries(EventKind::CallStatus, at(0));
    assert_eq!(moments, [0, 10 * S, 40 * S, 100 * S, 220 * S]);
    assert_eq!(end, Next::Stale);
    let schedule = Schedule::default();
    let stale = |kind, age| schedule.is_stale(kind, at(0), at(age));
    assert!(!stale(EventKind::CallStatus, 300 * S - 1));
    assert!(stale(EventKind::CallStatus, 300 * S));
    assert!(!stale(EventKind::CallRecord, 72 * HOUR));
}

#[test]
fn every_kind_has_its_own_name_and_bit() {
    for kind in EventKind::ALL {
        assert_eq!(EventKind::from_name(kind.name()), Some(kind));
        let alone: Kinds = [kind].into_iter().collect();
        assert_eq!(alone.iter().collect::<Vec<_>>(), [kind]);
        assert_eq!(Kinds::from_bits(alone.to_bits()), alone);
    }
    assert_eq!(Kinds::from_bits(0xff), Kinds::all());
    assert_eq!(Kinds::all().iter().count(), EventKind::ALL.len());
    assert!(Kinds::default().is_empty());
}

#[test]
fn an_id_reads_back_and_other_texts_are_none() {
    let id = ReceiverId::new(u64::MAX);
    assert_eq!(id.to_string(), "CB7fffffffffffffff");
    assert_eq!(id.to_string().parse(), Ok(id));
    for text in [
        "",
        "CB",
        "CB7",
        "cb0000000000000001",
        "CBffffffffffffffff",
        "CB00000000000000 1",
    ] {
        assert_eq!(text.parse::<ReceiverId>(), Err(ReceiverIdError), "{text}");
    }
}

#[test]
fn a_breaker_opens_after_failures_in_a_row_probes_and_waits_longer_each_time() {
    let rules = BreakerRules::default();
    let mut breaker = Breaker::default();
    for _ in 0..4 {
        breaker.failed(at(0), rules);
    }
    assert_eq!(breaker.allowance(at(0)), Allowance::All);
    assert!(!breaker.succeeded(), "it was not open");
    for _ in 0..5 {
        breaker.failed(at(0), rules);
    }
    let mut now = 0;
    for wait in [10, 20, 40, 80, 160, 300, 300] {
        assert_eq!(
            breaker.allowance(at(now)),
            Allowance::NotBefore(at(now + wait * S))
        );
        // Those that were under way fail as well, and change nothing.
        breaker.failed(at(now + 1), rules);
        now += wait * S;
        assert_eq!(breaker.allowance(at(now)), Allowance::Probe);
        breaker.failed(at(now), rules);
    }
    assert!(breaker.is_open());
    assert!(breaker.succeeded());
    assert_eq!(breaker.allowance(at(now)), Allowance::All);
}

proptest! {
    #[test]
    fn the_next_try_is_always_later_and_never_past_the_end(
        kind in prop::sample::select(&EventKind::ALL[..]),
        queued in 0_i64..100 * HOUR,
        age in 0_i64..100 * HOUR,
        failures in 1_u32..200,
    ) {
        let schedule = Schedule::default();
        let (queued_at, now) = (at(queued), at(queued + age));
        if let Next::At(next) = schedule.after_failure(kind, queued_at, failures, now) {
            prop_assert!(next > now);
            let most = if kind.goes_stale() { schedule.fresh_ms } else { schedule.keep_ms };
            prop_assert!(next.ms_since(queued_at) <= most);
            prop_assert!(next.ms_since(now) <= schedule.round_ms);
        }
    }

    #[test]
    fn a_breaker_never_stays_shut_out_longer_than_its_longest_wait(
        steps in prop::collection::vec((0_i64..400 * S, any::<bool>()), 1..100),
    ) {
        let rules = BreakerRules::default();
        let mut breaker = Breaker::default();
        let mut now = 0;
        let mut in_a_row = 0;
        for (wait, works) in steps {
            now += wait;
            if works {
                breaker.succeeded();
                in_a_row = 0;
            } else {
                breaker.failed(at(now), rules);
                in_a_row += 1;
            }
            prop_assert_eq!(breaker.is_open(), in_a_row >= rules.failures);
            if let Allowance::NotBefore(until) = breaker.allowance(at(now)) {
                prop_assert!(until.ms_since(at(now)) <= rules.open_ms_max);
            }
        }
    }
}
