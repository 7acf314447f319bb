//! What an object is called. A key is made of an id and a number, so none leads anywhere else.

use std::fmt;
use std::str::FromStr;

use carillon_core::id::JobId;
use object_store::path::Path;
use uuid::Uuid;

/// The name of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Key {
    /// A chunk of a job's rows.
    Chunk {
        /// The job.
        job: JobId,
        /// Its number in the job.
        chunk: i32,
    },
    /// The rows of a job that were left out, as CSV.
    InvalidRows {
        /// The job.
        job: JobId,
    },
}

impl Key {
    /// The job whose object it is.
    #[must_use]
    pub const fn job(self) -> JobId {
        match self {
            Self::Chunk { job, .. } | Self::InvalidRows { job } => job,
        }
    }

    /// Where it is below the jobs' folder or prefix.
    pub(crate) fn below(self, jobs: &Path) -> Path {
        let name = match self {
            Self::Chunk { chunk, .. } => chunk.to_string(),
            Self::InvalidRows { .. } => "invalid-rows.csv".to_owned(),
        };
        folder_of(self.job(), jobs).join(name)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.below(&Path::from(JOBS)).fmt(f)
    }
}

/// The folder of all jobs.
pub(crate) const JOBS: &str = "jobs";

/// What the objects of a job have in common.
pub(crate) fn folder_of(job: JobId, jobs: &Path) -> Path {
    jobs.clone().join(job.to_string())
}

/// The job of a folder of that name; none if the name is not exactly what we would give.
pub(crate) fn job_of_folder(name: &str) -> Option<JobId> {
    let job = Uuid::from_str(name).ok().map(JobId)?;
    (job.to_string() == name).then_some(job)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_are_spelt_by_job() {
        let job = JobId(Uuid::from_u128(7));
        let spelt = |key: Key| key.to_string();
        assert_eq!(
            spelt(Key::Chunk { job, chunk: 12 }),
            "jobs/00000000-0000-0000-0000-000000000007/12"
        );
        assert_eq!(
            spelt(Key::InvalidRows { job }),
            "jobs/00000000-0000-0000-0000-000000000007/invalid-rows.csv"
        );
    }

    #[test]
    fn only_the_one_spelling_of_an_id_is_a_jobs_folder() {
        let job = JobId(Uuid::from_u128(0xab));
        assert_eq!(job_of_folder(&job.to_string()), Some(job));
        for other in [
            "000000000000000000000000000000ab",
            "00000000-0000-0000-0000-0000000000AB",
            "{00000000-0000-0000-0000-0000000000ab}",
            "..",
            "lost+found",
            "",
        ] {
            assert_eq!(job_of_folder(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn no_key_leaves_its_jobs_folder(id: u128, chunk: i32, is_chunk: bool) {
            let job = JobId(Uuid::from_u128(id));
            let key = if is_chunk { Key::Chunk { job, chunk } } else { Key::InvalidRows { job } };
            let text = key.to_string();
            let name = text.strip_prefix(&format!("jobs/{job}/")).unwrap();
            prop_assert!(!name.contains(['/', '\\', '#', '%']) && name != ".." && name != ".");
        }
    }
}
