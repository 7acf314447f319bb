//! Plans of the statements over callback events.

use std::collections::BTreeSet;

use super::Plans;

/// Forty callbacks of twenty services, two of which are switched off, and an event for each message:
/// delivered, but for the newest day's last 300, which are on their way (100 of them leased), and 300
/// before them that wait.
const FILL: &str = r"
    INSERT INTO services (id, name, email_from)
    SELECT lpad(to_hex(n), 32, '0')::uuid, 'service ' || n, 'demo' FROM generate_series(0, 19) n;
    INSERT INTO service_callbacks (id, service_id, kind, url, sealed_token, sealed_secrets, active, disabled_reason)
    SELECT lpad(to_hex(n), 32, 'c')::uuid, lpad(to_hex(n % 20), 32, '0')::uuid,
        CASE WHEN n < 20 THEN 'delivery-status' ELSE 'complaint' END, 'https://example.org', '', '',
        n > 1, CASE WHEN n <= 1 THEN 'gone' END
    FROM generate_series(0, 39) n;
    INSERT INTO callback_events (id, callback_id, service_id, notification_id, kind, status, occurred_at,
        dispatched_at, due_at, wait_reason, lease_until, lease_token, outcome, completed_at)
    SELECT derived_id(id_of(day, n), '/'), lpad(to_hex(n % 40), 32, 'c')::uuid,
        lpad(to_hex(n % 20), 32, '0')::uuid, id_of(day, n), 'delivery-status', 'delivered', now(),
        CASE WHEN day = 0 AND n > 7700 THEN now() - interval '1 hour' END,
        CASE WHEN day = 0 AND n BETWEEN 7401 AND 7700 THEN now() - interval '1 minute' END,
        CASE WHEN day = 0 AND n BETWEEN 7401 AND 7700 THEN 'new' END,
        CASE WHEN day = 0 AND n > 7900 THEN now() - interval '1 minute' END,
        CASE WHEN day = 0 AND n > 7900 THEN '00000000-0000-0000-0000-00000000000a'::uuid END,
        CASE WHEN day <> 0 OR n <= 7400 THEN 'delivered' END,
        CASE WHEN day <> 0 OR n <= 7400 THEN now() END
    FROM generate_series(-1, 1) day, generate_series(1, 8000) n;
    INSERT INTO lane_watermarks VALUES ('callbacks', now(), now());
    ANALYZE;
";

const CALLBACK: &str = "'cccccccc-cccc-cccc-cccc-ccccccccccc7'::uuid";
const SERVICE: &str = "'00000000-0000-0000-0000-000000000007'::uuid";

async fn plans() -> Plans {
    let plans = Plans::new().await;
    plans.given.database.execute(FILL).await;
    plans
}

impl Plans {
    /// All callbacks, as an array.
    async fn callbacks(&self) -> String {
        let query = "SELECT array_agg(id)::text FROM service_callbacks";
        let row = self.client.query_one(query, &[]).await;
        let row = row.expect("the query is right");
        format!("'{}'::uuid[]", row.get::<_, &str>(0))
    }

    /// Ids of today's events in a range, as an array, and its lowest and highest.
    async fn events(&self, from: i32, to: i32) -> (String, String, String) {
        let query = format!(
            "WITH e AS (SELECT derived_id(id_of(0, n), '/') AS id FROM generate_series({from}, {to}) n)
             SELECT (SELECT array_agg(id)::text FROM e),
                (SELECT id::text FROM e ORDER BY id LIMIT 1),
                (SELECT id::text FROM e ORDER BY id DESC LIMIT 1)"
        );
        let row = self.client.query_one(&query, &[]).await;
        let row = row.expect("the query is right");
        let id = |n| format!("'{}'::uuid", row.get::<_, &str>(n));
        (format!("'{}'::uuid[]", row.get::<_, &str>(0)), id(1), id(2))
    }

    /// Every scan of events and attempts is by index; returns all scans.
    async fn assert_indexed(
        &self,
        what: &str,
        statement: &str,
        types: &str,
        values: &str,
    ) -> BTreeSet<String> {
        let scans = self.scans(statement, types, values).await;
        let whole = scans.iter().find(|scan| {
            scan.starts_with("Seq Scan callback_") || scan.starts_with("Seq Scan notification")
        });
        assert_eq!(whole, None, "{what} reads a whole partition: {scans:?}");
        assert!(
            scans.iter().any(|scan| scan.contains("callback_events_")),
            "{what}: {scans:?}"
        );
        scans
    }

