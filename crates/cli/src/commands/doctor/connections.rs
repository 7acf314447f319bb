//! Who is connected to PostgreSQL, how many more connections there may be, and who holds a
//! transaction open.

use carillon_store::diagnosis::{Server, Session};

use super::check::Check;
use super::spelled::{list, seconds};

/// A transaction of ours that is open for longer is one that somebody forgot.
const LONG_SECONDS: f64 = 60.0;

/// Whether the processes that are connected now can each open all the connections they may.
pub(super) fn connections(server: &Server, sessions: &[Session], max_per_process: usize) -> Check {
    const NAME: &str = "connections";
    let n_processes: i64 = sessions
        .iter()
        .map(|s| processes_of(s, max_per_process))
        .sum();
    let ours: i64 = sessions.iter().map(|session| session.n).sum();
    let others = server.connections_taken - ours;
    let per_process = i64::try_from(max_per_process).unwrap_or(i64::MAX);
    let wanted = n_processes.saturating_mul(per_process);
    let allowed = server.connections_allowed;
    let taken = server.connections_taken;
    let found = format!(
        "{taken} of {allowed} taken, {ours} of them ours; our {} may take {wanted}",
        if n_processes == 1 {
            "1 process".to_owned()
        } else {
            format!("{n_processes} processes")
        },
    );
    let todo = "raise max_connections of the server, or lower database.max_connections";
    // At 95 of 100, the next process to start or to become busy fails.
    if taken.saturating_mul(100) >= allowed.saturating_mul(95) {
        return Check::problem(NAME, found, todo);
    }
    if wanted.saturating_add(others) > allowed {
        return Check::warning(NAME, found, todo);
    }
    Check::ok(NAME, found)
}

/// At least as many processes as are needed for that many connections: those of one kind on one
/// host cannot be told apart.
fn processes_of(session: &Session, max_per_process: usize) -> i64 {
    let per_process = i64::try_from(max_per_process).unwrap_or(i64::MAX).max(1);
    (session.n.saturating_add(per_process - 1) / per_process).max(1)
}

pub(super) fn transactions(sessions: &[Session]) -> Check {
    const NAME: &str = "transactions";
    let long: Vec<String> = sessions
        .iter()
        .filter_map(|session| {
            let Session { process, host, .. } = session;
            let idle = session.longest_idle_seconds;
            let open = session.longest_transaction_seconds;
            if idle > LONG_SECONDS {
                return Some(format!(
                    "{process} at {host} idle in one for {}",
                    seconds(idle)
                ));
            }
            let is_long = open > LONG_SECONDS;
            is_long.then(|| format!("{process} at {host} in one for {}", seconds(open)))
        })
        .collect();
    if long.is_empty() {
        return Check::ok(NAME, "none of ours is open for more than a minute");
    }
    Check::warning(
        NAME,
        list(&long),
        "see what holds it: SELECT pid, state, query FROM pg_stat_activity WHERE application_name \
         LIKE 'carillon%'; restart that process if it does not end",
    )
}

/// Whether those processes are connected that no installation does without.
pub(super) fn processes(sessions: &[Session]) -> Vec<Check> {
    const NEEDED: [(&str, &str); 3] = [
        ("carillon-api", "accepts messages"),
        ("carillon-worker", "saves and delivers messages"),
        ("carillon-poller", "relays retries and runs the schedule"),
    ];
    if sessions.is_empty() {
        return vec![Check::warning(
            "connected",
            "no Carillon process is connected to this database",
            "start the processes; with a pooler between, whose connections have its own name, \
             ignore this",
        )];
    }
    let absent: Vec<Check> = NEEDED
        .iter()
        .filter(|(name, _)| !sessions.iter().any(|session| session.process == *name))
        .map(|(name, does)| {
            Check::warning(
                "connected",
                format!("no {name}, which {does}"),
                format!("start {name}, or see in its log why it does not reach PostgreSQL"),
            )
        })
        .collect();
    if !absent.is_empty() {
        return absent;
    }
    let connected: Vec<String> = sessions
        .iter()
        .map(|session| format!("{} at {}", session.process, session.host))
        .collect();
    vec![Check::ok("connected", list(&connected))]
}

#[cfg(test)]
mod tests {
    use super::super::check::State;
    use super::*;

    fn server(connections_taken: i64) -> Server {
        Server {
            version: "15.18".to_owned(),
            version_number: 150_018,
            connections_allowed: 97,
            connections_taken,
            is_read_only: false,
            messages_locale: "C".to_owned(),
            unsafe_settings: Vec::new(),
        }
    }

    fn session(process: &str, n: i64) -> Session {
        Session {
            process: process.to_owned(),
            host: "10.0.0.7".to_owned(),
            n,
            longest_transaction_seconds: 0.0,
            longest_idle_seconds: 0.0,
        }
    }

    #[test]
    fn processes_that_may_take_more_than_there_are_connections_are_a_warning() {
        // Twenty connections are of two workers at the least.
        let sessions = [session("carillon-worker", 20), session("carillon-api", 4)];
        let check = connections(&server(30), &sessions, 16);
        let found = "30 of 97 taken, 24 of them ours; our 3 processes may take 48";
        assert_eq!(check, Check::ok("connections", found));
        assert_eq!(connections(&server(30), &sessions, 40).state, State::Ok);
        assert_eq!(
            connections(&server(60), &sessions, 40).state,
            State::Warning
        );
        assert_eq!(
            connections(&server(96), &sessions, 16).state,
            State::Problem
        );
    }

    #[test]
    fn a_forgotten_transaction_is_named_with_its_process() {
        let mut sessions = [session("carillon-worker", 1), session("carillon-api", 1)];
        assert_eq!(transactions(&sessions).state, State::Ok);
        sessions[0].longest_transaction_seconds = 300.0;
        sessions[1].longest_transaction_seconds = 90.0;
        sessions[1].longest_idle_seconds = 90.0;
        let check = transactions(&sessions);
        assert_eq!(check.state, State::Warning);
        let found = "carillon-worker at 10.0.0.7 in one for 5 min, \
                     carillon-api at 10.0.0.7 idle in one for 90 s";
        assert_eq!(check.found, found);
    }

    #[test]
    fn a_process_that_is_not_connected_is_named() {
        let all = ["carillon-api", "carillon-poller", "carillon-worker"].map(|p| session(p, 1));
        assert_eq!(processes(&all)[0].state, State::Ok);
        let check = processes(&all[..2]);
        assert_eq!(check.len(), 1);
        assert!(check[0].found.contains("no carillon-worker"), "{check:?}");
        assert_eq!(processes(&[])[0].state, State::Warning);
    }
}
