//! One insert and two updates of each row, in commits of 500, over two connections.

use anyhow::Context;
use carillon_core::id::NotificationId;
use tokio::task::JoinSet;
use tokio_postgres::{Client, NoTls, Statement};

use crate::floor::notification;

const CONNECTIONS: usize = 2;
const ROWS: usize = 500;

/// Values go as text and are cast: the driver is built without support for other types.
const INSERT: &str = include_str!("insert.sql");
/// As the claim and the mark: no longer on its way, which is the one change of an index.
const HAND_OVER: &str = include_str!("hand_over.sql");
/// As the receipt.
const COMPLETE: &str = include_str!("complete.sql");

/// Connections that have prepared their statements.
pub(super) struct Rows {
    writers: Vec<Writer>,
    n_rows: usize,
}

struct Writer {
    client: Client,
    insert: Statement,
    hand_over: Statement,
    complete: Statement,
}

/// Makes the day's partitions and connects.
pub(super) async fn prepare(url: &str, n_rows: usize) -> anyhow::Result<Rows> {
    let mut writers = Vec::new();
    for _ in 0..CONNECTIONS {
        writers.push(Writer::connect(url).await?);
    }
    let days = "SELECT ensure_day_partitions((now() AT TIME ZONE 'UTC')::date + n) FROM generate_series(0, 1) n";
    if let Some(writer) = writers.first() {
        writer
            .client
            .batch_execute(days)
            .await
            .context("making partitions")?;
    }
    Ok(Rows { writers, n_rows })
}

impl Rows {
    /// Writes all rows.
    pub async fn run(self) -> anyhow::Result<()> {
        let n_each = self.n_rows / CONNECTIONS;
        let mut running = JoinSet::new();
        for writer in self.writers {
            running.spawn(async move { writer.write(n_each).await });
        }
        while let Some(ended) = running.join_next().await {
            ended.context("a writer's task")??;
        }
        Ok(())
    }
}

impl Writer {
    async fn connect(url: &str) -> anyhow::Result<Self> {
        let (client, connection) = tokio_postgres::connect(url, NoTls)
            .await
            .context("connecting to PostgreSQL")?;
        #[expect(
            clippy::disallowed_methods,
            reason = "ends with its client and the process"
        )]
        tokio::spawn(connection);
        Ok(Self {
            insert: client
                .prepare(INSERT)
                .await
                .context("preparing the insert")?,
            hand_over: client
                .prepare(HAND_OVER)
                .await
                .context("preparing an update")?,
            complete: client
                .prepare(COMPLETE)
                .await
                .context("preparing an update")?,
            client,
        })
    }

    async fn write(&self, n_rows: usize) -> anyhow::Result<()> {
        let like = notification();
        let (service, template) = (like.service_id.to_string(), like.template_id.to_string());
        let personalisation = serde_json::to_string(&like.personalisation)?;
        for _ in 0..n_rows / ROWS {
            let ids: Vec<_> = (0..ROWS)
                .map(|_| NotificationId::mint().to_string())
                .collect();
            let (lowest, highest) = (&ids[0], &ids[ROWS - 1]);
            let recipients = vec![like.recipient.as_str(); ROWS];
            let values = vec![personalisation.as_str(); ROWS];
            self.client
                .execute(
                    &self.insert,
                    &[&ids, &service, &template, &recipients, &values],
                )
                .await
                .context("inserting")?;
            self.client
                .execute(&self.hand_over, &[&ids, lowest, highest])
                .await
                .context("updating")?;
            self.client
                .execute(&self.complete, &[&ids, lowest, highest])
                .await
                .context("updating")?;
        }
        Ok(())
    }
}
