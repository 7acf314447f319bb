//! Routes: which provider delivers a message.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use carillon_core::api_key::KeyType;
use carillon_core::channel::Channel;
use carillon_core::provider::ProviderKind;
use carillon_providers::connect::connect;
use carillon_providers::instrument::Instrumented;
use carillon_providers::provider::{Provider, SetupError};
use carillon_providers::sandbox::Sandbox;
use carillon_providers::select::{Candidate, choose};
use carillon_store::Store;
use carillon_store::provider::Provider as Configured;
use chrono::{DateTime, Utc};
use parking_lot::RwLock;

use super::pacer::Pacer;

/// A provider and the pace at which it is called.
pub(crate) struct Route {
    pub provider: Box<dyn Provider>,
    pub pacer: Pacer,
}

impl Route {
    fn to(provider: impl Provider + 'static) -> Arc<Self> {
        Arc::new(Self {
            provider: Box::new(Instrumented::new(provider)),
            pacer: Pacer::new(),
        })
    }
}

/// The routes of a process, as the providers' settings have them.
pub(crate) struct Routes {
    store: Store,
    sandbox: Arc<Route>,
    sandbox_url: String,
    timeout: Duration,
    table: RwLock<HashMap<Channel, Shares>>,
    /// The state of the settings that the table was read after.
    followed: AtomicI64,
    clients: tokio::sync::Mutex<HashMap<String, Client>>,
}

/// What a provider's settings made. Kept until they change, with its connections and its pace.
struct Client {
    /// Which settings: when they were changed last.
    made_of: DateTime<Utc>,
    /// None when they make no client; tried again at every refresh, for the trouble may pass.
    route: Option<Arc<Route>>,
}

/// The usable providers of a channel.
#[derive(Default)]
struct Shares {
    candidates: Vec<Candidate>,
    routes: Vec<Arc<Route>>,
}

impl Routes {
    /// How often a provider that cannot be used is tried again, and settings are followed where
    /// nothing is claimed.
    pub const REFRESH_EVERY: Duration = Duration::from_secs(5);

    /// Routes to nowhere but the sandbox, until the first [`refresh`](Self::refresh).
    pub fn new(store: Store, sandbox_url: &str, timeout: Duration) -> Result<Self, SetupError> {
        Ok(Self {
            store,
            sandbox: Route::to(Sandbox::new(sandbox_url, timeout)?),
            sandbox_url: sandbox_url.to_owned(),
            timeout,
            table: RwLock::default(),
            followed: AtomicI64::new(0),
            clients: tokio::sync::Mutex::default(),
        })
    }

    /// The provider for a message; none when no active one is configured. A test key's messages
    /// go to the sandbox whatever is configured.
    pub fn choose(&self, channel: Channel, key_type: KeyType) -> Option<Arc<Route>> {
        if key_type == KeyType::Test {
            return Some(Arc::clone(&self.sandbox));
        }
        let table = self.table.read();
        let shares = table.get(&channel)?;
        let chosen = choose(&shares.candidates, rand::random())?;
        shares.routes.get(chosen).map(Arc::clone)
    }

    /// Reads the settings again if they are not in the state that a claim has seen: what was
    /// changed before a message was claimed counts for it.
    pub async fn follow(&self, state: i64) {
        if self.followed.load(Ordering::Relaxed) == state {
            return;
        }
        let mut clients = self.clients.lock().await;
        // Another claim has followed meanwhile.
        if self.followed.load(Ordering::Relaxed) == state {
            return;
        }
        match self.read(&mut clients).await {
            Ok(()) => self.followed.store(state, Ordering::Relaxed),
            Err(error) => {
                tracing::warn!(%error, "cannot read the providers' settings; keeping the last");
            }
        }
    }

    /// Reads the settings. When PostgreSQL is away the last ones stay in force. A provider that
    /// cannot be used leaves its share to the others.
    pub async fn refresh(&self) -> carillon_store::Result<()> {
        self.read(&mut *self.clients.lock().await).await
    }

    /// Under the clients' lock from the first, so that no older reading takes a newer one's place.
    async fn read(&self, clients: &mut HashMap<String, Client>) -> carillon_store::Result<()> {
        let configured = carillon_store::provider::list(&self.store).await?;
        let mut table: HashMap<Channel, Shares> = HashMap::new();
        for provider in configured.iter().filter(|provider| provider.active) {
            if let Some(route) = self.route(clients, provider).await {
                let shares = table.entry(provider.channel).or_default();
                shares.candidates.push(Candidate {
                    name: provider.name.clone(),
                    weight: u32::try_from(provider.weight).unwrap_or(0),
                });
                shares.routes.push(route);
            }
        }
        clients.retain(|name, _| {
            let stays = configured.iter().any(|p| p.active && p.name == *name);
            if !stays {
                unusable(name).set(0.0);
            }
            stays
        });
        *self.table.write() = table;
        Ok(())
    }

    async fn route(
        &self,
        clients: &mut HashMap<String, Client>,
        provider: &Configured,
    ) -> Option<Arc<Route>> {
        if provider.kind == ProviderKind::Sandbox {
            return Some(Arc::clone(&self.sandbox));
        }
        let (name, made_of) = (&provider.name, provider.updated_at);
        let known = clients.get(name).filter(|client| client.made_of == made_of);
        if let Some(Client {
            route: Some(route), ..
        }) = known
        {
            return Some(Arc::clone(route));
        }
        let is_news = known.is_none();
        let made = match provider.open(&self.store) {
            Ok(spec) => connect(&spec, &self.sandbox_url, self.timeout)
                .await
                .map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        unusable(name).set(f64::from(u8::from(made.is_err())));
        let route = match made {
            Ok(made) => {
                tracing::info!(provider = name, kind = %provider.kind, "the provider is in use");
                Some(Route::to(made))
            }
            Err(error) => {
                if is_news {
                    tracing::error!(provider = name, error, "the provider cannot be used");
                }
                None
            }
        };
        let client = Client {
            made_of,
            route: route.clone(),
        };
        clients.insert(name.clone(), client);
        route
    }
}

fn unusable(provider: &str) -> metrics::Gauge {
    metrics::gauge!("carillon_provider_unusable", "provider" => provider.to_owned())
}
