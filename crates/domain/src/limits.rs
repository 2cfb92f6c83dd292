//! Every bound that the rules of privacy numbers know, each with its unit in its name.
//!
//! A name that ends in `_DEFAULT` is what applies until an operator sets something else; all
//! others are fixed. Bounds of the transports (sockets, queues, headers) live with these. Where
//! the vendor publishes no figure, the choice is ours and says so. "Characters" are Unicode
//! scalar values, not bytes.

const SECOND_MS: i64 = 1_000;
const MINUTE_MS: i64 = 60 * SECOND_MS;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

// What a request may carry.

/// Fallback cities of one request (vendor doc 6358/1722692).
pub const DEGRADE_CITIES_MAX: usize = 5;

/// Characters of `UserData`, which every event of a binding echoes (vendor doc 6358/1722692).
pub const USER_DATA_CHARS_MAX: usize = 2048;

/// Characters of `OutId`, the client's own business id (vendor doc 6358/1722692).
pub const OUT_ID_CHARS_MAX: usize = 128;

/// Characters of `ClientToken` or `IdempotentId`. Our choice.
pub const IDEMPOTENCY_KEY_CHARS_MAX: usize = 64;

/// Characters of `VoiceCode`: a prompt's code, or JSON of prompts by role. Our choice.
pub const VOICE_CODE_CHARS_MAX: usize = 2048;

/// Characters of `OrderId` and of `IndustrialId`, which 700 numbers need. Our choice.
pub const ORDER_ID_CHARS_MAX: usize = 128;

/// Characters of a binding's id as a client may send it back. Ours are shorter; the vendor's
/// group bindings have longer ones.
pub const SUB_ID_CHARS_MAX: usize = 64;

/// Characters of a remark or a scene. Our choice.
pub const REMARK_CHARS_MAX: usize = 256;

/// Characters of a pool's name; it has one at least (the vendor's Go client checks the same).
pub const POOL_NAME_CHARS_MAX: usize = 32;

/// Numbers that one call may enable or disable (vendor doc 6358/1721260).
pub const NUMBERS_PER_STATE_CALL_MAX: usize = 100;

/// Numbers that one call may import or delete. Our choice; a longer list goes in several calls.
pub const NUMBERS_PER_IMPORT_CALL_MAX: usize = 1000;

/// Calls whose records one call may ask for.
pub const CALL_IDS_PER_QUERY_MAX: usize = 100;

/// How far the calls of a listing are counted: over more, counting would cost more than looking.
/// Our choice.
pub const CALLS_COUNTED_MAX: u64 = 100_000;

/// Records of a page when the request does not say.
pub const PAGE_SIZE_DEFAULT: usize = 20;

/// Records of a page at the most (vendor doc 6358/173344).
pub const PAGE_SIZE_MAX: usize = 500;

// How long a binding lives, and what its numbers remember.

/// A binding must end later than this after the moment of the request: strictly more than one
/// minute (vendor doc 6358/1722692).
pub const EXPIRE_LEAD_MS_MIN: i64 = MINUTE_MS;

/// A binding must end before this moment, in Unix seconds: 2038-01-01 00:00:00. The vendor names
/// no time zone; it is taken as China's, UTC+8.
pub const EXPIRE_UNIX_S_END: i64 = 2_145_888_000;

/// How long a route that ended stays closed to other pairs.
pub const QUARANTINE_DEFAULT_MS: i64 = 24 * HOUR_MS;

/// How long a route that ended stays closed to other pairs even when nothing else is eligible.
pub const QUARANTINE_MIN_DEFAULT_MS: i64 = HOUR_MS;

/// The longest quarantine a pool may set. What is forgotten can't be kept closed, so this is
/// [`REMEMBER_MS`].
pub const QUARANTINE_MAX_MS: i64 = REMEMBER_MS;

/// How long a number remembers whom it served.
pub const REMEMBER_MS: i64 = 7 * DAY_MS;

/// The shortest time that an idempotency key and its answer are kept.
pub const IDEMPOTENCY_KEPT_MS_MIN: i64 = DAY_MS;

// How much a number holds.

/// Live bindings on one number X. The vendor names no figure; others allow 5000 pairs.
pub const BINDINGS_PER_NUMBER_DEFAULT: u32 = 5000;

/// Live AX or AXN bindings on one number X: a stranger who dials X must reach one person.
pub const ANY_CALLER_BINDINGS_PER_NUMBER: u32 = 1;

/// Live extensions on one number X: as many as four digits can tell apart.
pub const EXTENSIONS_PER_NUMBER_DEFAULT: u32 = 10_000;

/// Digits of an extension.
pub const EXTENSION_DIGITS_MIN: usize = 1;

/// Digits of an extension.
pub const EXTENSION_DIGITS_MAX: usize = 4;

/// Digits of an extension that the platform allots.
pub const EXTENSION_DIGITS_DEFAULT: usize = 4;

/// Numbers in a group of an AXG binding (vendor docs 6358/1928223 and 6358/1928224).
pub const GROUP_NUMBERS_MAX: usize = 200;

// What an account may do.

/// Requests of one account in a second. The vendor publishes no figure; our choice.
pub const REQUESTS_PER_ACCOUNT_PER_S_DEFAULT: u32 = 200;

// How calls come and go. Our choices, all of them.

/// Characters of a trunk's name.
pub const TRUNK_NAME_CHARS_MAX: usize = 32;

/// Characters of a machine's name (RFC 1035 §2.3.4).
pub const HOST_CHARS_MAX: usize = 253;

/// The shortest longest talk that a binding may ask for, in seconds.
pub const TALK_S_LEAST: u32 = 60;

/// The longest, in seconds.
pub const TALK_S_MAX: u32 = 86_400;

/// Trunks of an installation.
pub const TRUNKS_MAX: usize = 256;

/// Peers of one trunk.
pub const PEERS_PER_TRUNK_MAX: usize = 16;

/// Networks that one trunk may speak from.
pub const NETWORKS_PER_TRUNK_MAX: usize = 64;

/// Prefix rules of one trunk.
pub const PREFIX_RULES_PER_TRUNK_MAX: usize = 64;

/// Calls at once that a trunk's own limit may name.
pub const CALLS_PER_TRUNK_MAX: u32 = 1_000_000;

/// Seconds between two keep-alives.
pub const TRUNK_KEEP_ALIVE_S_DEFAULT: u32 = 30;

/// Seconds between two keep-alives, at the most.
pub const TRUNK_KEEP_ALIVE_S_MAX: u32 = 86_400;

/// Attempts of one call to find a peer that takes it.
pub const WAYS_OUT_MAX: usize = 8;

// Relations between the bounds that the rules rely on.
const _: () = assert!(QUARANTINE_MIN_DEFAULT_MS <= QUARANTINE_DEFAULT_MS);
const _: () = assert!(QUARANTINE_DEFAULT_MS <= QUARANTINE_MAX_MS);
const _: () = assert!(QUARANTINE_MAX_MS <= REMEMBER_MS);
const _: () = assert!(PAGE_SIZE_DEFAULT <= PAGE_SIZE_MAX);
const _: () = assert!(EXTENSION_DIGITS_MIN <= EXTENSION_DIGITS_DEFAULT);
const _: () = assert!(EXTENSION_DIGITS_DEFAULT <= EXTENSION_DIGITS_MAX);
