//! Send rates that all workers share: borrows calls ahead of need, and asks providers what they
//! take.

use std::sync::Arc;
use std::time::Duration;

use carillon_core::allowance::{Allowance, BORROW_EVERY};
use carillon_runtime::{App, ticker};
use carillon_store::{Store, provider_budget};
use parking_lot::RwLock;
use tokio::sync::Notify;

use super::routes::Route;

/// The budgets of the providers that this process calls.
pub(crate) struct Budgets {
    store: Store,
    providers: RwLock<Vec<Budgeted>>,
    /// Calls wait and nothing is in hand.
    urgent: Notify,
}

/// A provider by the name of its settings, under which its budget is kept.
pub(crate) struct Budgeted {
    pub name: String,
    pub route: Arc<Route>,
    /// Whether it can say itself what it takes.
    pub says_rate: bool,
}

/// How often a provider is asked what it takes, by all workers together.
const ASK_EVERY: Duration = Duration::from_secs(60);
/// Workers look a little more often, so that no minute is left out.
const LOOK_EVERY: Duration = Duration::from_secs(20);

impl Budgets {
    /// Starts to borrow and to ask.
    pub fn start(app: &App, store: Store) -> Arc<Self> {
        let budgets = Arc::new(Self {
            store,
            providers: RwLock::default(),
            urgent: Notify::new(),
        });
        let (here, shutdown) = (Arc::clone(&budgets), app.shutdown.clone());
        app.tasks.spawn("provider-budgets", async move {
            let name = "provider-budgets";
            ticker::every_or_woken(BORROW_EVERY, &shutdown, name, &here.urgent, async || {
                Ok(here.borrow().await?)
            })
            .await;
        });
        let (here, shutdown) = (Arc::clone(&budgets), app.shutdown.clone());
        app.tasks.spawn("provider-rates", async move {
            ticker::every(LOOK_EVERY, &shutdown, "provider-rates", async || {
                Ok(here.ask().await?)
            })
            .await;
        });
        budgets
    }

    /// Which providers there are now.
    pub fn set(&self, providers: Vec<Budgeted>) {
        *self.providers.write() = providers;
    }

    /// Calls to this provider wait for a turn that was not borrowed yet.
    pub fn is_short(&self, route: &Route) {
        if route.pacer.with_allowance(|a, now| a.is_urgent(now)) == Some(true) {
            self.urgent.notify_one();
        }
    }

    /// Borrows for all providers at once what they need. No statement where nothing is needed.
    async fn borrow(&self) -> carillon_store::Result<()> {
        let mut asked = Vec::new();
        for Budgeted { name, route, .. } in self.providers.read().iter() {
            let n = route.pacer.with_allowance(Allowance::ask).unwrap_or(0);
            if n > 0 {
                let n = i32::try_from(n).unwrap_or(i32::MAX);
                asked.push((name.clone(), n, Arc::clone(route)));
            }
        }
        if asked.is_empty() {
            return Ok(());
        }
        let wanted: Vec<_> = asked
            .iter()
            .map(|(name, n, _)| (name.clone(), *n))
            .collect();
        let borrowed = provider_budget::borrow(&self.store, &wanted).await;
        for (name, _, route) in &asked {
            route.pacer.with_allowance(|allowance, now| {
                match &borrowed {
                    Ok(grants) => {
                        let grant = grants.iter().find(|grant| grant.provider == *name);
                        let n = grant.map_or(0, |grant| grant.granted);
                        allowance.granted(u32::try_from(n).unwrap_or(0), now);
                    }
                    Err(_) => allowance.unanswered(now),
                }
                granted(name).set(allowance.granted_per_second());
            });
        }
        borrowed.map(|_| ())
    }

    /// Asks those providers that can say what they take, if no other worker has lately. What they
    /// last said stays in force until they say something else.
    async fn ask(&self) -> carillon_store::Result<()> {
        let says_rate = |one: &&Budgeted| one.says_rate;
        let names: Vec<_> = {
            let providers = self.providers.read();
            let asked = providers.iter().filter(says_rate);
            asked.map(|one| one.name.clone()).collect()
        };
        if names.is_empty() {
            return Ok(());
        }
        for name in provider_budget::take_turn_to_ask(&self.store, names, ASK_EVERY).await? {
            let route = {
                let providers = self.providers.read();
                let named = providers.iter().find(|one| one.name == name);
                named.map(|one| Arc::clone(&one.route))
            };
            let Some(route) = route else {
                continue;
            };
            if let Some(rate) = route.provider.allowed_rate().await {
                provider_budget::report(&self.store, &name, rate).await?;
            }
        }
        Ok(())
    }
}

fn granted(provider: &str) -> metrics::Gauge {
    metrics::gauge!("carillon_provider_granted_per_second", "provider" => provider.to_owned())
}
