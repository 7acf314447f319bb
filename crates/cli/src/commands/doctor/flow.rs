//! Messages under way: what is stranded, what is overdue, which lanes are silent, what was set
//! aside, whether the ledger adds up, and whether secrets open.

use std::time::Duration;

use carillon_core::ledger::Report;
use carillon_store::backlog::WaitingFor;
use carillon_store::diagnosis::{Lane, Quarantined, SealedKeys, Stranded};

use super::check::Check;
use super::spelled::{count, list, seconds};

/// The poller rescues every few seconds; what it has left for so long it does not rescue.
pub(super) const RESCUED_WITHIN: Duration = Duration::from_secs(60);

/// The poller relays what is due within a second.
const OVERDUE_SECONDS: f64 = 60.0;

/// Markers come once a minute at the rarest.
const SILENT_SECONDS: f64 = 180.0;

pub(super) fn stranded(lanes: &[Stranded]) -> Check {
    const NAME: &str = "stranded";
    let (n_leases, n_fallen): (i64, i64) = (
        lanes.iter().map(|lane| lane.n_leases).sum(),
        lanes.iter().map(|lane| lane.n_fallen).sum(),
    );
    if n_leases + n_fallen == 0 {
        return Check::ok(NAME, "no message fell out of the flow");
    }
    let queues: Vec<&str> = lanes
        .iter()
        .filter(|lane| lane.n_leases + lane.n_fallen > 0)
        .map(|lane| lane.queue.as_str())
        .collect();
    Check::problem(
        NAME,
        format!(
            "{} with a lease that ran out and {n_fallen} in no queue, of {}",
            count(n_leases, "message"),
            list(&queues)
        ),
        "start carillon-poller, which sends them on; if it runs, its log says why it cannot",
    )
}

pub(super) fn overdue(waiting: &[WaitingFor]) -> Check {
    const NAME: &str = "overdue";
    let late: Vec<String> = waiting
        .iter()
        .filter(|waiting| waiting.overdue_seconds > OVERDUE_SECONDS)
        .map(
            |WaitingFor {
                 reason,
                 n,
                 overdue_seconds,
             }| {
                format!(
                    "{reason} by {} (of {n} that wait)",
                    seconds(*overdue_seconds)
                )
            },
        )
        .collect();
    if late.is_empty() {
        let n: i64 = waiting.iter().map(|waiting| waiting.n).sum();
        return Check::ok(NAME, format!("none, of {} waiting", count(n, "message")));
    }
    Check::problem(
        NAME,
        list(&late),
        "start carillon-poller, which relays what is due; if it runs, see whether it reaches \
         RabbitMQ",
    )
}

pub(super) fn lanes(lanes: &[Lane]) -> Check {
    const NAME: &str = "lanes";
    if lanes.is_empty() {
        return Check::skipped(
            NAME,
            "no marker has come out of a queue yet: it takes a poller and a worker",
        );
    }
    let silent: Vec<String> = lanes
        .iter()
        .filter(|lane| lane.silent_seconds > SILENT_SECONDS)
        .map(|lane| format!("{} for {}", lane.queue, seconds(lane.silent_seconds)))
        .collect();
    if silent.is_empty() {
        return Check::ok(
            NAME,
            format!("markers come out of {}", count(lanes.len(), "queue")),
        );
    }
    Check::warning(
        NAME,
        format!("no marker came out of {}", list(&silent)),
        "see that carillon-poller runs and a carillon-worker takes from these queues; behind a \
         long backlog, markers are late by themselves",
    )
}

pub(super) fn quarantined(quarantined: &[Quarantined]) -> Check {
    const NAME: &str = "quarantine";
    if quarantined.is_empty() {
        return Check::ok(NAME, "nothing set aside in the last 24 hours");
    }
    let groups: Vec<String> = quarantined
        .iter()
        .map(|Quarantined { queue, reason, n }| format!("{n} {reason} from {queue}"))
        .collect();
    Check::warning(
        NAME,
        format!("set aside in the last 24 hours: {}", list(&groups)),
        "look the reason up in docs/reasons.md, and at the rows: SELECT at, queue, reason, detail \
         FROM quarantine ORDER BY at DESC",
    )
}

