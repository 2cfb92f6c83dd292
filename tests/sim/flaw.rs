//! Ways in which a store may be wrong, to prove that the simulation notices each of them.

/// One deliberate mistake of the simulated store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Flaw {
    /// Ended routes are open to everybody at once.
    QuarantineIgnored,
    /// Numbers have no cap.
    CapIgnored,
    /// An unbind is written and answered, but its routes stay.
    UnbindForgotten,
    /// An unbind is effective, but not written.
    UnbindNotWritten,
    /// A named number that another binding holds is given out all the same.
    DoubleClaim,
    /// A retry makes a binding of its own.
    ReplayBindsAnew,
    /// An idempotency key is not written with its binding.
    KeyNotWritten,
    /// Success is answered although the commit failed.
    AnsweredWithoutCommit,
    /// A batch is visible although its commit failed.
    SeenWithoutCommit,
    /// A restart loses the last binding.
    LostAtRestart,
    /// A restart believes a batch that was never committed.
    TornBatchKept,
    /// An update that is refused gives up the old routes.
    RefusalReleases,
    /// An upgrade leaves the AX alive.
    UpgradeKeepsAx,
    /// A new `ExpireTime` is written and answered, but its routes end as before.
    MoveForgotten,
    /// Calls see an expiry only when the next batch comes by.
    ExpiryWaits,
    /// A bind is refused now and then although a number is eligible.
    RefusesTooSoon,
}

impl Flaw {
    pub(crate) const ALL: [Flaw; 16] = [
        Flaw::QuarantineIgnored,
        Flaw::CapIgnored,
        Flaw::UnbindForgotten,
        Flaw::UnbindNotWritten,
        Flaw::DoubleClaim,
        Flaw::ReplayBindsAnew,
        Flaw::KeyNotWritten,
        Flaw::AnsweredWithoutCommit,
        Flaw::SeenWithoutCommit,
        Flaw::LostAtRestart,
        Flaw::TornBatchKept,
        Flaw::RefusalReleases,
        Flaw::UpgradeKeepsAx,
        Flaw::MoveForgotten,
        Flaw::ExpiryWaits,
        Flaw::RefusesTooSoon,
    ];
}

/// Something that somebody does to the application behind the judge's back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Meddling {
    /// Idempotency keys do not arrive.
    KeyDropped,
    /// Unbinds are answered and do not arrive.
    UnbindSwallowed,
    /// Changes of a pool's rules are answered and do not arrive.
    RulesSwallowed,
    /// The log of the database is lost in a crash.
    LogLost,
}

impl Meddling {
    pub(crate) const ALL: [Meddling; 4] = [
        Meddling::KeyDropped,
        Meddling::UnbindSwallowed,
        Meddling::RulesSwallowed,
        Meddling::LogLost,
    ];
}
