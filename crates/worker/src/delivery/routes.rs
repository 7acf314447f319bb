//! Routes: which provider delivers a message.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use carillon_core::api_key::KeyType;
use carillon_core::channel::Channel;
use carillon_core::provider::ProviderKind;
use carillon_core::provider::breaker::Way;
use carillon_providers::connect::connect;
use carillon_providers::instrument::Instrumented;
use carillon_providers::provider::{Provider, SetupError};
use carillon_providers::sandbox::Sandbox;
use carillon_providers::select::{Candidate, choose_another};
use carillon_store::Store;
use carillon_store::provider::Provider as Configured;
use parking_lot::RwLock;

use super::budgets::{Budgeted, Budgets};
use super::pacer::Pacer;
use super::pass::{Gate, Pass};
use super::turns::Destination;

/// A provider, the pace at which it is called, and whether it is at all.
pub(crate) struct Route {
    pub provider: Arc<dyn Provider>,
    pub pacer: Pacer,
    pub gate: Gate,
}

/// Why a message has no provider.
pub(crate) enum NoRoute {
    /// No active one is configured.
    Unconfigured,
    /// All of them are left alone for this time.
    Paused(Duration),
}

impl Route {
    fn to(provider: impl Provider + 'static, opens_after: u32) -> Arc<Self> {
        Arc::new(Self {
            gate: Gate::new(provider.name(), opens_after),
            provider: Arc::new(Instrumented::new(provider)),
            pacer: Pacer::new(),
        })
    }

    /// How many calls can start within this time, while so many wait.
    fn turns(&self, time: Duration, n_waiting: usize, is_short: &impl Fn(&Self)) -> usize {
        let n_most = match self.gate.way() {
            Way::Free => usize::MAX,
            Way::Probe => 1,
            Way::Shut(_) | Way::Probed(_) => return 0,
        };
        let n_turns = self.pacer.turns_within(time, n_waiting.min(n_most));
        if n_turns == 0 {
            is_short(self);
        }
        n_turns.min(n_most)
    }
}

/// That nobody of some destination may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pause {
    /// Until somebody may be tried.
    pub wait: Duration,
    /// Whether somebody is being tried, so that it may end any moment.
    pub may_end: bool,
}

impl Pause {
    /// None if somebody may be called, or there is nobody.
    fn of<'a>(routes: impl Iterator<Item = &'a Arc<Route>>) -> Option<Self> {
        let mut all: Option<Self> = None;
        for route in routes {
            let (wait, may_end) = match route.gate.way() {
                Way::Free | Way::Probe => return None,
                Way::Shut(wait) => (wait, false),
                Way::Probed(wait) => (wait, true),
            };
            let others = all.unwrap_or(Self { wait, may_end });
            all = Some(Self {
                wait: wait.min(others.wait),
                may_end: may_end || others.may_end,
            });
        }
        all
    }
}

/// The routes of a process, as the providers' settings have them.
pub(crate) struct Routes {
    store: Store,
    budgets: Arc<Budgets>,
    /// Of test keys.
    sandbox: Arc<Route>,
    sandbox_url: String,
    timeout: Duration,
    /// Failures in a row after which a provider is left alone.
    opens_after: u32,
    table: RwLock<HashMap<Channel, Shares>>,
    /// The state of the settings that the table was read after.
    followed: AtomicI64,
    clients: tokio::sync::Mutex<HashMap<String, Client>>,
}

/// What a provider's settings made. Kept until they change, with its connections, its pace and what is
/// known of it; another share does not change them.
struct Client {
    made_of: Configured,
    /// None when they make no client; tried again at every refresh, for the trouble may pass.
    route: Option<Arc<Route>>,
}

impl Client {
    /// It is not used any more.
    fn retire(&self) {
        if let Some(route) = &self.route {
            route.gate.retire();
        }
    }
}

/// The usable providers of a channel.
#[derive(Default)]
struct Shares {
    candidates: Vec<Candidate>,
    routes: Vec<Arc<Route>>,
}

impl Shares {
    /// Those with a weight.
    fn weighty(&self) -> impl Iterator<Item = &Arc<Route>> {
        self.weights().map(|(_, route)| route)
    }

    fn weights(&self) -> impl Iterator<Item = (usize, &Arc<Route>)> {
        let all = self.candidates.iter().zip(&self.routes);
        all.map(|(candidate, route)| (candidate.weight as usize, route))
            .filter(|(weight, _)| *weight > 0)
    }

    /// See [`Routes::turns`].
    fn turns(&self, time: Duration, n_waiting: usize, is_short: &impl Fn(&Route)) -> usize {
        let free = self.weights();
        let free = free.filter(|(_, route)| route.gate.way() == Way::Free);
        // Listed, because another call may open a gate, or shut it, meanwhile.
        let free: Vec<_> = free.collect();
        let total: usize = free.iter().map(|(weight, _)| weight).sum();
        let turns = free.into_iter().map(|(weight, route)| {
            let n_waiting = (n_waiting * weight).div_ceil(total);
            let n_turns = route.turns(time, n_waiting, is_short);
            n_turns
                .checked_mul(total)
                .map_or(usize::MAX, |n| n / weight)
        });
        let fewest = turns.min();
        fewest.unwrap_or_else(|| {
            let probes = self.weighty().map(|route| route.turns(time, 1, is_short));
            probes.reduce(usize::saturating_add).unwrap_or(usize::MAX)
        })
    }

    /// How long until somebody may be called; none if nobody has a weight.
    fn wait(&self) -> Option<Duration> {
        self.weighty()
            .map(|route| route.gate.is_shut_for().unwrap_or_default())
            .min()
    }
}