pub(super) fn ledger(report: &Report) -> Check {
    const NAME: &str = "ledger";
    if report.checked_until.is_none() {
        return Check::skipped(NAME, "no minute was compared yet: carillon-poller does it");
    }
    let totals = &report.totals;
    if report.adds_up {
        let found = format!(
            "{} of the last 24 hours add up",
            count(totals.accepted, "message")
        );
        return Check::ok(NAME, found);
    }
    let n_rows: i64 = report.jobs.iter().map(|job| job.missing).sum();
    let found = [
        (totals.missing, "accepted and missing"),
        (totals.adrift, "saved and adrift"),
        (n_rows, "rows of finished jobs missing"),
    ];
    let found: Vec<_> = found
        .into_iter()
        .filter(|(n, _)| *n != 0)
        .map(|(n, what)| format!("{n} {what}"))
        .collect();
    Check::problem(
        NAME,
        format!("in the last 24 hours: {}", list(&found)),
        "run `carillon ledger`, and go on as docs/ledger.md says",
    )
}

pub(super) fn sealed_keys(keys: SealedKeys) -> Check {
    const NAME: &str = "API keys";
    let SealedKeys { n, n_closed } = keys;
    if n_closed == 0 {
        return Check::ok(
            NAME,
            format!("{} open with the configured keys", count(n, "sampled key")),
        );
    }
    Check::problem(
        NAME,
        format!("{n_closed} of {n} sampled do not open: their services cannot authenticate"),
        "add the encryption key that sealed them behind the others in security.encryption_keys",
    )
}

#[cfg(test)]
mod tests {
    use carillon_core::queue::Queue;

    use super::super::check::State;
    use super::*;

    #[test]
    fn stranded_messages_are_counted_with_their_queues() {
        let lane = |queue, n_leases, n_fallen| Stranded {
            queue,
            n_leases,
            n_fallen,
        };
        let healthy = [lane(Queue::SendSms, 0, 0)];
        assert_eq!(stranded(&healthy).state, State::Ok);
        let check = stranded(&[lane(Queue::SendEmail, 1, 2), lane(Queue::Retry, 0, 0)]);
        let found = "1 message with a lease that ran out and 2 in no queue, of send-email";
        assert_eq!((check.state, &*check.found), (State::Problem, found));
    }

    #[test]
    fn waiting_is_healthy_until_it_is_overdue() {
        let waiting = |overdue_seconds| WaitingFor {
            reason: "provider-failure".to_owned(),
            n: 12,
            overdue_seconds,
        };
        assert_eq!(overdue(&[waiting(0.0), waiting(59.0)]).state, State::Ok);
        let check = overdue(&[waiting(420.0)]);
        assert_eq!(check.state, State::Problem);
        assert_eq!(check.found, "provider-failure by 7 min (of 12 that wait)");
        assert!(check.todo.unwrap().contains("carillon-poller"));
    }

    #[test]
    fn a_silent_lane_is_a_warning() {
        let lane = |silent_seconds| Lane {
            queue: Queue::Priority,
            silent_seconds,
        };
        assert_eq!(lanes(&[]).state, State::Skipped);
        assert_eq!(lanes(&[lane(61.0)]).state, State::Ok);
        assert_eq!(lanes(&[lane(61.0), lane(600.0)]).state, State::Warning);
    }

    #[test]
    fn what_was_set_aside_is_grouped() {
        assert_eq!(quarantined(&[]).state, State::Ok);
        let check = quarantined(&[Quarantined {
            queue: "database".to_owned(),
            reason: "malformed".to_owned(),
            n: 3,
        }]);
        assert_eq!(check.state, State::Warning);
        assert!(
            check.found.ends_with("3 malformed from database"),
            "{check:?}"
        );
    }

    #[test]
    fn a_ledger_that_does_not_add_up_is_a_problem() {
        use carillon_core::id::ServiceId;
        use carillon_core::lane::Lane;
        use carillon_core::ledger::{Entry, Line};

        let now = carillon_core::clock::now();
        let report = |n_saved, checked_until| {
            let mut line = Line::of(ServiceId(carillon_core::id::mint()), Lane::Normal);
            line.add(Entry::Accepted, "", 5);
            line.add(Entry::Terminal, "delivered", n_saved);
            line.weigh(true);
            Report::new(now, checked_until, vec![line], vec![])
        };
        assert_eq!(ledger(&report(5, None)).state, State::Skipped);
        assert_eq!(ledger(&report(5, Some(now))).state, State::Ok);
        let check = ledger(&report(3, Some(now)));
        assert_eq!(check.state, State::Problem);
        assert!(check.found.ends_with("2 accepted and missing"), "{check:?}");
    }

    #[test]
    fn a_key_that_does_not_open_locks_its_service_out() {
        assert_eq!(
            sealed_keys(SealedKeys { n: 3, n_closed: 0 }).state,
            State::Ok
        );
        assert_eq!(
            sealed_keys(SealedKeys { n: 3, n_closed: 1 }).state,
            State::Problem
        );
    }
}
