//! Objects as files of a folder.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path as FilePath, PathBuf};

use carillon_core::id::JobId;
use chrono::DateTime;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use tokio::task::spawn_blocking;

use crate::key::{JOBS, job_of_folder};
use crate::{Error, Result, StoredJob};

/// For the user of the processes alone: payloads hold recipients.
const MODE: u32 = 0o700;

/// The folder `jobs`, with a folder for each job.
#[derive(Debug)]
pub(crate) struct Folder {
    pub files: LocalFileSystem,
    /// What is before a job's folder, for `files`: nothing.
    pub jobs: Path,
    root: PathBuf,
}

impl Folder {
    /// Makes the folder if it is not there.
    pub async fn open(folder: &FilePath) -> Result<Self> {
        let root = folder.join(JOBS);
        let made = root.clone();
        blocking(move || make(&made)).await?;
        let files = LocalFileSystem::new_with_prefix(&root).map_err(|error| Error::of(&error))?;
        Ok(Self {
            // Synced before a put returns, as a row is before its commit does.
            files: files.with_fsync(true),
            jobs: Path::default(),
            root,
        })
    }

    /// Refuses when the folder is not there any more, such as when it was on a disk that is not
    /// mounted: nothing may be written below the place where it was, and what is on it is not lost.
    pub async fn check(&self) -> Result<()> {
        let found = tokio::fs::metadata(&self.root).await;
        match found {
            Ok(found) if found.is_dir() => Ok(()),
            Ok(_) => Err(Error::Refused("its folder is a file".to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(Error::Refused("its folder is not there".to_owned()))
            }
            Err(error) => Err(Error::of_file(&error)),
        }
    }

    /// Removes a job's folder with all that is in it, half-written files too.
    pub async fn remove(&self, job: JobId) -> Result<()> {
        self.check().await?;
        let folder = self.root.join(job.to_string());
        blocking(move || match fs::remove_dir_all(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        })
        .await
    }

    /// A page of the jobs that have a folder, by id.
    pub async fn jobs(&self, after: Option<JobId>, limit: usize) -> Result<Vec<StoredJob>> {
        let root = self.root.clone();
        blocking(move || page(&root, after, limit)).await
    }
}

fn page(root: &FilePath, after: Option<JobId>, limit: usize) -> io::Result<Vec<StoredJob>> {
    let mut jobs = Vec::new();
    for entry in fs::read_dir(root)? {
        let job = entry?.file_name().to_str().and_then(job_of_folder);
        jobs.extend(job.filter(|job| after.is_none_or(|after| *job > after)));
    }
    jobs.sort_unstable();
    jobs.truncate(limit);
    let mut stored = Vec::with_capacity(jobs.len());
    for job in jobs {
        // A folder changes whenever a file in it is begun or finished.
        match fs::metadata(root.join(job.to_string())).and_then(|found| found.modified()) {
            Ok(changed_at) => stored.push(StoredJob {
                job,
                changed_at: DateTime::from(changed_at),
            }),
            // Removed meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(stored)
}

/// Makes a folder and those above it that are missing, so that they outlast a crash.
fn make(folder: &FilePath) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let there = folder.ancestors().find(|above| above.is_dir());
    let there = there.map(FilePath::to_owned);
    DirBuilder::new()
        .recursive(true)
        .mode(MODE)
        .create(folder)?;
    for above in folder.ancestors().skip(1) {
        File::open(above)?.sync_all()?;
        if Some(above) == there.as_deref() {
            break;
        }
    }
    Ok(())
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T> {
    match spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| Error::of_file(&error)),
        Err(_) => Err(Error::Unavailable("the process is ending".to_owned())),
    }
}
