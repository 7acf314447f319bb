//! Deciding about a message whose answer was lost.

use carillon_core::ambiguity::Resolution;
use carillon_core::id::NotificationId;
use carillon_core::notification::{Event, Status};
use diesel::sql_types::{Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;

use crate::{Result, Store};

statement! {
    Resolve = "resolve.sql" {
        action: Resolution => Text,
        unsent: Status => Text,
        gave_up: Status => Text,
        actor: String => Text,
        why: Option<String> => Nullable<Text>,
        id: NotificationId => SqlUuid,
    }
}

#[derive(diesel::QueryableByName)]
struct Resolved {
    #[diesel(sql_type = Text)]
    status: Status,
}

/// Carries out what `actor` decided about a message that waits because its answer was lost, and
/// writes it on its timeline. Returns its status; none when it does not wait for that: nothing has
/// changed then.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn resolve(
    store: &Store,
    id: NotificationId,
    action: Resolution,
    actor: &str,
    why: Option<&str>,
) -> Result<Option<Status>> {
    let resolve = Resolve {
        action,
        unsent: Status::Created,
        gave_up: Status::Created
            .on(Event::GaveUp)
            .unwrap_or(Status::TechnicalFailure),
        actor: actor.to_owned(),
        why: why.map(ToOwned::to_owned),
        id,
    };
    let mut conn = store.connection().await?;
    let resolved: Vec<Resolved> = store.within_deadline(resolve.load(&mut conn)).await?;
    Ok(resolved.into_iter().next().map(|resolved| resolved.status))
}
