//! Routes: which provider delivers a message.

use std::sync::Arc;
use std::time::Duration;

use carillon_core::api_key::KeyType;
use carillon_core::channel::Channel;
use carillon_providers::instrument::Instrumented;
use carillon_providers::provider::Provider;
use carillon_providers::sandbox::{Sandbox, SetupError};
use carillon_providers::select::{Candidate, choose};
use carillon_store::Store;
use parking_lot::RwLock;
use tokio::time::Instant;

use super::pacer::Pacer;

/// A provider and the pace at which it is called.
pub(crate) struct Route {
    pub provider: Box<dyn Provider>,
    pub pacer: Pacer,
}

/// The routes of a process; settings are read again every few seconds.
pub(crate) struct Routes {
    store: Store,
    sandbox: Arc<Route>,
    configured: RwLock<Configured>,
}

struct Configured {
    providers: Vec<carillon_store::provider::Provider>,
    read_at: Option<Instant>,
}

/// How soon a changed setting is followed.
const READ_EVERY: Duration = Duration::from_secs(5);

impl Routes {
    pub fn new(store: Store, sandbox_url: &str, timeout: Duration) -> Result<Self, SetupError> {
        let sandbox = Route {
            provider: Box::new(Instrumented::new(Sandbox::new(sandbox_url, timeout)?)),
            pacer: Pacer::new(),
        };
        let configured = Configured {
            providers: Vec::new(),
            read_at: None,
        };
        Ok(Self {
            store,
            sandbox: Arc::new(sandbox),
            configured: RwLock::new(configured),
        })
    }

    /// The provider for a message; none when no active one is configured. A test key's messages
    /// go to the sandbox whatever is configured.
    pub async fn choose(&self, channel: Channel, key_type: KeyType) -> Option<Arc<Route>> {
        if key_type == KeyType::Test {
            return Some(Arc::clone(&self.sandbox));
        }
        self.refresh().await;
        let configured = self.configured.read();
        let candidates: Vec<_> = configured
            .providers
            .iter()
            .filter(|provider| provider.active && provider.channel == channel)
            .map(|provider| Candidate {
                name: provider.name.clone(),
                weight: u32::try_from(provider.weight).unwrap_or(0),
            })
            .collect();
        // The database allows the kind `sandbox` only, so every choice leads there.
        choose(&candidates, rand::random()).map(|_| Arc::clone(&self.sandbox))
    }

    /// Reads the settings when they are due; when PostgreSQL is away the last ones stay in force.
    async fn refresh(&self) {
        let is_due = |configured: &Configured| {
            configured
                .read_at
                .is_none_or(|at| at.elapsed() > READ_EVERY)
        };
        if !is_due(&self.configured.read()) {
            return;
        }
        // Claimed before reading, so that one delivery reads for all.
        let before = self.configured.write().read_at.replace(Instant::now());
        match carillon_store::provider::list(&self.store).await {
            Ok(providers) => self.configured.write().providers = providers,
            Err(error) => {
                tracing::warn!(%error, "cannot read the providers' settings; keeping the last");
                self.configured.write().read_at = before;
            }
        }
    }
}
