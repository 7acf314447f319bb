//! Plans of the hot statements: by index, and only in the partitions that can hold the ids.
//!
//! Each runs over days with many rows, as a plan for these very values and as the generic plan that
//! PostgreSQL comes to use for a prepared statement.

mod callbacks;
mod idempotency;
mod jobs;
mod ledger;
mod limits;

use std::collections::BTreeSet;

use serde_json::Value;
use tokio_postgres::{Client, SimpleQueryMessage};

use crate::given::{Given, given};

/// Three days with 8,000 rows each: all delivered but the newest day's last 300, which are on their
/// way, and 300 that wait.
const FILL: &str = r"
    CREATE FUNCTION id_of(day int, n int) RETURNS uuid LANGUAGE sql AS $$
        SELECT (substr(uuidv7_lower_bound(date_trunc('day', now(), 'UTC') + day * interval '1 day'
                    + interval '1 hour' + n * interval '1 millisecond')::text, 1, 13)
                || '-7' || lpad(to_hex(n % 4096), 3, '0') || '-8000-' || lpad(to_hex(n), 12, '0'))::uuid
    $$;
    SELECT ensure_day_partitions((now() AT TIME ZONE 'UTC')::date + day) FROM generate_series(-1, 1) day;
    INSERT INTO notifications (id, service_id, template_id, created_at, template_version, status,
        channel, lane, key_type, queue, recipient, normalised_recipient, personalisation, reference,
        dispatched_at, due_at, wait_reason, lease_until, lease_token)
    SELECT id_of(day, n), lpad(to_hex(n % 20), 32, '0')::uuid, gen_random_uuid(), now(), 1,
        CASE WHEN day = 0 AND n > 7400 THEN 'created' ELSE 'delivered' END,
        'email', 'normal', 'normal', 'send-email', 'a@example.org', 'a@example.org', '{}',
        CASE WHEN n % 10 = 0 THEN 'r' || n END,
        CASE WHEN day = 0 AND n > 7700 THEN now() - interval '1 hour' END,
        CASE WHEN day = 0 AND n BETWEEN 7401 AND 7700 THEN now() - interval '1 minute' END,
        CASE WHEN day = 0 AND n BETWEEN 7401 AND 7700 THEN 'scheduled' END,
        CASE WHEN day = 0 AND n > 7900 THEN now() - interval '1 minute' END,
        CASE WHEN day = 0 AND n > 7900 THEN '00000000-0000-0000-0000-00000000000a'::uuid END
    FROM generate_series(-1, 1) day, generate_series(1, 8000) n;
    INSERT INTO notification_events (notification_id, seq, at, event, actor)
    SELECT id, 1, created_at, 'accepted', 'api' FROM notifications;
    INSERT INTO lane_watermarks VALUES ('send-email', now(), now());
    ANALYZE;
";

struct Plans {
    given: Given,
    client: Client,
    today: String,
}

impl Plans {
    async fn new() -> Self {
        let given = given().await;
        given.database.execute(FILL).await;
        let client = given.database.client().await;
        let query = "SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD')";
        let today = client
            .query_one(query, &[])
            .await
            .expect("the query is right")
            .get(0);
        Self {
            given,
            client,
            today,
        }
    }

    /// Ids of today's rows in a range, as an array.
    async fn ids(&self, from: i32, to: i32) -> String {
        let query =
            format!("SELECT array_agg(id_of(0, n))::text FROM generate_series({from}, {to}) n");
        let row = self
            .client
            .query_one(&query, &[])
            .await
            .expect("the query is right");
        format!("'{}'::uuid[]", row.get::<_, String>(0))
    }

    async fn id(&self, n: i32) -> String {
        let row = self
            .client
            .query_one(&format!("SELECT id_of(0, {n})::text"), &[])
            .await;
        format!(
            "'{}'::uuid",
            row.expect("the query is right").get::<_, String>(0)
        )
    }

