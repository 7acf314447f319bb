//! Waiting until everything is at rest, and judging what was seen.

use std::time::{Duration, Instant};

use carillon_chaos::checker::{QUIET_WITHIN_S, Verdict, not_ended, not_told, sent_again};
use carillon_chaos::history::History;
use carillon_chaos::ledgers;

use super::installation::Installation;

const LOOK_EVERY: Duration = Duration::from_millis(500);

impl Installation {
    /// Waits until whatever was accepted has come to its end and was told; every promise must have
    /// been kept: nothing lost, nothing sent twice.
    pub async fn assert_good(&self, mut history: History) {
        let from = Instant::now();
        loop {
            let is_late = from.elapsed().as_secs_f64() > QUIET_WITHIN_S;
            let has_open = self.reader.has_open().await.unwrap_or(true);
            if !has_open || is_late {
                history.rows = self.reader.all().await.unwrap();
                history.told = ledgers::told(&self.receiver);
                if is_late || not_ended(&history) + not_told(&history) == 0 {
                    break;
                }
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        history.quiet_after_s = Some(from.elapsed().as_secs_f64());
        history
            .ledger
            .push(ledgers::ledger(&self.stack).await.unwrap());
        history.calls = ledgers::provider_calls(&self.sandbox_log).unwrap();
        for id in sent_again(&history) {
            let timeline = ledgers::timeline(&self.stack, &id).await.unwrap();
            history.timelines.insert(id, timeline);
        }
        let verdict = Verdict::of(&history);
        let total = &verdict.tallies.total;
        println!(
            "{} accepted, {} delivered, {} ended otherwise, {} lost, sent twice {}; at rest after {:.1?}",
            total.accepted,
            total.delivered,
            total.ended_otherwise,
            total.lost,
            total.duplicated_explained + total.duplicated_unexplained,
            from.elapsed(),
        );
        assert!(verdict.is_good(), "{:#?}", verdict.findings);
        assert_eq!(total.lost, 0);
        // Nothing died that could explain one.
        assert_eq!(total.duplicated_explained + total.duplicated_unexplained, 0);
        let n_dead = self.stack.dead_letters().await;
        assert_eq!(n_dead, 0, "dead letters");
    }
}
