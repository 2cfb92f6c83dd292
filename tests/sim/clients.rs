//! Who asks: clients that know what they were answered, send things twice, and now and then ask
//! for what is not theirs.

use axbridge_domain::{
    binding::{Mode, SubId},
    city_order::Tier,
    draws::Draws,
    time::Timestamp,
};

use crate::{
    cast,
    request::{Answer, Bind, Change, Operation, Parties, Request, What, Wish},
    store::Ticket,
};

/// The most requests on their way at once.
const WAITING_MAX: usize = 6;
/// How many bindings clients remember.
const KNOWN_MAX: usize = 16;
/// How many requests may be sent again.
const SENT_MAX: usize = 12;

/// What the history's stage allows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stage {
    /// Milliseconds to the unit of lives and waits.
    pub(crate) scale: i64,
    /// Added to each `ExpireTime`.
    pub(crate) lead_ms: i64,
    /// Whether there are more modes than AX and AXB.
    pub(crate) all_modes: bool,
}

#[derive(Default)]
pub(crate) struct Clients {
    pub(crate) waiting: Vec<Ticket>,
    sent: Vec<Request>,
    known: Vec<(usize, SubId)>,
    next_key: u32,
}

impl Clients {
    /// Sends a new request.
    pub(crate) fn ask(&mut self, draws: &mut Draws, clock: Timestamp, stage: Stage) -> Ticket {
        let request = self.compose(draws, clock, stage);
        if self.sent.len() == SENT_MAX {
            self.sent.remove(0);
        }
        self.sent.push(request.clone());
        self.send(request, draws, clock)
    }

    /// Sends a request of before once more.
    pub(crate) fn ask_again(&mut self, draws: &mut Draws, clock: Timestamp) -> Option<Ticket> {
        let request = self.sent.get(draws.below(self.sent.len()))?.clone();
        Some(self.send(request, draws, clock))
    }

    fn send(&mut self, request: Request, draws: &mut Draws, clock: Timestamp) -> Ticket {
        // Few ids, so that they collide now and then.
        let nonce = if draws.below(2) == 0 {
            draws.below(3) as u32
        } else {
            draws.next_u64() as u32
        };
        if self.waiting.len() == WAITING_MAX {
            self.waiting.remove(0);
        }
        let ticket = Ticket {
            request,
            nonce,
            seed: draws.next_u64(),
            now: clock,
        };
        self.waiting.push(ticket.clone());
        ticket
    }

    /// Takes up to `count` waiting requests, in any order.
    pub(crate) fn take(&mut self, draws: &mut Draws, count: usize) -> Vec<Ticket> {
        let count = count.min(self.waiting.len());
        (0..count)
            .map(|_| self.waiting.remove(draws.below(self.waiting.len())))
            .collect()
    }

    pub(crate) fn lose(&mut self, draws: &mut Draws) {
        self.take(draws, 1);
    }

    /// A client hears an answer.
    pub(crate) fn hear(&mut self, request: &Request, answer: &Answer) {
        if let Answer::Bound { sub_id, .. } = answer {
            if self.known.len() == KNOWN_MAX {
                self.known.remove(0);
            }
            self.known.push((request.account, *sub_id));
        }
    }

    fn compose(&mut self, draws: &mut Draws, clock: Timestamp, stage: Stage) -> Request {
        let account = draws.below(cast::ACCOUNTS);
        let kind = draws.below(16);
        let known = self.pick(draws, account);
        let what = match (kind, known) {
            (8..=10, Some(sub_id)) => What::Unbind(sub_id),
            (11..=13, Some(sub_id)) => What::Update(sub_id, change(draws, clock, stage)),
            (14..=15, Some(sub_id)) => What::Upgrade(sub_id, draws.below(cast::PEOPLE)),
            _ => What::Bind(bind(draws, account, clock, stage)),
        };
        let key = self.key(draws, &what);
        Request { account, key, what }
    }

    /// Binds and upgrades have keys of their own, mostly fresh ones.
    fn key(&mut self, draws: &mut Draws, what: &What) -> Option<u32> {
        let kind = match what {
            What::Bind(_) => 0,
            What::Upgrade(..) => 1,
            What::Unbind(_) | What::Update(..) => return None,
        };
        match draws.below(16) {
            0..=4 => None,
            5 => Some((self.next_key / 2).saturating_sub(1) * 2 + kind),
            _ => {
                self.next_key += 2;
                Some(self.next_key + kind)
            }
        }
    }

