//! Claiming events for calls: only those whose call can start now.

use std::collections::BTreeSet;
use std::time::Duration;

use carillon_core::channel::Channel;
use carillon_core::id::{CallbackEventId, CallbackId, NotificationId, ServiceId, TemplateId};
use carillon_core::notification::Status;
use carillon_core::trace::TraceContext;
use carillon_core::webhook::{CallbackKind, Change};
use chrono::{DateTime, Utc};
use diesel::sql_types::{
    Array, BigInt, Binary, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::{Error, Result, Store};

statement! {
    Claim = "claim.sql" {
        token: Uuid => SqlUuid,
        lease_ms: i64 => BigInt,
        ids: Vec<CallbackEventId> => Array<SqlUuid>,
        lowest: CallbackEventId => SqlUuid,
        highest: CallbackEventId => SqlUuid,
        callbacks: Vec<CallbackId> => Array<SqlUuid>,
    }
}

/// What a call needs of a claimed event.
#[derive(Clone, diesel::QueryableByName)]
pub struct ClaimedCall {
    /// The event; the call's `webhook-id`.
    #[diesel(sql_type = SqlUuid)]
    pub id: CallbackEventId,
    /// Whose it is.
    #[diesel(sql_type = SqlUuid)]
    pub callback_id: CallbackId,
    /// The tenant.
    #[diesel(sql_type = SqlUuid)]
    pub service_id: ServiceId,
    /// The message.
    #[diesel(sql_type = SqlUuid)]
    pub notification_id: NotificationId,
    /// The number of this attempt, from 1.
    #[diesel(sql_type = Integer)]
    pub attempts: i32,
    #[diesel(sql_type = Integer)]
    attempts_before_replay: i32,
    #[diesel(sql_type = Timestamptz)]
    begun_at: DateTime<Utc>,
    /// When it was claimed, just before the call.
    #[diesel(sql_type = Timestamptz)]
    pub claimed_at: DateTime<Utc>,
    /// Which beginning of the callback is called: another URL or a new start is the next.
    #[diesel(sql_type = Integer)]
    pub version: i32,
    /// Where to call.
    #[diesel(sql_type = Text)]
    pub url: String,
    #[diesel(sql_type = Binary)]
    sealed_token: Vec<u8>,
    #[diesel(sql_type = Binary)]
    sealed_secrets: Vec<u8>,
    #[diesel(sql_type = Text)]
    kind: CallbackKind,
    #[diesel(sql_type = Text)]
    status: Status,
    #[diesel(sql_type = Nullable<Text>)]
    feedback: Option<String>,
    #[diesel(sql_type = Timestamptz)]
    occurred_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Text>)]
    reference: Option<String>,
    #[diesel(sql_type = Text)]
    recipient: String,
    #[diesel(sql_type = Text)]
    channel: Channel,
    #[diesel(sql_type = SqlUuid)]
    template_id: TemplateId,
    #[diesel(sql_type = Integer)]
    template_version: i32,
    #[diesel(sql_type = Timestamptz)]
    created_at: DateTime<Utc>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    sent_at: Option<DateTime<Utc>>,
    /// The id of the message's trace, recorded or not.
    #[diesel(sql_type = Nullable<SqlUuid>)]
    pub trace_id: Option<Uuid>,
    #[diesel(sql_type = Nullable<BigInt>)]
    trace_span: Option<i64>,
}

/// What proves to a receiver who calls.
#[derive(Clone)]
pub struct Credentials {
    /// The bearer token that the service gave.
    pub token: String,
    /// The secrets that sign, newest first.
    pub secrets: Vec<String>,
}

impl ClaimedCall {
    /// What is told.
    #[must_use]
    pub fn change(&self) -> Change<'_> {
        Change {
            id: self.id,
            kind: self.kind,
            notification_id: self.notification_id,
            reference: self.reference.as_deref(),
            recipient: &self.recipient,
            status: self.status,
            channel: self.channel,
            template_id: self.template_id,
            template_version: self.template_version,
            created_at: self.created_at,
            sent_at: self.sent_at,
            occurred_at: self.occurred_at,
            feedback: self.feedback.as_deref(),
        }
    }

    /// The step of the schedule that this attempt is, from 1: a replay begins it anew, and what the
    /// receiver put off is none.
    #[must_use]
    pub fn step(&self) -> u32 {
        let step = self.attempts.saturating_sub(self.attempts_before_replay);
        u32::try_from(step).unwrap_or(1)
    }

    /// How long ago the schedule began, with its first attempt.
    #[must_use]
    pub fn begun_ago(&self) -> Duration {
        (self.claimed_at - self.begun_at)
            .to_std()
            .unwrap_or_default()
    }

    /// Opens the token and the secrets.
    ///
    /// # Errors
    /// When no configured key opens them, or they are not what was sealed.
    pub fn credentials(&self, store: &Store) -> Result<Credentials> {
        let owner = self.callback_id.0.as_bytes();
        let token = store.sealer().open(owner, &self.sealed_token)?;
        let secrets = store.sealer().open(owner, &self.sealed_secrets)?;
        let unreadable = || Error::Refused("a callback's token or secrets are no text".to_owned());
        Ok(Credentials {
            token: String::from_utf8(token).map_err(|_| unreadable())?,
            secrets: serde_json::from_slice(&secrets).map_err(|_| unreadable())?,
        })
    }

    /// The message's trace, with the span that accepted it, if somebody records it.
    #[must_use]
    pub fn trace(&self) -> Option<TraceContext> {
        Some(TraceContext {
            trace_id: self.trace_id?.as_u128(),
            span_id: self.trace_span?.cast_unsigned(),
            is_sampled: true,
        })
    }
}

/// Claims those of the events that can be told now, under one token; with the same token
/// it may be repeated after an error. Ids that are not returned need no call now: they are told,
/// waiting (which the claim itself makes those of an endpoint that is left alone), in another
/// worker's hands, or nobody wants to hear them any more, which is then written as their outcome.
///
/// # Errors
/// When PostgreSQL is away; nothing is claimed then, or the claim expires with its lease.
pub async fn claim(
    store: &Store,
    events: &[(CallbackId, CallbackEventId)],
    token: Uuid,
    lease: Duration,
) -> Result<Vec<ClaimedCall>> {
    let ids: Vec<_> = events.iter().map(|(_, id)| *id).collect();
    let callbacks: BTreeSet<_> = events.iter().map(|(callback_id, _)| *callback_id).collect();
    let (Some(lowest), Some(highest)) = (ids.iter().min(), ids.iter().max()) else {
        return Ok(Vec::new());
    };
    let claim = Claim {
        token,
        lease_ms: i64::try_from(lease.as_millis()).unwrap_or(i64::MAX),
        lowest: *lowest,
        highest: *highest,
        ids,
        callbacks: callbacks.into_iter().collect(),
    };
    let mut conn = store.connection().await?;
    store.within_deadline(claim.load(&mut conn)).await
}
