//! Jobs whose rows are kept outside, where they may be out of reach, lost or damaged.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use carillon_test_support::{Stack, eventually};
use tempfile::TempDir;

use super::{ROWS, ask, job, options, submit, until_delivered, until_stopped};

/// An installation whose payloads are in a folder that tests can reach.
struct Outside {
    stack: Stack,
    folder: TempDir,
}

impl Outside {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut options = options();
        let storage = format!("file://{}/mailings", folder.path().display());
        options.env.push(("CARILLON__JOBS__STORAGE", storage));
        Self {
            stack: Stack::start(options).await,
            folder,
        }
    }

    fn place(&self) -> PathBuf {
        self.folder.path().join("mailings")
    }

    /// A job that no worker has seen yet.
    async fn submitted(&mut self) -> String {
        self.stack.kill_worker();
        submit(&self.stack, ROWS, None).await
    }

    fn chunk(&self, id: &str, number: u32) -> PathBuf {
        let chunk = self.place().join("jobs").join(id).join(number.to_string());
        assert!(chunk.is_file(), "{}", chunk.display());
        chunk
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_storage_is_away_for_a_while_goes_on_by_itself() {
    let outside = Outside::start().await;
    let at = carillon_core::clock::now() + chrono::Duration::hours(1);
    let id = submit(&outside.stack, ROWS, Some(at.to_rfc3339())).await;
    let away = outside.folder.path().join("away");
    fs::rename(outside.place(), &away).unwrap();
    let hour = Duration::from_secs(3_700);
    outside.stack.database.advance_clock(hour).await;
    let given_back = "SELECT count(*) FROM job_chunks
        WHERE lease_token IS NULL AND lease_until IS NOT NULL AND attempts = 0";
    for _ in 0..2 {
        eventually(
            "chunks are given back",
            Duration::from_secs(60),
            async || (outside.stack.database.number(given_back).await > 0).then_some(()),
        )
        .await;
        // As long as an outage lasts.
        let minutes = Duration::from_secs(300);
        outside.stack.database.advance_clock(minutes).await;
    }
    let stands = job(&outside.stack, &id).await;
    assert_eq!(stands["status"], "in progress", "{stands}");
    fs::rename(&away, outside.place()).unwrap();
    let what = "every row is delivered once the storage is back";
    until_delivered(&outside.stack, &id, ROWS, what).await;
    outside.stack.assert_settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_payload_is_lost_or_damaged_stops_and_goes_on_once_it_is_mended() {
    let mut outside = Outside::start().await;

    let id = outside.submitted().await;
    let chunk = outside.chunk(&id, 3);
    let rows = fs::read(&chunk).unwrap();
    fs::remove_file(&chunk).unwrap();
    outside.stack.start_worker(&[]).await;
    until_stopped(&outside.stack, &id, "error", "payload-missing").await;
    fs::write(&chunk, rows).unwrap();
    ask(&outside.stack, &id, "resume").await;
    let what = "every row is delivered once the payload is back";
    until_delivered(&outside.stack, &id, ROWS, what).await;

    let id = outside.submitted().await;
    let chunk = outside.chunk(&id, 5);
    let rows = fs::read(&chunk).unwrap();
    let mut damaged = rows.clone();
    // What the format is called stays readable.
    damaged[1..].fill(0xa5);
    fs::write(&chunk, damaged).unwrap();
    outside.stack.start_worker(&[]).await;
    until_stopped(&outside.stack, &id, "error", "payload-unreadable").await;
    fs::write(&chunk, rows).unwrap();
    ask(&outside.stack, &id, "resume").await;
    let what = "every row is delivered once the payload is whole";
    until_delivered(&outside.stack, &id, ROWS, what).await;
    outside.stack.assert_settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn old_jobs_go_with_what_lies_outside_and_what_is_not_ours_stays() {
    let outside = Outside::start().await;
    let stack = &outside.stack;
    let id = submit(stack, ROWS, None).await;
    until_delivered(stack, &id, ROWS, "every row is delivered").await;
    // One that this process cannot reach comes first and holds up nothing.
    let unreachable = submit(stack, ROWS, None).await;
    until_delivered(stack, &unreachable, ROWS, "every row is delivered").await;
    let move_away = format!(
        "UPDATE jobs SET storage = 's3://elsewhere', created_at = created_at - interval '1 hour'
         WHERE id = '{unreachable}'"
    );
    stack.database.execute(&move_away).await;
    // Of an installation that keeps its payloads in the same place.
    let foreign = outside
        .place()
        .join("jobs/019a0000-0000-7000-8000-000000000001");
    fs::create_dir_all(&foreign).unwrap();
    fs::write(foreign.join("0"), b"rows").unwrap();
    let written = fs::File::options()
        .write(true)
        .open(foreign.join("0"))
        .unwrap();
    let long_ago = written.metadata().unwrap().modified().unwrap() - Duration::from_secs(9_000);
    written.set_modified(long_ago).unwrap();
    let ours = outside.place().join("jobs").join(&id);
    assert!(ours.is_dir());
    stack
        .database
        .advance_clock(Duration::from_secs(9 * 86_400))
        .await;
    let left = "SELECT count(*) FROM jobs";
    eventually("the old job is gone", Duration::from_secs(60), async || {
        (stack.database.number(left).await == 1 && !ours.exists()).then_some(())
    })
    .await;
    let notes = "SELECT count(*) FROM job_payloads_outside";
    eventually("nothing is noted", Duration::from_secs(30), async || {
        (stack.database.number(notes).await == 0).then_some(())
    })
    .await;
    assert!(foreign.join("0").is_file());
}
