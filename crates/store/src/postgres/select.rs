//! Which numbers the binds of a batch are to claim: the four steps of
//! [`axbridge_domain::selection`], with the looking done for the whole batch at once.
//!
//! A pick is only a wish until its claim holds under the number's lock. A refusal is final, so it
//! is only given when nothing that this batch merely wishes for stood in the way, and when one
//! single look at all numbers of the request shows none that would do.

use std::{
    collections::{HashMap, HashSet, VecDeque, hash_map::Entry},
    ops::ControlFlow,
};

use axbridge_domain::{
    account::AccountId,
    binding::SubId,
    city_order::Tier,
    draws::Draws,
    phone::PhoneNumber,
    pool::{Policy, PoolNo, PoolRules},
    route::Route,
    selection::{Candidate, Wanted, draw, pick},
    time::Timestamp,
};
use deadpool_postgres::Transaction;

use super::{
    core::Core,
    fault::Fault,
    glance::{self, Draw, Drawn, selectors_of},
    guess::{guess, unused_from},
    idempotency::look_up,
    look::{Claim, Seen, given_out},
    pairs::Pairs,
    rows::{account_column, city_column, column, pool_column, pool_of},
    walk::{Walk, judge_seen, tally},
    worker::Job,
};
use crate::{
    error::{BindRefusal, NumberRefusal},
    model::{Bound, Placement},
};

/// A number that a job is to claim.
pub(super) struct Pick {
    pub(super) job: usize,
    pub(super) x: PhoneNumber,
    /// Nobody looked at it before.
    pub(super) guessed: bool,
    /// Nobody is known to hold its routes, or to have held them lately: they can be claimed at
    /// once.
    pub(super) unused: bool,
}

/// Where a job's search stands.
pub(super) struct Search {
    job: usize,
    /// Which quarantine and which place: see [`place_at`].
    step: usize,
    draws: Draws,
    named: Option<PhoneNumber>,
    last: Option<PhoneNumber>,
    /// Places in the list that were drawn and are not looked at yet.
    undrawn: VecDeque<usize>,
    drawn: Vec<PhoneNumber>,
}

impl Search {
    /// Whose search it is.
    pub(super) fn job(&self) -> usize {
        self.job
    }
}

enum Decision {
    Pick {
        x: PhoneNumber,
        unused: bool,
    },
    /// The other draws must be looked at, too.
    LookOn,
    /// Nothing at this place.
    NextPlace,
    /// Nothing to be had by name.
    Refuse(NumberRefusal),
}

impl Decision {
    fn of(best: Candidate) -> Self {
        Self::Pick {
            x: best.x,
            unused: best.last_used.is_none(),
        }
    }
}

struct Round<'a> {
    core: &'a Core,
    transaction: &'a Transaction<'a>,
    account: AccountId,
    now: Timestamp,
    live: u64,
    seen: Seen,
    lengths: HashMap<(PoolNo, i16), usize>,
    picks: Vec<Pick>,
}

/// Chooses numbers for the jobs that have no answer yet; answers refusals and dry runs. Jobs with
/// neither a pick nor an answer are to come again in the next batch. `live` is the account's count
/// of live bindings, where a quota asks for it.
pub(super) async fn select(
    core: &Core,
    transaction: &Transaction<'_>,
    account: AccountId,
    now: Timestamp,
    jobs: &mut [Job],
    live: u64,
) -> Result<Vec<Pick>, Fault> {
    let mut round = Round {
        core,
        transaction,
        account,
        now,
        live,
        seen: Seen::default(),
        lengths: HashMap::new(),
        picks: Vec::new(),
    };
    let open = begin(jobs);
    let mut open = guess(
        core,
        transaction,
        (account, now),
        jobs,
        open,
        &mut round.picks,
    )
    .await?;
    if open.is_empty() {
        return Ok(round.picks);
    }
    round.first_draw(jobs, &mut open).await?;
    let mut drawn = true;
    while !open.is_empty() {
        if !std::mem::take(&mut drawn) {
            round.draw_all(jobs, &mut open).await?;
        }
        round.look_at_known(jobs, &open).await?;
        let (mut still_open, mut more) = (Vec::new(), 0);
        let searches = open.len();
        for mut search in open {
            if round.is_over_quota(jobs, search.job).await? {
                continue;
            }
            let job = &jobs[search.job];
            match round.decide(job, &mut search).await? {
                Decision::Pick { x, unused } => round.take(jobs, search.job, x, unused),
                Decision::LookOn => {
                    more += 1;
                    still_open.push(search);
                }
                Decision::Refuse(refusal) => round.refuse(jobs, search.job, refusal).await?,
                Decision::NextPlace => {
                    search.step += 1;
                    search.undrawn.clear();
                    if place_at(&job.wanted, search.step).is_some() {
                        still_open.push(search);
                    } else {
                        round.exhausted(jobs, search.job).await?;
                    }
                }
            }
        }
        core.first_look.learn(searches, more);
        open = still_open;
    }
    Ok(round.picks)
}

