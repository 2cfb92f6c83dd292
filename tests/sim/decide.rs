//! How the simulated store decides: the same steps on the same heart as the embedded backend,
//! with rows that are values.

use axbridge_domain::{
    binding::{Mode, SubId},
    draft::{ClaimRefusal, ClaimRules, Draft},
    phone::PhoneNumber,
    pool::{Policy, PoolRules},
    selection::{self, Wanted},
    time::Timestamp,
};

use crate::{
    cast,
    disk::{Kept, Row, Stored},
    flaw::Flaw,
    request::{Answer, Bind, Change, Parties, What, Why, Wish},
    store::{Changes, Memory, Ticket},
};

/// How often another id is tried when one is taken. A history plays within few seconds and draws
/// from few ids on purpose, so it needs more than a real store.
const ID_ATTEMPTS: u32 = 1000;

/// A batch in the making.
pub(crate) struct Batch<'a> {
    memory: &'a Memory,
    draft: Draft<'a>,
    changes: Changes,
    flaw: Option<Flaw>,
}

impl<'a> Batch<'a> {
    pub(crate) fn new(memory: &'a Memory, flaw: Option<Flaw>) -> Self {
        Self {
            memory,
            draft: Draft::new(&memory.table, memory.table.now()),
            changes: Changes::default(),
            flaw,
        }
    }

    pub(crate) fn into_changes(self) -> Changes {
        Changes {
            delta: self.draft.into_delta(),
            ..self.changes
        }
    }

