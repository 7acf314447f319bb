//! Writing what came of delivery attempts, in batches over all tasks in hand.

use std::collections::HashSet;
use std::time::Duration;

use carillon_core::id::NotificationId;
use carillon_core::notification::Status;
use carillon_core::provider::ProviderKind;
use carillon_core::reason::Reason;
use carillon_core::timeline::TimelineEvent;
use diesel::sql_types::{Array, BigInt, Bool, Jsonb, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use serde_json::Value;
use uuid::Uuid;

use crate::{Result, Store};

statement! {
    Mark = "mark.sql" {
        ids: Vec<NotificationId> => Array<SqlUuid>,
        tokens: Vec<Uuid> => Array<SqlUuid>,
        statuses: Vec<Status> => Array<Text>,
        providers: Vec<Option<String>> => Array<Nullable<Text>>,
        references: Vec<Option<String>> => Array<Nullable<Text>>,
        events: Vec<TimelineEvent> => Array<Text>,
        reasons: Vec<Option<Reason>> => Array<Nullable<Text>>,
        retry_after_ms: Vec<Option<i64>> => Array<Nullable<BigInt>>,
        counted: Vec<bool> => Array<Bool>,
        details: Vec<Value> => Array<Jsonb>,
        referenced_by: Vec<Option<ProviderKind>> => Array<Nullable<Text>>,
        completed: Vec<Status> => Array<Text>,
        lowest: NotificationId => SqlUuid,
        highest: NotificationId => SqlUuid,
        actor: String => Text,
    }
}

statement! {
    LeaseAgain = "lease_again.sql" {
        ids: Vec<NotificationId> => Array<SqlUuid>,
        tokens: Vec<Uuid> => Array<SqlUuid>,
        are_ends: Vec<bool> => Array<Bool>,
        lease_ms: i64 => BigInt,
        lowest: NotificationId => SqlUuid,
        highest: NotificationId => SqlUuid,
    }
}

statement! {
    MarkLate = "mark_late.sql" {
        ids: Vec<NotificationId> => Array<SqlUuid>,
        details: Vec<Value> => Array<Jsonb>,
        actor: String => Text,
        lowest: NotificationId => SqlUuid,
        highest: NotificationId => SqlUuid,
    }
}

/// The lease of a late result: as long as the statement that follows may take, and more.
const LEASE_AGAIN: Duration = Duration::from_secs(60);

/// The result of one claimed delivery, decided.
#[derive(Debug, Clone, PartialEq)]
pub struct Marking {
    /// The notification.
    pub id: NotificationId,
    /// The lease under which it was claimed.
    pub token: Uuid,
    /// The new status; `created` when it waits for another try.
    pub status: Status,
    /// The provider that was called.
    pub provider: Option<String>,
    /// The provider's id of the message.
    pub reference: Option<String>,
    /// The kind of provider whose receipts name only that id, and not ours: it is kept for them.
    pub referenced_by: Option<ProviderKind>,
    /// What goes on the timeline.
    pub event: TimelineEvent,
    /// And why.
    pub reason: Option<Reason>,
    /// The wait before the next try, when it waits.
    pub retry_after: Option<Duration>,
    /// Whether it counts as an attempt of the retry policy.
    pub counted: bool,
    /// Facts for the timeline; no personal data.
    pub detail: Value,
}

#[derive(diesel::QueryableByName)]
struct LeasedAgain {
    #[diesel(sql_type = SqlUuid)]
    id: NotificationId,
}

#[derive(diesel::QueryableByName)]
struct Marked {
    #[diesel(sql_type = SqlUuid)]
    id: NotificationId,
    #[diesel(sql_type = BigInt)]
    n_callback_events: i64,
}

/// What writing a batch of results led to.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Marks {
    /// Results whose lease had been taken away.
    pub n_late: usize,
    /// Changes that services are to be told of, and that wait for it.
    pub n_callback_events: usize,
}

/// Writes a batch of results and their timeline entries. Results whose lease was taken away change
/// no status and are written to the timeline only, unless their message is held for want of them:
/// what is known of a call settles it.
///
/// # Errors
/// When PostgreSQL is away: keep the results and try again; a repeat finds its lease gone and adds
/// at most a late entry. [`crate::Error::Refused`] when it will never take one of them.
pub async fn mark(store: &Store, batch: &[Marking], actor: &str) -> Result<Marks> {
    let mut marks = Marks::default();
    for round in rounds(batch) {
        let of_round = mark_round(store, &round, actor).await?;
        marks.n_late += of_round.n_late;
        marks.n_callback_events += of_round.n_callback_events;
    }
    Ok(marks)
}

/// Splits a batch so that each round names a notification once, sorted by id: every statement that
/// locks several rows locks them in this order, so none waits for another in a circle.
fn rounds(batch: &[Marking]) -> Vec<Vec<&Marking>> {
    let mut sorted: Vec<&Marking> = batch.iter().collect();
    sorted.sort_by_key(|marking| marking.id);
    let mut rounds: Vec<Vec<&Marking>> = vec![Vec::with_capacity(batch.len())];
    for marking in sorted {
        let free = rounds
            .iter()
            .position(|round| round.last().is_none_or(|last| last.id != marking.id));
        match free {
            Some(n) => rounds[n].push(marking),
            None => rounds.push(vec![marking]),
        }
    }
    rounds
}

