//! Claiming notifications for delivery: only those whose call can start now.

use std::time::Duration;

use carillon_core::api_key::KeyType;
use carillon_core::channel::Channel;
use carillon_core::id::{NotificationId, ServiceId, TemplateId};
use carillon_core::lane::Lane;
use carillon_core::suppression::{self, SuppressionReason};
use carillon_core::trace::TraceContext;
use diesel::sql_types::{Array, BigInt, Integer, Jsonb, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::{Result, Store};

statement! {
    Claim = "claim.sql" {
        token: Uuid => SqlUuid,
        lease_ms: i64 => BigInt,
        ids: Vec<NotificationId> => Array<SqlUuid>,
        lowest: NotificationId => SqlUuid,
        highest: NotificationId => SqlUuid,
    }
}

/// What a delivery needs of a claimed row.
#[derive(Clone, diesel::QueryableByName)]
pub struct Claimed {
    /// The notification.
    #[diesel(sql_type = SqlUuid)]
    pub id: NotificationId,
    /// The tenant.
    #[diesel(sql_type = SqlUuid)]
    pub service_id: ServiceId,
    /// The template.
    #[diesel(sql_type = SqlUuid)]
    pub template_id: TemplateId,
    /// Its version at accept.
    #[diesel(sql_type = Integer)]
    pub template_version: i32,
    /// The channel.
    #[diesel(sql_type = Text)]
    pub channel: Channel,
    /// The lane.
    #[diesel(sql_type = Text)]
    pub lane: Lane,
    /// The key's type.
    #[diesel(sql_type = Text)]
    pub key_type: KeyType,
    /// The number of this attempt, from 1.
    #[diesel(sql_type = Integer)]
    pub attempts: i32,
    /// Whom to send to.
    #[diesel(sql_type = Text)]
    pub normalised_recipient: String,
    /// The reply-to address or SMS sender.
    #[diesel(sql_type = Nullable<Text>)]
    pub sender: Option<String>,
    /// RFC 8058 one-click unsubscribe URL.
    #[diesel(sql_type = Nullable<Text>)]
    pub unsubscribe_url: Option<String>,
    /// The values.
    #[diesel(sql_type = Jsonb)]
    pub personalisation: serde_json::Value,
    /// A number that changes whenever a provider's settings do.
    #[diesel(sql_type = BigInt)]
    pub providers_state: i64,
    /// The provider at which its last attempt failed for certain, if it did.
    #[diesel(sql_type = Nullable<Text>)]
    pub failed_at: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    suppressed_for: Option<SuppressionReason>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    trace_id: Option<Uuid>,
    #[diesel(sql_type = Nullable<BigInt>)]
    trace_span: Option<i64>,
}

impl Claimed {
    /// The span that accepted it, if somebody records its trace.
    #[must_use]
    pub fn trace(&self) -> Option<TraceContext> {
        super::trace::recorded(self.trace_id, self.trace_span)
    }

    /// Why it must not be sent: its recipient was on the service's list when it was claimed. The
    /// list is not asked about the simulator's recipients, nor about a test key's messages.
    #[must_use]
    pub fn suppressed_for(&self) -> Option<SuppressionReason> {
        let recipient = &self.normalised_recipient;
        self.suppressed_for
            .filter(|_| suppression::is_asked(self.key_type, self.channel, recipient))
    }
}

/// Claims those of the ids that can start, under one token; with the same token it may be repeated
/// after an error. Ids that are not returned need no
/// delivery now: they are sent, waiting, or in another worker's hands.
///
/// # Errors
/// When PostgreSQL is away; nothing is claimed then, or the claim expires with its lease.
pub async fn claim(
    store: &Store,
    ids: &[NotificationId],
    token: Uuid,
    lease: Duration,
) -> Result<Vec<Claimed>> {
    let (Some(lowest), Some(highest)) = (ids.iter().min(), ids.iter().max()) else {
        return Ok(Vec::new());
    };
    let claim = Claim {
        token,
        lease_ms: i64::try_from(lease.as_millis()).unwrap_or(i64::MAX),
        ids: ids.to_vec(),
        lowest: *lowest,
        highest: *highest,
    };
    let mut conn = store.connection().await?;
    store.within_deadline(claim.load(&mut conn)).await
}
