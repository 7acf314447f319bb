//! Rescuing what fell out: rows whose worker vanished, rows that are in no queue.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use carillon_core::reason::Reason;
use carillon_store::{Store, callback, health, notification};
use tokio_util::sync::CancellationToken;

/// Rows of one statement.
const BATCH: i64 = 1_000;

/// Rescues, round by round.
pub(crate) struct Rescue {
    /// The longest a worker may hold an id that it has not claimed.
    grace: Duration,
    /// The attempts after which a lost message ends, where its template does not say otherwise.
    max_attempts: u32,
    /// Whether the last round found PostgreSQL away, as it may have been before the first.
    was_away: AtomicBool,
}

impl Rescue {
    pub const fn new(grace: Duration, max_attempts: u32) -> Self {
        Self {
            grace,
            max_attempts,
            was_away: AtomicBool::new(true),
        }
    }

    /// Rescues everything there is; each rescue has its reason on the timeline and in the metric.
    ///
    /// The first round after a start or an outage rescues nothing: leases ran out meanwhile, and
    /// the workers still have the results in hand.
    pub async fn round(&self, store: &Store, shutdown: &CancellationToken) -> anyhow::Result<()> {
        if self.was_away.load(Ordering::Relaxed) {
            health::now(store).await?;
            self.was_away.store(false, Ordering::Relaxed);
            return Ok(());
        }
        let rescued = self.all(store, shutdown).await;
        self.was_away.store(rescued.is_err(), Ordering::Relaxed);
        Ok(rescued?)
    }

    async fn all(&self, store: &Store, shutdown: &CancellationToken) -> carillon_store::Result<()> {
        let grace = self.grace;
        while !shutdown.is_cancelled() {
            let lost = notification::rescue_lost(store, self.max_attempts, BATCH).await?;
            let fallen = notification::rescue_fallen(store, grace, BATCH).await?;
            let lost_calls = callback::rescue_lost(store, BATCH).await?;
            let fallen_calls = callback::rescue_fallen(store, grace, BATCH).await?;
            let n_unwanted = callback::drop_unwanted(store, BATCH).await?;
            report(Reason::LeaseExpired, "notifications", &lost);
            report(Reason::FellOut, "notifications", &fallen);
            report(Reason::LeaseExpired, "calls to services", &lost_calls);
            report(Reason::FellOut, "calls to services", &fallen_calls);
            let rescued = [&lost, &fallen, &lost_calls, &fallen_calls];
            if rescued.iter().all(|queues| queues.is_empty()) && n_unwanted == 0 {
                break;
            }
        }
        Ok(())
    }
}

fn report(reason: Reason, what: &'static str, queues: &[String]) {
    for queue in queues {
        metrics::counter!(
            "carillon_rescued_total", "queue" => queue.clone(), "reason" => reason.as_str()
        )
        .increment(1);
    }
    if !queues.is_empty() {
        tracing::warn!(n_rows = queues.len(), reason = %reason, "rescued {what}");
    }
}

#[cfg(test)]
mod tests {
    use carillon_store::Options;
    use carillon_store::seal::Sealer;
    use carillon_test_support::TestDatabase;

    use super::*;

    /// One claimed row whose lease ran out before anybody looked.
    const LOST: &str = "
        SELECT ensure_day_partitions((now() AT TIME ZONE 'UTC')::date);
        INSERT INTO notifications (id, service_id, template_id, created_at, template_version, attempts,
            channel, lane, key_type, queue, recipient, normalised_recipient, personalisation,
            dispatched_at, lease_until, lease_token)
        SELECT uuidv7_lower_bound(now()), gen_random_uuid(), gen_random_uuid(), now(), 1, 1,
            'email', 'normal', 'normal', 'send-email', 'a@example.org', 'a@example.org', '{}',
            now() - interval '1 hour', now() - interval '1 minute', gen_random_uuid()";

    #[tokio::test]
    async fn a_poller_that_has_just_started_leaves_workers_a_round_to_write_their_results() {
        let database = TestDatabase::create().await;
        database.execute(LOST).await;
        let store = Store::new(&Options {
            url: database.url.clone(),
            max_connections: 2,
            statement_timeout: Duration::from_secs(20),
            connect_timeout: Duration::from_secs(10),
            application_name: "test".to_owned(),
            sealer: Sealer::new(&[vec![7; 32]]).expect("the key is 32 bytes long"),
        })
        .expect("the URL of a test database can be read");
        let (rescue, shutdown) = (
            Rescue::new(Duration::from_secs(90), 48),
            CancellationToken::new(),
        );
        let rescued = "SELECT count(*) FROM notifications WHERE wait_reason = 'lease-expired'";
        for expected in [0, 1] {
            rescue.round(&store, &shutdown).await.expect("an answer");
            assert_eq!(database.number(rescued).await, expected);
        }
    }
}
