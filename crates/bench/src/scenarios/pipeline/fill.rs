//! Filling the day's tables with delivered messages, as an ordinary day would have left them.

use anyhow::Context;
use tokio_postgres::Client;

use crate::installation::Installation;
use crate::load::values;

/// Ids of today up to now, ascending: what is sent afterwards goes behind them.
const NOTIFICATIONS: &str = include_str!("fill_notifications.sql");
/// Three timeline rows each.
const EVENTS: &str = include_str!("fill_events.sql");

pub(super) async fn run(
    installation: &Installation,
    database: &Client,
    n_rows: u64,
) -> anyhow::Result<()> {
    let target = &installation.target;
    let personalisation = serde_json::to_string(&values(1))?;
    let n_rows = i64::try_from(n_rows).context("too many rows")?;
    let (service, template) = (target.service_id.as_str(), target.template_id.as_str());
    database
        .execute(
            NOTIFICATIONS,
            &[&n_rows, &service, &template, &personalisation],
        )
        .await
        .context("filling notifications")?;
    database
        .batch_execute(EVENTS)
        .await
        .context("filling notification_events")?;
    // What autovacuum and the checkpointer would have done by then; neither may fall into a run.
    for statement in [
        "VACUUM (ANALYZE) notifications",
        "VACUUM (ANALYZE) notification_events",
        "CHECKPOINT",
    ] {
        database.batch_execute(statement).await.context(statement)?;
    }
    Ok(())
}
