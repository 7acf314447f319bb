//! Waiting until everything is at rest.

use std::time::{Duration, Instant};

use super::installation::Installation;
use crate::checker::{QUIET_WITHIN_S, not_ended, not_told};
use crate::history::History;
use crate::ledgers;

const LOOK_EVERY: Duration = Duration::from_millis(500);
/// After this the run says what is still open, and is broken.
const PATIENCE: Duration = Duration::from_secs(QUIET_WITHIN_S as u64 + 30);

/// Waits until whatever was accepted has come to its end and was told; the history then has the
/// rows, the calls of the receivers, and how long it took.
pub(super) async fn until_quiet(
    installation: &Installation,
    history: &mut History,
    say: &impl Fn(&str),
) -> anyhow::Result<()> {
    let last_fault = Instant::now();
    // What dies now dies by itself, and is started again all the same.
    let mut readings = Vec::new();
    let result = tokio::select! {
        result = look(installation, history, last_fault, say) => result,
        () = installation.fleet.keep_running() => Ok(()),
        () = ledgers::watch(&installation.stack, &mut readings) => Ok(()),
    };
    history.ledger.append(&mut readings);
    result
}

async fn look(
    installation: &Installation,
    history: &mut History,
    last_fault: Instant,
    say: &impl Fn(&str),
) -> anyhow::Result<()> {
    let mut said = Instant::now();
    loop {
        let is_late = last_fault.elapsed() > PATIENCE;
        // An API that has only just been started again may not answer yet.
        let has_open = installation.reader.has_open().await.unwrap_or(true);
        if !has_open || is_late || said.elapsed() > Duration::from_secs(10) {
            match installation.reader.all().await {
                Ok(rows) => history.rows = rows,
                Err(error) if is_late => return Err(error),
                Err(_) => {}
            }
            history.told = ledgers::told(&installation.receiver);
            let (n_open, n_untold) = (not_ended(history), not_told(history));
            if n_open + n_untold == 0 && !has_open {
                history.quiet_after_s = Some(last_fault.elapsed().as_secs_f64());
                return Ok(());
            }
            say(&format!(
                "{n_open} messages open or not there, {n_untold} ends not told"
            ));
            said = Instant::now();
        }
        if is_late {
            return Ok(());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
