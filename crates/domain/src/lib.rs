//! The rules of privacy numbers.
//!
//! **Invariant: nothing here touches the outside.** No I/O, no clock, no random source, no async,
//! no serialisation, no SQL. Time and chance come in as values ([`time::Timestamp`],
//! [`draws::Draws`]); what is decided goes out as values. That is what lets the same rules serve
//! the embedded store, the PostgreSQL store, the simulator and the property tests.
//!
//! | Module | What lives there |
//! |---|---|
//! | [`phone`], [`city`], [`numbering`] | phone numbers, area codes, which number belongs to which city |
//! | [`account`], [`pool`], [`inventory`] | who owns what: accounts, number pools, the numbers X in them |
//! | [`party`], [`route`], [`binding`] | the blind index of a real number, one dialling rule, a client's relation |
//! | [`route_table`], [`draft`] | which routes stand, and a batch of changes that is not yet durable |
//! | [`city_order`], [`selection`], [`refusal`] | where to look for an X, which one to take, why there was none |
//! | [`trunk`] | SIP peers: what an operator says of them, and the choice of a way out |
//! | [`call`], [`call_outcome`] | a call's id, how it ended, who is shown which number; what SIP and Q.850 say of it |
//! | [`month`] | calendar months, by which what calls leave is destroyed |
//! | [`risk`] | who may not be bound or called, and how often calls may come |
//! | [`delivery`] | kinds of events, when a failed delivery is tried again, when a receiver is left alone |
//! | [`limits`] | every bound, with its unit |

pub mod account;
pub mod binding;
pub mod call;
pub mod call_outcome;
pub mod city;
pub mod city_order;
pub mod closed;
pub mod delivery;
pub mod draft;
pub mod draws;
mod hash;
pub mod inventory;
pub mod limits;
pub mod month;
pub mod numbering;
pub mod party;
pub mod phone;
pub mod pool;
pub mod refusal;
pub mod risk;
pub mod route;
pub mod route_table;
pub mod selection;
mod standing;
pub mod time;
pub mod trunk;