    /// And of today's partition only.
    async fn assert_of_today(&self, what: &str, statement: &str, types: &str, values: &str) {
        let scans = self.assert_indexed(what, statement, types, values).await;
        for scan in &scans {
            let partitioned = scan.contains("callback_events_") || scan.contains("notification");
            assert!(
                !partitioned || scan.ends_with(&self.today),
                "{what} looks into another day: {scans:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_claim_and_a_mark_of_calls_read_their_day_s_primary_keys() {
    let plans = plans().await;
    let (ids, low, high) = plans.events(7701, 7800).await;
    let claim = include_str!("../../../src/callback/claim.sql");
    let all = plans.callbacks().await;
    plans
        .assert_of_today(
            "claim",
            claim,
            "uuid, bigint, uuid[], uuid, uuid, uuid[]",
            &format!("gen_random_uuid(), 30000, {ids}, {low}, {high}, {all}"),
        )
        .await;

    let (ids, low, high) = plans.events(7901, 8000).await;
    let of = |value: &str| format!("array_fill({value}, ARRAY[100])");
    let values = [
        ids,
        of(CALLBACK),
        of("0"),
        of("'00000000-0000-0000-0000-00000000000a'::uuid"),
        of("1"),
        of("null::text"),
        of("300000::bigint"),
        of("503"),
        of("null::text"),
        of("3"),
        of("true"),
        of("null::bigint"),
    ]
    .join(", ");
    plans
        .assert_of_today(
            "mark",
            include_str!("../../../src/callback/mark.sql"),
            "uuid[], uuid[], int[], uuid[], int[], text[], bigint[], int[], text[], int[], bool[], \
             bigint[], uuid, uuid, int, bigint[], int",
            &format!("{values}, {low}, {high}, 5, '{{10000,20000}}', 4"),
        )
        .await;
}

#[tokio::test]
async fn what_puts_named_events_back_reads_their_day_s_primary_key() {
    let plans = plans().await;
    let (ids, low, high) = plans.events(7701, 7800).await;
    let hold = include_str!("../../../src/callback/hold.sql");
    let types = "text, bigint, uuid[], uuid, uuid";
    let values = format!("'given-back', 1000, {ids}, {low}, {high}");
    plans.assert_of_today("hold", hold, types, &values).await;

    let (ids, ..) = plans.events(101, 120).await;
    let replay = include_str!("../../../src/callback/management/replay_events.sql");
    let values = format!("{ids}, {CALLBACK}, {SERVICE}");
    plans
        .assert_of_today("replay", replay, "uuid[], uuid, uuid", &values)
        .await;
}

#[tokio::test]
async fn the_relay_of_events_finds_what_is_due_by_index_and_reads_no_callback_that_waits_for_nothing()
 {
    let plans = plans().await;
    let due = include_str!("../../../src/callback/due.sql");
    plans.assert_indexed("due", due, "int", "5000").await;
    let relay = include_str!("../../../src/callback/relay.sql");
    let types = "uuid[], int, int, int, int, int, int";
    let all = plans.callbacks().await;
    let values = format!("{all}, 5000, 16, 5, 1000, 200, 1000");
    plans.assert_indexed("relay", relay, types, &values).await;
}

#[tokio::test]
async fn the_rescue_and_the_sweep_of_events_go_by_index() {
    let plans = plans().await;
    let lost = include_str!("../../../src/callback/rescue_lost.sql");
    plans
        .assert_indexed("rescue_lost", lost, "bigint", "1000")
        .await;
    let fallen = include_str!("../../../src/callback/rescue_fallen.sql");
    plans
        .assert_indexed("rescue_fallen", fallen, "bigint, bigint", "90000, 1000")
        .await;
    let sweep = include_str!("../../../src/callback/drop_unwanted.sql");
    plans
        .assert_indexed("drop_unwanted", sweep, "bigint", "1000")
        .await;
    let backlog = include_str!("../../../src/callback/backlog.sql");
    plans.assert_indexed("backlog", backlog, "int", "0").await;
    let health = include_str!("../../../src/callback/management/health.sql");
    plans
        .assert_indexed("health", health, "uuid", CALLBACK)
        .await;
}

#[tokio::test]
async fn what_people_look_for_is_found_by_the_callback_s_index_and_no_further_back_than_asked() {
    let plans = plans().await;
    let newest = "'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid";
    let since = "uuidv7_lower_bound(date_trunc('day', now(), 'UTC'))";
    let yesterday = "SELECT to_char((now() - interval '1 day') AT TIME ZONE 'UTC', 'YYYYMMDD')";
    let row = plans.client.query_one(yesterday, &[]).await;
    let day: String = row.expect("the query is right").get(0);

    let events = include_str!("../../../src/callback/management/events.sql");
    let types = "uuid, uuid, uuid, uuid, bigint, text[]";
    let values = format!("{CALLBACK}, {SERVICE}, {newest}, {since}, 5000, '{{exhausted}}'");
    let scans = plans.assert_indexed("events", events, types, &values).await;
    assert!(!scans.iter().any(|scan| scan.ends_with(&day)), "{scans:?}");

    let replay = include_str!("../../../src/callback/management/replay_since.sql");
    let types = "timestamptz, bool, uuid, uuid, uuid, int";
    let values = format!("now() - interval '1 hour', false, {CALLBACK}, {SERVICE}, {since}, 2000");
    let scans = plans.assert_indexed("replay", replay, types, &values).await;
    assert!(!scans.iter().any(|scan| scan.ends_with(&day)), "{scans:?}");
}
