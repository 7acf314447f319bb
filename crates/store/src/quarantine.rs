//! Payloads that could not be handled: kept whole, with the reason.

use carillon_core::id::{NotificationId, ServiceId};
use carillon_core::lane::Lane;
use carillon_core::ledger;
use carillon_core::reason::QuarantineReason;
use carillon_core::task::{SaveNotification, Task};
use diesel::sql_types::{Array, Bytea, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::{Result, Store};

statement! {
    Put = "quarantine/put.sql" {
        notification_ids: Vec<NotificationId> => Array<SqlUuid>,
        service_ids: Vec<ServiceId> => Array<SqlUuid>,
        lanes: Vec<Lane> => Array<Text>,
        id: Uuid => SqlUuid,
        queue: String => Text,
        task: String => Text,
        reason: QuarantineReason => Text,
        detail: String => Text,
        payload: Vec<u8> => Bytea,
    }
}

/// Keeps a payload; the ledger counts the accepted messages in it as quarantined, as far as it says
/// which they are. `detail` must hold no personal data: it is shown to operators.
///
/// # Errors
/// When PostgreSQL is away; do not acknowledge then.
pub async fn put(
    store: &Store,
    queue: &str,
    task: &str,
    reason: QuarantineReason,
    detail: &str,
    payload: &[u8],
) -> Result<()> {
    let mut conn = store.connection().await?;
    // PostgreSQL's text holds no NUL, and a quarantine that refuses would stop the queue.
    let text = |text: &str| text.replace('\0', "\u{fffd}");
    let named = if task == SaveNotification::NAME {
        ledger::identities(payload)
    } else {
        Vec::new()
    };
    let put = Put {
        notification_ids: named.iter().map(|identity| identity.id).collect(),
        service_ids: named.iter().map(|identity| identity.service_id).collect(),
        lanes: named.iter().map(|identity| identity.lane).collect(),
        id: carillon_core::id::mint(),
        queue: text(queue),
        task: text(task),
        reason,
        detail: text(detail),
        payload: payload.to_vec(),
    };
    store.within_deadline(put.execute(&mut conn)).await?;
    metrics::counter!("carillon_quarantined_total", "queue" => queue.to_owned(), "reason" => reason.as_str())
        .increment(1);
    Ok(())
}
