//! Migrations: forth, back and forth again.

use std::collections::BTreeSet;
use std::path::PathBuf;

use carillon_store::{migrate, partition};
use carillon_test_support::TestDatabase;

use crate::given::{Given, of};

async fn empty() -> Given {
    of(TestDatabase::create_empty().await)
}

/// Everything that migrations make, one line each.
async fn schema(given: &Given) -> BTreeSet<String> {
    const QUERY: &str = r"
        SELECT format('column %s.%s %s %s %s', attrelid::regclass, attname,
                      format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid))
        FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
        LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
              AND attnum > 0 AND NOT attisdropped
        UNION ALL
        SELECT pg_get_indexdef(indexrelid) FROM pg_index JOIN pg_class c ON c.oid = indexrelid
        WHERE relnamespace = 'public'::regnamespace AND NOT relispartition
        UNION ALL
        SELECT format('constraint %s %s', conrelid::regclass, pg_get_constraintdef(k.oid))
        FROM pg_constraint k JOIN pg_class c ON c.oid = conrelid
        WHERE relnamespace = 'public'::regnamespace AND NOT relispartition
        UNION ALL
        SELECT pg_get_functiondef(oid) || obj_description(oid, 'pg_proc')
        FROM pg_proc WHERE pronamespace = 'public'::regnamespace
        UNION ALL
        SELECT format('table %s: %s', oid::regclass, obj_description(oid, 'pg_class'))
        FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
    ";
    let client = given.database.client().await;
    let rows = client
        .query(QUERY, &[])
        .await
        .expect("the catalogue can be read");
    rows.iter().map(|row| row.get(0)).collect()
}

/// The folders of the migrations, in order.
fn folders() -> Vec<PathBuf> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations");
    let entries = std::fs::read_dir(root).expect("there are migrations");
    let mut folders: Vec<_> = entries
        .filter_map(|e| e.ok().map(|e| e.path()))
        .filter(|p| p.is_dir())
        .collect();
    folders.sort();
    folders
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_gives_way_to_whoever_holds_its_table() {
    let given = of(TestDatabase::create().await);
    // One that only makes new tables waits for nobody.
    let alters = |folder: &PathBuf| {
        let up = std::fs::read_to_string(folder.join("up.sql"));
        up.is_ok_and(|up| up.contains("ALTER TABLE"))
    };
    let last = folders().into_iter().rfind(alters);
    let last = last.expect("there are such migrations");
    let version: String = last
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .chars()
        .filter(char::is_ascii_digit)
        .take(14)
        .collect();
    let down = std::fs::read_to_string(last.join("down.sql")).expect("a way back");
    given.database.execute(&down).await;
    let forget = format!("DELETE FROM __diesel_schema_migrations WHERE version = '{version}'");
    given.database.execute(&forget).await;

    let reader = given.database.client().await;
    // Whatever the last migration changes.
    let all_tables = "BEGIN; DO $$
        DECLARE held regclass;
        BEGIN
            FOR held IN SELECT oid FROM pg_class
                WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace
                    AND NOT relispartition AND relname <> '__diesel_schema_migrations'
            LOOP
                EXECUTE format('LOCK TABLE %s IN ACCESS SHARE MODE', held);
            END LOOP;
        END $$";
    reader
        .batch_execute(all_tables)
        .await
        .expect("a lock that hinders nobody else");
    let gave_way = migrate::run(&given).await;
    assert!(
        matches!(&gave_way, Err(error) if error.is_transient()),
        "{gave_way:?}"
    );
    reader
        .batch_execute("COMMIT")
        .await
        .expect("an open transaction");
    assert_eq!(migrate::run(&given).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn migrations_undone_and_run_again_leave_the_same_schema() {
    let given = empty().await;
    migrate::run(&given).await.unwrap();
    let once = schema(&given).await;
    let today = carillon_core::clock::now().date_naive();
    partition::ensure_day(&given, today).await.unwrap();

    let folders = folders();
    for folder in folders.iter().rev() {
        given
            .database
            .execute(&std::fs::read_to_string(folder.join("down.sql")).unwrap())
            .await;
    }
    let left: Vec<_> = schema(&given)
        .await
        .into_iter()
        .filter(|l| !l.contains("__diesel"))
        .collect();
    assert_eq!(left, Vec::<String>::new());

    given
        .database
        .execute("DELETE FROM __diesel_schema_migrations")
        .await;
    assert_eq!(migrate::run(&given).await.unwrap().len(), folders.len());
    assert_eq!(schema(&given).await, once);
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_migrate_together_run_each_migration_once() {
    let given = empty().await;
    assert!(migrate::is_pending(&given).await.unwrap());
    let other = crate::given::store(&given.database.url, &[]);
    let (one, two) = tokio::join!(migrate::run(&given), migrate::run(&other));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!(one.len() + two.len(), folders().len());
    assert!(one.is_empty() || two.is_empty());
    assert!(!migrate::is_pending(&given).await.unwrap());
}

#[tokio::test]
async fn every_table_says_what_it_is_for() {
    let given = crate::given::given().await;
    let silent: Vec<_> = schema(&given)
        .await
        .into_iter()
        .filter(|line| line.starts_with("table ") && line.ends_with(": "))
        .filter(|line| !line.contains("__diesel"))
        .collect();
    assert_eq!(silent, Vec::<String>::new());
}

#[tokio::test]
async fn partitions_are_kept_ahead_and_made_once() {
    let given = crate::given::given().await;
    let day = (carillon_core::clock::now() + chrono::Duration::days(100)).date_naive();
    assert_eq!(partition::ensure_ahead(&given, day).await.unwrap(), 9);
    assert_eq!(partition::ensure_ahead(&given, day).await.unwrap(), 0);
}

#[tokio::test]
async fn concurrent_makers_of_a_partition_do_not_trip_over_each_other() {
    let given = crate::given::given().await;
    let day = (carillon_core::clock::now() + chrono::Duration::days(50)).date_naive();
    let makers = (0..6).map(|_| partition::ensure_day(&given, day));
    let made = futures::future::try_join_all(makers).await.unwrap();
    assert_eq!(made.into_iter().filter(|made| *made).count(), 1);
}
