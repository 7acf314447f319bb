//! Idempotency keys among thousands of others: by the primary key, and the expired ones by their time.

use super::Plans;

/// Keys of a day, of which the first hundred have expired.
const FILL: &str = r"
    INSERT INTO idempotency_keys
    SELECT lpad(to_hex(n % 20), 32, '0')::uuid, 'k' || n, sha256(''), '', at, at + interval '24 hours'
    FROM generate_series(1, 20000) n,
        LATERAL (SELECT now() - interval '24 hours' + (n - 100) * interval '4 seconds' AS at) t;
    ANALYZE idempotency_keys;
";

#[tokio::test]
async fn keys_are_found_taken_and_forgotten_by_index() {
    let plans = Plans::new().await;
    plans.given.database.execute(FILL).await;
    let query = "SELECT format('%L::uuid[], %L::text[]',
            array_agg(lpad(to_hex(n % 20), 32, '0')), array_agg('k' || n))
        FROM generate_series(501, 600) n";
    let keys: String = plans.client.query_one(query, &[]).await.unwrap().get(0);
    let find = include_str!("../../../src/idempotency/find.sql");
    let claim = include_str!("../../../src/idempotency/claim.sql");
    let of = |value: &str| format!("array_fill({value}, ARRAY[100])");
    let more = [of("sha256('')"), of("''::bytea")].join(", ");
    let forget = include_str!("../../../src/idempotency/forget_expired.sql");
    for (what, statement, types, values) in [
        ("find", find, "uuid[], text[]", keys.clone()),
        (
            "claim",
            claim,
            "uuid[], text[], bytea[], bytea[]",
            format!("{keys}, {more}"),
        ),
        ("forget", forget, "bigint", "50".to_owned()),
    ] {
        let scans = plans.scans(statement, types, &values).await;
        assert!(
            !scans.contains("Seq Scan idempotency_keys"),
            "{what}: {scans:?}"
        );
    }
}
