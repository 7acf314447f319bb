//! Hand-made histories: a good one, and what the checker finds when one thing in it is bad.

use super::*;
use crate::history::{Call, Cause, Death, Lane, Leak, Ledger, Outage, Tenant, Timeline, Told};

const DELIVERED: &str = "delivered";

fn tenant(name: &str) -> Tenant {
    Tenant {
        name: name.to_owned(),
        marker: format!("marker-{name}"),
        path: format!("/ok/{name}"),
    }
}

fn accepted(id: &str) -> Outcome {
    Outcome::Accepted {
        id: Some(id.to_owned()),
        body: format!("{{\"id\":\"{id}\"}}"),
    }
}

fn unknown() -> Outcome {
    Outcome::Unknown {
        what: "no answer".to_owned(),
    }
}

/// One message that was accepted, sent, delivered and told of.
fn add(history: &mut History, reference: &str, id: &str, tenant: usize) {
    let of = history.tenants[tenant].clone();
    history.intents.insert(
        reference.to_owned(),
        Intent {
            tenant,
            lane: Lane::Normal,
            is_keyed: false,
            outcomes: vec![accepted(id)],
        },
    );
    history.rows.push(Row {
        tenant,
        id: id.to_owned(),
        reference: reference.to_owned(),
        status: DELIVERED.to_owned(),
        text: format!("to {}", of.marker),
    });
    history.calls.push(call(id, 100.0, &of.marker));
    history.told.push(Told {
        path: of.path,
        webhook_id: format!("w-{id}"),
        id: id.to_owned(),
        status: DELIVERED.to_owned(),
        answered: 200,
        is_verified: true,
        text: format!("to {}", of.marker),
    });
}

fn call(id: &str, at: f64, text: &str) -> Call {
    Call {
        id: id.to_owned(),
        at,
        is_accepted: true,
        fault: None,
        text: text.to_owned(),
    }
}

/// Two services with two messages each; nothing wrong with them.
fn good() -> History {
    let mut history = History {
        tenants: vec![tenant("a"), tenant("b")],
        quiet_after_s: Some(20.0),
        lease_s: 10.0,
        ..History::default()
    };
    add(&mut history, "a1", "id-a1", 0);
    add(&mut history, "a2", "id-a2", 0);
    add(&mut history, "b1", "id-b1", 1);
    add(&mut history, "b2", "id-b2", 1);
    let seen = ["created", "sending", DELIVERED].map(ToOwned::to_owned);
    history.observed.insert("id-a1".to_owned(), seen.into());
    history
}

fn broken(history: &History) -> BTreeSet<Invariant> {
    let verdict = Verdict::of(history);
    verdict.findings.iter().map(|f| f.invariant).collect()
}

#[track_caller]
fn assert_broken(history: &History, expected: &[Invariant]) {
    let verdict = Verdict::of(history);
    let expected: BTreeSet<_> = expected.iter().copied().collect();
    assert_eq!(broken(history), expected, "{:#?}", verdict.findings);
}

fn label(history: &mut History, id: &str, reasons: &[&str]) {
    let reasons = reasons.iter().map(|&reason| reason.to_owned()).collect();
    let timeline = Timeline {
        reasons,
        text: String::new(),
    };
    history.timelines.insert(id.to_owned(), timeline);
}

fn worker_died(history: &mut History, at: f64) {
    history.deaths.push(Death {
        at,
        binary: "carillon-worker".to_owned(),
        cause: Cause::Killed,
    });
}

#[test]
fn a_good_history_is_good() {
    let verdict = Verdict::of(&good());
    assert!(verdict.is_good(), "{:#?}", verdict.findings);
    let total = verdict.tallies.total;
    assert_eq!(
        (total.attempted, total.accepted, total.delivered),
        (4, 4, 4)
    );
    assert_eq!((total.lost, total.duplicated_unexplained), (0, 0));
    assert_eq!(verdict.tallies.lanes.len(), 2);
}

#[test]
fn a_lost_message_is_found() {
    let mut history = good();
    history.rows.retain(|row| row.id != "id-a1");
    history.calls.retain(|call| call.id != "id-a1");
    assert_eq!(Verdict::of(&history).tallies.total.lost, 1);
    assert_broken(&history, &[Invariant::I1, Invariant::I8]);

    // One of a job has no id to look for, but it has a reference.
    let mut history = good();
    let job = history.intents.get_mut("a2").unwrap();
    job.lane = Lane::Job;
    job.outcomes = vec![Outcome::Accepted {
        id: None,
        body: String::new(),
    }];
    assert_broken(&history, &[]);
    history.rows.retain(|row| row.reference != "a2");
    history.calls.retain(|call| call.id != "id-a2");
    assert_broken(&history, &[Invariant::I1, Invariant::I8]);
}

