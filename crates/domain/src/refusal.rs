//! Why no number could be chosen, told so that a person can act on it.

use std::fmt;

use crate::city_order::Tier;

/// Why one number does not fit one request; the first that applies, in this order.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Obstacle {
    /// It is disabled.
    Disabled,
    /// It carries as many live bindings as it may.
    AtCap,
    /// It carries the other kind of binding and one side does not want that.
    KindConflict,
    /// A has a live binding on it already.
    HeldByA,
    /// B has a live binding on it already.
    HeldByB,
    /// It is somebody's AX already.
    HeldByAx,
    /// A route of the request ended on it too recently.
    Quarantined,
}

/// How many numbers of one place stand in which way.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// All numbers of the place.
    pub total: u64,
    /// Those that would do.
    pub eligible: u64,
    /// Disabled.
    pub disabled: u64,
    /// At their cap of live bindings.
    pub at_cap: u64,
    /// Excluded by `AxConflictAxbFlag`.
    pub kind_conflict: u64,
    /// Held by a live binding of A.
    pub held_by_a: u64,
    /// Held by a live binding of B.
    pub held_by_b: u64,
    /// Somebody's AX.
    pub held_by_ax: u64,
    /// In quarantine.
    pub quarantined: u64,
}

impl Tally {
    /// Counts one number.
    pub fn count(&mut self, verdict: Result<(), Obstacle>) {
        self.total += 1;
        *self.place(verdict) += 1;
    }

    /// Takes back that a number was counted with this obstacle.
    pub(crate) fn uncount(&mut self, obstacle: Obstacle) {
        self.total -= 1;
        *self.place(Err(obstacle)) -= 1;
    }

    fn place(&mut self, verdict: Result<(), Obstacle>) -> &mut u64 {
        match verdict {
            Ok(()) => &mut self.eligible,
            Err(Obstacle::Disabled) => &mut self.disabled,
            Err(Obstacle::AtCap) => &mut self.at_cap,
            Err(Obstacle::KindConflict) => &mut self.kind_conflict,
            Err(Obstacle::HeldByA) => &mut self.held_by_a,
            Err(Obstacle::HeldByB) => &mut self.held_by_b,
            Err(Obstacle::HeldByAx) => &mut self.held_by_ax,
            Err(Obstacle::Quarantined) => &mut self.quarantined,
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} number{}",
            self.total,
            if self.total == 1 { "" } else { "s" }
        )?;
        let parts = [
            (self.eligible, "eligible"),
            (self.disabled, "disabled"),
            (self.at_cap, "at their cap"),
            (self.kind_conflict, "excluded by AxConflictAxbFlag"),
            (self.held_by_a, "held by A"),
            (self.held_by_b, "held by B"),
            (self.held_by_ax, "held by another AX"),
            (self.quarantined, "in quarantine"),
        ];
        for (count, what) in parts.into_iter().filter(|(count, _)| *count > 0) {
            write!(f, ", {count} {what}")?;
        }
        Ok(())
    }
}

/// A selection found nothing: what each place held.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Refusal {
    /// The places that were tried, in order.
    pub places: Vec<(Tier, Tally)>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (tier, tally)) in self.places.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            match tier {
                Tier::City(city) => write!(f, "city {city}: {tally}")?,
                Tier::WholePool => write!(f, "whole pool: {tally}")?,
            }
        }
        Ok(())
    }
}
