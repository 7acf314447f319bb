//! PostgreSQL: asks for the facts, in an order that makes the most of a database that is only half
//! there.

use std::time::Duration;

use carillon_connect as connect;
use carillon_core::ledger::Report;
use carillon_core::{clock as host_clock, rescue};
use carillon_runtime::Settings;
use carillon_store::diagnosis::{self, Server, Session};
use carillon_store::ledger::{self, Filter};
use carillon_store::{Error, Store, backlog, health, partition};
use chrono::{Days, TimeDelta};
use secrecy::ExposeSecret;

use super::check::Check;
use super::{address, clock, connections, flow, schedule, server};

/// The name of our own connections, which are not counted.
const PROCESS: &str = "carillon-doctor";

/// Our patience with a server, whatever processes are told to have.
const CONNECT_WITHIN: Duration = Duration::from_secs(4);
const ANSWER_WITHIN: Duration = Duration::from_secs(8);

/// The store as a process would open it, but with few connections and little patience.
pub(super) fn open(settings: &Settings) -> Result<Store, Check> {
    if settings.database.url.expose_secret().is_empty() {
        let found = "database.url is missing";
        return Err(Check::problem("server", found, "set DATABASE_URL"));
    }
    let mut settings = settings.clone();
    let database = &mut settings.database;
    database.max_connections = 2;
    database.connect_timeout = database.connect_timeout.min(CONNECT_WITHIN);
    database.statement_timeout = database.statement_timeout.min(ANSWER_WITHIN);
    connect::store(&settings, PROCESS).map_err(|error| {
        let todo = "correct DATABASE_URL: postgres://user:password@host:port/database";
        Check::problem("server", format!("{error:#}"), todo)
    })
}

pub(super) async fn examine(settings: &Settings, checks: &mut Vec<Check>) {
    let store = match open(settings) {
        Ok(store) => store,
        Err(check) => return checks.push(check),
    };
    let Some(sessions) = examine_server(settings, &store, checks).await else {
        return checks.push(Check::skipped("the rest", "PostgreSQL cannot be asked"));
    };
    let migrations = match diagnosis::migrations(&store).await {
        Ok(migrations) => migrations,
        Err(error) => return checks.push(unreadable("migrations", &error)),
    };
    checks.push(server::migrations(&migrations));
    if migrations.n_applied == 0 {
        return checks.push(Check::skipped("the rest", "the database is not migrated"));
    }
    examine_clock(&store, checks).await;
    examine_days(&store, checks).await;
    examine_flow(settings, &store, checks).await;
    checks.extend(connections::processes(&sessions));
}

/// The sessions, if the server answers.
async fn examine_server(
    settings: &Settings,
    store: &Store,
    checks: &mut Vec<Check>,
) -> Option<Vec<Session>> {
    let address = address::of(&settings.database.url, 5432);
    let (facts, round_trip) = match ask_server(store).await {
        Ok(answers) => answers,
        Err(error) => {
            checks.push(server::unreachable(&address, &error));
            return None;
        }
    };
    checks.push(server::server(&facts, &address, round_trip));
    checks.push(server::writes(&facts));
    checks.push(server::durability(&facts));
    checks.push(server::messages(&facts));
    let sessions = match diagnosis::sessions(store).await {
        Ok(sessions) => sessions,
        Err(error) => {
            checks.push(unreadable("connections", &error));
            return Some(Vec::new());
        }
    };
    let max_connections = settings.database.max_connections;
    checks.push(connections::connections(&facts, &sessions, max_connections));
    checks.push(connections::transactions(&sessions));
    Some(sessions)
}

async fn ask_server(store: &Store) -> Result<(Server, Duration), Error> {
    let facts = diagnosis::server(store).await?;
    Ok((facts, diagnosis::round_trip(store).await?))
}

async fn examine_clock(store: &Store, checks: &mut Vec<Check>) {
    // The first answer comes after connecting and preparing, which blurs it.
    let _ = diagnosis::clock(store).await;
    let before = host_clock::now();
    match diagnosis::clock(store).await {
        Ok(facts) => {
            let skew = clock::skew(before, host_clock::now(), facts);
            checks.push(clock::host(skew));
            checks.push(clock::offset(facts));
        }
        Err(error) => checks.push(unreadable("clock", &error)),
    }
}

async fn examine_days(store: &Store, checks: &mut Vec<Check>) {
    let now = match health::now(store).await {
        Ok(now) => now,
        Err(error) => return checks.push(unreadable("partitions", &error)),
    };
    let today = now.date_naive();
    let last = today + Days::new(partition::DAYS_AHEAD);
    checks.push(match diagnosis::missing_days(store, today, last).await {
        Ok(missing) => schedule::partitions(today, last, &missing),
        Err(error) => unreadable("partitions", &error),
    });
    checks.push(match diagnosis::finished_slots(store).await {
        Ok(finished) => schedule::tasks(now, &finished),
        Err(error) => unreadable("schedule", &error),
    });
}

async fn examine_flow(settings: &Settings, store: &Store, checks: &mut Vec<Check>) {
    let delivery = &settings.delivery;
    let grace = rescue::grace(delivery.lease, delivery.unstarted_limit);
    let facts = diagnosis::stranded(store, grace, flow::RESCUED_WITHIN).await;
    checks.push(judged("stranded", facts, |facts| flow::stranded(&facts)));
    let facts = backlog::waiting(store).await;
    checks.push(judged("overdue", facts, |facts| flow::overdue(&facts)));
    let facts = diagnosis::lanes(store).await;
    checks.push(judged("lanes", facts, |facts| flow::lanes(&facts)));
    let facts = diagnosis::quarantined(store).await;
    checks.push(judged("quarantine", facts, |facts| {
        flow::quarantined(&facts)
    }));
    let facts = read_ledger(store).await;
    checks.push(judged("ledger", facts, |facts| flow::ledger(&facts)));
    if settings.security.encryption_keys.is_none() {
        checks.push(Check::skipped(
            "API keys",
            "no encryption key is configured",
        ));
        return;
    }
    let facts = diagnosis::sealed_keys(store).await;
    checks.push(judged("API keys", facts, flow::sealed_keys));
}

async fn read_ledger(store: &Store) -> Result<Report, Error> {
    let filter = Filter {
        since: health::now(store).await? - TimeDelta::hours(24),
        service_id: None,
        lane: None,
    };
    ledger::read(store, filter).await
}

fn judged<T>(
    name: &'static str,
    facts: Result<T, Error>,
    verdict: impl FnOnce(T) -> Check,
) -> Check {
    match facts {
        Ok(facts) => verdict(facts),
        Err(error) => unreadable(name, &error),
    }
}

fn unreadable(name: &'static str, error: &Error) -> Check {
    Check::problem(
        name,
        format!("cannot be read: {error}"),
        "run `carillon migrate` if migrations are outstanding; else look at PostgreSQL's log",
    )
}
