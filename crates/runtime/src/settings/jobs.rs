//! Mailings of one request: how they are taken, kept and saved.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{SettingsError, duration};

const KEY: &str = "jobs.storage";

/// `[jobs]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Jobs {
    /// Where the rows of new jobs are kept until they are saved: `postgres`, or the location of a
    /// folder or a bucket, which is read when it is opened.
    pub storage: String,
    /// Rows that are saved together, by one worker in one transaction.
    pub rows_per_chunk: usize,
    /// Chunks of one job that are saved at the same time, by all workers together.
    pub parallel_chunks: usize,
    /// A worker that has saved nothing of a chunk for so long has lost it to another.
    #[serde(rename = "chunk_lease_s", with = "duration::seconds")]
    pub chunk_lease: Duration,
    /// The largest body of a mailing, after decompression, in bytes.
    pub body_limit_bytes: usize,
    /// Bodies of mailings that one process of the API holds at the same time, in bytes; more wait.
    pub memory_bytes: usize,
}

/// Refuses what cannot be right, without opening anything.
pub(super) fn check(jobs: &Jobs) -> Result<(), SettingsError> {
    let is_known = jobs.storage == "postgres"
        || jobs.storage.starts_with("file:///")
        || jobs.storage.starts_with("s3://");
    if !is_known {
        // It may hold what was meant to be secret.
        let rule = "must be postgres, file:///FOLDER or s3://BUCKET/PREFIX";
        return Err(SettingsError::rule(KEY, rule));
    }
    let ranges = [
        ("jobs.rows_per_chunk", 1, jobs.rows_per_chunk, 5_000),
        ("jobs.parallel_chunks", 1, jobs.parallel_chunks, 64),
        ("jobs.body_limit_bytes", 1, jobs.body_limit_bytes, 1 << 30),
        ("jobs.memory_bytes", 1, jobs.memory_bytes, 1 << 30),
    ];
    for (key, least, value, most) in ranges {
        if !(least..=most).contains(&value) {
            let rule = format!("must be from {least} to {most}, not {value}");
            return Err(SettingsError::rule(key, rule));
        }
    }
    let lease_s = jobs.chunk_lease.as_secs();
    if !(10..=3_600).contains(&lease_s) {
        let rule = format!("must be from 10 to 3600, not {lease_s}");
        return Err(SettingsError::rule("jobs.chunk_lease_s", rule));
    }
    // Or the largest body would wait for ever.
    if jobs.memory_bytes < jobs.body_limit_bytes {
        let rule = format!(
            "must be at least jobs.body_limit_bytes ({}), not {}",
            jobs.body_limit_bytes, jobs.memory_bytes
        );
        return Err(SettingsError::rule("jobs.memory_bytes", rule));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jobs() -> Jobs {
        Jobs {
            storage: "postgres".to_owned(),
            rows_per_chunk: 500,
            parallel_chunks: 4,
            chunk_lease: Duration::from_secs(60),
            body_limit_bytes: 1000,
            memory_bytes: 1000,
        }
    }

    fn refusal(jobs: &Jobs) -> String {
        check(jobs).expect_err("refused").to_string()
    }

    #[test]
    fn payloads_are_in_postgres_a_folder_or_a_bucket() {
        for storage in ["postgres", "file:///var/lib/carillon", "s3://mailings/prod"] {
            let storage = storage.to_owned();
            assert!(check(&Jobs { storage, ..jobs() }).is_ok());
        }
        for storage in ["", "Postgres", "objects", "/var/lib", "postgres://u:pw@db"] {
            let storage = storage.to_owned();
            assert_eq!(
                refusal(&Jobs { storage, ..jobs() }),
                "jobs.storage: must be postgres, file:///FOLDER or s3://BUCKET/PREFIX"
            );
        }
    }

    #[test]
    fn numbers_that_cannot_work_are_refused() {
        let too_many = Jobs {
            rows_per_chunk: 5_001,
            ..jobs()
        };
        assert_eq!(
            refusal(&too_many),
            "jobs.rows_per_chunk: must be from 1 to 5000, not 5001"
        );
        let too_short = Jobs {
            chunk_lease: Duration::from_secs(9),
            ..jobs()
        };
        assert_eq!(
            refusal(&too_short),
            "jobs.chunk_lease_s: must be from 10 to 3600, not 9"
        );
        let too_little = Jobs {
            memory_bytes: 999,
            ..jobs()
        };
        assert_eq!(
            refusal(&too_little),
            "jobs.memory_bytes: must be at least jobs.body_limit_bytes (1000), not 999"
        );
    }
}
