//! A database for one test: a copy of the migrated template.

use std::time::Duration;

use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

use crate::Environment;

/// A migrated, empty database that no other test uses. It is not dropped: the whole server goes
/// away after the run.
#[derive(Debug, Clone)]
pub struct TestDatabase {
    /// Its URL.
    pub url: String,
}

impl TestDatabase {
    /// Makes one on the shared server.
    ///
    /// # Panics
    /// When it cannot be made.
    pub async fn create() -> Self {
        Self::create_on(Environment::get().postgres()).await
    }

    /// Makes one on a given server, which must have the template.
    ///
    /// # Panics
    /// When it cannot be made.
    pub async fn create_on(server: &str) -> Self {
        let template = Environment::get().template();
        Self::make(
            server,
            &format!("TEMPLATE \"{template}\" STRATEGY file_copy"),
        )
        .await
    }

    /// Makes one that is not migrated.
    ///
    /// # Panics
    /// When it cannot be made.
    pub async fn create_empty() -> Self {
        Self::make(Environment::get().postgres(), "TEMPLATE template0").await
    }

    async fn make(server: &str, from: &str) -> Self {
        let name = format!("test_{}", Uuid::new_v4().simple());
        connect(server)
            .await
            .batch_execute(&format!("CREATE DATABASE {name} {from}"))
            .await
            .unwrap_or_else(|error| panic!("cannot create a database for the test: {error:?}"));
        Self {
            url: with_database(server, &name),
        }
    }

    /// A connection past the code under test, for setting up and for assertions.
    ///
    /// # Panics
    /// When the server is away.
    pub async fn client(&self) -> Client {
        connect(&self.url).await
    }

    /// One whole number, such as a count.
    ///
    /// # Panics
    /// When the query fails.
    pub async fn number(&self, query: &str) -> i64 {
        let row = self.client().await.query_one(query, &[]).await;
        row.unwrap_or_else(|error| panic!("{query}: {error:?}"))
            .get(0)
    }

    /// Runs statements.
    ///
    /// # Panics
    /// When one fails.
    pub async fn execute(&self, statements: &str) {
        let done = self.client().await.batch_execute(statements).await;
        done.unwrap_or_else(|error| panic!("{statements}: {error:?}"));
    }

    /// Moves this database's `carillon_now()` on, in addition to former moves.
    ///
    /// # Panics
    /// When the server is away.
    pub async fn advance_clock(&self, by: Duration) {
        let seconds = by.as_secs_f64();
        self.execute(&format!(
            "INSERT INTO clock_offset AS c (\"offset\") VALUES ({seconds} * interval '1 second') \
             ON CONFLICT (only_row) DO UPDATE SET \"offset\" = c.\"offset\" + excluded.\"offset\""
        ))
        .await;
    }
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls)
        .await
        .unwrap_or_else(|error| {
            panic!("cannot connect to the PostgreSQL of ./dev test: {error:?}")
        });
    #[expect(
        clippy::disallowed_methods,
        reason = "ends with its client; a test has no shutdown"
    )]
    tokio::spawn(async move {
        // Assertions of a test that stops the server see the error at their own statement.
        let _ = connection.await;
    });
    client
}

/// `postgres://user:password@host:port/NAME?options` with another NAME.
fn with_database(url: &str, name: &str) -> String {
    let (address, options) = url.split_once('?').unwrap_or((url, ""));
    let (scheme, rest) = address.split_once("://").unwrap_or(("postgres", address));
    let host = rest.split_once('/').map_or(rest, |(host, _)| host);
    let mark = if options.is_empty() { "" } else { "?" };
    format!("{scheme}://{host}/{name}{mark}{options}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_database_is_named_in_any_url() {
        for (url, expected) in [
            ("postgres://a:b@h:1/postgres", "postgres://a:b@h:1/x"),
            ("postgres://a:b@h:1", "postgres://a:b@h:1/x"),
            (
                "postgres://h/y?sslmode=disable",
                "postgres://h/x?sslmode=disable",
            ),
        ] {
            assert_eq!(with_database(url, "x"), expected);
        }
    }
}
