//! Where what the chunks of jobs hold is kept: in PostgreSQL with their rows, or outside as objects.
//!
//! Settings say where a new job's payload goes; a job's row says where its own is, so that a changed
//! setting sends nobody to the wrong place.

use std::fmt;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use carillon_core::bulk::Chunk;
use carillon_core::id::JobId;
use carillon_objects::{Key, Location, Objects};
use carillon_runtime::settings::Settings;
use carillon_store::Store;
use carillon_store::job::outside;
use carillon_store::job::payload::{self, IN_POSTGRES};
use futures::{StreamExt, TryStreamExt, stream};

/// A storage that is away is an error after this time; what is large may take longer.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);

/// Objects of one job that are written at the same time.
const WRITES_AT_ONCE: usize = 8;

/// Where payloads of jobs are kept. Cheap to clone.
#[derive(Clone)]
pub enum JobPayloads {
    /// With the jobs' rows.
    Postgres,
    /// In a folder or a bucket.
    Outside(Objects),
}

/// What [`JobPayloads::put`] leaves to its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// Everything: the payload goes along in the transaction that makes the job.
    InTransaction,
    /// Nothing: all of it is safe outside.
    Outside,
}

/// Why a payload cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    /// What PostgreSQL said.
    #[error(transparent)]
    Store(#[from] carillon_store::Error),
    /// What the folder or the bucket said.
    #[error(transparent)]
    Objects(#[from] carillon_objects::Error),
    /// The job was made when `jobs.storage` was another.
    #[error(
        "the payload is in {storage}, but jobs.storage is {configured}: set it back until the jobs \
         of before are finished and removed"
    )]
    Elsewhere {
        /// Where the job's row says that it is.
        storage: String,
        /// Where this process looks besides PostgreSQL.
        configured: String,
    },
}

impl PayloadError {
    /// Whether trying again later can help without anybody's doing.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Store(error) => error.is_transient(),
            Self::Objects(error) => error.is_transient(),
            Self::Elsewhere { .. } => false,
        }
    }
}

impl fmt::Debug for JobPayloads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JobPayloads").field(&self.storage()).finish()
    }
}

impl JobPayloads {
    /// As the settings say. A folder is made if it is not there; of a bucket nothing is asked yet.
    ///
    /// # Errors
    /// When `jobs.storage` cannot be read, the folder cannot be made, or `AWS_…` variables are
    /// missing.
    pub async fn open(settings: &Settings) -> anyhow::Result<Self> {
        let Some(location) = location(settings)? else {
            return Ok(Self::Postgres);
        };
        let objects = Objects::open(&location, ANSWERS_WITHIN).await;
        Ok(Self::Outside(objects.context("jobs.storage")?))
    }

    /// Whether the settings can be read, without opening anything.
    ///
    /// # Errors
    /// When `jobs.storage` cannot be read.
    pub fn check(settings: &Settings) -> anyhow::Result<()> {
        location(settings).map(drop)
    }

    /// What the row of a job says whose payload is put here.
    #[must_use]
    pub fn storage(&self) -> &str {
        match self {
            Self::Postgres => IN_POSTGRES,
            Self::Outside(objects) => objects.location(),
        }
    }

    /// Whether this process reaches what is stored there, without asking for anything.
    ///
    /// # Errors
    /// When the storage is not the one that is configured.
    pub fn reaches(&self, storage: &str) -> Result<(), PayloadError> {
        self.at(storage).map(drop)
    }

    /// Stores what a job holds, before its row exists; chunks are numbered from 0 in the order
    /// given. May be repeated. That it will be there is noted before, so that it is removed if the job
    /// is never made.
    ///
    /// # Errors
    /// When it cannot be noted, or not stored outside. Some of it may be there then.
    pub async fn put(
        &self,
        store: &Store,
        job: JobId,
        chunks: &[Chunk],
        invalid_rows: Option<&[u8]>,
    ) -> Result<Stored, PayloadError> {
        let Self::Outside(objects) = self else {
            return Ok(Stored::InTransaction);
        };
        outside::note(store, job, objects.location()).await?;
        write(objects, job, chunks, invalid_rows).await?;
        Ok(Stored::Outside)
    }

