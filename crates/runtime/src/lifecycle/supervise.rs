//! Watches the work until it has ended, one way or another.

use std::time::Duration;

use tokio::time::{sleep, timeout};
use tracing::{error, info, warn};

use super::App;

/// After the time to finish is over, tasks have this long to drop what they hold.
const ABORT_GRACE: Duration = Duration::from_secs(1);

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// `main` returned without error and everything that had begun was finished.
    Orderly,
    /// Something failed, or had to be cut off.
    Failed,
}

/// Runs `main`, then waits for the tasks; neither outlives a shutdown by more than
/// `shutdown.drain_s` and a second.
pub(super) async fn until_the_end(
    app: &App,
    main: impl Future<Output = anyhow::Result<()>>,
) -> Ending {
    let work = async {
        let result = main.await;
        if let Err(error) = &result {
            error!(error = format!("{error:#}"), "the process has failed");
        }
        // The process ends when `main` does, whatever its tasks would still like to do.
        app.shutdown.cancel();
        app.tasks.finished().await;
        result
    };
    let time_is_over = async {
        app.shutdown.cancelled().await;
        sleep(app.settings.shutdown.drain).await;
    };
    tokio::pin!(work);
    let result = tokio::select! {
        result = &mut work => Some(result),
        () = time_is_over => {
            let n_tasks = app.tasks.len();
            warn!(n_tasks, "the time to finish is over: what is left is dropped");
            app.abort.cancel();
            // What ends now has dropped its work, so it does not count as finished.
            let _ = timeout(ABORT_GRACE, &mut work).await;
            None
        }
    };
    let is_orderly = matches!(result, Some(Ok(()))) && !app.tasks.has_failed();
    info!(is_orderly, "the process ends");
    if is_orderly {
        Ending::Orderly
    } else {
        Ending::Failed
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::time::Instant;

    use super::*;
    use crate::{Settings, Telemetry};

    fn app() -> App {
        let settings = Settings::load_partial(None, []).expect("the defaults are valid");
        App::new(Arc::new(settings), Telemetry::unused())
    }

    /// Runs `main` and says how it ended and how many seconds it took.
    async fn run(app: &App, main: impl Future<Output = anyhow::Result<()>>) -> (Ending, u64) {
        let begun = Instant::now();
        let ending = until_the_end(app, main).await;
        (ending, begun.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn the_process_ends_when_its_work_does() {
        let app = app();
        app.tasks
            .spawn("helper", app.shutdown.clone().cancelled_owned());
        assert_eq!(run(&app, async { Ok(()) }).await, (Ending::Orderly, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_of_the_work_is_a_failure() {
        let app = app();
        assert_eq!(
            run(&app, async { anyhow::bail!("no") }).await,
            (Ending::Failed, 0)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_has_begun_is_finished() {
        let app = app();
        let shutdown = app.shutdown.clone();
        app.tasks.spawn("call", async move {
            shutdown.cancelled().await;
            sleep(Duration::from_secs(7)).await;
        });
        app.shutdown.cancel();
        let main = async {
            app.shutdown.cancelled().await;
            Ok(())
        };
        assert_eq!(run(&app, main).await, (Ending::Orderly, 7));
        assert!(!app.abort.is_cancelled());
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_finish_in_time_is_told_to_drop_everything() {
        let app = app();
        app.tasks.spawn("call", app.abort.clone().cancelled_owned());
        app.shutdown.cancel();
        assert_eq!(run(&app, async { Ok(()) }).await, (Ending::Failed, 20));
    }

    #[tokio::test(start_paused = true)]
    async fn what_listens_to_nothing_is_left_behind() {
        let app = app();
        app.tasks.spawn("deaf", std::future::pending::<()>());
        app.shutdown.cancel();
        assert_eq!(
            run(&app, std::future::pending()).await,
            (Ending::Failed, 21)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn an_essential_task_takes_the_process_down() {
        let app = app();
        app.tasks.spawn_essential("engine", async {
            sleep(Duration::from_secs(3)).await;
            panic!("on purpose")
        });
        let main = async {
            app.shutdown.cancelled().await;
            Ok(())
        };
        assert_eq!(run(&app, main).await, (Ending::Failed, 3));
    }
}
