//! Objects in a bucket of S3, or of what speaks as S3 does.

use std::sync::Arc;
use std::time::Duration;

use carillon_core::id::JobId;
use futures::{StreamExt, TryStreamExt};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};
use tokio::time::timeout;

use crate::account::Account;
use crate::credentials::Chain;
use crate::key::{JOBS, folder_of, job_of_folder};
use crate::{Error, Result, StoredJob};

/// An idle connection is given up before servers and balancers customarily close it.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);

/// A bucket, and the prefix of our keys in it.
#[derive(Debug)]
pub(crate) struct Bucket {
    pub store: AmazonS3,
    pub jobs: Path,
    /// How long one call to S3 may take, with all its tries.
    answers_within: Duration,
}

impl Bucket {
    /// Nothing is asked of S3 yet.
    pub fn open(
        name: &str,
        prefix: &str,
        account: Account,
        answers_within: Duration,
    ) -> Result<Self> {
        let client = ClientOptions::new()
            .with_connect_timeout(answers_within / 4)
            // Every call has a deadline around all its tries, by the size of what it moves.
            .with_timeout_disabled()
            .with_pool_idle_timeout(IDLE_TIMEOUT);
        let retry = RetryConfig {
            backoff: BackoffConfig {
                init_backoff: answers_within / 100,
                max_backoff: answers_within / 10,
                base: 2.0,
            },
            max_retries: 3,
            retry_timeout: answers_within / 2,
        };
        let mut builder = AmazonS3Builder::new()
            .with_client_options(client)
            .with_retry(retry)
            .with_bucket_name(name)
            .with_region(account.region)
            .with_credentials(Arc::new(Chain::new(account.credentials)))
            // At AWS the bucket is part of the host's name, unless its dots would break the
            // certificate; elsewhere that would need a name for every bucket.
            .with_virtual_hosted_style_request(account.endpoint.is_none() && !name.contains('.'));
        if let Some(endpoint) = account.endpoint {
            // Without TLS only where it was asked for.
            builder = builder
                .with_allow_http(endpoint.starts_with("http://"))
                .with_endpoint(endpoint);
        }
        let store = builder.build().map_err(|error| Error::of(&error))?;
        let jobs = Path::parse(prefix).map_err(|_| Error::NoLocation {
            why: "has a prefix that is no path",
        })?;
        Ok(Self {
            store,
            jobs: jobs.join(JOBS),
            answers_within,
        })
    }

    /// Removes a job's objects; those that are there when this is called.
    pub async fn remove(&self, job: JobId) -> Result<()> {
        let found = self.store.list(Some(&folder_of(job, &self.jobs)));
        let locations = found.map_ok(|object| object.location).boxed();
        let mut removed = self.store.delete_stream(locations);
        while let Some(done) = self.soon(removed.next()).await? {
            done.map_err(|error| Error::of(&error))?;
        }
        Ok(())
    }

    /// A page of the jobs that have objects, by id.
    pub async fn jobs(&self, after: Option<JobId>, limit: usize) -> Result<Vec<StoredJob>> {
        let mut objects = match after {
            // The first text after all keys of that job: `0` follows `/`.
            Some(job) => {
                let offset = self.jobs.clone().join(format!("{job}0"));
                self.store.list_with_offset(Some(&self.jobs), &offset)
            }
            None => self.store.list(Some(&self.jobs)),
        };
        let mut jobs: Vec<StoredJob> = Vec::new();
        while let Some(object) = self.soon(objects.next()).await? {
            let object = object.map_err(|error| Error::of(&error))?;
            let folder = object.location.prefix_match(&self.jobs);
            let folder = folder.and_then(|mut parts| parts.next());
            let Some(job) = folder.and_then(|folder| job_of_folder(folder.as_ref())) else {
                continue;
            };
            let changed_at = object.last_modified;
            if let Some(last) = jobs.last_mut().filter(|last| last.job == job) {
                last.changed_at = last.changed_at.max(changed_at);
                continue;
            }
            // Only now is the last one known to be complete.
            if jobs.len() == limit {
                break;
            }
            jobs.push(StoredJob { job, changed_at });
        }
        Ok(jobs)
    }

    /// The next part of an answer of many, each of which is as long in coming as one call.
    async fn soon<T>(&self, next: impl Future<Output = T>) -> Result<T> {
        let next = timeout(self.answers_within, next).await;
        next.map_err(|_| Error::too_slow(self.answers_within))
    }
}
