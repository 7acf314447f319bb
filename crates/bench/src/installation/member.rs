//! The processes of an installation.

use std::collections::BTreeMap;

pub(crate) use carillon_test_support::Member;

/// In the order of their start: who is called stands before who calls.
pub(crate) const ALL: [Member; 6] = [
    Member::Sandbox,
    Member::Api,
    Member::Worker,
    Member::Poller,
    Member::Escalator,
    Member::Aggregator,
];

/// Ports that nobody else has, one for each.
pub(super) fn ports() -> BTreeMap<Member, u16> {
    ALL.into_iter()
        .map(|member| (member, carillon_test_support::free_port()))
        .collect()
}