    /// Runs a statement both ways and returns the scans that were executed, as `node table`.
    async fn scans(&self, statement: &str, types: &str, values: &str) -> BTreeSet<String> {
        let mut scans = BTreeSet::new();
        for mode in ["force_custom_plan", "force_generic_plan"] {
            let run = format!(
                "BEGIN; SET LOCAL plan_cache_mode = {mode}; SET LOCAL jit = off; \
                 PREPARE hot ({types}) AS {statement}; \
                 EXPLAIN (ANALYZE, COSTS off, TIMING off, FORMAT json) EXECUTE hot ({values}); \
                 ROLLBACK; DEALLOCATE hot"
            );
            let answers = self.client.simple_query(&run).await;
            let answers = answers.unwrap_or_else(|error| panic!("{error:?}: {run}"));
            let plan = answers.iter().find_map(|answer| match answer {
                SimpleQueryMessage::Row(row) => row.get(0),
                _ => None,
            });
            let plan: Value = serde_json::from_str(plan.expect("there is a plan")).expect("JSON");
            executed(&plan[0]["Plan"], &mut scans);
        }
        scans
    }

    /// Every scan of messages is by index, and of today's partition only.
    async fn assert_pruned(&self, what: &str, statement: &str, types: &str, values: &str) {
        let scans = self.scans(statement, types, values).await;
        assert_by_index(what, &scans);
        for scan in &scans {
            let today = scan.ends_with(&self.today) || !scan.contains("notification");
            assert!(today, "{what} looks into another day: {scans:?}");
        }
        assert!(
            scans.iter().any(|scan| scan.ends_with(&self.today)),
            "{what}: {scans:?}"
        );
    }
}

/// Scans that were not only planned.
fn executed(node: &Value, scans: &mut BTreeSet<String>) {
    if node["Actual Loops"].as_f64().unwrap_or(0.0) == 0.0 {
        return;
    }
    if let (Some(kind), Some(table)) = (node["Node Type"].as_str(), node["Relation Name"].as_str())
        && kind.contains("Scan")
        && !(kind == "Seq Scan" && found_nothing(node))
    {
        scans.insert(format!("{kind} {table}"));
    }
    for child in node["Plans"].as_array().into_iter().flatten() {
        executed(child, scans);
    }
}

/// A day without rows is read whole for nothing, and rightly so.
fn found_nothing(node: &Value) -> bool {
    let number = |name: &str| node[name].as_f64().unwrap_or(0.0);
    number("Actual Rows") + number("Rows Removed by Filter") == 0.0
}

fn assert_by_index(what: &str, scans: &BTreeSet<String>) {
    let whole = scans
        .iter()
        .find(|scan| scan.starts_with("Seq Scan notification"));
    assert_eq!(whole, None, "{what} reads a whole partition: {scans:?}");
}

/// Explains a claim of a hundred messages that are on their way.
async fn assert_claim_is_pruned(plans: &Plans) {
    let (ids, low, high) = (
        plans.ids(7701, 7800).await,
        plans.id(7701).await,
        plans.id(7800).await,
    );
    plans
        .assert_pruned(
            "claim",
            include_str!("../../src/notification/claim.sql"),
            "uuid, bigint, uuid[], uuid, uuid",
            &format!("gen_random_uuid(), 30000, {ids}, {low}, {high}"),
        )
        .await;
}

#[tokio::test]
async fn a_claim_reads_its_day_s_primary_key() {
    let plans = Plans::new().await;
    assert_claim_is_pruned(&plans).await;
}

#[tokio::test]
async fn a_mark_reads_its_day_s_primary_key() {
    let plans = Plans::new().await;
    let (ids, low, high) = (
        plans.ids(7901, 8000).await,
        plans.id(7901).await,
        plans.id(8000).await,
    );
    let of = |value: &str| format!("array_fill({value}, ARRAY[100])");
    let values = [
        ids,
        of("'00000000-0000-0000-0000-00000000000a'::uuid"),
        of("'sending'::text"),
        of("'sandbox'::text"),
        of("'r'::text"),
        of("'attempted'::text"),
        of("null::text"),
        of("null::bigint"),
        of("true"),
        of("'{}'::jsonb"),
        of("'sns'::text"),
    ]
    .join(", ");
    plans
        .assert_pruned(
            "mark",
            include_str!("../../src/notification/mark.sql"),
            "uuid[], uuid[], text[], text[], text[], text[], text[], bigint[], bool[], jsonb[], \
             text[], text[], uuid, uuid, text",
            &format!("{values}, '{{sent}}', {low}, {high}, 'worker'"),
        )
        .await;
}