    pub(crate) fn decide(&mut self, ticket: &Ticket) -> Answer {
        let decided = match &ticket.request.what {
            What::Bind(bind) => self.bind(ticket, bind),
            What::Unbind(sub_id) => self.unbind(ticket, *sub_id),
            What::Update(sub_id, change) => self.update(ticket, *sub_id, *change),
            What::Upgrade(sub_id, b) => self.upgrade(ticket, *sub_id, *b),
        };
        decided.unwrap_or_else(Answer::Refused)
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    fn now(&self) -> Timestamp {
        self.draft.now()
    }

    fn rules(&self, pool: usize) -> PoolRules {
        let mut rules = self.memory.rules[pool];
        if self.has(Flaw::QuarantineIgnored) {
            (rules.quarantine_ms, rules.quarantine_min_ms) = (0, 0);
        }
        if self.has(Flaw::CapIgnored) {
            rules.bindings_per_number_max = u32::MAX;
        }
        rules
    }

    /// What the same key was answered before, the batch included.
    fn earlier(&self, ticket: &Ticket) -> Result<Option<Answer>, Why> {
        let (Some(key), false) = (ticket.request.key, self.has(Flaw::ReplayBindsAnew)) else {
            return Ok(None);
        };
        let account = ticket.request.account;
        let is_it = |kept: &&Kept| (kept.request.account, kept.request.key) == (account, Some(key));
        let in_batch = self.changes.rows.iter().rev().find_map(|row| match row {
            Row::Bound(_, kept) => kept.as_ref().filter(is_it),
            _ => None,
        });
        let kept = in_batch.or_else(|| self.memory.keys.get(&(account, key)));
        let oldest = self.now().plus_ms(-cast::KEYS_KEPT);
        match kept.filter(|kept| kept.at > oldest) {
            Some(kept) if kept.request == ticket.request => Ok(Some(Answer::Bound {
                sub_id: kept.sub_id,
                x: kept.x,
            })),
            Some(_) => Err(Why::Mismatch),
            None => Ok(None),
        }
    }

    fn bind(&mut self, ticket: &Ticket, bind: &Bind) -> Result<Answer, Why> {
        if bind.parties.b == Some(bind.parties.a) {
            return Err(Why::SameNumber);
        }
        if let Wish::Named(number) = bind.wish
            && bind.parties.people().contains(&Some(cast::number(number)))
        {
            return Err(Why::SameNumber);
        }
        if cast::POOL_OWNERS[bind.pool] != ticket.request.account {
            return Err(Why::UnknownPool);
        }
        if !bind.dry_run
            && let Some(answer) = self.earlier(ticket)?
        {
            return Ok(answer);
        }
        let mut rules = self.rules(bind.pool);
        let shape = bind.parties.shape(ticket.request.account);
        let x = match &bind.wish {
            Wish::Select { tiers, random } => {
                if *random {
                    rules.policy = Policy::Random;
                }
                let wanted = Wanted {
                    pool: cast::pool_no(bind.pool),
                    tiers: tiers.clone(),
                    shape,
                    exclusive: bind.exclusive,
                    rules,
                    never: bind.parties.people(),
                };
                let inventory = &self.memory.inventory;
                if self.has(Flaw::RefusesTooSoon) && ticket.seed.is_multiple_of(8) {
                    let tally = selection::tally(inventory, &self.draft, &wanted);
                    return Err(Why::NoneEligible(tally));
                }
                selection::choose(inventory, &self.draft, &wanted, ticket.seed)
                    .map_err(Why::NoneEligible)?
            }
            Wish::Named(number) => cast::number(*number),
        };
        let stored = Stored {
            sub_id: self.free_id(ticket, x),
            account: ticket.request.account,
            pool: bind.pool,
            x,
            parties: bind.parties,
            exclusive: bind.exclusive,
            until: bind.until,
        };
        if matches!(bind.wish, Wish::Named(_)) {
            self.check_named(bind, &stored)?;
        }
        if bind.dry_run {
            return Ok(Answer::WouldBind(x));
        }
        self.claim_new(ticket, stored, &rules)
    }

    fn claim_new(
        &mut self,
        ticket: &Ticket,
        stored: Stored,
        rules: &PoolRules,
    ) -> Result<Answer, Why> {
        match selection::claim(&mut self.draft, stored.record(), rules) {
            Ok(()) => {}
            Err(ClaimRefusal::Held { .. }) if self.has(Flaw::DoubleClaim) => {
                self.changes.smuggled.push(stored.record());
            }
            Err(refusal) => panic!("a claim was refused after it was judged free: {refusal:?}"),
        }
        Ok(self.write_bound(ticket, stored))
    }

    fn write_bound(&mut self, ticket: &Ticket, stored: Stored) -> Answer {
        let (sub_id, x) = (stored.sub_id, stored.x);
        let keyed = ticket.request.key.is_some() && !self.has(Flaw::KeyNotWritten);
        let kept = keyed.then(|| Kept {
            request: ticket.request.clone(),
            sub_id,
            x,
            at: self.now(),
        });
        self.changes.rows.push(Row::Bound(stored, kept));
        Answer::Bound { sub_id, x }
    }

    fn check_named(&self, bind: &Bind, stored: &Stored) -> Result<(), Why> {
        let slot = self.memory.inventory.get(stored.x);
        let slot = slot.filter(|slot| slot.pool == cast::pool_no(bind.pool));
        if !slot.ok_or(Why::NotInPool)?.enabled {
            return Err(Why::Disabled);
        }
        let rules = claim_rules(&self.rules(bind.pool));
        match self.draft.check(&stored.record(), rules, None) {
            Err(ClaimRefusal::Held { .. }) if self.has(Flaw::DoubleClaim) => Ok(()),
            checked => checked.map_err(Why::from),
        }
    }

    /// An id that no other binding has.
    fn free_id(&self, ticket: &Ticket, x: PhoneNumber) -> SubId {
        let ids = (0..ID_ATTEMPTS).map(|attempt| {
            let nonce = ticket.nonce.wrapping_add(attempt);
            SubId::new(self.now(), x, nonce)
        });
        let mut free = ids.filter(|id| self.stored(*id).is_none());
        free.next()
            .expect("the cast binds too little to use all ids up")
    }

    /// The binding as it is written, the batch included.
    fn stored(&self, sub_id: SubId) -> Option<Stored> {
        let mut until = None;
        for row in self.changes.rows.iter().rev() {
            match row {
                Row::Bound(stored, _) | Row::Replaced(stored, _) if stored.sub_id == sub_id => {
                    let mut stored = stored.clone();
                    stored.until = until.unwrap_or(stored.until);
                    return Some(stored);
                }
                Row::Moved(moved, to) if *moved == sub_id => until = until.or(Some(*to)),
                _ => {}
            }
        }
        let mut stored = self.memory.bindings.get(&sub_id).cloned()?;
        stored.until = until.unwrap_or(stored.until);
        Some(stored)
    }

    fn live(&self, ticket: &Ticket, sub_id: SubId) -> Result<Stored, Why> {
        self.stored(sub_id)
            .filter(|stored| stored.account == ticket.request.account)
            .filter(|stored| {
                let shape = stored.parties.shape(stored.account);
                self.draft.is_live(sub_id, stored.x, &shape)
            })
            .ok_or(Why::NoSuchBinding)
    }

    fn unbind(&mut self, ticket: &Ticket, sub_id: SubId) -> Result<Answer, Why> {
        let stored = self.live(ticket, sub_id)?;
        if !self.has(Flaw::UnbindForgotten) {
            let shape = stored.parties.shape(stored.account);
            self.draft.release(sub_id, stored.x, &shape);
        }
        if !self.has(Flaw::UnbindNotWritten) {
            self.changes.rows.push(Row::Ended(sub_id, self.now()));
        }
        Ok(Answer::Done)
    }

    fn update(&mut self, ticket: &Ticket, sub_id: SubId, change: Change) -> Result<Answer, Why> {
        let old = self.live(ticket, sub_id)?;
        let old_shape = old.parties.shape(old.account);
        let mut new = old.clone();
        match change {
            Change::Until(until) => {
                if !self.has(Flaw::MoveForgotten) {
                    self.draft.set_live_until(sub_id, old.x, &old_shape, until);
                }
                self.changes.rows.push(Row::Moved(sub_id, until));
                return Ok(Answer::Done);
            }
            Change::A(a) => new.parties.a = a,
            Change::B(_) if old.parties.mode == Mode::Ax => return Err(Why::WrongMode),
            Change::B(b) => new.parties.b = Some(b),
            Change::X(number) => new.x = cast::number(number),
        }
        check_distinct(new.parties, &new)?;
        if matches!(change, Change::X(_)) {
            let slot = self.memory.inventory.get(new.x);
            let slot = slot.filter(|slot| slot.pool == cast::pool_no(new.pool));
            if !slot.ok_or(Why::NotInPool)?.enabled {
                return Err(Why::Disabled);
            }
        }
        let rules = claim_rules(&self.rules(new.pool));
        let replacing = Some((sub_id, old.x, &old_shape));
        if let Err(refusal) = self.draft.claim(new.record(), rules, replacing) {
            if self.has(Flaw::RefusalReleases) {
                self.draft.release(sub_id, old.x, &old_shape);
            }
            return Err(refusal.into());
        }
        let now = self.now();
        self.changes.rows.push(Row::Replaced(new, now));
        Ok(Answer::Done)
    }

    fn upgrade(&mut self, ticket: &Ticket, ax: SubId, b: usize) -> Result<Answer, Why> {
        if let Some(answer) = self.earlier(ticket)? {
            return Ok(answer);
        }
        let old = self.live(ticket, ax)?;
        if old.parties.mode != Mode::Ax {
            return Err(Why::WrongMode);
        }
        let old_shape = old.parties.shape(old.account);
        let mut new = old.clone();
        new.parties = Parties {
            mode: Mode::Axb,
            a: old.parties.a,
            b: Some(b),
        };
        check_distinct(new.parties, &new)?;
        new.sub_id = self.free_id(ticket, new.x);
        let rules = claim_rules(&self.rules(new.pool));
        let replacing = Some((ax, old.x, &old_shape));
        let replacing = replacing.filter(|_| !self.has(Flaw::UpgradeKeepsAx));
        self.draft.claim(new.record(), rules, replacing)?;
        let now = self.now();
        self.changes.rows.push(Row::Ended(ax, now));
        Ok(self.write_bound(ticket, new))
    }
}

/// What a claim of a named number is judged by.
fn claim_rules(rules: &PoolRules) -> ClaimRules {
    ClaimRules {
        quarantine_ms: rules.quarantine_min_ms.min(rules.quarantine_ms),
        bindings_per_number_max: rules.bindings_per_number_max,
    }
}

fn check_distinct(parties: Parties, stored: &Stored) -> Result<(), Why> {
    let is_x = parties.people().contains(&Some(stored.x));
    if is_x || parties.b == Some(parties.a) {
        return Err(Why::SameNumber);
    }
    Ok(())
}
