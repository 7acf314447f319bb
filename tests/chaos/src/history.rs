//! What was seen from outside, as plain data: what the checker judges.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

/// Everything seen of one run. Times are seconds of the epoch.
#[derive(Debug, Clone, Default, Serialize)]
pub struct History {
    /// The services.
    pub tenants: Vec<Tenant>,
    /// What the client meant to send, by its reference.
    pub intents: BTreeMap<String, Intent>,
    /// What the API shows in the end.
    pub rows: Vec<Row>,
    /// The provider's log.
    pub calls: Vec<Call>,
    /// The log of the services' receivers.
    pub told: Vec<Told>,
    /// The timelines that were read, by message.
    pub timelines: BTreeMap<String, Timeline>,
    /// Statuses in the order in which they were read while the run went on, by message.
    pub observed: BTreeMap<String, Vec<String>>,
    /// Processes that died.
    pub deaths: Vec<Death>,
    /// Servers that were away.
    pub outages: Vec<Outage>,
    /// Accepted messages that `GET` by id did not show, of those asked for one by one.
    pub unreadable: Vec<String>,
    /// Messages that another service could read.
    pub readable_by_others: Vec<String>,
    /// Words that must not be seen there, and where they were.
    pub leaks: BTreeSet<Leak>,
    /// The product's own ledger, as it was read again and again; equal readings are one.
    pub ledger: Vec<Ledger>,
    /// From the last fault until everything was at rest; none if that never came.
    pub quiet_after_s: Option<f64>,
    /// How long a claim holds.
    pub lease_s: f64,
}

/// A service.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Tenant {
    /// Its name.
    pub name: String,
    /// What stands in all its recipients and values, and nowhere else.
    pub marker: String,
    /// The path at which its receiver is called.
    pub path: String,
}

/// How a message is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lane {
    /// By a template of the priority lane.
    Priority,
    /// By a usual template.
    Normal,
    /// As a row of a job.
    Job,
}

impl Lane {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Priority => "priority",
            Self::Normal => "normal",
            Self::Job => "job",
        }
    }
}

/// A message that the client meant to send once.
#[derive(Debug, Clone, Serialize)]
pub struct Intent {
    /// The position of its service.
    pub tenant: usize,
    /// How.
    pub lane: Lane,
    /// Whether its requests carried an idempotency key; only then is it repeated after an outcome
    /// that nobody knows.
    pub is_keyed: bool,
    /// What came of each request; of a row, of its job's.
    pub outcomes: Vec<Outcome>,
}

/// What came of one request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// 2xx.
    Accepted {
        /// The message's id; none for a row of a job.
        id: Option<String>,
        /// The whole answer.
        body: String,
    },
    /// An answer by which nothing was accepted.
    Refused {
        /// Its status.
        status: u16,
        /// What it said.
        body: String,
    },
    /// 409: the same key is being handled.
    Busy,
    /// 429: not now.
    Limited,
    /// There was no connection to send it over, or the server had not read it (408).
    NotSent,
    /// It may have been accepted: 5xx, a time-out, a broken connection.
    Unknown {
        /// What was seen.
        what: String,
    },
}

impl Intent {
    /// Whether the client was told that it was accepted.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        let mut outcomes = self.outcomes.iter();
        outcomes.any(|outcome| matches!(outcome, Outcome::Accepted { .. }))
    }

    /// Why it certainly was not accepted, in short; none if it was, or may have been.
    #[must_use]
    pub fn refusal(&self) -> Option<String> {
        if self.is_accepted() || self.is_unknown() {
            return None;
        }
        let words = match self.outcomes.last()? {
            Outcome::Refused { status, body } => {
                let body: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
                let message = body["errors"][0]["message"].as_str().unwrap_or_default();
                format!("{status} {message}")
            }
            Outcome::Busy => "409 to the last try".to_owned(),
            Outcome::Limited => "429 to the last try".to_owned(),
            _ => "not read at the last try".to_owned(),
        };
        Some(words)
    }

    /// Whether it may have been accepted although the client was not told.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        let mut outcomes = self.outcomes.iter();
        let unknown = outcomes.any(|outcome| matches!(outcome, Outcome::Unknown { .. }));
        unknown && !self.is_accepted()
    }
}

/// A message as its service reads it.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// The position of the service that read it.
    pub tenant: usize,
    /// Its id.
    pub id: String,
    /// The client's reference.
    pub reference: String,
    /// Its status.
    pub status: String,
    /// All that the API says of it.
    pub text: String,
}

/// A call of the provider.
#[derive(Debug, Clone, Serialize)]
pub struct Call {
    /// The message.
    pub id: String,
    /// When.
    pub at: f64,
    /// Whether the provider took it.
    pub is_accepted: bool,
    /// The fault that the call met.
    pub fault: Option<String>,
    /// Recipient and text.
    pub text: String,
}

/// A call of a service's receiver.
#[derive(Debug, Clone, Serialize)]
pub struct Told {
    /// Where it was called.
    pub path: String,
    /// What the call is known by.
    pub webhook_id: String,
    /// The message.
    pub id: String,
    /// What was told of it.
    pub status: String,
    /// What was answered.
    pub answered: u16,
    /// Whether it was signed.
    pub is_verified: bool,
    /// The whole body.
    pub text: String,
}

/// A message's timeline.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Timeline {
    /// The reasons on it, in order.
    pub reasons: Vec<String>,
    /// All of it.
    pub text: String,
}

/// A process that died.
#[derive(Debug, Clone, Serialize)]
pub struct Death {
    /// When.
    pub at: f64,
    /// Which, such as `carillon-worker`.
    pub binary: String,
    /// Why.
    pub cause: Cause,
}

/// Why a process died.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// SIGKILL, as planned.
    Killed,
    /// A crash point.
    Point(String),
    /// By itself, which is not planned.
    Itself(String),
}

/// A server that was away.
#[derive(Debug, Clone, Serialize)]
pub struct Outage {
    /// Which.
    pub server: String,
    /// `pause` or `crash`.
    pub kind: String,
    /// From …
    pub from: f64,
    /// … to.
    pub to: f64,
}

/// A word where it must not be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Leak {
    /// What it is; never itself.
    pub what: String,
    /// The file or page.
    pub place: String,
}

/// A reading of the product's own ledger (`GET /api/ledger`), the sum of all services. It lags by a
/// minute or so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Ledger {
    /// Answered with 2xx, as the API counted.
    pub accepted: u64,
    /// There, although nobody had counted them.
    pub uncounted: u64,
    /// In an accept inbox.
    pub in_inbox: u64,
    /// Set aside.
    pub quarantined: u64,
    /// Rows.
    pub saved: u64,
    /// Of the rows, those at an end …
    pub terminal: u64,
    /// … and those that wait, are on their way or with a provider.
    pub in_flight: u64,
    /// Accepted and nowhere.
    pub missing: u64,
    /// Rows that nobody is going to send.
    pub adrift: u64,
    /// Whether the product says that all of it, jobs too, adds up.
    pub adds_up: bool,
}
