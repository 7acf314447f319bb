//! A file on its way to the API.

use std::io::{self, Seek};
use std::os::fd::AsFd;
use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::fs::File;
use tokio::time::sleep;

use crate::commands::send::Upload;
use crate::input;

/// A smaller file is sent before a bar is seen.
const SHOWN_FROM_BYTES: u64 = 1_000_000;
const LOOK_EVERY: Duration = Duration::from_millis(100);
const BAR: &str = "{msg:10} {bar:32} {percent:>3}%  {bytes} of {total_bytes}, {eta} left";

/// What is to be sent, and how far it has been read.
pub(super) struct Opened {
    pub upload: Upload,
    progress: Option<Progress>,
}

/// How far a file has been read: descriptors of one file that were duplicated share their place.
pub(super) struct Progress {
    file: std::fs::File,
    bar: ProgressBar,
}

/// Opens a file, or stdin for `-`.
pub(super) fn open(path: &Path, charset: Option<&str>) -> anyhow::Result<Opened> {
    let file = if input::is_stdin(path) {
        let stdin = io::stdin().as_fd().try_clone_to_owned();
        std::fs::File::from(stdin.context("stdin")?)
    } else {
        std::fs::File::open(path).with_context(|| format!("FILE {}", path.display()))?
    };
    let metadata = file.metadata().context("FILE")?;
    let progress = if metadata.is_file() && metadata.len() >= SHOWN_FROM_BYTES {
        let file = file.try_clone().context("FILE")?;
        Some(Progress::new(file, metadata.len()))
    } else {
        None
    };
    let content_type = match charset {
        Some(charset) => format!("text/csv; charset={charset}"),
        None => "text/csv".to_owned(),
    };
    Ok(Opened {
        upload: Upload {
            file: File::from_std(file),
            content_type,
        },
        progress,
    })
}

impl Opened {
    /// Sends it and shows how far it is; draws on stderr, and on a terminal only.
    pub async fn send<T>(self, send: impl AsyncFnOnce(Upload) -> T) -> T {
        let mut sending = pin!(send(self.upload));
        let Some(progress) = self.progress else {
            return sending.await;
        };
        loop {
            tokio::select! {
                done = &mut sending => return done,
                () = sleep(LOOK_EVERY) => progress.show(),
            }
        }
    }
}

impl Progress {
    fn new(file: std::fs::File, n_bytes: u64) -> Self {
        let bar = ProgressBar::new(n_bytes).with_message("sending");
        if let Ok(style) = ProgressStyle::with_template(BAR) {
            bar.set_style(style);
        }
        Self { file, bar }
    }

    fn show(&self) {
        let Ok(position) = (&self.file).stream_position() else {
            return;
        };
        self.bar.set_position(position);
        if Some(position) >= self.bar.length() {
            self.bar.set_message("checking");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn progress_is_how_far_the_sender_has_read() {
        let mut opened = open(Path::new("/proc/self/exe"), None).expect("a large file");
        let progress = opened.progress.take().expect("it is large");
        let mut start = vec![0; 10_000];
        opened
            .upload
            .file
            .read_exact(&mut start)
            .await
            .expect("read");
        progress.show();
        assert!(progress.bar.position() >= 10_000, "{:?}", progress.bar);
    }

    #[test]
    fn the_character_set_is_named_in_the_type() {
        let path = Path::new("/dev/null");
        let opened = open(path, Some("windows-1252")).expect("a file");
        assert_eq!(opened.upload.content_type, "text/csv; charset=windows-1252");
        assert!(opened.progress.is_none());
    }
}