    /// A binding that clients know of, mostly the account's own.
    fn pick(&self, draws: &mut Draws, account: usize) -> Option<SubId> {
        let any = draws.below(16) == 0;
        let own = |known: &&(usize, SubId)| any || known.0 == account;
        let newest_first = self.known.iter().rev().filter(own);
        let count = newest_first.clone().count();
        let back = draws.below(count.min(8));
        newest_first.map(|(_, sub_id)| *sub_id).nth(back)
    }
}

fn until(draws: &mut Draws, clock: Timestamp, stage: Stage) -> Timestamp {
    let life = match draws.below(8) {
        0 => draws.below(3),
        1 => 20 + draws.below(60),
        _ => 1 + draws.below(16),
    };
    // The odd millisecond keeps the boundary of the shortest lead in sight.
    let odd = if stage.lead_ms > 0 { draws.below(2) } else { 0 };
    clock.plus_ms(stage.lead_ms + odd as i64 + life as i64 * stage.scale)
}

fn change(draws: &mut Draws, clock: Timestamp, stage: Stage) -> Change {
    match draws.below(4) {
        0 => Change::A(draws.below(cast::PEOPLE)),
        1 => Change::B(draws.below(cast::PEOPLE)),
        2 => Change::X(draws.below(cast::NUMBER_POOLS.len())),
        _ => Change::Until(until(draws, clock, stage)),
    }
}

fn parties(draws: &mut Draws, stage: Stage) -> Parties {
    let a = draws.below(cast::PEOPLE);
    let apart = if draws.below(64) == 0 {
        0
    } else {
        1 + draws.below(cast::PEOPLE - 1)
    };
    let b = Some((a + apart) % cast::PEOPLE);
    let kind = draws.below(if stage.all_modes { 12 } else { 9 });
    let maybe_b = b.filter(|_| kind.is_multiple_of(2) || draws.below(2) == 0);
    let (mode, b) = match kind {
        0..=1 => (Mode::Ax, None),
        2..=8 => (Mode::Axb, b),
        9 => (Mode::Axn, maybe_b),
        10 => (Mode::Axne, maybe_b),
        _ => (Mode::Axg, maybe_b),
    };
    Parties { mode, a, b }
}

fn bind(draws: &mut Draws, account: usize, clock: Timestamp, stage: Stage) -> Bind {
    let pools = cast::POOL_OWNERS.len();
    let mut own = (0..pools).filter(|pool| cast::POOL_OWNERS[*pool] == account);
    let pool = match draws.below(32) {
        0 => draws.below(pools),
        1..=4 => own.next_back().unwrap_or_default(),
        _ => own.min().unwrap_or_default(),
    };
    Bind {
        pool,
        wish: wish(draws, pool),
        parties: parties(draws, stage),
        exclusive: draws.below(6) == 0,
        until: until(draws, clock, stage),
        dry_run: draws.below(24) == 0,
    }
}

fn wish(draws: &mut Draws, pool: usize) -> Wish {
    if draws.below(3) == 0 {
        let all = 0..cast::NUMBER_POOLS.len();
        let here: Vec<usize> = all
            .filter(|number| cast::NUMBER_POOLS[*number] == pool)
            .collect();
        let number = match draws.below(16) {
            0 => draws.below(cast::NUMBER_POOLS.len()),
            _ => here[draws.below(here.len())],
        };
        return Wish::Named(number);
    }
    let near = Tier::City(cast::city(draws.below(2)));
    let far = Tier::City(cast::city(draws.below(2)));
    let mut tiers = match draws.below(4) {
        0 => vec![near],
        1 => vec![near, far],
        _ => vec![Tier::WholePool],
    };
    tiers.dedup();
    let random = draws.below(8) == 0;
    Wish::Select { tiers, random }
}

/// What an operator does next.
pub(crate) fn operation(draws: &mut Draws) -> Operation {
    let number = draws.below(cast::NUMBER_POOLS.len());
    match draws.below(8) {
        0..=1 => Operation::Import(number),
        2 => Operation::Delete(number),
        3..=5 => Operation::Enable(number, draws.below(4) != 0),
        _ => Operation::Rules(draws.below(cast::POOL_OWNERS.len()), draws.next_u64()),
    }
}
