//! Daily partitions of notifications and their timeline.

use chrono::{Days, NaiveDate};
use diesel::sql_types::{Bool, Date};
use diesel_async::RunQueryDsl;

use crate::{Result, Store};

statement! {
    EnsureDay = "partition/ensure_day.sql" { day: NaiveDate => Date }
}

#[derive(diesel::QueryableByName)]
struct Made {
    #[diesel(sql_type = Bool)]
    made: bool,
}

/// How many days ahead partitions are kept.
pub const DAYS_AHEAD: u64 = 7;

/// Makes one day's partitions if they are missing; true when it made any.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn ensure_day(store: &Store, day: NaiveDate) -> Result<bool> {
    let mut conn = store.connection().await?;
    let made: Made = store
        .within_deadline(EnsureDay { day }.get_result(&mut conn))
        .await?;
    Ok(made.made)
}

/// Makes the partitions from the day before `today` (late ids) to [`DAYS_AHEAD`] after it; returns
/// how many days were made.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn ensure_ahead(store: &Store, today: NaiveDate) -> Result<usize> {
    let mut n_made = 0;
    let first = today.pred_opt().unwrap_or(today);
    for ahead in 0..=DAYS_AHEAD + 1 {
        let Some(day) = first.checked_add_days(Days::new(ahead)) else {
            break;
        };
        n_made += usize::from(ensure_day(store, day).await?);
    }
    Ok(n_made)
}
