//! How callbacks are sent, and what bounds them.

use std::{fmt, sync::Arc, time::Duration};

use axbridge_domain::delivery::{BreakerRules, Schedule};
use ipnet::IpNet;

use super::resolve::{Lookup, SystemLookup};

/// How callbacks are sent.
#[derive(Clone)]
pub struct CallbackSettings {
    /// How long one try may take, from the look-up of the name to the head of the answer.
    pub timeout: Duration,
    /// The most messages that are under way to one receiver at once.
    pub concurrency: usize,
    /// How often the outbox is looked at.
    pub poll: Duration,
    /// Ranges that may be reached although they are not public.
    pub allowed_ranges: Vec<IpNet>,
    /// Hosts (names or addresses, in small letters) that may be reached by plain HTTP.
    pub http_hosts: Vec<String>,
    /// When a failed delivery is tried again.
    pub schedule: Schedule,
    /// When a receiver is left alone.
    pub breaker: BreakerRules,
    /// Who is asked for the addresses of a name.
    pub lookup: Arc<dyn Lookup>,
}

impl Default for CallbackSettings {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(5),
            concurrency: 8,
            poll: Duration::from_millis(200),
            allowed_ranges: Vec::new(),
            http_hosts: Vec::new(),
            schedule: Schedule::default(),
            breaker: BreakerRules::default(),
            lookup: Arc::new(SystemLookup),
        }
    }
}

impl fmt::Debug for CallbackSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallbackSettings")
            .field("timeout", &self.timeout)
            .field("concurrency", &self.concurrency)
            .field("poll", &self.poll)
            .finish_non_exhaustive()
    }
}