#[test]
fn what_nobody_knows_may_be_there_or_not_and_what_was_refused_may_not() {
    let mut history = good();
    history.intents.get_mut("a1").unwrap().outcomes = vec![unknown()];
    assert_broken(&history, &[]);
    let total = Verdict::of(&history).tallies.total;
    assert_eq!((total.unknown, total.unknown_there), (1, 1));

    history.rows.retain(|row| row.id != "id-a1");
    history.calls.retain(|call| call.id != "id-a1");
    assert_broken(&history, &[]);

    let mut history = good();
    history.intents.get_mut("a1").unwrap().outcomes = vec![Outcome::Refused {
        status: 400,
        body: String::new(),
    }];
    assert_broken(&history, &[Invariant::I1, Invariant::I8]);
}

#[test]
fn a_message_that_is_there_twice_is_found() {
    let mut history = good();
    let twin = Row {
        id: "id-twin".to_owned(),
        ..history.rows[0].clone()
    };
    history.rows.push(twin);
    let twin = Told {
        id: "id-twin".to_owned(),
        ..history.told[0].clone()
    };
    history.told.push(twin);
    assert_broken(&history, &[Invariant::I1, Invariant::I8]);
}

#[test]
fn a_key_with_two_answers_is_found() {
    let mut history = good();
    let intent = history.intents.get_mut("a1").unwrap();
    intent.is_keyed = true;
    intent.outcomes = vec![
        unknown(),
        accepted("id-a1"),
        Outcome::Busy,
        accepted("id-a1"),
    ];
    assert_broken(&history, &[]);
    let intent = history.intents.get_mut("a1").unwrap();
    intent.outcomes.push(accepted("id-other"));
    assert_broken(&history, &[Invariant::I1, Invariant::Key]);
}

#[test]
fn a_second_call_without_a_cause_is_found() {
    let mut history = good();
    history.calls.push(call("id-a1", 130.0, "marker-a"));
    label(&mut history, "id-a1", &["lease-expired"]);
    assert_broken(&history, &[Invariant::I3]);
    // A worker's death long after it explains nothing, nor does another process's.
    worker_died(&mut history, 120.0);
    history.deaths.push(Death {
        at: 101.0,
        binary: "carillon-api".to_owned(),
        cause: Cause::Killed,
    });
    assert_broken(&history, &[Invariant::I3]);
    worker_died(&mut history, 101.0);
    assert_broken(&history, &[]);
    let explained = BTreeMap::from([(Explanation::WorkerDied, 1)]);
    assert_eq!(Verdict::of(&history).duplicates, explained);
}

#[test]
fn a_second_call_that_the_timeline_does_not_own_up_to_is_found() {
    let mut history = good();
    history.calls[0].fault = Some("reset-after-accept".to_owned());
    history.calls.push(call("id-a1", 101.0, "marker-a"));
    label(&mut history, "id-a1", &["provider-failure"]);
    assert_broken(&history, &[Invariant::I3]);
    let total = Verdict::of(&history).tallies.total;
    assert_eq!(
        (total.duplicated_explained, total.duplicated_unexplained),
        (0, 1)
    );
    label(&mut history, "id-a1", &["answer-lost"]);
    assert_broken(&history, &[]);
    // One label and one cause explain one more call, not two.
    history.calls.push(call("id-a1", 102.0, "marker-a"));
    assert_broken(&history, &[Invariant::I3]);
}

#[test]
fn postgresql_s_absence_explains_what_was_sent_again_meanwhile() {
    let mut history = good();
    history.calls.push(call("id-b1", 112.0, "marker-b"));
    label(&mut history, "id-b1", &["lease-expired", "stale-result"]);
    let outage = |server: &str| Outage {
        server: server.to_owned(),
        kind: "pause".to_owned(),
        from: 99.0,
        to: 105.0,
    };
    history.outages.push(outage("RabbitMQ"));
    assert_broken(&history, &[Invariant::I3]);
    history.outages.push(outage("PostgreSQL"));
    assert_broken(&history, &[]);
}

#[test]
fn what_was_sent_and_is_not_there_is_found() {
    let mut history = good();
    history.calls.push(call("id-ghost", 100.0, ""));
    assert_broken(&history, &[Invariant::I3]);
}

