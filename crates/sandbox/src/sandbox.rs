//! The sandbox itself: decides what a call comes to, remembers it and logs it.

use std::borrow::Cow;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use carillon_core::clock;
use carillon_core::trace::TraceContext;
use carillon_providers::sandbox::SendRequest;
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use uuid::Uuid;

use crate::bucket::Bucket;
use crate::call::{Call, CallOutcome};
use crate::control::{Change, Controls};
use crate::faults::{Dice, Fault, Faults};
use crate::log::{Entry, Log, LogBroken, Written, replay};
use crate::memory::{Memory, Stats};
use crate::receipts::{Due, Pending};
use crate::script::{REFUSALS, Script};

/// How long `throttle@` and a throttling fault ask to wait.
const SCRIPTED_WAIT: Duration = Duration::from_millis(200);

/// Everything the handlers share.
pub struct Sandbox {
    started: Instant,
    // One lock for what is decided, remembered and queued for the log, so that the log tells the
    // same story as the memory. Held for microseconds, never across an await.
    inner: Mutex<Inner>,
    log: Log,
    controls: watch::Sender<Controls>,
    due: mpsc::UnboundedSender<Due>,
}

struct Inner {
    memory: Memory,
    bucket: Bucket,
    dice: Dice,
}

/// What the caller is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Yes.
    Accept,
    /// Yes, but the connection breaks before it is said.
    AcceptAndCut,
    /// No.
    Reject,
    /// Not so fast.
    Throttle(Duration),
    /// An error.
    Fail,
    /// Nothing, ever.
    Hang,
}

/// A decided call.
pub struct Decision {
    /// What to tell.
    pub verdict: Verdict,
    /// The reference of an accepted message.
    pub reference: Option<Uuid>,
    /// The first receipt owed for it; none for a trial.
    pub pending: Option<Pending>,
    /// To be awaited before anything is told.
    pub written: Written,
}

impl Sandbox {
    /// Reads the log back and opens it. The receipts it still owes come from the returned
    /// receiver at once; hand it to [`deliver`](crate::receipts::deliver).
    ///
    /// # Errors
    /// When the log cannot be read or opened.
    pub fn open(
        log_file: &Path,
        controls: Controls,
    ) -> anyhow::Result<(Self, mpsc::UnboundedReceiver<Due>)> {
        // Opened first: it is locked from here on, so nothing is added between reading and writing.
        let log = Log::open(log_file).with_context(|| format!("opening {}", log_file.display()))?;
        let memory = replay(log_file).with_context(|| format!("reading {}", log_file.display()))?;
        let (arriving, arrivals) = mpsc::unbounded_channel();
        let owed: Vec<_> = memory.owed().collect();
        let sandbox = Self {
            started: Instant::now(),
            inner: Mutex::new(Inner {
                memory,
                bucket: Bucket::full(),
                dice: Dice::default(),
            }),
            log,
            controls: watch::Sender::new(controls),
            due: arriving,
        };
        tracing::info!(n_rows = owed.len(), "read the log back; receipts are owed");
        for pending in owed {
            sandbox.schedule(due(pending, Duration::ZERO));
        }
        Ok((sandbox, arrivals))
    }

    /// Decides a call, remembers it and queues it for the log. Await
    /// [`written`](Decision::written) before answering, and
    /// [`schedule_first`](Self::schedule_first) the receipt after.
    pub fn decide(&self, request: SendRequest<'_>) -> Decision {
        let controls = *self.controls.borrow();
        let mut inner = self.inner.lock();
        let (verdict, fault) = inner.verdict(&request, controls, self.started.elapsed());
        let outcome = verdict.outcome();
        let reference = (outcome == CallOutcome::Accepted).then(carillon_core::id::mint);
        let call = Call {
            id: request.id,
            attempt: request.attempt,
            recipient: request.recipient.into_owned(),
            channel: request.channel,
            outcome,
            reference,
            subject: request.subject.map(Cow::into_owned),
            body: request.body.into_owned(),
            trial: request.trial,
            fault,
            at: clock::now(),
        };
        let written = self.log.append(&[Entry::Call(Cow::Borrowed(&call))]);
        let pending = inner.memory.record(call);
        Decision {
            verdict,
            reference,
            pending,
            written,
        }
    }

    /// Schedules the first receipt of an accepted call that was answered.
    pub fn schedule_first(&self, pending: Pending, trace: Option<TraceContext>) {
        let delay = Duration::from_millis(self.controls.borrow().receipt_delay_ms.into());
        let due = due(pending, delay);
        self.schedule(Due { trace, ..due });
    }