/// The searches of a batch. Of two requests with the same key only the first takes part: the
/// other will find its answer.
fn begin(jobs: &[Job]) -> Vec<Search> {
    let mut keys = HashSet::new();
    let mut open = Vec::new();
    for (index, job) in jobs.iter().enumerate() {
        if job.is_answered() {
            continue;
        }
        if let Some(key) = job.idempotency()
            && !keys.insert((key.action, &key.key))
        {
            continue;
        }
        open.push(Search {
            job: index,
            step: 0,
            draws: job.draws(),
            named: match job.command.placement {
                Placement::Named(x) => Some(x),
                Placement::Select { .. } => None,
            },
            last: None,
            undrawn: VecDeque::new(),
            drawn: Vec::new(),
        });
    }
    open
}

/// The quarantine and the place of a step: all places under the full quarantine, then all under
/// the shortest.
fn place_at(wanted: &Wanted, step: usize) -> Option<(i64, Tier)> {
    let [full, shortest] = wanted.quarantines_ms();
    let places = wanted.tiers.len();
    if let Some(tier) = wanted.tiers.get(step) {
        return Some((full, *tier));
    }
    let tier = wanted.tiers.get(step.checked_sub(places)?)?;
    (shortest < full).then_some((shortest, *tier))
}

impl Round<'_> {
    /// Draws for the first time, and asks on the way which number each pair had last.
    async fn first_draw(&mut self, jobs: &[Job], open: &mut [Search]) -> Result<(), Fault> {
        let of_search = |(place, search): (usize, &Search)| (place, &jobs[search.job]);
        let pairs = Pairs::of(open.iter().enumerate().map(of_search));
        let remembered = self.now.plus_ms(-self.core.options.remember_ms);
        let (transaction, account) = (self.transaction, self.account);
        let (last, ()) = tokio::try_join!(
            pairs.last_numbers(transaction, account, remembered),
            self.draw_all(jobs, open),
        )?;
        for (place, x) in last {
            if let Some(search) = open.get_mut(place) {
                search.last = Some(x);
            }
        }
        Ok(())
    }

    /// Draws candidates at each search's place and looks at them.
    async fn draw_all(&mut self, jobs: &[Job], open: &mut [Search]) -> Result<(), Fault> {
        self.measure(jobs, open).await?;
        let first_look = self.core.first_look.looks();
        let mut draws = Vec::new();
        for (index, search) in open.iter_mut().enumerate() {
            let wanted = &jobs[search.job].wanted;
            let Some((_, tier)) = place_at(wanted, search.step) else {
                continue;
            };
            let city = city_column(tier.city());
            let policy = wanted.rules.policy;
            let mut looks = usize::MAX;
            if search.undrawn.is_empty() {
                search.drawn.clear();
                let length = self.length(wanted.pool, city);
                search.undrawn = draw(policy, length, &mut search.draws).collect();
                if policy != Policy::Spread {
                    looks = first_look;
                    self.put_off_taken(&jobs[search.job], city, &mut search.undrawn);
                }
            }
            for ord in search.undrawn.drain(..looks.min(search.undrawn.len())) {
                draws.push(Draw {
                    search: index,
                    pool: wanted.pool,
                    city,
                    ord,
                    selectors: selectors_of(&wanted.shape),
                });
            }
        }
        if draws.is_empty() {
            return Ok(());
        }
        let options = &self.core.options;
        let found = glance::draw(
            self.transaction,
            self.account,
            &mut self.seen,
            &draws,
            self.now,
            options,
        )
        .await?;
        for drawn in &found {
            if let Some(search) = open.get_mut(drawn.draw.search) {
                search.drawn.push(drawn.x);
                self.remember(drawn, &jobs[search.job].wanted.rules);
            }
        }
        let asked = found.iter().filter_map(|drawn| {
            let search = open.get(drawn.draw.search)?;
            Some((drawn.x, &jobs[search.job].wanted))
        });
        glance::look_closer(
            self.transaction,
            self.account,
            &mut self.seen,
            asked,
            jobs.len(),
            self.now,
        )
        .await
        .map(drop)
    }

    /// Puts the places last whose numbers are known to be closed to the job.
    fn put_off_taken(&self, job: &Job, city: i16, places: &mut VecDeque<usize>) {
        let list = (job.wanted.pool, city);
        let (lists, taken) = (&self.core.lists, &self.core.taken);
        let is_open = |place: &usize| lists.may_do((list, *place), job, taken, self.now);
        let (mut first, last): (VecDeque<_>, VecDeque<_>) = places.drain(..).partition(is_open);
        first.extend(last);
        *places = first;
    }

    /// Remembers what a draw found, for the draws of later batches.
    fn remember(&self, drawn: &Drawn<'_>, rules: &PoolRules) {
        let (draw, x) = (drawn.draw, drawn.x);
        let lists = &self.core.lists;
        lists.note_place((draw.pool, draw.city), draw.ord, x);
        for (selector, live_until) in drawn.routes.iter().flatten() {
            let until = unused_from(rules, *live_until, self.core);
            self.core.taken.note((x, *selector), self.now, until);
        }
    }

    /// Reads how long the lists are that candidates are to be drawn from.
    async fn measure(&mut self, jobs: &[Job], open: &[Search]) -> Result<(), Fault> {
        let (mut pools, mut cities) = (Vec::new(), Vec::new());
        for search in open {
            let wanted = &jobs[search.job].wanted;
            if let Some((_, tier)) = place_at(wanted, search.step) {
                let city = city_column(tier.city());
                if let Entry::Vacant(list) = self.lengths.entry((wanted.pool, city)) {
                    list.insert(0);
                    pools.push(pool_column(wanted.pool));
                    cities.push(city);
                }
            }
        }
        if pools.is_empty() {
            return Ok(());
        }
        let statement = self
            .transaction
            .prepare_cached(
                "SELECT l.pool, l.city, l.length FROM unnest($2::int8[], $3::int2[]) q (pool, city)
                 CROSS JOIN LATERAL (
                     SELECT * FROM number_list
                     WHERE account = $1 AND pool = q.pool AND city = q.city LIMIT 1) l",
            )
            .await?;
        let account = account_column(self.account);
        let rows = self
            .transaction
            .query(&statement, &[&account, &pools, &cities])
            .await?;
        for row in rows {
            let pool = pool_of(column(&row, "pool")?)?;
            let length: i64 = column(&row, "length")?;
            let length = usize::try_from(length).unwrap_or(0);
            let city: i16 = column(&row, "city")?;
            self.core.lists.note_length((pool, city), length);
            self.lengths.insert((pool, city), length);
        }
        Ok(())
    }

    fn length(&self, pool: PoolNo, city: i16) -> usize {
        self.lengths.get(&(pool, city)).copied().unwrap_or(0)
    }

    /// Looks at the numbers that were not drawn: those that were named, and a pair's last ones.
    async fn look_at_known(&mut self, jobs: &[Job], open: &[Search]) -> Result<(), Fault> {
        let mut asked = HashSet::new();
        let mut routes: Vec<Route> = Vec::new();
        for search in open {
            for x in search.named.iter().chain(&search.last) {
                for route in jobs[search.job].wanted.shape.routes(*x) {
                    if asked.insert((route.x, route.selector)) {
                        routes.push(route);
                    }
                }
            }
        }
        if routes.is_empty() {
            return Ok(());
        }
        let options = &self.core.options;
        self.seen
            .look(self.transaction, self.account, &routes, self.now, options)
            .await
    }

    /// Answers a job whose account has no room; true as well when it must wait to see whether the
    /// others of the batch take the room.
    async fn is_over_quota(&self, jobs: &mut [Job], job: usize) -> Result<bool, Fault> {
        let Some(max) = jobs[job].command.live_bindings_max else {
            return Ok(false);
        };
        if self.live >= max {
            let refusal = BindRefusal::LiveBindingQuota;
            self.answer_refusal(&mut jobs[job], refusal).await?;
        }
        Ok(self.live + self.picks.len() as u64 >= max)
    }

    /// Answers a refusal, unless a twin with the same key was granted what stands in the way: then
    /// the job comes again and finds the twin's answer.
    async fn answer_refusal(&self, job: &mut Job, refusal: BindRefusal) -> Result<(), Fault> {
        if let Some(key) = job.idempotency() {
            let keys = [key];
            let known = look_up(self.core, self.transaction, self.account, &keys, self.now);
            if known.await?.iter().any(Option::is_some) {
                job.tries += 1;
                return Ok(());
            }
        }
        job.answer(Ok(Err(refusal)));
        Ok(())
    }

    async fn decide(&self, job: &Job, search: &mut Search) -> Result<Decision, Fault> {
        let wanted = &job.wanted;
        if let Some(x) = search.named {
            let claim = Claim {
                x,
                shape: &wanted.shape,
                exclusive: wanted.exclusive,
                rules: &wanted.rules,
                replacing: None,
            };
            let verdict = given_out(self.seen.number(x), wanted.pool)
                .and_then(|()| claim.check(&self.seen, self.now));
            return Ok(match verdict {
                Ok(()) => Decision::Pick { x, unused: false },
                Err(refusal) => Decision::Refuse(refusal),
            });
        }
        let Some((quarantine_ms, tier)) = place_at(wanted, search.step) else {
            return Ok(Decision::NextPlace);
        };
        let judge = |x: PhoneNumber| -> Option<Candidate> {
            let number = self.seen.number(x)?;
            let stand = |route: &Route| self.seen.stand(route);
            judge_seen(wanted, number, &self.seen, stand, self.now, quarantine_ms).ok()
        };
        let here = |x: &PhoneNumber| {
            self.seen.number(*x).is_some_and(|number| {
                number.pool == wanted.pool
                    && tier.city().is_none_or(|city| number.city == Some(city))
            })
        };
        if let Some(last) = search.last.filter(here).and_then(judge) {
            return Ok(Decision::of(last));
        }
        let drawn = search.drawn.iter().filter_map(|x| judge(*x));
        let best = pick(wanted.rules.policy, drawn);
        let will_do = match wanted.rules.policy {
            Policy::Protect => best.is_some_and(|best| best.last_used.is_none()),
            _ => best.is_some(),
        };
        if !will_do && !search.undrawn.is_empty() {
            return Ok(Decision::LookOn);
        }
        if let Some(best) = best {
            return Ok(Decision::of(best));
        }
        if self.length(wanted.pool, city_column(tier.city())) == 0 {
            return Ok(Decision::NextPlace);
        }
        let found = self
            .scan(wanted, tier, quarantine_ms, &mut search.draws)
            .await?;
        Ok(found.map_or(Decision::NextPlace, Decision::of))
    }

    /// Looks at every number of a place.
    async fn scan(
        &self,
        wanted: &Wanted,
        tier: Tier,
        quarantine_ms: i64,
        draws: &mut Draws,
    ) -> Result<Option<Candidate>, Fault> {
        let policy = wanted.rules.policy;
        let mut eligible: Vec<Candidate> = Vec::new();
        let walk = Walk {
            transaction: self.transaction,
            account: self.account,
            now: self.now,
            remember_ms: self.core.options.remember_ms,
            seen: &self.seen,
            wanted,
            quarantine_ms,
        };
        walk.over(&[city_column(tier.city())], |_, verdict| {
            let Ok(next) = verdict else {
                return ControlFlow::Continue(());
            };
            let unused = next.last_used.is_none();
            eligible.push(next);
            match policy {
                Policy::Pack => ControlFlow::Break(()),
                Policy::Protect if unused => ControlFlow::Break(()),
                Policy::Random => ControlFlow::Continue(()),
                Policy::Protect | Policy::Spread => {
                    // Only the best so far is of interest.
                    if let Some(best) = pick(policy, eligible.drain(..)) {
                        eligible.push(best);
                    }
                    ControlFlow::Continue(())
                }
            }
        })
        .await?;
        Ok(match policy {
            Policy::Random => eligible.get(draws.below(eligible.len())).copied(),
            _ => pick(policy, eligible),
        })
    }

    fn take(&mut self, jobs: &mut [Job], job: usize, x: PhoneNumber, unused: bool) {
        if jobs[job].command.dry_run {
            jobs[job].answer(Ok(Ok(Bound::WouldBind(x))));
            return;
        }
        let wanted = &jobs[job].wanted;
        let wish = SubId::new(self.now, x, jobs[job].command.nonce);
        self.seen.claim(x, &wanted.shape, wanted.exclusive, wish);
        self.picks.push(Pick {
            job,
            x,
            guessed: false,
            unused,
        });
    }

    /// Answers a refusal of a named number, unless it may come from a mere wish of this batch.
    async fn refuse(
        &self,
        jobs: &mut [Job],
        job: usize,
        refusal: NumberRefusal,
    ) -> Result<(), Fault> {
        let by_others = matches!(
            refusal,
            NumberRefusal::Conflict { .. } | NumberRefusal::AtCap | NumberRefusal::KindConflict
        );
        if by_others && self.seen.has_claims() {
            return Ok(());
        }
        let refusal = BindRefusal::Number(refusal);
        self.answer_refusal(&mut jobs[job], refusal).await
    }

    /// No place had a number: refuses, unless that may change with this very batch.
    async fn exhausted(&self, jobs: &mut [Job], job: usize) -> Result<(), Fault> {
        if self.seen.has_claims() {
            return Ok(());
        }
        let refusal = tally(
            self.transaction,
            self.account,
            &jobs[job].wanted,
            self.now,
            self.core.options.remember_ms,
        )
        .await?;
        if refusal.places.iter().any(|(_, tally)| tally.eligible > 0) {
            jobs[job].tries += 1;
        } else {
            let refusal = BindRefusal::NoneEligible(refusal);
            self.answer_refusal(&mut jobs[job], refusal).await?;
        }
        Ok(())
    }
}
