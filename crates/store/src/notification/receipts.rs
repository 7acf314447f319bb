//! Applying receipts in batches.

use std::collections::{HashMap, HashSet};

use carillon_core::id::NotificationId;
use carillon_core::notification::{Event, Status};
use carillon_core::reason::Reason;
use carillon_core::receipt::{Receipt, ReceiptKind};
use carillon_core::trace::TraceContext;
use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, BigInt, Bool, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{Result, Store};

statement! {
    Apply = "receipts.sql" {
        ids: Vec<NotificationId> => Array<SqlUuid>,
        event_ids: Vec<String> => Array<Text>,
        providers: Vec<String> => Array<Text>,
        references: Vec<String> => Array<Text>,
        at: Vec<DateTime<Utc>> => Array<Timestamptz>,
        details: Vec<Value> => Array<Jsonb>,
        sources: Vec<Status> => Array<Text>,
        target: Status => Text,
        completes: bool => Bool,
        reason: Reason => Text,
        lowest: NotificationId => SqlUuid,
        highest: NotificationId => SqlUuid,
    }
}

#[derive(diesel::QueryableByName)]
struct Known {
    #[diesel(sql_type = SqlUuid)]
    id: NotificationId,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    trace_id: Option<Uuid>,
    #[diesel(sql_type = Nullable<BigInt>)]
    trace_span: Option<i64>,
}

/// What came of a batch of receipts.
#[derive(Debug, Default)]
pub struct Applied<'a> {
    /// Receipts that name no notification.
    pub unknown: Vec<&'a Receipt>,
    /// The spans that accepted those that a receipt was applied to, where somebody records them.
    pub traces: Vec<(NotificationId, TraceContext)>,
}

/// Applies receipts; each writes its timeline entry once, however often it comes.
///
/// # Errors
/// When PostgreSQL is away: apply the whole batch again later, which repeats nothing.
pub async fn apply_receipts<'a>(store: &Store, receipts: &'a [Receipt]) -> Result<Applied<'a>> {
    let mut applied = Applied::default();
    for group in groups(receipts) {
        let rows = apply_group(store, &group).await?;
        let known: HashSet<_> = rows.iter().map(|row| row.id).collect();
        let is_unknown = |receipt: &&Receipt| {
            let id = receipt.notification_id;
            id.is_none_or(|id| !known.contains(&id))
        };
        applied.unknown.extend(group.into_iter().filter(is_unknown));
        let trace = |row: &Known| {
            let trace = super::trace::recorded(row.trace_id, row.trace_span)?;
            Some((row.id, trace))
        };
        applied.traces.extend(rows.iter().filter_map(trace));
    }
    Ok(applied)
}

/// Splits a batch so that each group is of one kind and names each notification once, keeping the
/// order of each notification's receipts.
fn groups(receipts: &[Receipt]) -> Vec<Vec<&Receipt>> {
    let mut rounds: Vec<HashMap<ReceiptKind, Vec<&Receipt>>> = Vec::new();
    let mut round_of: HashMap<Option<NotificationId>, usize> = HashMap::new();
    for receipt in receipts {
        let round = round_of.entry(receipt.notification_id).or_insert(0);
        if rounds.len() <= *round {
            rounds.push(HashMap::new());
        }
        rounds[*round]
            .entry(receipt.kind)
            .or_default()
            .push(receipt);
        *round += 1;
    }
    rounds.into_iter().flat_map(HashMap::into_values).collect()
}

async fn apply_group(store: &Store, group: &[&Receipt]) -> Result<Vec<Known>> {
    fn column<T>(group: &[&Receipt], of: impl Fn(&Receipt) -> T) -> Vec<T> {
        group.iter().map(|receipt| of(receipt)).collect()
    }
    let mut group = group.to_vec();
    // In the order in which every statement locks rows.
    group.sort_by_key(|receipt| receipt.notification_id);
    let group = group.as_slice();
    let Some(kind) = group.first().map(|receipt| receipt.kind) else {
        return Ok(Vec::new());
    };
    let event = Event::of_receipt(kind);
    // Every receipt moves `created`, the lowest status; its target is the event's.
    let target = Status::Created.on(event).unwrap_or(Status::Created);
    let ids: Vec<_> = group.iter().filter_map(|r| r.notification_id).collect();
    let (Some(lowest), Some(highest)) = (ids.iter().min().copied(), ids.iter().max().copied())
    else {
        return Ok(Vec::new());
    };
    let apply = Apply {
        event_ids: column(group, |r| r.event_id.clone()),
        providers: column(group, |r| r.provider.clone()),
        references: column(group, |r| r.reference.clone()),
        at: column(group, |r| r.at),
        details: column(group, |r| json!({ "kind": r.kind, "detail": r.detail })),
        sources: Status::sources(event),
        target,
        completes: target.is_completed(),
        reason: kind.reason(),
        lowest,
        highest,
        ids,
    };
    let mut conn = store.connection().await?;
    store.within_deadline(apply.load(&mut conn)).await
}
