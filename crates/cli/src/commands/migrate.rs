//! `carillon migrate`.

use std::time::Duration;

use anyhow::Context;
use carillon_store::{Error, Store, health, migrate, partition};
use clap::Args;
use tokio::time::Instant;

use crate::cx::Cx;

const AFTER_HELP: &str = "\
Needs DATABASE_URL only, or DATABASE_DIRECT_URL where a pooler is between. Running it again does
nothing; several at once take turns.

Examples:
  carillon migrate
  carillon migrate --wait 120    # the database is still being started";

/// How often a database that is not there yet is asked again.
const PAUSE: Duration = Duration::from_millis(500);

/// Bring the database up to date: run outstanding migrations, make partitions for the days ahead
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Migrate {
    /// How long to wait for a database that cannot be reached yet
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    wait: u32,
}

impl Migrate {
    pub async fn run(self, cx: &Cx) -> anyhow::Result<String> {
        let store = cx.direct_store()?;
        let deadline = Instant::now() + Duration::from_secs(self.wait.into());
        let mut said = String::new();
        loop {
            match bring_up_to_date(&store).await {
                Err(error) if error.is_transient() && Instant::now() < deadline => {
                    let waiting_for = error.to_string();
                    if said != waiting_for {
                        eprintln!("carillon: waiting up to {} s: {waiting_for}", self.wait);
                        said = waiting_for;
                    }
                    tokio::time::sleep(PAUSE).await;
                }
                result => return result.map(|done| done.text()).context("cannot migrate"),
            }
        }
    }
}

/// What was done.
struct Done {
    migrations: Vec<String>,
    n_days: usize,
}

async fn bring_up_to_date(store: &Store) -> Result<Done, Error> {
    let migrations = migrate::run(store).await?;
    let today = health::now(store).await?.date_naive();
    let n_days = partition::ensure_ahead(store, today).await?;
    Ok(Done { migrations, n_days })
}

impl Done {
    fn text(&self) -> String {
        let mut lines: Vec<String> = self
            .migrations
            .iter()
            .map(|name| format!("ran migration {name}"))
            .collect();
        if self.n_days > 0 {
            lines.push(format!("made partitions for {} days", self.n_days));
        }
        if lines.is_empty() {
            lines.push("nothing to do".to_owned());
        }
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_is_said() {
        let nothing = Done {
            migrations: Vec::new(),
            n_days: 0,
        };
        assert_eq!(nothing.text(), "nothing to do");
        let all = Done {
            migrations: vec!["1".to_owned(), "2".to_owned()],
            n_days: 9,
        };
        insta::assert_snapshot!(all.text(), @r"
        ran migration 1
        ran migration 2
        made partitions for 9 days
        ");
    }
}
