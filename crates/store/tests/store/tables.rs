//! The tables that `carillon-schema` declares are those that the migrations make.

use std::collections::BTreeMap;

use crate::given::given;

const DECLARED: &str = include_str!("../../../schema/src/tables.rs");

/// The type PostgreSQL names for each name of diesel.
const TYPES: [(&str, &str); 9] = [
    ("Uuid", "uuid"),
    ("Text", "text"),
    ("Bool", "boolean"),
    ("Int4", "integer"),
    ("Int8", "bigint"),
    ("Timestamptz", "timestamp with time zone"),
    ("Bytea", "bytea"),
    ("Jsonb", "jsonb"),
    ("Array<Text>", "text[]"),
];

/// Table → its columns in order, each as `name type [null]`.
fn declared() -> BTreeMap<String, Vec<String>> {
    let mut tables = BTreeMap::new();
    for table in DECLARED.split("diesel::table! {").skip(1) {
        let (head, columns) = table.split_once(") {").expect("a table has columns");
        let name = head.split('(').next().unwrap_or_default().trim();
        let columns = columns
            .lines()
            .map(str::trim)
            .take_while(|line| *line != "}")
            .filter_map(|line| line.trim_end_matches(',').split_once(" -> "))
            .map(|(column, kind)| {
                let bare = kind
                    .strip_prefix("Nullable<")
                    .and_then(|k| k.strip_suffix('>'));
                let wanted = bare.unwrap_or(kind);
                let sql = TYPES.iter().find(|(diesel, _)| *diesel == wanted);
                let (_, sql) = sql.unwrap_or_else(|| panic!("{name}.{column}: {kind} is new here"));
                format!(
                    "{column} {sql}{}",
                    if bare.is_some() { " null" } else { "" }
                )
            })
            .collect();
        tables.insert(name.to_owned(), columns);
    }
    tables
}

#[tokio::test]
async fn the_declared_tables_are_those_of_the_migrated_database() {
    let given = given().await;
    let client = given.database.client().await;
    let declared = declared();
    assert!(
        declared.len() >= 7,
        "the declarations are read: {declared:?}"
    );
    for (table, columns) in declared {
        let query = format!(
            "SELECT attname || ' ' || format_type(atttypid, atttypmod) \
                    || CASE WHEN attnotnull THEN '' ELSE ' null' END \
             FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attnum > 0 \
                    AND NOT attisdropped ORDER BY attnum"
        );
        let rows = client.query(&query, &[]).await.unwrap();
        let found: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        assert_eq!(columns, found, "{table}");
    }
}
