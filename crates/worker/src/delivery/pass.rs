//! The way to a provider: one that keeps failing, or refuses our account, is left alone for now.

use std::sync::Arc;
use std::time::Duration;

use carillon_core::attempt::Outcome;
use carillon_core::provider::breaker::{Breaker, Heard, Way};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::routes::Route;

/// The breaker before one provider, for all lanes of this process.
pub(crate) struct Gate {
    provider: String,
    born: Instant,
    breaker: Mutex<Breaker>,
}

impl Gate {
    pub fn new(provider: &str, opens_after: u32) -> Self {
        paused(provider).set(0.0);
        Self {
            provider: provider.to_owned(),
            born: Instant::now(),
            breaker: Mutex::new(Breaker::new(opens_after)),
        }
    }

    /// How long nobody is let through, if so.
    pub fn is_shut_for(&self) -> Option<Duration> {
        match self.breaker.lock().way(self.born.elapsed()) {
            Way::Shut(wait) => Some(wait),
            Way::Free | Way::Probe => None,
        }
    }

    fn heard(&self, outcome: &Outcome, is_probe: bool) {
        let mut breaker = self.breaker.lock();
        let before = breaker.cause();
        breaker.heard(Heard::of(outcome), is_probe, self.born.elapsed());
        let after = breaker.cause();
        drop(breaker);
        match (before, after) {
            (None, Some(cause)) => {
                paused(&self.provider).set(1.0);
                let (provider, cause) = (&self.provider, cause.name());
                tracing::warn!(provider, cause, "the provider is left alone for now");
            }
            (Some(_), None) => {
                paused(&self.provider).set(0.0);
                tracing::info!(provider = self.provider, "the provider is back");
            }
            _ => {}
        }
    }
}

/// Leave to make one call. Dropped without having been used, somebody else may have it.
pub(crate) struct Pass {
    route: Arc<Route>,
    is_probe: bool,
    is_used: bool,
}

impl Pass {
    /// Leave to call the provider now; the error says how long nobody has it.
    pub fn to(route: &Arc<Route>) -> Result<Self, Duration> {
        let gate = &route.gate;
        let way = gate.breaker.lock().enter(gate.born.elapsed());
        let is_probe = match way {
            Way::Free => false,
            Way::Probe => true,
            Way::Shut(wait) => return Err(wait),
        };
        Ok(Self {
            route: Arc::clone(route),
            is_probe,
            is_used: false,
        })
    }

    pub fn route(&self) -> &Route {
        &self.route
    }

    /// What the call came to.
    pub fn used(mut self, outcome: &Outcome) -> Arc<Route> {
        self.is_used = true;
        self.route.gate.heard(outcome, self.is_probe);
        Arc::clone(&self.route)
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if self.is_probe && !self.is_used {
            self.route.gate.breaker.lock().dropped();
        }
    }
}

pub(super) fn paused(provider: &str) -> metrics::Gauge {
    metrics::gauge!("carillon_provider_paused", "provider" => provider.to_owned())
}
