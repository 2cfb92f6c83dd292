//! What goes in and out of the store. Plain values; nothing here knows how it is kept.

use axbridge_domain::{
    account::{AccountId, AccountTerms},
    binding::{Binding, SubId, Terms},
    city::CityCode,
    city_order::Tier,
    inventory::NumberState,
    phone::PhoneNumber,
    pool::{Policy, Pool, PoolKind, PoolNo, PoolRules},
    route::Extension,
    route_table::Load,
    time::Timestamp,
};

use crate::{error::ImportRefusal, keyring::Secret};

mod calls;
mod prompts;
mod trunks;

pub use calls::{
    CallBinding, CallEnd, CallFilter, CallPlace, CallRecord, NewCall, Purged, Verification,
};
pub use prompts::{Prompt, PromptRow};
pub use trunks::TrunkRecord;
pub(crate) use trunks::TrunkRow;

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// The name people gave it.
    pub name: String,
    /// What it may do.
    pub terms: AccountTerms,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// The vendor's actions, on its own account.
    Application,
    /// Everything, on every account.
    Operator,
}

impl Role {
    /// The name on the wire and in storage.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Role::Application => "application",
            Role::Operator => "operator",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Role::Application, Role::Operator]
            .into_iter()
            .find(|role| role.name().eq_ignore_ascii_case(name))
    }
}

/// An access key with its secret.
#[derive(Debug, Clone)]
pub struct AccessKey {
    /// The id that requests name.
    pub id: String,
    /// The secret that signs them; sealed at rest, hidden in `Debug`.
    pub secret: Secret,
    /// Whose it is.
    pub account: AccountId,
    /// What it may do.
    pub role: Role,
    /// What people noted about it.
    pub description: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was disabled, if it was.
    pub disabled_at: Option<Timestamp>,
}

/// One page of a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// How many to pass over.
    pub offset: u64,
    /// How many to give at most.
    pub limit: u64,
}

/// A page of rows and how many there are in all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paged<T> {
    /// The rows of this page.
    pub rows: Vec<T>,
    /// All rows that match.
    pub total: u64,
}

/// Which pools to list; `None` matches all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PoolFilter {
    /// Of this account.
    pub account: Option<AccountId>,
    /// With this number.
    pub pool: Option<PoolNo>,
    /// Whose name contains this text.
    pub name_contains: Option<String>,
    /// Of this kind.
    pub kind: Option<PoolKind>,
}

/// A pool with the count of its numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolRow {
    /// The pool.
    pub pool: Pool,
    /// How many numbers it holds, in whatever state.
    pub numbers: u64,
}

/// What to change of a pool; `None` leaves it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PoolChange {
    /// The name.
    pub name: Option<String>,
    /// The kind; refused while the pool's numbers carry live bindings.
    pub kind: Option<PoolKind>,
    /// What it is used for.
    pub scene: Option<String>,
    /// How its numbers are chosen and reused.
    pub rules: Option<PoolRules>,
}

/// How a pool's change came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PoolChanged {
    /// Done; the pool as it is now.
    Done(Pool),
    /// The account has no such pool.
    UnknownPool,
    /// Its numbers carry live bindings, which the change does not allow.
    InUse,
}

/// A number to import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewNumber {
    /// The number.
    pub x: PhoneNumber,
    /// Its city; `None` for 700 numbers.
    pub city: Option<CityCode>,
}

/// How one number of an import came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Imported {
    /// It is new.
    Added,
    /// It was there already, just so (a deregistered one is enabled again and counts as added).
    Unchanged,
    /// It was not taken.
    Refused(ImportRefusal),
}

/// A number X as listings show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberRow {
    /// The number.
    pub x: PhoneNumber,
    /// Its city.
    pub city: Option<CityCode>,
    /// Its state.
    pub state: NumberState,
    /// The pool it is in.
    pub pool: PoolNo,
    /// That pool's name.
    pub pool_name: String,
    /// That pool's kind.
    pub kind: PoolKind,
    /// When it was imported.
    pub imported_at: Timestamp,
    /// Its live bindings.
    pub load: Load,
}

