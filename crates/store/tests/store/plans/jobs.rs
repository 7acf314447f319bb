//! The statements of jobs: rows are found by the job's moment, and open jobs among thousands.

use std::collections::BTreeSet;

use serde_json::Value;
use tokio_postgres::SimpleQueryMessage;

use super::{Plans, assert_by_index};

/// A job of 6,000 rows beside the messages of the day, 10,000 jobs that are done, and 300 that were
/// cancelled.
const FILL: &str = r"
    INSERT INTO jobs (id, service_id, template_id, created_at, started_at, relayed_at, template_version,
        n_rows, status, channel, lane, key_type, queue, name, storage, checked_at, finished_at)
    SELECT lpad(to_hex(n), 32, '0')::uuid, '00000000-0000-0000-0000-000000000001', gen_random_uuid(),
        now(), at, at, 1, 6000,
        CASE WHEN n = 1 THEN 'in progress' WHEN n % 33 = 0 THEN 'cancelled' ELSE 'finished' END,
        'email', 'normal', 'normal', 'send-email', 'a', 'postgres', now(), now()
    FROM generate_series(1, 10000) n,
        (SELECT date_trunc('day', now(), 'UTC') + interval '1 hour 9 seconds' AS at) s;
    INSERT INTO job_chunks (job_id, chunk, first_row, last_row, n_rows, saved_at)
    SELECT j.id, chunk, chunk * 500 + 1, chunk * 500 + 500, 500,
        CASE WHEN j.status <> 'in progress' OR chunk < 9 THEN now() END
    FROM jobs j, generate_series(0, 11) chunk
    WHERE j.id < '00000000-0000-0000-0000-000000000100' OR j.status = 'in progress';
    INSERT INTO notifications (id, service_id, template_id, created_at, template_version, job_id, job_row,
        channel, lane, key_type, queue, recipient, normalised_recipient, personalisation, dispatched_at)
    SELECT (substr(uuidv7_lower_bound(j.started_at)::text, 1, 13) || '-7' || lpad(to_hex(n >> 4), 3, '0')
            || '-8' || to_hex(n & 15) || '00-000000000000')::uuid,
        j.service_id, j.template_id, now(), 1, j.id, n, 'email', 'normal', 'normal', 'send-email',
        'a@example.org', 'a@example.org', '{}', now()
    FROM generate_series(1, 6000) n, jobs j
    WHERE j.status = 'in progress';
    ANALYZE;
";

const JOB: &str = "'00000000-0000-0000-0000-000000000001'::uuid";

async fn with_jobs() -> Plans {
    let plans = Plans::new().await;
    plans.given.register(&[]).await;
    plans.given.database.execute(FILL).await;
    plans
}

impl Plans {
    /// Between which ids the rows of the job lie.
    async fn span(&self) -> String {
        let query = format!(
            "SELECT format('%L::uuid, %L::uuid', uuidv7_lower_bound(started_at),
                uuidv7_lower_bound(started_at + interval '1 millisecond'))
             FROM jobs WHERE id = {JOB}"
        );
        let row = self.client.query_one(&query, &[]).await;
        row.expect("the query is right").get(0)
    }

    /// As for other statements; and no more than a few jobs are read.
    async fn assert_finds(&self, what: &str, statement: &str, types: &str, values: &str) {
        let scans = self.scans(statement, types, values).await;
        assert_by_index(what, &scans);
        for scan in &scans {
            let elsewhere = scan.contains("notification") && !scan.ends_with(&self.today);
            assert!(!elsewhere, "{what} looks into another day: {scans:?}");
            assert!(!scan.starts_with("Seq Scan job"), "{what}: {scans:?}");
        }
    }

    /// The indexes that a statement reads.
    async fn indexes(&self, statement: &str, types: &str, values: &str) -> BTreeSet<String> {
        let mut indexes = BTreeSet::new();
        for mode in ["force_custom_plan", "force_generic_plan"] {
            let run = format!(
                "SET plan_cache_mode = {mode}; PREPARE hot ({types}) AS {statement}; \
                 EXPLAIN (FORMAT json) EXECUTE hot ({values}); DEALLOCATE hot; RESET plan_cache_mode"
            );
            let answers = self.client.simple_query(&run).await;
            let answers = answers.unwrap_or_else(|error| panic!("{error:?}: {run}"));
            let plan = answers.iter().find_map(|answer| match answer {
                SimpleQueryMessage::Row(row) => row.get(0),
                _ => None,
            });
            let plan = serde_json::from_str(plan.expect("there is a plan")).expect("JSON");
            named(&plan, &mut indexes);
        }
        indexes
    }
}

fn named(node: &Value, indexes: &mut BTreeSet<String>) {
    match node {
        Value::Array(nodes) => nodes.iter().for_each(|node| named(node, indexes)),
        Value::Object(fields) => {
            let name = fields.get("Index Name").and_then(Value::as_str);
            indexes.extend(name.map(str::to_owned));
            fields.values().for_each(|field| named(field, indexes));
        }
        _ => {}
    }
}

#[tokio::test]
async fn open_jobs_are_found_by_their_index_among_ten_thousand_finished_ones() {
    let plans = with_jobs().await;
    let statement = include_str!("../../../src/job/stands_still.sql");
    let (types, values) = ("text, bigint, integer, bigint", "'jobs', 90000, 4, 100");
    plans
        .assert_finds("stands_still", statement, types, values)
        .await;
    let indexes = plans.indexes(statement, types, values).await;
    assert!(indexes.contains("jobs_open"), "{indexes:?}");
    assert!(indexes.contains("job_chunks_open"), "{indexes:?}");
    let backlog = include_str!("../../../src/job/backlog.sql");
    plans.assert_finds("backlog", backlog, "integer", "0").await;
    let indexes = plans.indexes(backlog, "integer", "0").await;
    assert!(indexes.contains("jobs_open"), "{indexes:?}");
}