    /// Strikes out a receipt, in the memory and the log; returns the script's next, if any.
    pub(crate) fn settle(&self, settled: Pending, confirmed: bool) -> Option<Due> {
        let (id, event_id) = (settled.id, settled.event_id());
        let entry = if confirmed {
            Entry::Receipted { id, event_id }
        } else {
            Entry::Dropped { id, event_id }
        };
        let mut inner = self.inner.lock();
        // Not awaited: if it is lost in a kill, the receipt is repeated with the same event id.
        drop(self.log.append(&[entry]));
        let next = inner.memory.settle(settled, confirmed);
        drop(inner);
        next.map(|next| due(next, Duration::ZERO))
    }

    fn schedule(&self, due: Due) {
        // Fails when nobody delivers any more: the process is stopping, and the log owes it.
        let _ = self.due.send(due);
    }

    /// Forgets all calls and starts a new log, which owes the same receipts.
    ///
    /// # Errors
    /// When the new log cannot be written.
    pub async fn empty(&self) -> Result<(), LogBroken> {
        let written = {
            let mut inner = self.inner.lock();
            let owed: Vec<_> = inner
                .memory
                .empty()
                .into_iter()
                .map(Entry::Pending)
                .collect();
            self.log.restart(&owed)
        };
        written.wait().await
    }

    /// Changes how it behaves, from the next call on.
    pub fn change(&self, change: Change) -> Controls {
        self.controls
            .send_modify(|controls| controls.change(change));
        self.controls()
    }

    /// How it behaves.
    #[must_use]
    pub fn controls(&self) -> Controls {
        *self.controls.borrow()
    }

    /// Sets which faults calls meet, in the place of those set before.
    pub fn set_faults(&self, faults: Faults) {
        self.inner.lock().dice = Dice::new(faults);
    }

    /// Which faults calls meet.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.inner.lock().dice.faults()
    }

    pub(crate) fn watch_controls(&self) -> watch::Receiver<Controls> {
        self.controls.subscribe()
    }

    /// The counts.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.inner.lock().memory.stats()
    }

    /// Reads from the memory.
    pub fn read<T>(&self, reader: impl FnOnce(&Memory) -> T) -> T {
        reader(&self.inner.lock().memory)
    }
}

fn due(pending: Pending, delay: Duration) -> Due {
    let delay = delay + pending.step().map_or(Duration::ZERO, |step| step.after);
    Due {
        at: Instant::now() + delay,
        event_at: clock::now() + delay,
        pending,
        n_tries: 0,
        trace: None,
    }
}

impl Inner {
    /// What becomes of a call, and the fault that it met.
    fn verdict(
        &mut self,
        request: &SendRequest<'_>,
        controls: Controls,
        now: Duration,
    ) -> (Verdict, Option<Fault>) {
        if controls.fail_all {
            return (Verdict::Fail, None);
        }
        if let Err(wait) = self.bucket.take(controls.throttle_per_second, now) {
            return (Verdict::Throttle(wait), None);
        }
        match self.dice.throw() {
            Some(fault) => (Verdict::of_fault(fault), Some(fault)),
            None => (self.scripted(request), None),
        }
    }

    fn scripted(&self, request: &SendRequest<'_>) -> Verdict {
        let refuses = || self.memory.times_refused(request.id) < REFUSALS;
        match Script::of(&request.recipient) {
            Script::Reject => Verdict::Reject,
            Script::Hang => Verdict::Hang,
            Script::Throttle if refuses() => Verdict::Throttle(SCRIPTED_WAIT),
            Script::Fail if refuses() => Verdict::Fail,
            Script::Reset if !self.memory.has_accepted(request.id) => Verdict::AcceptAndCut,
            _ => Verdict::Accept,
        }
    }
}

impl Verdict {
    const fn of_fault(fault: Fault) -> Self {
        match fault {
            Fault::Fail => Self::Fail,
            Fault::Throttle => Self::Throttle(SCRIPTED_WAIT),
            Fault::Hang => Self::Hang,
            Fault::ResetAfterAccept => Self::AcceptAndCut,
        }
    }

    const fn outcome(self) -> CallOutcome {
        match self {
            Self::Accept | Self::AcceptAndCut => CallOutcome::Accepted,
            Self::Reject => CallOutcome::Rejected,
            Self::Throttle(_) => CallOutcome::Throttled,
            Self::Fail => CallOutcome::Failed,
            Self::Hang => CallOutcome::Hung,
        }
    }
}