/// Which numbers to list; `None` (and the empty list) matches all. Ordered by number.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NumberFilter {
    /// Of this account.
    pub account: Option<AccountId>,
    /// Of this pool.
    pub pool: Option<PoolNo>,
    /// Of a pool of this kind.
    pub kind: Option<PoolKind>,
    /// In this state. Without it, deregistered numbers are left out.
    pub state: Option<NumberState>,
    /// One of these.
    pub numbers: Vec<PhoneNumber>,
    /// Landlines only (`true`) or all but landlines (`false`).
    pub landline: Option<bool>,
    /// In this city.
    pub city: Option<CityCode>,
}

/// A key that makes a retry safe: (account, action, key) stands for one request and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Idempotency {
    /// The action's name.
    pub action: &'static str,
    /// The client's key.
    pub key: String,
    /// Digest of the normalised parameters.
    pub fingerprint: [u8; 32],
}

/// Which X to bind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placement {
    /// The store selects one.
    Select {
        /// Where to look, in order.
        tiers: Vec<Tier>,
        /// Instead of the pool's policy.
        policy: Option<Policy>,
    },
    /// This one.
    Named(PhoneNumber),
}

/// A bind to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindCommand {
    /// Whose it is.
    pub account: AccountId,
    /// The pool of X.
    pub pool: PoolNo,
    /// Which X.
    pub placement: Placement,
    /// What was asked for.
    pub terms: Terms,
    /// The key of a safe retry.
    pub idempotency: Option<Idempotency>,
    /// The account's quota of live bindings.
    pub live_bindings_max: Option<u64>,
    /// Select and check, but bind nothing.
    pub dry_run: bool,
    /// The unguessable part of the SubId, from a secure random source. The embedded store makes
    /// its own, of the binding's place and a secret.
    pub nonce: u32,
    /// Chance for the selection.
    pub seed: u64,
}

/// A bind that was not refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bound {
    /// It is durable, and the next call routes.
    New(Binding),
    /// The same request was answered before; this is the binding as it was answered then.
    Replayed(Binding),
    /// Dry run: it would have been bound to this number.
    WouldBind(PhoneNumber),
}

/// Which binding a change is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BindingRef {
    /// Whose it is.
    pub account: AccountId,
    /// The pool of its X; a binding of another pool is not found. `None` looks in all pools.
    pub pool: Option<PoolNo>,
    /// Its id.
    pub sub_id: SubId,
}

/// One thing to change of a live binding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BindingChange {
    /// When it ends.
    ExpiresAt(Timestamp),
    /// The client's text.
    UserData(Option<String>),
    /// The client's business id.
    OutId(Option<String>),
    /// Party A; the routes are claimed anew in the same step.
    PhoneA(PhoneNumber),
    /// Party B of an AXB.
    PhoneB(PhoneNumber),
    /// The X, another number of the same pool.
    PhoneX(PhoneNumber),
    /// The order id.
    OrderId(Option<String>),
    /// The industry registration.
    IndustrialId(Option<String>),
}

/// An AX that becomes an AXB on the same X, under a new id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpgradeCommand {
    /// The AX.
    pub ax: BindingRef,
    /// The counterpart.
    pub b: PhoneNumber,
    /// Instead of the AX's.
    pub display: Option<axbridge_domain::binding::DisplayType>,
    /// Instead of the AX's.
    pub user_data: Option<String>,
    /// Instead of the AX's.
    pub out_id: Option<String>,
    /// The key of a safe retry.
    pub idempotency: Option<Idempotency>,
    /// The unguessable part of the new SubId.
    pub nonce: u32,
}

/// Which bindings to list; `None` matches all. Newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BindingFilter {
    /// Of this pool.
    pub pool: Option<PoolNo>,
    /// With this A.
    pub a: Option<PhoneNumber>,
    /// With this B.
    pub b: Option<PhoneNumber>,
    /// With this X.
    pub x: Option<PhoneNumber>,
    /// With this number in whatever role.
    pub any_role: Option<PhoneNumber>,
    /// With this id.
    pub sub_id: Option<SubId>,
    /// With this business id.
    pub out_id: Option<String>,
    /// Live (`true`) or ended (`false`) at the moment of asking.
    pub live: Option<bool>,
}

