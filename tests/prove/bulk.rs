//! Bulk: a job of any size ends with each row once, whatever dies on the way.

use std::time::{Duration, Instant};

use carillon_test_support::{Member, OwnPostgres, OwnRabbitmq, Stack, StackOptions, eventually};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;

const RUNS: u8 = 10;
const ROWS: i64 = 20_000;
const KILL_EVERY: Duration = Duration::from_secs(2);
/// At these kills a server is restarted instead.
const POSTGRESQL_AT: usize = 2;
const RABBITMQ_AT: usize = 4;
/// At the least, so that each run sees both servers restarted.
const KILLS: usize = 6;
/// What a dead process held is taken over when its lease ends.
const ENDS_WITHIN: Duration = Duration::from_secs(180);

async fn submit(stack: &Stack, run: u8) -> String {
    let header = vec!["email address".to_owned(), "name".to_owned()];
    let rows = (0..ROWS).map(|n| vec![format!("r{run}n{n}@example.org"), format!("Name {n}")]);
    let body = json!({
        "template_id": stack.demo("EMAIL_TEMPLATE_ID"),
        "name": format!("Run {run}"),
        "rows": std::iter::once(header).chain(rows).collect::<Vec<_>>(),
    });
    let (status, answer) = stack.post("/bulk", &stack.key(), &body).await;
    assert_eq!(status, 201, "{answer}");
    answer["data"]["id"].as_str().unwrap().to_owned()
}

/// Kills one process after the other until the job is finished; how many.
async fn kill(
    stack: &mut Stack,
    job: &str,
    (postgres, rabbitmq): (&OwnPostgres, &OwnRabbitmq),
    rng: &mut StdRng,
) -> usize {
    let is_finished =
        format!("SELECT count(*) FROM jobs WHERE id = '{job}' AND status = 'finished'");
    let mut n = 0;
    loop {
        tokio::time::sleep(KILL_EVERY).await;
        match n {
            POSTGRESQL_AT => {
                postgres.kill().await;
                postgres.start().await;
            }
            RABBITMQ_AT => {
                rabbitmq.stop().await;
                rabbitmq.start().await;
            }
            _ => {
                let members = [Member::Worker, Member::Poller, Member::Api];
                let member = members[rng.random_range(0..members.len())];
                stack.kill_process(member);
                stack.launch_process(member, &[]);
            }
        }
        n += 1;
        if n >= KILLS && stack.database.number(&is_finished).await == 1 {
            return n;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_jobs_of_20_000_rows_with_something_killed_every_two_seconds() {
    let (postgres, rabbitmq) = (OwnPostgres::new().await, OwnRabbitmq::new().await);
    let mut stack = Stack::start(StackOptions {
        database: Some(postgres.database().await),
        amqp_url: Some(rabbitmq.url().to_owned()),
        env: vec![
            // Many chunks, one after the other, so that the kills meet them.
            ("CARILLON__JOBS__ROWS_PER_CHUNK", "100".to_owned()),
            ("CARILLON__JOBS__PARALLEL_CHUNKS", "2".to_owned()),
            ("CARILLON__JOBS__CHUNK_LEASE_S", "10".to_owned()),
        ],
        ..StackOptions::default()
    })
    .await;
    for run in 0..RUNS {
        let mut rng = StdRng::seed_from_u64(u64::from(run));
        let began = Instant::now();
        let job = submit(&stack, run).await;
        let n_kills = kill(&mut stack, &job, (&postgres, &rabbitmq), &mut rng).await;
        let killed_for = began.elapsed();
        let delivered = format!(
            "SELECT count(*) FROM notifications WHERE job_id = '{job}' AND status = 'delivered'"
        );
        eventually("every row is delivered", ENDS_WITHIN, async || {
            (stack.database.number(&delivered).await == ROWS).then_some(())
        })
        .await;
        let of_job =
            |what: &str| format!("SELECT {what} FROM notifications WHERE job_id = '{job}'");
        let n = stack.database.number(&of_job("count(*)")).await;
        let distinct = of_job("count(DISTINCT job_row)");
        let n_distinct = stack.database.number(&distinct).await;
        let rescued = "SELECT count(*) FROM notification_events WHERE event = 'rescued'";
        println!(
            "run {run}: {n_kills} killed or restarted in {killed_for:?}; finished; {n} notifications, \
             {n_distinct} different rows, all delivered {:?} after the last kill; so far rescued {}, \
             sent twice {}",
            began.elapsed() - killed_for,
            stack.database.number(rescued).await,
            stack.sandbox_stats().await["duplicates"],
        );
        assert_eq!((n, n_distinct), (ROWS, ROWS));
    }
    stack.assert_settled().await;
    postgres.destroy().await;
    rabbitmq.destroy().await;
}