#[test]
fn a_status_that_moves_down_is_found() {
    let mut history = good();
    let seen = [DELIVERED, "sending"].map(ToOwned::to_owned);
    history.observed.insert("id-b1".to_owned(), seen.into());
    assert_broken(&history, &[Invariant::I5]);

    // Also when it is told of a status above its last one.
    let mut history = good();
    history.told[0].status = "permanent-failure".to_owned();
    assert_broken(&history, &[Invariant::I5, Invariant::Told]);
    assert!(may_follow("created", "technical-failure"));
    assert!(!may_follow("sending", "technical-failure"));
    assert!(!may_follow("cancelled", DELIVERED));
}

#[test]
fn another_service_s_byte_is_found_wherever_it_is() {
    let places: [fn(&mut History); 7] = [
        |h| h.rows[0].text += "marker-b",
        |h| h.told[0].text += "marker-b",
        |h| h.calls[0].text += "marker-b",
        |h| {
            let text = "marker-b".to_owned();
            let reasons = Vec::new();
            h.timelines
                .insert("id-a1".to_owned(), Timeline { reasons, text });
        },
        |h| {
            let body = "{\"id\":\"id-a1\",\"to\":\"marker-b\"}".to_owned();
            let id = Some("id-a1".to_owned());
            h.intents.get_mut("a1").unwrap().outcomes = vec![Outcome::Accepted { id, body }];
        },
        |h| h.readable_by_others.push("id-a1".to_owned()),
        |h| {
            let mut told = h.told[0].clone();
            told.path = "/ok/b".to_owned();
            told.text = String::new();
            h.told.push(told);
        },
    ];
    for (n, spoil) in places.into_iter().enumerate() {
        let mut history = good();
        spoil(&mut history);
        assert_eq!(
            broken(&history),
            BTreeSet::from([Invariant::I6]),
            "place {n}"
        );
    }
}

#[test]
fn what_does_not_come_to_rest_is_found() {
    let mut history = good();
    history.quiet_after_s = Some(121.0);
    assert_broken(&history, &[Invariant::I2]);
    history.quiet_after_s = None;
    history.rows[0].status = "sending".to_owned();
    history.observed.clear();
    history.told[0].status = "sending".to_owned();
    assert_broken(&history, &[Invariant::I2]);
    assert_eq!(not_ended(&history), 1);
    assert_eq!(not_ended(&good()), 0);
}

#[test]
fn a_ledger_that_does_not_add_up_is_found() {
    let good_ledger = Ledger {
        accepted: 3,
        uncounted: 1,
        in_inbox: 1,
        saved: 3,
        terminal: 2,
        in_flight: 1,
        adds_up: true,
        ..Ledger::default()
    };
    let mut history = good();
    history.ledger = vec![Ledger::default(), good_ledger];
    history.ledger[0].adds_up = true;
    assert_broken(&history, &[]);
    let spoils: [fn(&mut Ledger); 6] = [
        |ledger| ledger.adds_up = false,
        |ledger| ledger.missing = 1,
        |ledger| ledger.adrift = 1,
        |ledger| ledger.accepted = 4,
        |ledger| ledger.in_flight = 0,
        |ledger| (ledger.accepted, ledger.saved, ledger.terminal) = (5, 5, 4),
    ];
    for (n, spoil) in spoils.into_iter().enumerate() {
        spoil(&mut history.ledger[1]);
        assert_eq!(
            broken(&history),
            BTreeSet::from([Invariant::I8]),
            "ledger {n}"
        );
        history.ledger[1] = good_ledger;
    }
}

#[test]
fn an_end_that_nobody_was_told_of_and_an_unsigned_call_are_found() {
    let mut history = good();
    history.told[0].answered = 500;
    assert_broken(&history, &[Invariant::Told]);
    assert_eq!(not_told(&history), 1);
    let mut history = good();
    history.told[0].is_verified = false;
    assert_broken(&history, &[Invariant::Told]);
}

#[test]
fn a_secret_in_a_log_and_a_message_that_cannot_be_read_are_found() {
    let mut history = good();
    history.leaks.insert(Leak {
        what: "a recipient of a".to_owned(),
        place: "carillon-worker-0.log".to_owned(),
    });
    assert_broken(&history, &[Invariant::I9]);
    let mut history = good();
    history.unreadable.push("id-a1".to_owned());
    assert_broken(&history, &[Invariant::I1]);
}
