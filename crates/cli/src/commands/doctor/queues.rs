//! The queues: whether they are there, as declared and consumed, and what lies in them.

use carillon_amqp::inspect::{Found, Inspected};
use carillon_core::queue::{INBOXES, Queue, RECEIPTS};

use super::check::Check;
use super::spelled::{count, list};

/// The verdicts on all queues, one for each thing that can be wrong with a queue.
pub(super) fn checks(queues: &[Inspected], prefix: &str) -> Vec<Check> {
    let mut checks = vec![existence(queues, prefix)];
    let is_missing = |at: &Inspected| at.found == Found::Missing;
    if queues.iter().all(is_missing) {
        return checks;
    }
    checks.extend(unreadable(queues));
    checks.push(arguments(queues));
    checks.push(consumers(queues));
    checks.push(waiting(queues));
    checks.extend(dead_letters(queues));
    checks
}

/// Whether the queue holds the only copy of what is in it: rows know of nothing but deliveries.
fn holds_only_copy(queue: Queue) -> bool {
    INBOXES.contains(&queue) || RECEIPTS.contains(&queue)
}

fn existence(queues: &[Inspected], prefix: &str) -> Check {
    const NAME: &str = "queues";
    let missing: Vec<&str> = queues
        .iter()
        .filter(|at| at.found == Found::Missing)
        .map(|at| &*at.name)
        .collect();
    if missing.is_empty() {
        return Check::ok(NAME, format!("all {} are there", queues.len()));
    }
    let found = if missing.len() == queues.len() {
        format!("none is there, with the prefix {prefix:?}")
    } else {
        format!("missing: {}", list(&missing))
    };
    Check::problem(
        NAME,
        found,
        "start carillon-worker, which declares them, or run `carillon queues declare` if its user \
         may not; if it runs, compare its amqp.url and amqp.prefix with these; if somebody deleted \
         an inbox, what was in it is lost: `carillon ledger` says how much",
    )
}

fn unreadable(queues: &[Inspected]) -> Option<Check> {
    let refused: Vec<(&str, &str)> = queues
        .iter()
        .filter_map(|at| match &at.found {
            Found::Unreadable(words) => Some((&*at.name, &**words)),
            Found::Missing | Found::There { .. } => None,
        })
        .collect();
    let (_, words) = refused.first()?;
    let names: Vec<_> = refused.iter().map(|(name, _)| name).collect();
    Some(Check::problem(
        "permissions",
        format!("{}: {words}", list(&names)),
        "give the user of AMQP_URL permissions on these queues, such as those of \
         deploy/rabbitmq: rabbitmqctl set_permissions",
    ))
}

fn arguments(queues: &[Inspected]) -> Check {
    const NAME: &str = "arguments";
    let different: Vec<(&Inspected, &str)> = queues
        .iter()
        .filter_map(|at| match &at.found {
            Found::There { difference, .. } => Some((at, difference.as_deref()?)),
            Found::Missing | Found::Unreadable(_) => None,
        })
        .collect();
    let Some((first, words)) = different.first() else {
        return Check::ok(NAME, "as declared");
    };
    let names: Vec<_> = different.iter().map(|(at, _)| &*at.name).collect();
    let found = format!("other than declared: {}; {words}", list(&names));
    let todo = format!(
        "let it run empty and delete it: rabbitmqctl delete_queue {}; the processes declare it \
         anew. If a policy of yours asks for it, leave it",
        first.name
    );
    if different.iter().any(|(at, _)| holds_only_copy(at.queue)) {
        return Check::problem(NAME, found, todo);
    }
    Check::warning(NAME, found, todo)
}

