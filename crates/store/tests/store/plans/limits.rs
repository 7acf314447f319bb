//! What a brake held is found among thousands of messages.

use serde_json::Value;
use tokio_postgres::SimpleQueryMessage;

use super::{Plans, assert_by_index};

const RELEASE: &str = include_str!("../../../src/limits/release_rows.sql");
const TYPES: &str = "uuid, text, bigint";
const VALUES: &str = "'00000000-0000-0000-0000-000000000007'::uuid, 'bounce-brake', 1000";

#[tokio::test]
async fn what_a_brake_held_is_found_by_the_index_of_what_waits() {
    let plans = Plans::new().await;
    let hold = "UPDATE notifications SET due_at = now() + interval '100 days', wait_reason = 'bounce-brake' \
        WHERE due_at IS NOT NULL AND right(id::text, 1) < '4'";
    plans.given.database.execute(hold).await;
    let scans = plans.scans(RELEASE, TYPES, VALUES).await;
    assert_by_index("release_rows", &scans);
}

#[tokio::test]
async fn what_is_paused_is_not_read_for_what_a_brake_held() {
    let plans = Plans::new().await;
    let pause =
        "UPDATE notifications SET due_at = now() + interval '100 years' WHERE due_at IS NOT NULL";
    plans.given.database.execute(pause).await;
    let run = format!(
        "BEGIN; PREPARE release ({TYPES}) AS {RELEASE}; \
         EXPLAIN (ANALYZE, COSTS off, TIMING off, FORMAT json) EXECUTE release ({VALUES}); ROLLBACK"
    );
    let answers = plans.client.simple_query(&run).await;
    let answers = answers.expect("the statement is right");
    let plan = answers.iter().find_map(|answer| match answer {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    let plan: Value = serde_json::from_str(plan.expect("there is a plan")).expect("JSON");
    let n_read = read_for_nothing(&plan[0]["Plan"]);
    assert!(n_read == 0.0, "{n_read} rows were read for nothing: {plan}");
}

fn read_for_nothing(node: &Value) -> f64 {
    let of = |name: &str| node[name].as_f64().unwrap_or(0.0);
    let inner = node["Plans"].as_array().into_iter().flatten();
    of("Rows Removed by Filter") * of("Actual Loops") + inner.map(read_for_nothing).sum::<f64>()
}
