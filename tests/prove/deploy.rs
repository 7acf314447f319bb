//! What operators do to a running installation, under load: replacing each process, adding processes,
//! losing a node of the broker.

mod broker_cluster;
mod installation;
mod judged;
mod rolling;
mod scale_out;

use std::time::Duration;

use carillon_test_support::{Ended, Member};

/// Every kind of process, in the order of their replacement.
const KINDS: [Member; 5] = [
    Member::Api,
    Member::Worker,
    Member::Poller,
    Member::Escalator,
    Member::Aggregator,
];

/// `shutdown.drain_s`.
const DRAINS_WITHIN: Duration = Duration::from_secs(20);

/// Each ended in order and in time.
fn assert_orderly(all: &[Ended]) {
    for kind in KINDS {
        let of_kind: Vec<&Ended> = all.iter().filter(|ended| ended.member == kind).collect();
        let slowest = of_kind.iter().map(|ended| ended.after).max();
        println!(
            "{}: {} ended, the slowest {:.1} s after SIGTERM",
            kind.binary(),
            of_kind.len(),
            slowest.unwrap_or_default().as_secs_f64()
        );
        for ended in of_kind {
            assert_eq!(ended.status.code(), Some(0), "{}", kind.binary());
            assert!(ended.after < DRAINS_WITHIN, "{} {ended:?}", kind.binary());
        }
    }
}