    /// What a chunk holds, from where the job's row says that it is; none when it is not there.
    ///
    /// # Errors
    /// When the storage is away, or it is not the one that is configured.
    pub async fn chunk(
        &self,
        store: &Store,
        job: JobId,
        storage: &str,
        chunk: i32,
    ) -> Result<Option<Bytes>, PayloadError> {
        match self.at(storage)? {
            None => Ok(payload::read_chunk(store, job, chunk)
                .await?
                .map(Bytes::from)),
            Some(objects) => Ok(objects.get(Key::Chunk { job, chunk }).await?),
        }
    }

    /// The rows that were left out, as CSV; none when there are none.
    ///
    /// # Errors
    /// As [`JobPayloads::chunk`].
    pub async fn invalid_rows(
        &self,
        store: &Store,
        job: JobId,
        storage: &str,
    ) -> Result<Option<Bytes>, PayloadError> {
        match self.at(storage)? {
            None => Ok(payload::read_invalid_rows(store, job)
                .await?
                .map(Bytes::from)),
            Some(objects) => Ok(objects.get(Key::InvalidRows { job }).await?),
        }
    }

    /// Removes what a job holds, if that is outside; what is in PostgreSQL goes with its row.
    ///
    /// # Errors
    /// As [`JobPayloads::chunk`]; some of it may be gone.
    pub async fn remove(&self, job: JobId, storage: &str) -> Result<(), PayloadError> {
        match self.at(storage)? {
            None => Ok(()),
            Some(objects) => Ok(objects.remove(job).await?),
        }
    }

    /// The objects where a job's row says that its payload is; none if that is PostgreSQL.
    fn at(&self, storage: &str) -> Result<Option<&Objects>, PayloadError> {
        match self {
            _ if storage == IN_POSTGRES => Ok(None),
            Self::Outside(objects) if objects.location() == storage => Ok(Some(objects)),
            _ => Err(PayloadError::Elsewhere {
                storage: storage.to_owned(),
                configured: self.storage().to_owned(),
            }),
        }
    }
}

/// Writes what a job holds, some objects at the same time.
async fn write(
    objects: &Objects,
    job: JobId,
    chunks: &[Chunk],
    invalid_rows: Option<&[u8]>,
) -> Result<(), carillon_objects::Error> {
    let chunks = (0..).zip(chunks).map(|(chunk, rows)| {
        let key = Key::Chunk { job, chunk };
        (key, rows.payload.as_slice())
    });
    let invalid_rows = invalid_rows.map(|csv| (Key::InvalidRows { job }, csv));
    stream::iter(chunks.chain(invalid_rows))
        .map(Ok)
        .try_for_each_concurrent(WRITES_AT_ONCE, |(key, bytes)| {
            objects.put(key, Bytes::copy_from_slice(bytes))
        })
        .await
}

/// Where payloads are kept outside; none if they are in PostgreSQL.
fn location(settings: &Settings) -> anyhow::Result<Option<Location>> {
    match settings.jobs.storage.as_str() {
        IN_POSTGRES => Ok(None),
        location => location.parse().map(Some).context("jobs.storage"),
    }
}

#[cfg(test)]
mod tests {
    use carillon_store::Options;
    use carillon_store::seal::Sealer;
    use tempfile::TempDir;
    use uuid::Uuid;

    use super::*;

    const JOB: JobId = JobId(Uuid::from_u128(1));

    fn settings(storage: &str) -> Settings {
        let storage = ("CARILLON__JOBS__STORAGE".to_owned(), storage.to_owned());
        Settings::load_partial(None, [storage]).unwrap()
    }

    /// One that nobody answers: whoever asks it fails.
    fn no_store() -> Store {
        Store::new(&Options {
            url: "postgres://nobody@127.0.0.1:1/none".to_owned(),
            max_connections: 1,
            statement_timeout: Duration::from_secs(1),
            connect_timeout: Duration::from_secs(1),
            application_name: "test".to_owned(),
            sealer: Sealer::new(&[]).unwrap(),
        })
        .unwrap()
    }

    async fn in_folder(folder: &TempDir) -> JobPayloads {
        let storage = format!("file://{}/objects", folder.path().display());
        let opened = Objects::open(&storage.parse().unwrap(), ANSWERS_WITHIN).await;
        JobPayloads::Outside(opened.unwrap())
    }

    async fn write_all(payloads: &JobPayloads) {
        let JobPayloads::Outside(objects) = payloads else {
            panic!("it is outside");
        };
        let written = write(objects, JOB, &chunks(), Some(b"row\n")).await;
        written.unwrap();
    }

