//! The crash points of the product: one on each arrow of the flow. A test keeps the list equal to
//! the source tree.

use carillon_test_support::Member;

/// A place in the code where a process can be made to die (`crash_point!`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// Its name; what stands before the first full stop is the binary.
    pub name: &'static str,
    /// How often it is passed.
    pub passed: Passed,
    /// What dies here is made good only when a lane's watermark has passed it, which takes a minute.
    pub waits_for_watermark: bool,
}

/// How often a point is passed under load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passed {
    /// A few times in a run, or only when something else went wrong before.
    Seldom,
    /// With each batch.
    PerBatch,
    /// With each message.
    PerMessage,
}

use Passed::{PerBatch, PerMessage, Seldom};

/// Every point.
pub const POINTS: &[Point] = &[
    point("api.accept.before-publish", PerBatch),
    point("api.accept.confirmed", PerBatch),
    point("api.accept.saved", Seldom),
    point("api.keyed.before-transaction", PerBatch),
    slow("api.keyed.committed", PerBatch),
    point("api.keyed.published", PerBatch),
    point("api.jobs.payload-stored", Seldom),
    slow("api.jobs.created", Seldom),
    point("worker.save.read", PerBatch),
    point("worker.save.committed", PerBatch),
    point("worker.save.published", PerBatch),
    point("worker.job.committed", Seldom),
    point("worker.job.published", Seldom),
    point("worker.job.rows-changed", Seldom),
    point("worker.deliver.claimed", PerBatch),
    point("worker.deliver.answered", PerMessage),
    point("worker.deliver.marked", PerBatch),
    point("worker.receipts.applied", PerBatch),
    point("worker.receipts.parked", Seldom),
    point("worker.call_service.claimed", PerBatch),
    point("worker.call_service.answered", PerMessage),
    point("worker.call_service.marked", PerBatch),
    slow("poller.relay.committed", Seldom),
    slow("poller.outbox.committed", PerBatch),
    slow("poller.jobs.committed", Seldom),
    point("poller.parked.taken", Seldom),
];

const fn point(name: &'static str, passed: Passed) -> Point {
    Point {
        name,
        passed,
        waits_for_watermark: false,
    }
}

const fn slow(name: &'static str, passed: Passed) -> Point {
    Point {
        name,
        passed,
        waits_for_watermark: true,
    }
}

impl Point {
    /// Whose process dies here.
    #[must_use]
    pub fn member(self) -> Option<Member> {
        match self.name.split('.').next() {
            Some("api") => Some(Member::Api),
            Some("worker") => Some(Member::Worker),
            Some("poller") => Some(Member::Poller),
            _ => None,
        }
    }

    /// How often it may be passed before the process dies, at most.
    #[must_use]
    pub const fn spared(self) -> u32 {
        match self.passed {
            Seldom => 1,
            PerBatch => 10,
            PerMessage => 60,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    /// The names of `crash_point!` below a folder.
    fn collect(folder: &Path, names: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, names);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let called = text.split("crash_point!(\"").skip(1);
                names.extend(called.filter_map(|rest| Some(rest.split('"').next()?.to_owned())));
            }
        }
    }

    #[test]
    fn every_crash_point_of_the_tree_is_listed_and_no_other() {
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates");
        let mut in_tree = BTreeSet::new();
        for entry in std::fs::read_dir(crates).unwrap() {
            let path = entry.unwrap().path();
            // The macro's own crate has it in examples and tests.
            if !path.ends_with("runtime") {
                collect(&path.join("src"), &mut in_tree);
            }
        }
        let listed: BTreeSet<String> = POINTS.iter().map(|point| point.name.to_owned()).collect();
        assert_eq!(
            listed, in_tree,
            "tests/chaos/src/points.rs lists the arrows"
        );
        assert_eq!(listed.len(), POINTS.len(), "a point is listed twice");
        assert!(POINTS.iter().all(|point| point.member().is_some()));
    }
}