/// A call to be routed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallQuery {
    /// The number dialled.
    pub x: PhoneNumber,
    /// Who calls, if it is known.
    pub caller: Option<PhoneNumber>,
    /// What they keyed, if they were asked.
    pub extension: Option<Extension>,
}

/// Where a call goes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every answer is the large one, and each lives for one call"
)]
pub enum CallRoute {
    /// It rings `callee` by this binding.
    Connect {
        /// The binding.
        binding: Binding,
        /// Whom to ring.
        callee: PhoneNumber,
    },
    /// X is told apart by extensions: ask for one.
    AskExtension {
        /// Whose number it is.
        account: AccountId,
    },
    /// The binding that answered this caller has ended.
    Ended {
        /// The binding that was.
        sub_id: SubId,
        /// Whose it was.
        account: AccountId,
    },
    /// X is known, but nobody is bound for this caller.
    NoBinding {
        /// Whose number it is.
        account: AccountId,
    },
    /// X is known, but disabled.
    NumberDisabled {
        /// Whose number it is.
        account: AccountId,
    },
    /// No pool holds this number.
    UnknownNumber,
}

/// What happened. Written in the transaction of the change; delivery reads them in order of `id`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Position in the outbox, growing in the order of commits as one reader sees them.
    pub id: i64,
    /// Whose it is.
    pub account: AccountId,
    /// What kind.
    pub topic: Topic,
    /// The id of what it is about: a binding, a call, a blacklist entry; or the number X.
    pub subject: String,
    /// When it happened.
    pub at: Timestamp,
}

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Topic {
    /// A binding was made.
    BindingBound,
    /// A binding was changed.
    BindingUpdated,
    /// A binding was unbound by its client (or ended by its upgrade).
    BindingUnbound,
    /// A binding reached its `ExpireTime`.
    BindingExpired,
    /// A number was enabled.
    NumberEnabled,
    /// A number was disabled.
    NumberDisabled,
    /// A number was taken out of its pool.
    NumberDeregistered,
    /// A call arrived.
    CallStarted,
    /// The callee's phone rings.
    CallRinging,
    /// The two are connected.
    CallAnswered,
    /// A call ended.
    CallEnded,
    /// A call's record is complete.
    CallRecord,
    /// A call's recording can be fetched.
    RecordingReady,
    /// A call was to be recorded and there is no recording.
    RecordingFailed,
    /// A blacklist entry was made.
    RiskFrozen,
    /// A blacklist entry ended.
    RiskUnfrozen,
}

impl Topic {
    /// All topics.
    pub const ALL: [Topic; 16] = [
        Topic::BindingBound,
        Topic::BindingUpdated,
        Topic::BindingUnbound,
        Topic::BindingExpired,
        Topic::NumberEnabled,
        Topic::NumberDisabled,
        Topic::NumberDeregistered,
        Topic::CallStarted,
        Topic::CallRinging,
        Topic::CallAnswered,
        Topic::CallEnded,
        Topic::CallRecord,
        Topic::RecordingReady,
        Topic::RecordingFailed,
        Topic::RiskFrozen,
        Topic::RiskUnfrozen,
    ];

    /// The name in storage and in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Topic::BindingBound => "binding.bound",
            Topic::BindingUpdated => "binding.updated",
            Topic::BindingUnbound => "binding.unbound",
            Topic::BindingExpired => "binding.expired",
            Topic::NumberEnabled => "number.enabled",
            Topic::NumberDisabled => "number.disabled",
            Topic::NumberDeregistered => "number.deregistered",
            Topic::CallStarted => "call.started",
            Topic::CallRinging => "call.ringing",
            Topic::CallAnswered => "call.answered",
            Topic::CallEnded => "call.ended",
            Topic::CallRecord => "call.record",
            Topic::RecordingReady => "recording.ready",
            Topic::RecordingFailed => "recording.failed",
            Topic::RiskFrozen => "risk.frozen",
            Topic::RiskUnfrozen => "risk.unfrozen",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| topic.name() == name)
    }
}

/// What a sweep found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Bindings whose expiry was announced.
    pub expired: u64,
    /// Idempotency keys that were dropped.
    pub idempotency_keys: u64,
    /// Routes or remembered bindings that were dropped.
    pub forgotten: u64,
}