    fn chunks() -> Vec<Chunk> {
        let chunk = |nth: u32| Chunk {
            first_row: nth * 10,
            last_row: nth * 10 + 9,
            n_rows: 10,
            payload: format!("chunk {nth}").into_bytes(),
        };
        (0..20).map(chunk).collect()
    }

    #[tokio::test]
    async fn what_is_put_outside_is_read_back_by_number_until_it_is_removed() {
        let (folder, store) = (TempDir::new().unwrap(), no_store());
        let payloads = in_folder(&folder).await;
        let storage = payloads.storage().to_owned();
        for _ in 0..2 {
            write_all(&payloads).await;
        }
        for (nth, chunk) in (0..).zip(chunks()) {
            let found = payloads.chunk(&store, JOB, &storage, nth).await.unwrap();
            assert_eq!(found.unwrap(), chunk.payload);
        }
        let csv = payloads.invalid_rows(&store, JOB, &storage).await.unwrap();
        assert_eq!(csv.unwrap(), "row\n");
        assert_eq!(
            payloads.chunk(&store, JOB, &storage, 20).await.unwrap(),
            None
        );

        payloads.remove(JOB, &storage).await.unwrap();
        assert_eq!(
            payloads.chunk(&store, JOB, &storage, 0).await.unwrap(),
            None
        );
        let csv = payloads.invalid_rows(&store, JOB, &storage).await.unwrap();
        assert_eq!(csv, None);
    }

    #[tokio::test]
    async fn nothing_is_stored_outside_that_could_not_be_noted_before() {
        let (folder, store) = (TempDir::new().unwrap(), no_store());
        let payloads = in_folder(&folder).await;
        let error = payloads
            .put(&store, JOB, &chunks(), None)
            .await
            .unwrap_err();
        assert!(matches!(&error, PayloadError::Store(_)), "{error}");
        let storage = payloads.storage().to_owned();
        let found = payloads.chunk(&store, JOB, &storage, 0).await.unwrap();
        assert_eq!(found, None);
    }

    #[tokio::test]
    async fn in_postgres_the_payload_is_left_to_the_transaction() {
        let payloads = JobPayloads::open(&settings("postgres")).await.unwrap();
        let stored = payloads
            .put(&no_store(), JOB, &chunks(), None)
            .await
            .unwrap();
        assert_eq!(stored, Stored::InTransaction);
        assert_eq!(payloads.storage(), "postgres");
        payloads.remove(JOB, "postgres").await.unwrap();
    }

    #[tokio::test]
    async fn a_job_in_postgres_is_looked_for_there_whatever_is_configured() {
        let (folder, store) = (TempDir::new().unwrap(), no_store());
        let payloads = in_folder(&folder).await;
        write_all(&payloads).await;
        let error = payloads
            .chunk(&store, JOB, "postgres", 0)
            .await
            .unwrap_err();
        assert!(matches!(&error, PayloadError::Store(_)), "{error}");
        assert!(error.is_transient(), "{error}");
    }

    #[tokio::test]
    async fn a_job_that_is_elsewhere_is_an_error_that_names_both_places() {
        let (folder, store) = (TempDir::new().unwrap(), no_store());
        for payloads in [JobPayloads::Postgres, in_folder(&folder).await] {
            let elsewhere = "s3://mailings/before";
            let error = payloads.chunk(&store, JOB, elsewhere, 0).await.unwrap_err();
            assert!(!error.is_transient());
            for place in [elsewhere, payloads.storage()] {
                assert!(error.to_string().contains(place), "{error}");
            }
            assert!(payloads.invalid_rows(&store, JOB, elsewhere).await.is_err());
            assert!(payloads.remove(JOB, elsewhere).await.is_err());
            assert!(payloads.reaches(elsewhere).is_err());
            assert!(payloads.reaches(payloads.storage()).is_ok());
        }
    }

    #[tokio::test]
    async fn a_location_that_cannot_be_read_is_refused_before_anything_is_opened() {
        let settings = settings("s3://b");
        let error = JobPayloads::check(&settings).unwrap_err();
        assert!(
            format!("{error:#}").starts_with("jobs.storage: must name a bucket"),
            "{error:#}"
        );
        assert!(JobPayloads::open(&settings).await.is_err());
    }
}
