//! Making a page of saved rows follow their job.

use carillon_core::job::RowChange;
use carillon_runtime::crash_point;
use carillon_store::job::{change_rows, rows_are_changed};

use super::Piece;
use crate::patience::{self, ShuttingDown};

/// Rows of one statement.
const PAGE: i64 = 10_000;
/// Fewer are never worth a statement.
const SMALLEST_PAGE: i64 = 500;

impl Piece<'_> {
    /// Changes a page of rows; whether there may be more. Those in a worker's hands are looked at
    /// again when the poller sends the job on.
    pub(super) async fn change_rows(&self, change: RowChange) -> Result<bool, ShuttingDown> {
        let (store, shutdown) = (&self.cx.store, &self.cx.shutdown);
        // What failed may have taken too long: the next try is a smaller one.
        let mut next_page = PAGE;
        let page = || {
            let limit = next_page;
            next_page = smaller(limit);
            change_rows(store, self.job_id, change, limit)
        };
        let changed = match patience::store(shutdown, "change-job-rows", page).await? {
            Ok(changed) => changed,
            Err(error) => {
                tracing::error!(job.id = %self.job_id, %change, %error, "cannot change a job's rows");
                return Ok(false);
            }
        };
        crash_point!("worker.job.rows-changed");
        if changed.n_callback_events > 0 {
            self.cx.waker.callbacks();
        }
        if changed.n_changed > 0 {
            metrics::counter!("carillon_job_rows_changed_total", "change" => change.as_str())
                .increment(changed.n_changed.unsigned_abs());
        }
        if changed.goes_on {
            return Ok(true);
        }
        if changed.n_in_hand == 0 {
            let complete = || rows_are_changed(store, self.job_id, change);
            if let Err(error) = patience::store(shutdown, "change-job-rows", complete).await? {
                tracing::error!(job.id = %self.job_id, %change, %error, "cannot end a change of rows");
            }
        }
        Ok(false)
    }
}

const fn smaller(page: i64) -> i64 {
    if page / 2 > SMALLEST_PAGE {
        page / 2
    } else {
        SMALLEST_PAGE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_takes_too_long_is_halved_but_never_too_small() {
        let pages: Vec<_> = std::iter::successors(Some(PAGE), |page| Some(smaller(*page)))
            .take(7)
            .collect();
        assert_eq!(pages, [10_000, 5_000, 2_500, 1_250, 625, 500, 500]);
    }
}
