//! A rolling upgrade: each process is replaced, one after another.

use std::time::Duration;

use carillon_test_support::{Ended, Replica};

use super::assert_orderly;
use super::installation::Installation;

const EACH: usize = 2;
const MESSAGES: usize = 2_000;
/// Longer than the upgrade, which is what it is there for.
const LOAD: Duration = Duration::from_secs(75);
/// The load has begun.
const AFTER: Duration = Duration::from_secs(3);

/// Replaces every process. Of each kind the first by one that is ready before it ends, as a Deployment
/// with `maxSurge` does; the last by one that is started afterwards, as with `maxUnavailable`.
async fn replace_each(
    installation: &Installation,
    replicas: Vec<Replica>,
) -> (Vec<Ended>, Vec<Replica>) {
    let (mut ended, mut new) = (Vec::new(), Vec::new());
    for (n, old) in replicas.into_iter().enumerate() {
        let member = old.member();
        if n % EACH == 0 {
            let mut replica = installation.stack.replica(member, &[]);
            replica.ready(&installation.balancer).await;
            ended.push(old.terminate().await);
            new.push(replica);
        } else {
            ended.push(old.terminate().await);
            let mut replica = installation.stack.replica(member, &[]);
            replica.ready(&installation.balancer).await;
            new.push(replica);
        }
    }
    (ended, new)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_process_is_replaced_under_load_and_no_request_fails() {
    let (installation, replicas) = Installation::start(21, EACH, None).await;
    let upgrade = async {
        tokio::time::sleep(AFTER).await;
        replace_each(&installation, replicas).await
    };
    let (history, (ended, _new)) = installation.under_load(MESSAGES, LOAD, upgrade).await;
    assert_orderly(&ended);
    assert_eq!(installation.failed(&history), 0, "requests");
    installation.assert_good(history).await;
}