fn consumers(queues: &[Inspected]) -> Check {
    const NAME: &str = "consumers";
    let unconsumed: Vec<Queue> = queues
        .iter()
        .filter(|at| !at.is_dead && matches!(at.found, Found::There { consumers: 0, .. }))
        .map(|at| at.queue)
        .collect();
    if unconsumed.is_empty() {
        return Check::ok(NAME, "every queue has one");
    }
    let n_queues = queues.iter().filter(|at| !at.is_dead).count();
    if unconsumed.len() == n_queues {
        return Check::problem(
            NAME,
            "nobody takes from any queue",
            "start carillon-worker; if it runs, see in its log why it does not reach RabbitMQ",
        );
    }
    let names: Vec<&str> = unconsumed.iter().map(|queue| queue.as_str()).collect();
    Check::problem(
        NAME,
        format!("nobody takes from {}", list(&names)),
        format!("start carillon-worker --queues {}", names.join(",")),
    )
}

fn waiting(queues: &[Inspected]) -> Check {
    let waiting: Vec<(&str, u32)> = queues
        .iter()
        .filter(|at| !at.is_dead)
        .filter_map(|at| match at.found {
            Found::There { messages, .. } if messages > 0 => Some((&*at.name, messages)),
            _ => None,
        })
        .collect();
    let total: u64 = waiting.iter().map(|(_, n)| u64::from(*n)).sum();
    let found = match waiting.iter().max_by_key(|(_, n)| *n) {
        None => "nothing".to_owned(),
        Some((most, n)) => format!("{}, {n} of them in {most}", count(total, "message")),
    };
    Check::ok("waiting", found)
}

fn dead_letters(queues: &[Inspected]) -> Vec<Check> {
    const NAME: &str = "dead letters";
    let filled = |only_copy: bool| -> Vec<(&str, u32, u32)> {
        let wanted = queues
            .iter()
            .filter(|at| at.is_dead && holds_only_copy(at.queue) == only_copy);
        let filled = wanted.filter_map(|at| match at.found {
            Found::There {
                messages,
                consumers,
                ..
            } if messages > 0 => Some((&*at.name, messages, consumers)),
            _ => None,
        });
        filled.collect()
    };
    let (precious, droppable) = (filled(true), filled(false));
    let counted = |queues: &[(&str, u32, u32)]| {
        let each: Vec<_> = queues
            .iter()
            .map(|(name, n, _)| format!("{n} in {name}"))
            .collect();
        list(&each)
    };
    let mut checks = Vec::new();
    if precious.iter().any(|(_, _, consumers)| *consumers == 0) {
        checks.push(Check::problem(
            NAME,
            format!(
                "{}: the only copies, and nobody takes them",
                counted(&precious)
            ),
            "start carillon-worker, which handles dead letters one by one; never purge these",
        ));
    } else if !precious.is_empty() {
        checks.push(Check::warning(
            NAME,
            format!("{}: being handled one by one", counted(&precious)),
            "look again in a minute; if they do not get fewer, see the log of carillon-worker, and \
             never purge these",
        ));
    }
    if let Some((name, ..)) = droppable.first() {
        checks.push(Check::warning(
            NAME,
            format!(
                "{}: something crashed workers again and again",
                counted(&droppable)
            ),
            format!(
                "look for crashes in the log of carillon-worker, then rabbitmqctl purge_queue \
                 {name}: it holds ids only, and what they name is sent on from PostgreSQL"
            ),
        ));
    }
    if checks.is_empty() {
        checks.push(Check::ok(NAME, "none"));
    }
    checks
}

#[cfg(test)]
mod tests {
    use super::super::check::State;
    use super::*;

    fn there(messages: u32, consumers: u32) -> Found {
        Found::There {
            messages,
            consumers,
            difference: None,
        }
    }

    /// Everything as it should be, but for what is said.
    fn queues(but: &[(&str, Found)]) -> Vec<Inspected> {
        let both = |queue: &Queue| {
            [
                (*queue, false, queue.to_string()),
                (*queue, true, queue.dead()),
            ]
        };
        let all = Queue::ALL.iter().flat_map(both);
        all.map(|(queue, is_dead, name)| {
            let other = but.iter().find(|(of, _)| *of == name);
            let usual = there(0, u32::from(!is_dead || holds_only_copy(queue)));
            Inspected {
                queue,
                is_dead,
                found: other.map_or(usual, |(_, found)| found.clone()),
                name,
            }
        })
        .collect()
    }