#[tokio::test]
async fn receipts_read_their_day_s_primary_keys() {
    let plans = Plans::new().await;
    let (ids, low, high) = (
        plans.ids(101, 200).await,
        plans.id(101).await,
        plans.id(200).await,
    );
    let of = |value: &str| format!("array_fill({value}, ARRAY[100])");
    let values = [
        ids,
        of("'e'::text"),
        of("'sandbox'::text"),
        of("'r'::text"),
        of("now()"),
        of("'{}'::jsonb"),
        of("null::text"),
        of("'hard-bounce'::text"),
        of("null::text"),
    ]
    .join(", ");
    plans
        .assert_pruned(
            "receipts",
            include_str!("../../src/notification/receipts.sql"),
            "uuid[], text[], text[], text[], timestamptz[], jsonb[], text[], text[], text[], text[], \
             text, bool, bool, text, text[], uuid, uuid",
            &format!(
                "{values}, '{{delivered}}', 'permanent-failure', true, true, 'x', '{{x}}', {low}, {high}"
            ),
        )
        .await;
}

#[tokio::test]
async fn a_time_out_reads_its_page_by_primary_key() {
    let plans = Plans::new().await;
    let (low, high) = (plans.id(7001).await, plans.id(8000).await);
    plans
        .assert_pruned(
            "time_out",
            include_str!("../../src/notification/time_out.sql"),
            "text[], text[], text, text, text, text, timestamptz, text, uuid, uuid, bigint",
            &format!(
                "'{{created}}', '{{sending,pending,sent}}', 'technical-failure', 'temporary-failure', \
                 'never-sent', 'no-receipt', now() + interval '1 hour', 'poller', {low}, {high}, 900"
            ),
        )
        .await;
}

#[tokio::test]
async fn a_late_result_reads_its_day_s_primary_key() {
    let plans = Plans::new().await;
    let ids = plans.ids(7901, 7920).await;
    let (low, high) = (plans.id(7901).await, plans.id(7920).await);
    plans
        .assert_pruned(
            "mark_late",
            include_str!("../../src/notification/mark_late.sql"),
            "uuid[], jsonb[], text, uuid, uuid",
            &format!("{ids}, array_fill('{{}}'::jsonb, ARRAY[20]), 'worker', {low}, {high}"),
        )
        .await;
    // Held as the rescue leaves them, for these very results.
    let token = "'00000000-0000-0000-0000-00000000000a'";
    let hold = format!(
        "UPDATE notifications SET dispatched_at = NULL, lease_until = NULL, lease_token = NULL,
             due_at = now() + interval '1 year', wait_reason = 'answer-lost'
         WHERE id = ANY ({ids});
         INSERT INTO notification_events (notification_id, seq, at, event, reason, actor, detail)
         SELECT id, 2, now(), 'held', 'answer-lost', 'poller', jsonb_build_object('lease', {token}, 'attempt', 0)
         FROM unnest({ids}) id"
    );
    plans.given.database.execute(&hold).await;
    plans
        .assert_pruned(
            "lease_again",
            include_str!("../../src/notification/lease_again.sql"),
            "uuid[], uuid[], bool[], bigint, uuid, uuid",
            &format!(
                "{ids}, array_fill({token}::uuid, ARRAY[20]), array_fill(true, ARRAY[20]), 60000, {low}, {high}"
            ),
        )
        .await;
}

#[tokio::test]
async fn a_hold_reads_its_day_s_primary_key() {
    let plans = Plans::new().await;
    let (ids, low, high) = (
        plans.ids(7701, 7800).await,
        plans.id(7701).await,
        plans.id(7800).await,
    );
    plans
        .assert_pruned(
            "hold",
            include_str!("../../src/notification/hold.sql"),
            "text, text, uuid[], bigint[], uuid, uuid",
            &format!(
                "'fair-share', 'worker', {ids}, array_fill(1000::bigint, ARRAY[100]), {low}, {high}"
            ),
        )
        .await;
}

