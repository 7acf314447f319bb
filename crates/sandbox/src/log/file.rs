//! The file under the log.

use std::fs::{self, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A file that is only appended to, or replaced as a whole.
pub(super) struct File {
    path: PathBuf,
    open: fs::File,
}

impl File {
    /// Opens or creates the file, with the folders above it. A last line without an end, left by
    /// a machine that lost power, gets one.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut open = open_locked(path)?;
        if !ends_with_newline(&mut open)? {
            open.write_all(b"\n")?;
        }
        Ok(Self {
            path: path.to_owned(),
            open,
        })
    }

    /// Appends with a single write, unless the kernel takes less than it was given.
    pub(super) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.open.write_all(bytes)
    }

    /// Puts a file with these bytes in the place of the old one: whoever opens the path finds the
    /// one or the other.
    pub(super) fn replace(&mut self, bytes: &[u8]) -> io::Result<()> {
        let aside = self.path.with_extension("new");
        match fs::remove_file(&aside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut new = open_locked(&aside)?;
        new.write_all(bytes)?;
        fs::rename(&aside, &self.path)?;
        self.open = new;
        Ok(())
    }
}

/// Locked, because two sandboxes on one log would both send its receipts. The kernel releases the
/// lock of a process that was killed.
fn open_locked(path: &Path) -> io::Result<fs::File> {
    let file = OpenOptions::new()
        .create(true)
        .read(true)
        .append(true)
        .open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(io::Error::new(
            io::ErrorKind::ResourceBusy,
            "another sandbox has it open",
        )),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn ends_with_newline(file: &mut fs::File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(true);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == [b'\n'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_last_line_is_ended_and_a_replaced_file_starts_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("below/log");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "whole\nto").unwrap();
        let mut file = File::open(&path).unwrap();
        file.append(b"next\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "whole\nto\nnext\n");
        file.replace(b"first\n").unwrap();
        file.append(b"second\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "first\nsecond\n");
    }

    #[test]
    fn two_sandboxes_cannot_share_a_log() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let _first = File::open(&path).unwrap();
        let error = File::open(&path).err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::ResourceBusy);
    }
}
