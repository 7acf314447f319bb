//! The processes of an installation.

use std::collections::BTreeMap;

/// A process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Member {
    /// The stand-in provider.
    Sandbox,
    /// The HTTP API.
    Api,
    /// The worker.
    Worker,
    /// The poller.
    Poller,
    /// The escalator.
    Escalator,
    /// The aggregator.
    Aggregator,
}

/// In the order of their start: who is called stands before who calls.
pub(crate) const ALL: [Member; 6] = [
    Member::Sandbox,
    Member::Api,
    Member::Worker,
    Member::Poller,
    Member::Escalator,
    Member::Aggregator,
];

impl Member {
    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sandbox => "sandbox",
            Self::Api => "api",
            Self::Worker => "worker",
            Self::Poller => "poller",
            Self::Escalator => "escalator",
            Self::Aggregator => "aggregator",
        }
    }

    /// Its binary.
    pub fn binary(self) -> String {
        format!("carillon-{}", self.name())
    }
}

/// Ports that nobody else has, one for each.
pub(super) fn ports() -> BTreeMap<Member, u16> {
    ALL.into_iter()
        .map(|member| (member, carillon_test_support::free_port()))
        .collect()
}
