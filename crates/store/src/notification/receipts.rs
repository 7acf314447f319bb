//! Applying receipts in batches.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use carillon_core::channel::Channel;
use carillon_core::id::NotificationId;
use carillon_core::notification::{Event, Status};
use carillon_core::reason::Reason;
use carillon_core::receipt::{Receipt, ReceiptKind};
use carillon_core::suppression::{self, SuppressionReason};
use carillon_core::trace::TraceContext;
use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, BigInt, Bool, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{Result, Store, provider_reference};

statement! {
    Apply = "receipts.sql" {
        ids: Vec<NotificationId> => Array<SqlUuid>,
        event_ids: Vec<String> => Array<Text>,
        providers: Vec<String> => Array<Text>,
        references: Vec<String> => Array<Text>,
        at: Vec<DateTime<Utc>> => Array<Timestamptz>,
        details: Vec<Value> => Array<Jsonb>,
        feedback: Vec<Option<String>> => Array<Nullable<Text>>,
        suppresses_email: Vec<Option<SuppressionReason>> => Array<Nullable<Text>>,
        suppresses_number: Vec<Option<SuppressionReason>> => Array<Nullable<Text>>,
        sources: Vec<Status> => Array<Text>,
        target: Status => Text,
        completes: bool => Bool,
        complains: bool => Bool,
        reason: Reason => Text,
        simulated: Vec<String> => Array<Text>,
        lowest: NotificationId => SqlUuid,
        highest: NotificationId => SqlUuid,
    }
}

#[derive(diesel::QueryableByName)]
struct Known {
    #[diesel(sql_type = SqlUuid)]
    id: NotificationId,
    /// Applied now or before; not so when somebody else was changing the row.
    #[diesel(sql_type = Bool)]
    is_settled: bool,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    trace_id: Option<Uuid>,
    #[diesel(sql_type = Nullable<BigInt>)]
    trace_span: Option<i64>,
    #[diesel(sql_type = BigInt)]
    n_callback_events: i64,
}

/// By then whoever was changing a message has mostly done so.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(10);

/// What came of a batch of receipts.
#[derive(Debug, Default)]
pub struct Applied<'a> {
    /// Receipts that name no notification.
    pub unknown: Vec<&'a Receipt>,
    /// The spans that accepted those that a receipt was applied to, where somebody records them.
    pub traces: Vec<(NotificationId, TraceContext)>,
    /// Changes that services are to be told of, and that wait for it.
    pub n_callback_events: usize,
}

/// A receipt and the notification it speaks of.
type Addressed<'a> = (NotificationId, &'a Receipt);

/// Applies receipts; each writes its timeline entry once, however often and through however many
/// workers it comes. What follows from one is written with it: the suppression of its recipient, and
/// the event for a service that registered a callback. A receipt that was parked is so no more.
///
/// # Errors
/// When PostgreSQL is away: apply the whole batch again later, which repeats nothing.
pub async fn apply_receipts<'a>(store: &Store, receipts: &'a [Receipt]) -> Result<Applied<'a>> {
    let mut applied = Applied::default();
    let addressed = address(store, receipts, &mut applied.unknown).await?;
    for mut group in groups(&addressed) {
        while !group.is_empty() {
            let rows = apply_group(store, &group).await?;
            let known: HashSet<_> = rows.iter().map(|row| row.id).collect();
            let settled = rows.iter().filter(|row| row.is_settled);
            let settled: HashSet<_> = settled.map(|row| row.id).collect();
            let unknown = group.iter().filter(|(id, _)| !known.contains(id));
            applied.unknown.extend(unknown.map(|(_, receipt)| *receipt));
            let trace = |row: &Known| {
                let trace = super::trace::recorded(row.trace_id, row.trace_span)?;
                Some((row.id, trace))
            };
            applied.traces.extend(rows.iter().filter_map(trace));
            let n_events = rows
                .as_slice()
                .first()
                .map_or(0, |row| row.n_callback_events);
            applied.n_callback_events += usize::try_from(n_events).unwrap_or(0);
            // What is left somebody else was changing.
            group.retain(|(id, _)| known.contains(id) && !settled.contains(id));
            if !group.is_empty() {
                tokio::time::sleep(LOOK_AGAIN_AFTER).await;
            }
        }
    }
    Ok(applied)
}

