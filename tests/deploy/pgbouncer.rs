//! PgBouncer in transaction mode between the processes and PostgreSQL, as `deploy/postgres/pgbouncer.ini`
//! sets it up.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use carillon_test_support::{
    OwnPostgres, Stack, StackOptions, TestDatabase, WebhookReceiver, eventually, free_port,
};
use serde_json::json;

use super::roles::{apply_roles, told, url_as};
use super::root;

const WITHIN: Duration = Duration::from_secs(60);

/// Connections to PostgreSQL for each role: fewer than any process would open by itself.
const POOL: i64 = 3;

/// A PgBouncer of the test's own; killed when dropped.
struct PgBouncer {
    child: Child,
    port: u16,
    _directory: tempfile::TempDir,
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The settings that operators are given, but for where the servers are and the size of the pools.
fn settings(directory: &Path, database: &TestDatabase, port: u16) -> String {
    let url = database.url.split_once('@').unwrap().1;
    let (server, rest) = url.split_once(':').unwrap();
    let (server_port, rest) = rest.split_once('/').unwrap();
    let name = rest.split('?').next().unwrap();
    let users = directory.join("userlist.txt").display().to_string();
    let given = std::fs::read_to_string(root().join("deploy/postgres/pgbouncer.ini")).unwrap();
    let changes = BTreeMap::from([
        (
            "carillon",
            format!("host={server} port={server_port} dbname={name}"),
        ),
        ("listen_addr", "127.0.0.1".to_owned()),
        ("listen_port", port.to_string()),
        ("auth_file", users),
        ("default_pool_size", POOL.to_string()),
    ]);
    let mut lines = Vec::new();
    for line in given.lines() {
        let name = line.split_once(" = ").map(|(name, _)| name);
        match name.and_then(|name| changes.get(name)) {
            Some(value) => lines.push(format!("{} = {value}", name.unwrap())),
            None => lines.push(line.to_owned()),
        }
    }
    lines.push("unix_socket_dir =".to_owned());
    // It refuses to be root, as PostgreSQL does.
    if Command::new("id").arg("-u").output().unwrap().stdout == b"0\n" {
        lines.push("user = postgres".to_owned());
    }
    lines.join("\n")
}

async fn start(database: &TestDatabase) -> PgBouncer {
    use std::os::unix::fs::PermissionsExt;

    let found = Command::new(root().join("deploy/dev/pgbouncer"))
        .output()
        .unwrap();
    let why = String::from_utf8_lossy(&found.stderr);
    assert!(found.status.success(), "{why}");
    let program = String::from_utf8(found.stdout).unwrap();

    let (directory, port) = (tempfile::tempdir().unwrap(), free_port());
    let everybody = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(directory.path(), everybody).unwrap();
    let roles = ["api", "worker", "poller"];
    let users = roles.map(|role| format!("\"carillon_{role}\" \"secret\"\n"));
    std::fs::write(directory.path().join("userlist.txt"), users.concat()).unwrap();
    let file = directory.path().join("pgbouncer.ini");
    std::fs::write(&file, settings(directory.path(), database, port)).unwrap();
    let child = Command::new(program.trim())
        .arg("-q")
        .arg(&file)
        .spawn()
        .unwrap();
    let bouncer = PgBouncer {
        child,
        port,
        _directory: directory,
    };
    eventually("PgBouncer listens", WITHIN, async || {
        tokio::net::TcpStream::connect(("127.0.0.1", port))
            .await
            .ok()
    })
    .await;
    bouncer
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_works_through_a_transaction_pool() {
    let server = OwnPostgres::new().await;
    let database = server.database().await;
    apply_roles(&database).await;
    let limits = std::fs::read_to_string(root().join("deploy/postgres/pgbouncer.sql")).unwrap();
    database.execute(&limits).await;
    let bouncer = start(&database).await;

    let pooled = |role| {
        format!(
            "postgres://carillon_{role}:secret@127.0.0.1:{}/carillon?sslmode=disable",
            bouncer.port
        )
    };
    let direct = url_as(&database, "poller");
    let stack = Stack::start(StackOptions {
        database: Some(database.clone()),
        env: vec![("CARILLON__CALLBACKS__ALLOW_PRIVATE_TARGETS", "true".into())],
        api_env: vec![("DATABASE_URL", pooled("api"))],
        worker_env: vec![("DATABASE_URL", pooled("worker"))],
        poller_env: vec![
            ("DATABASE_URL", pooled("poller")),
            ("DATABASE_DIRECT_URL", direct),
        ],
        ..StackOptions::default()
    })
    .await;
    let receiver = WebhookReceiver::start(&[]).await;
    let callbacks = format!("/api/services/{}/callbacks", stack.demo("SERVICE_ID"));
    let new = json!({ "kind": "delivery-status", "url": receiver.url("/ok"), "bearer_token": "a-token-of-the-service" });
    let (status, made) = stack.post(&callbacks, &stack.admin(), &new).await;
    assert_eq!(status, 201, "{made}");

    // More at the same time than there are connections.
    let sends = (0..40).map(|n| {
        let (stack, to) = (&stack, format!("ada{n}@example.org"));
        async move { stack.send_email(&to, "Ada").await }
    });
    let ids = futures::future::join_all(sends).await;
    let throttled = stack.send_email("throttle@simulator.notify", "Ada").await;
    for id in ids.iter().chain([&throttled]) {
        stack.until_status(id, "delivered").await;
    }
    told(&receiver, &throttled).await;
    stack.assert_settled().await;

    let sessions = "SELECT coalesce(max(n), 0) FROM (SELECT count(*) AS n FROM pg_stat_activity \
        WHERE usename IN ('carillon_api', 'carillon_worker') GROUP BY usename) AS of_role";
    let most = database.number(sessions).await;
    assert!((1..=POOL).contains(&most), "{most} connections of one role");
    // Nobody can ask for it by the connection, which is shared.
    let worker = TestDatabase {
        url: pooled("worker"),
    };
    let limit = worker
        .client()
        .await
        .simple_query("SHOW statement_timeout")
        .await;
    assert!(format!("{limit:?}").contains("5s"), "{limit:?}");
}