    fn check(but: &[(&str, Found)], name: &str) -> Check {
        let checks = checks(&queues(but), "");
        let found = checks.iter().find(|check| check.name == name);
        found
            .unwrap_or_else(|| panic!("{name}: {checks:?}"))
            .clone()
    }

    #[test]
    fn a_healthy_broker_has_nothing_to_say() {
        for check in checks(&queues(&[]), "") {
            assert_eq!(check.state, State::Ok, "{check:?}");
        }
        let busy = check(
            &[("send-sms", there(70, 1)), ("retry", there(5, 1))],
            "waiting",
        );
        assert_eq!(
            busy,
            Check::ok("waiting", "75 messages, 70 of them in send-sms")
        );
    }

    #[test]
    fn a_missing_queue_is_a_problem() {
        let check = check(&[("send-sms", Found::Missing)], "queues");
        assert_eq!(
            (check.state, &*check.found),
            (State::Problem, "missing: send-sms")
        );
        let mut none = queues(&[]);
        none.iter_mut().for_each(|at| at.found = Found::Missing);
        let checks = checks(&none, "blue.");
        assert_eq!(checks.len(), 1);
        assert!(checks[0].found.contains("\"blue.\""), "{checks:?}");
    }

    #[test]
    fn other_arguments_matter_most_where_the_only_copy_lies() {
        let other = Found::There {
            messages: 0,
            consumers: 1,
            difference: Some("PRECONDITION_FAILED - inequivalent arg 'x-queue-type'".to_owned()),
        };
        let inbox = check(&[("database", other.clone())], "arguments");
        assert_eq!(inbox.state, State::Problem);
        assert!(
            inbox.found.contains("database; PRECONDITION_FAILED"),
            "{inbox:?}"
        );
        assert!(inbox.todo.unwrap().contains("delete_queue database;"));
        assert_eq!(
            check(&[("send-email", other)], "arguments").state,
            State::Warning
        );
    }

    #[test]
    fn the_worker_to_start_is_named() {
        let some = check(
            &[("send-sms", there(3, 0)), ("retry", there(0, 0))],
            "consumers",
        );
        assert_eq!(some.state, State::Problem);
        let todo = some.todo.unwrap();
        assert_eq!(todo, "start carillon-worker --queues send-sms,retry");
        let mut none = queues(&[]);
        none.iter_mut().for_each(|at| at.found = there(0, 0));
        assert!(
            consumers(&none)
                .todo
                .unwrap()
                .starts_with("start carillon-worker;")
        );
    }

    #[test]
    fn dead_letters_may_be_purged_only_where_they_are_ids() {
        let ids = check(&[("send-email.dead", there(4, 0))], "dead letters");
        assert_eq!(ids.state, State::Warning);
        assert!(ids.todo.unwrap().contains("purge_queue send-email.dead"));
        let handled = check(&[("database.dead", there(4, 1))], "dead letters");
        assert_eq!(handled.state, State::Warning);
        assert!(handled.todo.unwrap().contains("never purge"));
        let left = check(&[("sms-callbacks.dead", there(4, 0))], "dead letters");
        assert_eq!(left.state, State::Problem);
    }

    #[test]
    fn a_queue_that_may_not_be_looked_at_is_named_with_the_broker_s_words() {
        let refused = Found::Unreadable("ACCESS_REFUSED".to_owned());
        let check = check(&[("retry", refused)], "permissions");
        assert_eq!(
            (check.state, &*check.found),
            (State::Problem, "retry: ACCESS_REFUSED")
        );
    }
}
