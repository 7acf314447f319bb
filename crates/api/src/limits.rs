//! Limits at accept: how many requests a service makes in a minute, how many messages it sends in a
//! day.
//!
//! What a request costs here is a look into a map and a short lock. Each process leases blocks of both
//! budgets from PostgreSQL before it needs them (`carillon_core::limits`): `book` keeps the leases and
//! whoever waits for one; `rate` and `daily` ask for all services that need more with one statement.
//! While PostgreSQL is away both go on by themselves.

mod away;
mod book;
mod daily;
mod rate;

use std::sync::Arc;

use carillon_core::api_key::KeyType;
use carillon_core::channel::Channel;
use carillon_core::id::ServiceId;
use carillon_core::limits::UsualLimits;
use carillon_core::suppression::is_simulated;
use carillon_runtime::Tasks;
use carillon_runtime::settings::Settings;
use carillon_store::Store;
use chrono::NaiveDate;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::auth::Principal;
use crate::error::NotifyError;
use daily::Days;
use rate::Rates;

/// The limits of all services, as far as this process has to do with them.
pub(crate) struct Limits {
    /// What holds for services that have no limits of their own.
    pub usual: UsualLimits,
    rates: Arc<Rates>,
    days: Arc<Days>,
    /// Ends what asks PostgreSQL.
    _asking: DropGuard,
}

/// What a request has taken of a day, to be given back if it is not accepted.
#[must_use = "what is not accepted is to be given back"]
#[derive(Debug)]
pub(crate) struct Taken(Option<(ServiceId, Channel, What)>);

#[derive(Debug)]
enum What {
    /// One message, of a lease.
    Message,
    /// The rows of a mailing, past the lease, of a day.
    Rows(NaiveDate, u32),
}

impl Limits {
    /// Starts to ask PostgreSQL; ends when it is dropped.
    pub fn start(tasks: &Tasks, settings: &Settings, store: &Store) -> Self {
        let ended = CancellationToken::new();
        let (rates, days) = (Arc::new(Rates::default()), Arc::new(Days::default()));
        let asking = rate::ask(Arc::clone(&rates), store.clone(), ended.clone());
        essential(tasks, "rate-limits", asking);
        let asking = daily::ask(Arc::clone(&days), store.clone(), ended.clone());
        essential(tasks, "daily-limits", asking);
        Self {
            usual: carillon_connect::usual_limits(settings),
            rates,
            days,
            _asking: ended.drop_guard(),
        }
    }

    /// Lets a request through if its service has not made too many within a minute.
    pub async fn admit(&self, principal: &Principal) -> Result<(), NotifyError> {
        let (service, key_type) = (&principal.access.service, principal.key_type);
        let limit = self.usual.of(service).rate_limit;
        let key = (service.id, key_type);
        let admitted = self
            .rates
            .take(key, limit, |lease, now| lease.take(limit, now));
        admitted.await.map_err(|after| {
            metrics::counter!("carillon_rate_limited_total", "key_type" => key_type.as_str())
                .increment(1);
            NotifyError::rate_limited(key_type, limit, after)
        })
    }

    /// Takes one message of the day. What goes to nobody does not count.
    pub async fn take_message(
        &self,
        principal: &Principal,
        channel: Channel,
        recipient: &str,
    ) -> Result<Taken, NotifyError> {
        if principal.key_type == KeyType::Test || is_simulated(channel, recipient) {
            return Ok(Taken(None));
        }
        let service = &principal.access.service;
        let limit = self.usual.of(service).daily(channel);
        let today = daily::today();
        let key = (service.id, channel);
        let taken = self
            .days
            .book
            .take(key, limit, |lease, now| lease.take(limit, today, now));
        match taken.await {
            Ok(()) => Ok(Taken(Some((service.id, channel, What::Message)))),
            Err(after) => Err(refused(channel, limit, after)),
        }
    }

    /// Takes the rows of a mailing from the day, all or none.
    pub async fn take_rows(
        &self,
        store: &Store,
        principal: &Principal,
        channel: Channel,
        n_rows: usize,
    ) -> Result<Taken, NotifyError> {
        if principal.key_type == KeyType::Test {
            return Ok(Taken(None));
        }
        let service = &principal.access.service;
        let limit = self.usual.of(service).daily(channel);
        let key = (service.id, channel);
        let n_rows = u32::try_from(n_rows).unwrap_or(u32::MAX);
        match daily::take_rows(&self.days, store, key, limit, n_rows).await? {
            Ok(day) => Ok(Taken(Some((service.id, channel, What::Rows(day, n_rows))))),
            Err(after) => Err(refused(channel, limit, after)),
        }
    }

    /// Gives back what a request has taken that was not accepted.
    pub fn give_back(&self, taken: Taken) {
        let Taken(Some((service_id, channel, what))) = taken else {
            return;
        };
        self.days
            .book
            .with((service_id, channel), |lease| match what {
                What::Message => lease.give_back(),
                What::Rows(day, n) => lease.take_off(day, n),
            });
    }

    /// Hands back to PostgreSQL what is leased and was not used: for the end of the process, when
    /// nothing is accepted any more.
    pub async fn hand_back(&self, store: &Store) {
        daily::hand_back(&self.days, store).await;
    }
}

/// Without its asker every request would wait for its verdict as long as may be.
fn essential(tasks: &Tasks, name: &'static str, asking: impl Future<Output = ()> + Send + 'static) {
    tasks.spawn_essential(name, async {
        asking.await;
        Ok(())
    });
}

fn refused(channel: Channel, limit: u32, after: std::time::Duration) -> NotifyError {
    metrics::counter!("carillon_daily_limited_total", "channel" => channel.as_str()).increment(1);
    NotifyError::daily_limited(channel, limit, after)
}