/// Finds the notification of each receipt, by the provider's reference where it does not name ours.
async fn address<'a>(
    store: &Store,
    receipts: &'a [Receipt],
    unknown: &mut Vec<&'a Receipt>,
) -> Result<Vec<Addressed<'a>>> {
    let pair = |receipt: &Receipt| (receipt.provider.clone(), receipt.reference.clone());
    let by_reference = receipts.iter().filter(|r| r.notification_id.is_none());
    let pairs: HashSet<_> = by_reference.map(pair).collect();
    let found = provider_reference::find(store, pairs).await?;
    let mut addressed = Vec::with_capacity(receipts.len());
    for receipt in receipts {
        let id = receipt.notification_id;
        match id.or_else(|| found.get(&pair(receipt)).copied()) {
            Some(id) => addressed.push((id, receipt)),
            None => unknown.push(receipt),
        }
    }
    Ok(addressed)
}

/// Splits a batch so that each group is of one kind and names each notification once, keeping the
/// order of each notification's receipts.
fn groups<'a>(receipts: &[Addressed<'a>]) -> Vec<Vec<Addressed<'a>>> {
    let mut rounds: Vec<HashMap<ReceiptKind, Vec<Addressed<'a>>>> = Vec::new();
    let mut round_of: HashMap<NotificationId, usize> = HashMap::new();
    for (id, receipt) in receipts {
        let round = round_of.entry(*id).or_insert(0);
        if rounds.len() <= *round {
            rounds.push(HashMap::new());
        }
        rounds[*round]
            .entry(receipt.kind)
            .or_default()
            .push((*id, receipt));
        *round += 1;
    }
    rounds.into_iter().flat_map(HashMap::into_values).collect()
}

async fn apply_group(store: &Store, group: &[Addressed<'_>]) -> Result<Vec<Known>> {
    fn column<T>(group: &[Addressed<'_>], of: impl Fn(&Receipt) -> T) -> Vec<T> {
        group.iter().map(|(_, receipt)| of(receipt)).collect()
    }
    let mut group = group.to_vec();
    // Rows that were saved together lie together.
    group.sort_by_key(|(id, _)| *id);
    let group = group.as_slice();
    let (Some((lowest, first)), Some((highest, _))) = (group.first(), group.last()) else {
        return Ok(Vec::new());
    };
    let kind = first.kind;
    let event = Event::of_receipt(kind);
    // Every receipt moves `created`, the lowest status; its target is the event's.
    let target = Status::Created.on(event).unwrap_or(Status::Created);
    let suppresses =
        |channel, r: &Receipt| suppression::of_receipt(channel, r.kind, r.subtype.as_deref());
    let apply = Apply {
        ids: group.iter().map(|(id, _)| *id).collect(),
        event_ids: column(group, |r| r.event_id.clone()),
        providers: column(group, |r| r.provider.clone()),
        references: column(group, |r| r.reference.clone()),
        at: column(group, |r| r.at),
        details: column(group, detail),
        feedback: column(group, |r| r.subtype.clone().or_else(|| r.detail.clone())),
        suppresses_email: column(group, |r| suppresses(Channel::Email, r)),
        suppresses_number: column(group, |r| suppresses(Channel::Sms, r)),
        sources: Status::sources(event),
        target,
        completes: target.is_completed(),
        complains: kind == ReceiptKind::Complaint,
        reason: kind.reason(),
        simulated: suppression::simulated_patterns().to_vec(),
        lowest: *lowest,
        highest: *highest,
    };
    let mut conn = store.connection().await?;
    store.within_deadline(apply.load(&mut conn)).await
}

/// What the timeline keeps of a receipt.
fn detail(receipt: &Receipt) -> Value {
    let mut detail = json!({ "kind": receipt.kind, "detail": receipt.detail });
    if let Some(subtype) = &receipt.subtype {
        detail["subtype"] = json!(subtype);
    }
    detail
}