#[tokio::test]
async fn reading_by_id_reads_the_day_s_primary_key() {
    let plans = Plans::new().await;
    let (ids, low, high) = (
        plans.ids(11, 40).await,
        plans.id(11).await,
        plans.id(40).await,
    );
    let read_many = include_str!("../../src/notification/read_many.sql");
    plans
        .assert_pruned(
            "read_many",
            read_many,
            "uuid[], uuid, uuid",
            &format!("{ids}, {low}, {high}"),
        )
        .await;
    let timeline = include_str!("../../src/notification/timeline.sql");
    plans
        .assert_pruned("timeline", timeline, "uuid", &low)
        .await;
}

#[tokio::test]
async fn the_relay_finds_what_is_due_by_index() {
    let plans = Plans::new().await;
    let relay = include_str!("../../src/notification/relay.sql");
    let scans = plans
        .scans(
            relay,
            "text[], bigint, text[]",
            "'{send-email,send-sms}', 100, '{provider-failure}'",
        )
        .await;
    assert_by_index("relay", &scans);
}

#[tokio::test]
async fn the_rescue_finds_what_is_on_its_way_by_index() {
    let plans = Plans::new().await;
    let lost = include_str!("../../src/notification/rescue_lost.sql");
    let values = "'technical-failure', 1000, 48, 1000";
    assert_by_index(
        "rescue_lost",
        &plans
            .scans(lost, "text, bigint, bigint, bigint", values)
            .await,
    );
    let fallen = include_str!("../../src/notification/rescue_fallen.sql");
    assert_by_index(
        "rescue_fallen",
        &plans.scans(fallen, "bigint, bigint", "90000, 1000").await,
    );
    assert_eq!(
        plans
            .given
            .database
            .number("SELECT count(*) FROM notifications WHERE due_at IS NOT NULL")
            .await,
        300,
        "an explained statement is rolled back"
    );
}

#[tokio::test]
async fn a_claim_of_what_was_attempted_looks_up_its_day_s_timeline() {
    let plans = Plans::new().await;
    plans
        .given
        .database
        .execute("UPDATE notifications SET provider = 'sandbox' WHERE dispatched_at IS NOT NULL")
        .await;
    assert_claim_is_pruned(&plans).await;
}

#[tokio::test]
async fn a_decision_and_the_speeds_of_providers_read_the_day_s_primary_key() {
    let plans = Plans::new().await;
    let id = plans.id(7500).await;
    let resolve = include_str!("../../src/notification/resolve.sql");
    plans
        .assert_pruned(
            "resolve",
            resolve,
            "text, text, text, text, text, uuid",
            &format!("'retry', 'created', 'technical-failure', 'ada', null, {id}"),
        )
        .await;
    let (low, high) = (plans.id(7801).await, plans.id(8000).await);
    plans
        .assert_pruned(
            "speeds",
            include_str!("../../src/provider/speeds.sql"),
            "timestamptz, bigint, text[], uuid, uuid",
            &format!("now(), 300000, '{{delivered,sending}}', {low}, {high}"),
        )
        .await;
}

#[tokio::test]
async fn a_page_is_read_by_the_service_s_index() {
    let plans = Plans::new().await;
    let newest = "'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid";
    let service = "'00000000-0000-0000-0000-000000000007'::uuid";
    let page = include_str!("../../src/notification/read_page.sql");
    let types = "uuid, text, uuid, text[], text[], bool, bigint";
    let values = format!("{service}, 'normal', {newest}, null, null, false, 50");
    assert_by_index("read_page", &plans.scans(page, types, &values).await);

    let page = include_str!("../../src/notification/read_page_by_reference.sql");
    let types = "uuid, text, uuid, text[], text[], bool, text, text, bigint";
    let service = "'00000000-0000-0000-0000-00000000000a'::uuid";
    let values = format!("{service}, 'normal', {newest}, null, null, false, 'r30', 'r30', 50");
    assert_by_index(
        "read_page_by_reference",
        &plans.scans(page, types, &values).await,
    );
}
