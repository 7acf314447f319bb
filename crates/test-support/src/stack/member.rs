//! The kinds of process of an installation.

/// A process of an installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Member {
    /// The stand-in provider.
    Sandbox,
    /// The HTTP API.
    Api,
    /// The worker.
    Worker,
    /// The poller.
    Poller,
    /// On-call: escalates.
    Escalator,
    /// On-call: aggregates.
    Aggregator,
}

/// Those of [`Stack::start`], in the order of their start: who is called stands before who calls.
pub(super) const MEMBERS: [Member; 4] =
    [Member::Sandbox, Member::Api, Member::Worker, Member::Poller];

impl Member {
    /// Its name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.binary().trim_start_matches("carillon-")
    }

    /// The name of its binary.
    #[must_use]
    pub const fn binary(self) -> &'static str {
        match self {
            Self::Sandbox => "carillon-sandbox",
            Self::Api => "carillon-api",
            Self::Worker => "carillon-worker",
            Self::Poller => "carillon-poller",
            Self::Escalator => "carillon-escalator",
            Self::Aggregator => "carillon-aggregator",
        }
    }
}
