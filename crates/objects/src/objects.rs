//! The port: objects of jobs, wherever they are.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use carillon_core::id::JobId;
use chrono::{DateTime, Utc};
use object_store::path::Path;
use object_store::{Error as StoreError, GetResult, ObjectStore, ObjectStoreExt};
use tokio::time::timeout;

use crate::account::Account;
use crate::bucket::Bucket;
use crate::error::Answer;
use crate::folder::Folder;
use crate::{Error, Key, Location, Result};

/// The largest object: none larger is written, and none is read into memory.
pub const LARGEST_BYTES: u64 = 256 << 20;

/// Objects of jobs. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct Objects {
    location: Arc<str>,
    place: Arc<Place>,
    answers_within: Duration,
}

enum Place {
    Folder(Folder),
    Bucket(Bucket),
}

/// A job that has objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredJob {
    /// The job.
    pub job: JobId,
    /// When its objects were last written, by the clock of what stores them. Objects are there
    /// before their job's row is: only one that has not changed for long can be an orphan.
    pub changed_at: DateTime<Utc>,
}

impl Objects {
    /// Opens a location. A folder is made if it is not there, for its user alone; of a bucket nothing
    /// is asked yet.
    ///
    /// `answers_within` bounds each call with all its tries, to which a second is added for each
    /// megabyte that is moved.
    ///
    /// # Errors
    /// When the folder cannot be made, or AWS's settings of this process do not say where S3 is.
    pub async fn open(location: &Location, answers_within: Duration) -> Result<Self> {
        let place = match location {
            Location::Folder(path) => Place::Folder(Folder::open(path).await?),
            Location::Bucket { name, prefix } => {
                let account = Account::ambient(answers_within).await?;
                Place::Bucket(Bucket::open(name, prefix, account, answers_within)?)
            }
        };
        Ok(Self::new(location, place, answers_within))
    }

    fn new(location: &Location, place: Place, answers_within: Duration) -> Self {
        Self {
            location: location.to_string().into(),
            place: Arc::new(place),
            answers_within,
        }
    }

    /// The location, as a job's row names it.
    #[must_use]
    pub fn location(&self) -> &str {
        &self.location
    }

    /// Writes an object, in place of one of the same key. When this returns it is safe; until then
    /// nobody sees any of it.
    ///
    /// # Errors
    /// When it is too large, or the storage does not take it. It may be there all the same.
    pub async fn put(&self, key: Key, bytes: Bytes) -> Result<()> {
        let n_bytes = size(&bytes);
        check_size(n_bytes)?;
        let path = self.place.path(key);
        self.within(n_bytes, async {
            self.place.check().await?;
            let done = self.place.store().put(&path, bytes.into()).await;
            done.map(drop).map_err(|error| Error::of(&error))
        })
        .await
    }

    /// Reads an object; none when it is not there, which is never said of a storage that is away.
    ///
    /// # Errors
    /// When the storage does not give it, or it is too large.
    pub async fn get(&self, key: Key) -> Result<Option<Bytes>> {
        let Some(found) = self.within(0, self.place.find(key)).await? else {
            return Ok(None);
        };
        check_size(found.meta.size)?;
        self.within(found.meta.size, async {
            let bytes = found.bytes().await;
            bytes.map(Some).map_err(|error| Error::of(&error))
        })
        .await
    }

    /// Removes all objects of a job; not an error when it has none.
    ///
    /// # Errors
    /// When the storage does not do it; some may be gone.
    pub async fn remove(&self, job: JobId) -> Result<()> {
        match &*self.place {
            Place::Folder(folder) => self.within(0, folder.remove(job)).await,
            Place::Bucket(bucket) => bucket.remove(job).await,
        }
    }

    /// The jobs with objects whose ids follow `after`, by id, at most `limit` of them: for whoever
    /// looks for orphans, page by page.
    ///
    /// # Errors
    /// When the storage does not say.
    pub async fn jobs(&self, after: Option<JobId>, limit: usize) -> Result<Vec<StoredJob>> {
        match &*self.place {
            Place::Folder(folder) => self.within(0, folder.jobs(after, limit)).await,
            Place::Bucket(bucket) => bucket.jobs(after, limit).await,
        }
    }

    async fn within<T>(&self, n_bytes: u64, call: impl Future<Output = Result<T>>) -> Result<T> {
        // A megabyte a second: what the slowest connection should do.
        let patience = self.answers_within + Duration::from_micros(n_bytes);
        let done = timeout(patience, call).await;
        done.unwrap_or_else(|_| Err(Error::too_slow(patience)))
    }
}

impl fmt::Debug for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Objects").field(&self.location).finish()
    }
}

impl Place {
    fn store(&self) -> &dyn ObjectStore {
        match self {
            Self::Folder(folder) => &folder.files,
            Self::Bucket(bucket) => &bucket.store,
        }
    }

    fn path(&self, key: Key) -> Path {
        match self {
            Self::Folder(folder) => key.below(&folder.jobs),
            Self::Bucket(bucket) => key.below(&bucket.jobs),
        }
    }

    /// Refuses when there is no place to write to; of a bucket, S3 says so by itself.
    async fn check(&self) -> Result<()> {
        match self {
            Self::Folder(folder) => folder.check().await,
            Self::Bucket(_) => Ok(()),
        }
    }

    async fn find(&self, key: Key) -> Result<Option<GetResult>> {
        let error = match self.store().get(&self.path(key)).await {
            Ok(found) => return Ok(Some(found)),
            Err(error) => error,
        };
        match (self, &error) {
            (Self::Folder(folder), StoreError::NotFound { .. }) => {
                folder.check().await.map(|()| None)
            }
            (Self::Bucket(_), StoreError::NotFound { .. })
                if Answer::read(&error.to_string()).says_no_such_key() =>
            {
                Ok(None)
            }
            _ => Err(Error::of(&error)),
        }
    }
}

fn check_size(n_bytes: u64) -> Result<()> {
    if n_bytes <= LARGEST_BYTES {
        return Ok(());
    }
    Err(Error::TooLarge {
        n_bytes,
        most: LARGEST_BYTES,
    })
}

fn size(bytes: &Bytes) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
