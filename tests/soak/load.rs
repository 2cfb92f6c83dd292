//! The calls: in turn by every pair, each way, most of them a talk.

use std::{sync::Arc, time::Duration};

use axbridge_voice::phone::{Answer, CallReport, Ended, PhoneCall, Script};
use tokio::{task::JoinSet, time::Instant, time::timeout};

use crate::{
    Plan,
    house::{Carrier, House, PAIRS, Pair, STRANGER},
    watch::Watch,
};

/// After this long a call has hung.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a callee's phone rings.
const RINGING: Duration = Duration::from_millis(500);
/// When a caller gives up whom nobody answers.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(2);
/// How much of the other's tone each must hear, at least; before it there is the notice that the
/// call is recorded.
const HEARD: Duration = Duration::from_millis(500);

/// What a call is meant to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Talk,
    Busy,
    GivenUp,
    Stranger,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Talk, Self::Busy, Self::GivenUp, Self::Stranger];

    /// In twenty calls there are a busy one, one that is given up, and a stranger.
    fn of(nth: usize) -> Self {
        match nth % 20 {
            5 => Self::Busy,
            10 => Self::GivenUp,
            15 => Self::Stranger,
            _ => Self::Talk,
        }
    }

    /// `CallResult` of its record.
    pub(crate) const fn result(self) -> i64 {
        match self {
            Self::Talk => 1,
            Self::Busy => 8,
            Self::GivenUp => 5,
            Self::Stranger => 13,
        }
    }

    /// How often each moment is told: started, ringing, answered, ended.
    pub(crate) const fn moments(self) -> [u32; 4] {
        match self {
            Self::Talk => [1, 1, 1, 1],
            Self::Busy | Self::GivenUp => [1, 1, 0, 1],
            Self::Stranger => [1, 0, 0, 1],
        }
    }
}

/// A call that was made.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) kind: Kind,
    /// The binding, unless the caller had none.
    pub(crate) sub_id: String,
    /// What went wrong.
    pub(crate) wrong: Option<String>,
    /// Packets of sound that both phones heard.
    pub(crate) packets: u64,
}

/// Begins calls at the plan's rate and waits for the last one's end.
pub(crate) async fn run(house: &House, plan: Plan, watch: &mut Watch) -> Vec<Made> {
    let every = Duration::from_secs_f64(1.0 / plan.rate);
    let begun = Instant::now();
    let (mut calls, mut made) = (JoinSet::new(), Vec::new());
    let mut nth = 0;
    while begun.elapsed() < plan.length {
        let pair = house.pairs[nth % PAIRS].clone();
        // Each pair calls one way and then the other; each side hangs up in turn.
        let (round, kind) = (nth / PAIRS + nth, Kind::of(nth));
        let (from, to) = if round % 2 == 0 {
            (house.a.clone(), house.b.clone())
        } else {
            (house.b.clone(), house.a.clone())
        };
        let call = Call {
            server: house.server.sip(),
            from,
            to,
            a_calls: round % 2 == 0,
            caller_hangs_up: nth % 3 != 0,
            talk: plan.talk,
            pair,
            kind,
        };
        calls.spawn(call.make());
        nth += 1;
        let next = begun + every * u32::try_from(nth).expect("a small number");
        tokio::select! {
            () = tokio::time::sleep_until(next) => {}
            () = watch.until_due() => {
                watch.look(house, nth);
                tokio::time::sleep_until(next).await;
            }
        }
        while let Some(done) = calls.try_join_next() {
            made.push(done.expect("no panic"));
        }
    }
    while let Some(done) = calls.join_next().await {
        made.push(done.expect("no panic"));
    }
    made
}

struct Call {
    server: std::net::SocketAddr,
    from: Arc<Carrier>,
    to: Arc<Carrier>,
    a_calls: bool,
    caller_hangs_up: bool,
    talk: Duration,
    pair: Pair,
    kind: Kind,
}

impl Call {
    async fn make(self) -> Made {
        let kind = self.kind;
        let sub_id = match kind {
            Kind::Stranger => String::new(),
            _ => self.pair.sub_id.clone(),
        };
        let (wrong, packets) = match timeout(PATIENCE, self.course()).await {
            Ok(Ok(packets)) => (None, packets),
            Ok(Err(wrong)) => (Some(wrong), 0),
            Err(_) => (Some("it hung".to_owned()), 0),
        };
        Made {
            kind,
            sub_id,
            wrong: wrong.map(|wrong| format!("{kind:?}: {wrong}")),
            packets,
        }
    }

