//! The server: whether it answers, what it is, and whether it keeps what it confirms.

use std::time::Duration;

use carillon_store::Error;
use carillon_store::diagnosis::{Migrations, Server};

use super::check::Check;
use super::spelled::{count, list, span};

/// The oldest major version that is tested.
const OLDEST: i32 = 15;

/// Every message takes several round trips; beyond this, distance is what limits throughput.
const FAR: Duration = Duration::from_millis(20);

pub(super) fn unreachable(address: &str, error: &Error) -> Check {
    let text = said(error);
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let todo = if says(&["password authentication", "role ", "pg_hba"]) {
        "correct the user and the password in DATABASE_URL, or allow this host in pg_hba.conf"
            .to_owned()
    } else if says(&["database "]) {
        "create the database, or correct its name in DATABASE_URL; then run `carillon migrate`"
            .to_owned()
    } else if says(&["too many", "remaining connection slots"]) {
        "end sessions that nobody needs, or raise max_connections of the server".to_owned()
    } else if says(&["certificate", "TLS", "tls"]) {
        "trust the server's certificate on this host, or correct sslmode in DATABASE_URL".to_owned()
    } else {
        let reach = match address.rsplit_once(':') {
            Some((host, port)) => format!("pg_isready -h {host} -p {port}"),
            None => "pg_isready".to_owned(),
        };
        format!("see whether PostgreSQL runs and whether this host reaches it: {reach}")
    };
    Check::problem("server", format!("{address}: {text}"), todo)
}

/// What the driver says, without what the layers around it do.
fn said(error: &Error) -> String {
    const POOL: &str = "Error occurred while creating a new object: ";
    let text = match error {
        Error::Unavailable(text) => text.clone(),
        other => other.to_string(),
    };
    text.strip_prefix(POOL).map(str::to_owned).unwrap_or(text)
}

pub(super) fn server(server: &Server, address: &str, round_trip: Duration) -> Check {
    const NAME: &str = "server";
    // Distributions append their package's version.
    let version = server.version.split(' ').next().unwrap_or_default();
    let found = format!("{version} at {address}, {}", span(round_trip));
    if server.version_number / 10_000 < OLDEST {
        let todo = format!("upgrade to PostgreSQL {OLDEST} or later; older ones are not tested");
        return Check::warning(NAME, found, todo);
    }
    if round_trip > FAR {
        let todo = "run Carillon's processes in the same network as PostgreSQL: a message takes \
                    several round trips";
        return Check::warning(NAME, found, todo);
    }
    Check::ok(NAME, found)
}

pub(super) fn writes(server: &Server) -> Check {
    const NAME: &str = "writes";
    if server.is_read_only {
        let todo = "point DATABASE_URL at the primary, or set default_transaction_read_only = off";
        return Check::problem(NAME, "the server is read-only, as a standby is", todo);
    }
    Check::ok(NAME, "allowed")
}

pub(super) fn durability(server: &Server) -> Check {
    const NAME: &str = "durability";
    match &*server.unsafe_settings {
        [] => Check::ok(NAME, "commits survive a crash of the server"),
        off => Check::warning(
            NAME,
            format!("off: {}; a crash may lose accepted messages", list(off)),
            "set each on in postgresql.conf, and see whether ALTER ROLE or ALTER DATABASE turned it off",
        ),
    }
}

pub(super) fn messages(server: &Server) -> Check {
    const NAME: &str = "lc_messages";
    let locale = &*server.messages_locale;
    let is_english = ["", "C", "POSIX"].contains(&locale)
        || ["C.", "en"].iter().any(|start| locale.starts_with(start));
    if is_english {
        return Check::ok(NAME, format!("{locale:?}"));
    }
    Check::problem(
        NAME,
        format!("{locale:?}: Carillon reads the server's messages, in English"),
        "set lc_messages = 'C' in postgresql.conf and reload",
    )
}

pub(super) fn migrations(migrations: &Migrations) -> Check {
    const NAME: &str = "migrations";
    let Migrations {
        n_applied,
        pending,
        unknown,
    } = migrations;
    if !pending.is_empty() {
        let found = format!("{} outstanding: {}", pending.len(), list(pending));
        return Check::problem(NAME, found, "run `carillon migrate`");
    }
    if !unknown.is_empty() {
        return Check::warning(
            NAME,
            format!("the database is newer than this binary: {}", list(unknown)),
            "use the carillon of the newest release that runs here, and update processes of older \
             ones",
        );
    }
    Check::ok(
        NAME,
        format!("all {} have run", count(*n_applied, "migration")),
    )
}