impl Routes {
    /// How often a provider that cannot be used is tried again, and settings are followed where
    /// nothing is claimed.
    pub const REFRESH_EVERY: Duration = Duration::from_secs(5);

    /// Routes to nowhere but the sandbox, until the first [`refresh`](Self::refresh).
    pub fn new(
        store: Store,
        budgets: Arc<Budgets>,
        sandbox_url: &str,
        timeout: Duration,
        opens_after: u32,
    ) -> Result<Self, SetupError> {
        Ok(Self {
            store,
            budgets,
            sandbox: Route::to(Sandbox::new(sandbox_url, timeout)?, opens_after),
            sandbox_url: sandbox_url.to_owned(),
            timeout,
            opens_after,
            table: RwLock::default(),
            followed: AtomicI64::new(0),
            clients: tokio::sync::Mutex::default(),
        })
    }

    /// Leave to call a provider for a message: by weight among those that are not left alone, another
    /// one than `avoided` if there is one. A test key's messages go to the sandbox whatever is
    /// configured.
    pub fn choose(
        &self,
        channel: Channel,
        key_type: KeyType,
        avoided: Option<&str>,
    ) -> Result<Pass, NoRoute> {
        if key_type == KeyType::Test {
            return Pass::to(&self.sandbox).map_err(NoRoute::Paused);
        }
        let table = self.table.read();
        let shares = table.get(&channel).ok_or(NoRoute::Unconfigured)?;
        // Those whose probe somebody else was given meanwhile.
        let mut lost = Vec::new();
        loop {
            let is_usable =
                |n: usize| !lost.contains(&n) && shares.routes[n].gate.is_shut_for().is_none();
            let dice = rand::random();
            let Some(chosen) = choose_another(&shares.candidates, avoided, is_usable, dice) else {
                return Err(shares.wait().map_or(NoRoute::Unconfigured, NoRoute::Paused));
            };
            match Pass::to(&shares.routes[chosen]) {
                Ok(pass) => return Ok(pass),
                Err(_) => lost.push(chosen),
            }
        }
    }

    /// How many calls to a destination can start within this time, while so many wait:
    /// `usize::MAX` where nothing limits them. Each provider has its share of the calls, so the one
    /// with the fewest turns for its share decides; one that is left alone does not. While all of
    /// them are, each has one turn once it may be tried.
    pub fn turns(&self, destination: Destination, time: Duration, n_waiting: usize) -> usize {
        let is_short = |route: &Route| self.budgets.is_short(route);
        let channel = match destination {
            Destination::Unknown => return usize::MAX,
            Destination::Sandbox => return self.sandbox.turns(time, n_waiting, &is_short),
            Destination::Providers(channel) => channel,
        };
        let table = self.table.read();
        let shares = table.get(&channel);
        shares.map_or(usize::MAX, |of_channel| {
            of_channel.turns(time, n_waiting, &is_short)
        })
    }

    /// Whether nobody of a destination may be called now. None where it has nobody, too: that is
    /// found out with a claim, which brings the latest settings.
    pub fn pause(&self, destination: Destination) -> Option<Pause> {
        match destination {
            Destination::Unknown => None,
            Destination::Sandbox => Pause::of(std::iter::once(&self.sandbox)),
            Destination::Providers(channel) => {
                let table = self.table.read();
                Pause::of(table.get(&channel)?.weighty())
            }
        }
    }

    /// Whether a message that this provider did not take can go to another one now.
    pub fn has_another(&self, channel: Channel, key_type: KeyType, provider: &str) -> bool {
        let table = self.table.read();
        key_type != KeyType::Test
            && table.get(&channel).is_some_and(|shares| {
                let mut others = shares.weighty();
                others.any(|route| {
                    route.provider.name() != provider && route.gate.is_shut_for().is_none()
                })
            })
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
        let rates = carillon_store::provider_budget::rates(&self.store).await?;
        let mut budgeted = Vec::new();
        let mut table: HashMap<Channel, Shares> = HashMap::new();
        for provider in configured.iter().filter(|provider| provider.active) {
            if let Some(route) = self.route(clients, provider).await {
                let rate = rates.iter().find(|rate| rate.provider == provider.name);
                route.pacer.limit(rate.map(|rate| rate.per_second));
                budgeted.push(Budgeted {
                    name: provider.name.clone(),
                    route: Arc::clone(&route),
                    says_rate: provider.kind == ProviderKind::Ses,
                });
                let shares = table.entry(provider.channel).or_default();
                shares.candidates.push(Candidate {
                    name: provider.name.clone(),
                    weight: u32::try_from(provider.weight).unwrap_or(0),
                });
                shares.routes.push(route);
            }
        }
        clients.retain(|name, client| {
            let stays = configured.iter().any(|p| p.active && p.name == *name);
            if !stays {
                unusable(name).set(0.0);
                client.retire();
            }
            stays
        });
        *self.table.write() = table;
        self.budgets.set(budgeted);
        Ok(())
    }

    async fn route(
        &self,
        clients: &mut HashMap<String, Client>,
        provider: &Configured,
    ) -> Option<Arc<Route>> {
        let name = &provider.name;
        let known = clients.get(name);
        let known = known.filter(|client| provider.has_client_of(&client.made_of));
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
                Some(Route::to(made, self.opens_after))
            }
            Err(error) => {
                if is_news {
                    tracing::error!(provider = name, error, "the provider cannot be used");
                }
                None
            }
        };
        let client = Client {
            made_of: provider.clone(),
            route: route.clone(),
        };
        if let Some(before) = clients.insert(name.clone(), client) {
            before.retire();
        }
        route
    }
}

fn unusable(provider: &str) -> metrics::Gauge {
    metrics::gauge!("carillon_provider_unusable", "provider" => provider.to_owned())
}

#[cfg(test)]
mod tests;