    async fn course(self) -> Result<u64, String> {
        match self.kind {
            Kind::Talk => self.talk().await,
            Kind::Stranger => {
                let caller =
                    self.from
                        .phone
                        .call(self.server, STRANGER, &self.pair.x, Script::default());
                let caller = report(caller.await).await?;
                is(&caller.ended, &Ended::Refused(404), "the caller")?;
                Ok(caller.heard.packets)
            }
            Kind::Busy => {
                let (caller, callee) = self.unanswered(Answer::Refuse(486, RINGING), None).await?;
                is(&caller.ended, &Ended::Refused(486), "the caller")?;
                is(&callee.ended, &Ended::Refused(486), "the callee")?;
                Ok(0)
            }
            Kind::GivenUp => {
                let after = Some(GIVEN_UP_AFTER);
                let (caller, callee) = self.unanswered(Answer::Never, after).await?;
                is(&caller.ended, &Ended::GivenUp, "the caller")?;
                is(&callee.ended, &Ended::Cancelled, "the callee")?;
                Ok(0)
            }
        }
    }

    fn numbers(&self) -> (&str, &str) {
        let (a, b) = (self.pair.a.as_str(), self.pair.b.as_str());
        if self.a_calls { (a, b) } else { (b, a) }
    }

    /// Places the call; gives both ends of it once the other one rings.
    async fn place(&self, script: Script, theirs: Script) -> Result<[PhoneCall; 2], String> {
        let (from, to) = self.numbers();
        self.to.phone.answer(to, theirs);
        let rings = self.to.expect(to);
        let caller = self
            .from
            .phone
            .call(self.server, from, &self.pair.x, script);
        let caller = caller.await;
        match timeout(PATIENCE / 2, rings).await {
            Ok(Ok(callee)) => Ok([caller, callee]),
            _ => {
                caller.hang_up().await;
                Err(format!(
                    "nobody was rung: {:?}",
                    report(caller).await?.ended
                ))
            }
        }
    }

    async fn unanswered(
        &self,
        answer: Answer,
        give_up_after: Option<Duration>,
    ) -> Result<(CallReport, CallReport), String> {
        let script = Script {
            give_up_after,
            ..Script::default()
        };
        let theirs = Script::default().answering(answer);
        let [caller, callee] = self.place(script, theirs).await?;
        let shown = callee.caller_shown().to_owned();
        let reports = (report(caller).await?, report(callee).await?);
        is(&shown, &self.pair.x, "the number shown")?;
        Ok(reports)
    }

    async fn talk(&self) -> Result<u64, String> {
        let (own_hz, other_hz) = (440.0, 880.0);
        let ring = Answer::After(RINGING);
        let (mut script, mut theirs) =
            (Script::tone(own_hz), Script::tone(other_hz).answering(ring));
        let side = if self.caller_hangs_up {
            &mut script
        } else {
            &mut theirs
        };
        side.hang_up_after = Some(self.talk);
        let [caller, callee] = self.place(script, theirs).await?;
        let shown = callee.caller_shown().to_owned();
        let (caller, callee) = (report(caller).await?, report(callee).await?);
        is(&shown, &self.pair.x, "the number shown")?;
        let (mut first, mut second) = (&caller.ended, &callee.ended);
        if !self.caller_hangs_up {
            std::mem::swap(&mut first, &mut second);
        }
        is(first, &Ended::HungUp, "who hangs up")?;
        is(second, &Ended::ByOther, "who is hung up")?;
        for (whose, heard, hz, echo_hz) in [
            ("the caller", &caller.heard, other_hz, own_hz),
            ("the callee", &callee.heard, own_hz, other_hz),
        ] {
            if heard.tone(hz) < HEARD || heard.tone(echo_hz) >= HEARD {
                let (other, own) = (heard.tone(hz), heard.tone(echo_hz));
                return Err(format!(
                    "{whose} heard {other:?} of the other, {own:?} of himself"
                ));
            }
        }
        Ok(caller.heard.packets + callee.heard.packets)
    }
}

async fn report(call: PhoneCall) -> Result<CallReport, String> {
    let report = call.report().await;
    report.ok_or_else(|| "a phone is off".to_owned())
}

fn is<T: PartialEq + std::fmt::Debug>(found: &T, wanted: &T, what: &str) -> Result<(), String> {
    if found == wanted {
        return Ok(());
    }
    Err(format!("{what}: {found:?} and not {wanted:?}"))
}