#[cfg(test)]
mod tests {
    use super::super::check::State;
    use super::*;

    fn good() -> Server {
        Server {
            version: "15.18 (Debian 15.18-0+deb12u1)".to_owned(),
            version_number: 150_018,
            connections_allowed: 97,
            connections_taken: 10,
            is_read_only: false,
            messages_locale: "C.UTF-8".to_owned(),
            unsafe_settings: Vec::new(),
        }
    }

    const NEAR: Duration = Duration::from_micros(400);

    #[test]
    fn a_good_server_is_one_line_with_version_address_and_distance() {
        let check = server(&good(), "127.0.0.1:5432", NEAR);
        assert_eq!(
            check,
            Check::ok("server", "15.18 at 127.0.0.1:5432, 0.4 ms")
        );
        for check in [writes(&good()), durability(&good()), messages(&good())] {
            assert_eq!(check.state, State::Ok, "{check:?}");
        }
    }

    #[test]
    fn an_old_or_distant_server_is_a_warning() {
        let old = Server {
            version_number: 140_009,
            ..good()
        };
        assert_eq!(server(&old, "db:5432", NEAR).state, State::Warning);
        let far = Duration::from_millis(80);
        assert_eq!(server(&good(), "db:5432", far).state, State::Warning);
    }

    #[test]
    fn what_keeps_messages_from_being_kept_is_named() {
        let unsafe_settings = vec!["fsync".to_owned(), "synchronous_commit".to_owned()];
        let unsafe_server = Server {
            unsafe_settings,
            ..good()
        };
        let check = durability(&unsafe_server);
        assert_eq!(check.state, State::Warning);
        assert!(
            check.found.contains("fsync, synchronous_commit"),
            "{check:?}"
        );
        let standby = Server {
            is_read_only: true,
            ..good()
        };
        assert_eq!(writes(&standby).state, State::Problem);
    }

    #[test]
    fn messages_in_another_language_are_a_problem() {
        for (locale, state) in [
            ("C", State::Ok),
            ("en_GB.UTF-8", State::Ok),
            ("", State::Ok),
            ("de_DE.UTF-8", State::Problem),
        ] {
            let messages_locale = locale.to_owned();
            let server = Server {
                messages_locale,
                ..good()
            };
            assert_eq!(messages(&server).state, state, "{locale}");
        }
    }

    #[test]
    fn outstanding_migrations_are_a_problem_and_newer_ones_a_warning() {
        let all = Migrations {
            n_applied: 8,
            ..Migrations::default()
        };
        assert_eq!(
            migrations(&all),
            Check::ok("migrations", "all 8 migrations have run")
        );
        let newer = Migrations {
            unknown: vec!["2027".to_owned()],
            ..all.clone()
        };
        assert_eq!(migrations(&newer).state, State::Warning);
        let older = Migrations {
            pending: vec!["2026-11-26-210000_add_provider_kinds".to_owned()],
            ..newer
        };
        let check = migrations(&older);
        assert_eq!(check.todo.as_deref(), Some("run `carillon migrate`"));
        assert!(check.found.contains("add_provider_kinds"), "{check:?}");
    }

    #[test]
    fn the_advice_for_a_server_that_cannot_be_used_fits_why() {
        for (error, advice) in [
            (
                "error connecting to server: Connection refused (os error 111)",
                "pg_isready",
            ),
            (
                "db error: FATAL: password authentication failed for user \"u\"",
                "password",
            ),
            (
                "db error: FATAL: database \"carillon\" does not exist",
                "create the database",
            ),
            (
                "db error: FATAL: sorry, too many clients already",
                "max_connections",
            ),
        ] {
            let check = unreachable("db:5432", &Error::Unavailable(error.to_owned()));
            let todo = check.todo.unwrap();
            assert!(todo.contains(advice), "{error}: {todo}");
            assert_eq!(check.found, format!("db:5432: {error}"));
        }
        let pool = "Error occurred while creating a new object: Connection refused";
        let check = unreachable("db:5432", &Error::Unavailable(pool.to_owned()));
        assert_eq!(check.found, "db:5432: Connection refused");
        assert!(check.todo.unwrap().ends_with("pg_isready -h db -p 5432"));
    }
}
