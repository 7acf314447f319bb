//! The append-only log: one writer thread, one write per batch.
//!
//! Whoever appends may wait until the bytes are with the kernel, which keeps them even when this
//! process is killed; they are not synced to the disk. While the writer writes, the next batch
//! gathers, so concurrent calls share a write.

mod entry;
mod file;
mod replay;

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

pub use entry::Entry;
use file::File;
pub use replay::replay;

/// The open log. Dropping it writes what is queued.
pub struct Log {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

/// Comes true when what was appended is written.
pub struct Written(oneshot::Receiver<()>);

/// The log cannot be written any more; nothing is answered from here on.
#[derive(Debug)]
pub struct LogBroken;

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    arrived: Condvar,
}

#[derive(Default)]
struct Queue {
    batches: VecDeque<Batch>,
    is_closed: bool,
}

/// Bytes for one write, and who waits for it.
#[derive(Default)]
struct Batch {
    /// Starts a new file with these bytes, in the place of the old one.
    replaces: bool,
    bytes: Vec<u8>,
    waiting: Vec<oneshot::Sender<()>>,
}

impl Log {
    /// Opens the log for appending and starts its writer.
    ///
    /// # Errors
    /// When the file cannot be opened or another process has it open.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let shared = Arc::new(Shared::default());
        let for_writer = shared.clone();
        let writer = std::thread::Builder::new()
            .name("log-writer".into())
            .spawn(move || for_writer.write_until_closed(&mut file))?;
        Ok(Self {
            shared,
            writer: Some(writer),
        })
    }

    /// Queues entries behind everything queued before, to be written together.
    pub fn append(&self, entries: &[Entry<'_>]) -> Written {
        self.push(false, entries)
    }

    /// Queues the start of a new log that holds `entries` alone.
    pub fn restart(&self, entries: &[Entry<'_>]) -> Written {
        self.push(true, entries)
    }

    fn push(&self, replaces: bool, entries: &[Entry<'_>]) -> Written {
        let (done, written) = oneshot::channel();
        let mut queue = self.shared.queue.lock();
        if replaces || queue.batches.is_empty() {
            queue.batches.push_back(Batch {
                replaces,
                ..Batch::default()
            });
        }
        if let Some(batch) = queue.batches.back_mut() {
            for entry in entries {
                entry.write_line(&mut batch.bytes);
            }
            batch.waiting.push(done);
        }
        drop(queue);
        self.shared.arrived.notify_one();
        Written(written)
    }
}

impl Written {
    /// Waits until it is written.
    ///
    /// # Errors
    /// When the log is broken.
    pub async fn wait(self) -> Result<(), LogBroken> {
        self.0.await.map_err(|_| LogBroken)
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.shared.queue.lock().is_closed = true;
        self.shared.arrived.notify_one();
        if let Some(writer) = self.writer.take() {
            // A writer that panicked has nothing left to write.
            let _ = writer.join();
        }
    }
}

impl Shared {
    fn write_until_closed(&self, file: &mut File) {
        while let Some(batches) = self.next_batches() {
            for batch in batches {
                let written = if batch.replaces {
                    file.replace(&batch.bytes)
                } else {
                    file.append(&batch.bytes)
                };
                if let Err(error) = written {
                    // After half a line nothing may follow. Dropping the senders tells everyone,
                    // now and later, since nobody empties the queue any more.
                    tracing::error!(%error, "writing the log failed; no call is answered any more");
                    return self.refuse_everything();
                }
                for waiting in batch.waiting {
                    // Who gave up waiting does not need to know.
                    let _ = waiting.send(());
                }
            }
        }
    }

    /// Everything queued; waits for something. None when the log is closed and all is written.
    fn next_batches(&self) -> Option<VecDeque<Batch>> {
        let mut queue = self.queue.lock();
        while queue.batches.is_empty() {
            if queue.is_closed {
                return None;
            }
            self.arrived.wait(&mut queue);
        }
        Some(std::mem::take(&mut queue.batches))
    }

    fn refuse_everything(&self) {
        loop {
            if self.next_batches().is_none() {
                return;
            }
        }
    }
}