#[tokio::test]
async fn finished_jobs_are_listed_by_their_indexes() {
    let plans = with_jobs().await;
    let unchecked = include_str!("../../../src/job/unchecked.sql");
    plans
        .assert_finds("unchecked", unchecked, "bigint", "100")
        .await;
    let expired = include_str!("../../../src/job/expired.sql");
    let values = "'{finished,cancelled}', 100";
    plans
        .assert_finds("expired", expired, "text[], bigint", values)
        .await;
}

#[tokio::test]
async fn a_chunk_is_claimed_and_its_job_finished_by_key() {
    let plans = with_jobs().await;
    let claim = include_str!("../../../src/job/claim_chunk.sql");
    let values = format!("{JOB}, gen_random_uuid(), 30000");
    plans
        .assert_finds("claim_chunk", claim, "uuid, uuid, bigint", &values)
        .await;
    let finish = include_str!("../../../src/job/finish.sql");
    plans.assert_finds("finish", finish, "uuid", JOB).await;
}

#[tokio::test]
async fn a_chunk_is_saved_without_reading_other_messages() {
    let plans = with_jobs().await;
    let lease = format!(
        "UPDATE job_chunks SET lease_token = {JOB}, lease_until = now() + interval '1 minute' WHERE job_id = {JOB}"
    );
    plans.given.database.execute(&lease).await;
    let span = plans.span().await;
    let low = span.split(',').next().expect("two ids");
    let values = format!(
        "{JOB}, 9, {JOB}, {JOB}, {JOB}, null, 1, 'email', 'normal', 'normal', 'send-email', null, now(), \
         null, null, ARRAY[{low}], '{{4501}}', '{{a@example.org}}', '{{a@example.org}}', '{{null}}', \
         ARRAY['{{}}'::jsonb]"
    );
    let types = "uuid, integer, uuid, uuid, uuid, uuid, integer, text, text, text, text, text, timestamptz, \
                 uuid, bigint, uuid[], integer[], text[], text[], text[], jsonb[]";
    let save = include_str!("../../../src/job/save_chunk.sql");
    plans.assert_finds("save_chunk", save, types, &values).await;
}

#[tokio::test]
async fn the_rows_of_a_job_are_changed_by_their_day_s_primary_key() {
    let plans = with_jobs().await;
    let statement = include_str!("../../../src/job/change_rows.sql");
    for change in ["hold", "release", "cancel"] {
        let ask = format!("UPDATE jobs SET row_change = '{change}' WHERE id = {JOB}");
        plans.given.database.execute(&ask).await;
        for limit in [1_000, 10_000] {
            let values = format!(
                "{JOB}, '{change}', {limit}, 'created', 'cancelled', 'job-paused', 'job-cancelled'"
            );
            let types = "uuid, text, bigint, text, text, text, text";
            plans.assert_finds(change, statement, types, &values).await;
        }
    }
}

#[tokio::test]
async fn the_rows_of_a_job_are_read_by_their_day_s_primary_key() {
    let plans = with_jobs().await;
    let span = plans.span().await;
    let statements = [
        (
            include_str!("../../../src/job/statistics.sql"),
            "uuid, uuid, uuid",
            format!("{JOB}, {span}"),
        ),
        (
            include_str!("../../../src/job/taken_up.sql"),
            "uuid, uuid, uuid, text",
            format!("{JOB}, {span}, 'cancelled'"),
        ),
        (
            include_str!("../../../src/job/rows.sql"),
            "uuid, uuid, uuid, text[], bigint",
            format!("{JOB}, {span}, null, 100"),
        ),
        (
            include_str!("../../../src/job/failed_rows.sql"),
            "uuid, uuid, uuid, text[], bigint",
            format!("{JOB}, {span}, '{{permanent-failure}}', 100"),
        ),
    ];
    for (statement, types, values) in statements {
        plans
            .assert_pruned(statement, statement, types, &values)
            .await;
    }
    let finished = format!("UPDATE jobs SET status = 'finished' WHERE id = {JOB}");
    plans.given.database.execute(&finished).await;
    let check = include_str!("../../../src/job/reopen_missing.sql");
    let values = format!("{JOB}, {span}");
    let types = "uuid, uuid, uuid";
    plans
        .assert_pruned("reopen_missing", check, types, &values)
        .await;
    plans
        .assert_finds("reopen_missing", check, types, &values)
        .await;
}

#[tokio::test]
async fn a_claim_of_a_job_s_rows_looks_at_their_job_alone() {
    let plans = with_jobs().await;
    let query = format!(
        "SELECT format('%L::uuid[], %L::uuid, %L::uuid', array_agg(id ORDER BY id),
            (array_agg(id ORDER BY id))[1], (array_agg(id ORDER BY id DESC))[1])
         FROM notifications WHERE job_id = {JOB} AND job_row <= 100"
    );
    let ids: String = plans.client.query_one(&query, &[]).await.unwrap().get(0);
    let claim = include_str!("../../../src/notification/claim.sql");
    let types = "uuid, bigint, uuid[], uuid, uuid";
    let values = format!("gen_random_uuid(), 30000, {ids}");
    plans.assert_pruned("claim", claim, types, &values).await;
    plans.assert_finds("claim", claim, types, &values).await;
}
