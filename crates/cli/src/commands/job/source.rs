//! Where it is read how far a job is.

use anyhow::Context;
use carillon_core::id::JobId;
use carillon_store::{Error, Store, job};
use secrecy::ExposeSecret;

use super::snapshot::Snapshot;
use crate::commands::send::Api;
use crate::cx::Cx;

/// A place that tells of it.
pub(super) enum Source {
    /// The database.
    Database(Store),
    /// The service's own API.
    Service(Api),
}

impl Source {
    /// The database if its URL is set.
    pub fn database(cx: &Cx) -> anyhow::Result<Option<Self>> {
        if cx.settings()?.database.url.expose_secret().is_empty() {
            return Ok(None);
        }
        Ok(Some(Self::Database(cx.store()?)))
    }

    /// How far it is now; `None` if there is no such job.
    pub async fn read(&self, id: JobId) -> anyhow::Result<Option<Snapshot>> {
        match self {
            Self::Database(store) => match job::read(store, id).await {
                Ok(job) => of_database(store, &job).await.map(Some),
                Err(Error::Gone) => Ok(None),
                Err(error) => Err(error.into()),
            },
            Self::Service(api) => {
                let answer = api.get(&format!("/v2/notifications/bulk/{id}")).await?;
                answer.map(|answer| Snapshot::parse(&answer)).transpose()
            }
        }
    }
}

/// Of a job that was read.
pub(super) async fn of_database(store: &Store, job: &job::Job) -> anyhow::Result<Snapshot> {
    let counts = job::statistics(store, job)
        .await
        .with_context(|| format!("job {}", job.id))?;
    let unsigned = |n: i64| u64::try_from(n).unwrap_or_default();
    Ok(Snapshot {
        id: job.id,
        status: job.status,
        n_rows: unsigned(job.n_rows.into()),
        statistics: counts
            .into_iter()
            .map(|(status, n)| (status, unsigned(n)))
            .collect(),
    })
}