async fn mark_round(store: &Store, batch: &[&Marking], actor: &str) -> Result<Marks> {
    let marked = mark_leased(store, batch, actor).await?;
    let mut n_callback_events = marked.n_callback_events;
    let mut late = marked.others(batch);
    let n_late = late.len();
    let leased_again = lease_again(store, &late).await?;
    if !leased_again.is_empty() {
        let is_leased = |m: &&Marking| leased_again.contains(&m.id);
        let leased: Vec<_> = late.iter().copied().filter(is_leased).collect();
        let settled = mark_leased(store, &leased, actor).await?;
        n_callback_events += settled.n_callback_events;
        late = settled.others(&late);
    }
    note_late(store, &late, actor).await?;
    Ok(Marks {
        n_late,
        n_callback_events,
    })
}

/// Writes late results to the timeline, and nothing else.
async fn note_late(store: &Store, late: &[&Marking], actor: &str) -> Result<()> {
    let Some((lowest, highest)) = bounds(late) else {
        return Ok(());
    };
    let statement = MarkLate {
        ids: column(late, |m| m.id),
        details: column(late, |m| m.detail.clone()),
        actor: actor.to_owned(),
        lowest,
        highest,
    };
    let mut conn = store.connection().await?;
    store.within_deadline(statement.execute(&mut conn)).await?;
    Ok(())
}

/// Leases results whose lease was taken away once more, where that is right; returns whose.
async fn lease_again(store: &Store, late: &[&Marking]) -> Result<HashSet<NotificationId>> {
    // A result that says that nobody knows settles nothing.
    let is_known = |m: &&Marking| m.reason != Some(Reason::AnswerLost);
    let known: Vec<_> = late.iter().copied().filter(is_known).collect();
    let Some((lowest, highest)) = bounds(&known) else {
        return Ok(HashSet::new());
    };
    let statement = LeaseAgain {
        ids: column(&known, |m| m.id),
        tokens: column(&known, |m| m.token),
        are_ends: column(&known, |m| m.status != Status::Created),
        lease_ms: i64::try_from(LEASE_AGAIN.as_millis()).unwrap_or(i64::MAX),
        lowest,
        highest,
    };
    let mut conn = store.connection().await?;
    let leased: Vec<LeasedAgain> = store.within_deadline(statement.load(&mut conn)).await?;
    Ok(leased.into_iter().map(|row| row.id).collect())
}

/// What one statement has marked.
#[derive(Default)]
struct MarkedBatch {
    ids: HashSet<NotificationId>,
    n_callback_events: usize,
}

impl MarkedBatch {
    /// The results that it has not, in their order.
    fn others<'a>(&self, batch: &[&'a Marking]) -> Vec<&'a Marking> {
        let batch = batch.iter().copied();
        batch.filter(|m| !self.ids.contains(&m.id)).collect()
    }
}

/// Writes the results whose lease is held, of a batch that is sorted by id.
async fn mark_leased(store: &Store, batch: &[&Marking], actor: &str) -> Result<MarkedBatch> {
    let Some((lowest, highest)) = bounds(batch) else {
        return Ok(MarkedBatch::default());
    };
    let statement = Mark {
        ids: column(batch, |m| m.id),
        tokens: column(batch, |m| m.token),
        statuses: column(batch, |m| m.status),
        providers: column(batch, |m| m.provider.clone()),
        references: column(batch, |m| m.reference.clone()),
        events: column(batch, |m| m.event),
        reasons: column(batch, |m| m.reason),
        retry_after_ms: column(batch, |m| {
            m.retry_after
                .map(|wait| i64::try_from(wait.as_millis()).unwrap_or(i64::MAX))
        }),
        counted: column(batch, |m| m.counted),
        details: column(batch, |m| m.detail.clone()),
        referenced_by: column(batch, |m| m.referenced_by),
        completed: Status::completed(),
        lowest,
        highest,
        actor: actor.to_owned(),
    };
    let mut conn = store.connection().await?;
    let marked: Vec<Marked> = store.within_deadline(statement.load(&mut conn)).await?;
    let n_callback_events = marked.as_slice().first().map_or(0, |m| m.n_callback_events);
    Ok(MarkedBatch {
        ids: marked.into_iter().map(|m| m.id).collect(),
        n_callback_events: usize::try_from(n_callback_events).unwrap_or(0),
    })
}

/// The lowest and the highest id of a batch that is sorted by it.
fn bounds(batch: &[&Marking]) -> Option<(NotificationId, NotificationId)> {
    Some((batch.first()?.id, batch.last()?.id))
}

fn column<T>(batch: &[&Marking], of: impl Fn(&Marking) -> T) -> Vec<T> {
    batch.iter().map(|marking| of(marking)).collect()
}
