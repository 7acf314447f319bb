//! Send rates of providers, shared by all workers: how many calls may be made, and what a provider
//! says of it.

use std::time::Duration;

use diesel::sql_types::{Array, BigInt, Double, Integer, Text};
use diesel_async::RunQueryDsl;

use crate::{Result, Store};

statement! {
    ReadRates = "provider_budget/rates.sql" {}
}

/// A provider whose calls are limited.
#[derive(Debug, Clone, PartialEq, diesel::QueryableByName)]
pub struct Rate {
    /// The provider's name.
    #[diesel(sql_type = Text)]
    pub provider: String,
    /// Calls in a second, of all workers together: as it is set, or else as the provider says.
    #[diesel(sql_type = Double)]
    pub per_second: f64,
}

/// The rates of the active providers that have one.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn rates(store: &Store) -> Result<Vec<Rate>> {
    let mut conn = store.connection().await?;
    store.within_deadline(ReadRates {}.load(&mut conn)).await
}

statement! {
    Borrow = "provider_budget/borrow.sql" { providers: Vec<String> => Array<Text>, wanted: Vec<i32> => Array<Integer> }
}

/// Calls that may be made.
#[derive(Debug, Clone, PartialEq, Eq, diesel::QueryableByName)]
pub struct Grant {
    /// The provider's name.
    #[diesel(sql_type = Text)]
    pub provider: String,
    /// How many; 0 when others have had them.
    #[diesel(sql_type = Integer)]
    pub granted: i32,
}

/// Takes calls from the budgets of these providers, at most so many of each. A provider without a
/// rate is not in the answer: its calls need no grant.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn borrow(store: &Store, wanted: &[(String, i32)]) -> Result<Vec<Grant>> {
    let (providers, wanted) = wanted.iter().cloned().unzip();
    let mut conn = store.connection().await?;
    let borrow = Borrow { providers, wanted };
    store.within_deadline(borrow.load(&mut conn)).await
}

statement! {
    TakeTurnToAsk = "provider_budget/take_turn_to_ask.sql" { providers: Vec<String> => Array<Text>, every_ms: i64 => BigInt }
}

#[derive(diesel::QueryableByName)]
struct ToAsk {
    #[diesel(sql_type = Text)]
    provider: String,
}

/// Which of these providers the caller is to ask for their rates now: each is asked once in `every`
/// by all workers together, and not where a rate is set.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn take_turn_to_ask(
    store: &Store,
    providers: Vec<String>,
    every: Duration,
) -> Result<Vec<String>> {
    let statement = TakeTurnToAsk {
        providers,
        every_ms: i64::try_from(every.as_millis()).unwrap_or(i64::MAX),
    };
    let mut conn = store.connection().await?;
    let to_ask: Vec<ToAsk> = store.within_deadline(statement.load(&mut conn)).await?;
    Ok(to_ask.into_iter().map(|one| one.provider).collect())
}

statement! {
    Report = "provider_budget/report.sql" { per_second: f64 => Double, provider: String => Text }
}

/// Keeps what a provider says that it takes in a second.
///
/// # Errors
/// When PostgreSQL is away, or the rate is not above 0.
pub async fn report(store: &Store, provider: &str, per_second: f64) -> Result<()> {
    let report = Report {
        per_second,
        provider: provider.to_owned(),
    };
    let mut conn = store.connection().await?;
    store.within_deadline(report.execute(&mut conn)).await?;
    Ok(())
}
