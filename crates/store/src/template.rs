//! Templates and their versions.

mod versions;

use carillon_core::ambiguity::WhenAnswerLost;
use carillon_core::channel::Channel;
use carillon_core::id::{ServiceId, TemplateId};
use carillon_core::lane::Lane;
use carillon_schema::{template_versions, templates};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Integer, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;

pub use versions::{VersionEntry, versions};

use crate::{Error, Result, Store};

/// A template at one of its versions.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = templates)]
pub struct TemplateVersion {
    /// The template.
    pub id: TemplateId,
    /// The tenant.
    pub service_id: ServiceId,
    /// The channel it is for.
    pub channel: Channel,
    /// Its name.
    pub name: String,
    /// Its lane.
    pub lane: Lane,
    /// Not to be used any more.
    pub archived: bool,
    /// What follows when a provider's answer was lost.
    pub when_answer_lost: WhenAnswerLost,
    /// When the template was created.
    pub created_at: DateTime<Utc>,
    /// When it was last edited.
    pub updated_at: Option<DateTime<Utc>>,
    /// The version.
    #[diesel(select_expression = template_versions::version)]
    pub version: i32,
    /// The subject (e-mail).
    #[diesel(select_expression = template_versions::subject)]
    pub subject: Option<String>,
    /// The body.
    #[diesel(select_expression = template_versions::body)]
    pub body: String,
    /// Who wrote this version.
    #[diesel(select_expression = template_versions::created_by)]
    pub created_by: String,
}

statement! {
    Create = "template/create.sql" {
        id: TemplateId => SqlUuid,
        service_id: ServiceId => SqlUuid,
        channel: Channel => Text,
        name: String => Text,
        lane: Lane => Text,
        when_answer_lost: WhenAnswerLost => Text,
        subject: Option<String> => Nullable<Text>,
        body: String => Text,
        created_by: String => Text,
    }
}

statement! {
    AddVersion = "template/add_version.sql" {
        id: TemplateId => SqlUuid,
        service_id: ServiceId => SqlUuid,
        subject: Option<String> => Nullable<Text>,
        body: String => Text,
        created_by: String => Text,
    }
}

#[derive(diesel::QueryableByName)]
struct Version {
    #[diesel(sql_type = Integer)]
    version: i32,
}

/// What a new template is made of.
#[derive(Debug, Clone)]
pub struct NewTemplate {
    /// The channel it is for.
    pub channel: Channel,
    /// Its name.
    pub name: String,
    /// Its lane; set by a platform administrator.
    pub lane: Lane,
    /// What follows when a provider's answer was lost.
    pub when_answer_lost: WhenAnswerLost,
    /// The subject (e-mail).
    pub subject: Option<String>,
    /// The body.
    pub body: String,
}

/// Creates a template with its first version.
///
/// # Errors
/// [`Error::Gone`] when the service does not exist.
pub async fn create(
    store: &Store,
    service_id: ServiceId,
    new: NewTemplate,
    created_by: &str,
) -> Result<TemplateId> {
    let id = TemplateId(carillon_core::id::mint());
    let NewTemplate {
        channel,
        name,
        lane,
        when_answer_lost,
        subject,
        body,
    } = new;
    let created_by = created_by.to_owned();
    let create = Create {
        id,
        service_id,
        channel,
        name,
        lane,
        when_answer_lost,
        subject,
        body,
        created_by,
    };
    let mut conn = store.connection().await?;
    store.within_deadline(create.execute(&mut conn)).await?;
    Ok(id)
}

/// Appends a version, which becomes the current one, and returns its number.
///
/// # Errors
/// [`Error::Gone`] when the service has no such template.
pub async fn add_version(
    store: &Store,
    service_id: ServiceId,
    id: TemplateId,
    subject: Option<String>,
    body: String,
    created_by: &str,
) -> Result<i32> {
    let add = AddVersion {
        id,
        service_id,
        subject,
        body,
        created_by: created_by.to_owned(),
    };
    let mut conn = store.connection().await?;
    let version: Version = store.within_deadline(add.get_result(&mut conn)).await?;
    Ok(version.version)
}

/// A service's template at its current version.
///
/// # Errors
/// [`Error::Gone`] when the service has no such template.
pub async fn read_current(
    store: &Store,
    service_id: ServiceId,
    id: TemplateId,
) -> Result<TemplateVersion> {
    let mut conn = store.connection().await?;
    let select = templates::table
        .inner_join(template_versions::table)
        .filter(templates::id.eq(id))
        .filter(templates::service_id.eq(service_id))
        .filter(template_versions::version.eq(templates::version))
        .select(TemplateVersion::as_select());
    store.within_deadline(select.first(&mut conn)).await
}

/// A service's template at a given version.
///
/// # Errors
/// [`Error::Gone`] when the service has no such template or version.
pub async fn read_version(
    store: &Store,
    service_id: ServiceId,
    id: TemplateId,
    version: i32,
) -> Result<TemplateVersion> {
    let mut conn = store.connection().await?;
    let select = templates::table
        .inner_join(template_versions::table)
        .filter(templates::id.eq(id))
        .filter(templates::service_id.eq(service_id))
        .filter(template_versions::version.eq(version))
        .select(TemplateVersion::as_select());
    store.within_deadline(select.first(&mut conn)).await
}

/// A service's templates that are in use, at their current versions, newest first.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn list(
    store: &Store,
    service_id: ServiceId,
    channel: Option<Channel>,
) -> Result<Vec<TemplateVersion>> {
    let mut conn = store.connection().await?;
    let mut select = templates::table
        .inner_join(template_versions::table)
        .filter(templates::service_id.eq(service_id))
        .filter(templates::archived.eq(false))
        .filter(template_versions::version.eq(templates::version))
        .order(templates::id.desc())
        .select(TemplateVersion::as_select())
        .into_boxed();
    if let Some(channel) = channel {
        select = select.filter(templates::channel.eq(channel));
    }
    store.within_deadline(select.load(&mut conn)).await
}

/// What follows when the answer of a provider that was given a template's message is lost.
///
/// # Errors
/// [`Error::Gone`] when there is no such template.
pub async fn when_answer_lost(store: &Store, id: TemplateId) -> Result<WhenAnswerLost> {
    let mut conn = store.connection().await?;
    let select = templates::table
        .find(id)
        .select(templates::when_answer_lost);
    store.within_deadline(select.first(&mut conn)).await
}

/// What may be changed of a template without a new version; what is left out stays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, AsChangeset)]
#[diesel(table_name = templates)]
pub struct Changes {
    /// Its lane, for messages accepted from then on.
    pub lane: Option<Lane>,
    /// Whether it is not to be used any more.
    pub archived: Option<bool>,
    /// What follows when a provider's answer was lost, for all its messages.
    pub when_answer_lost: Option<WhenAnswerLost>,
}

/// Changes a template.
///
/// # Errors
/// [`Error::Gone`] when the service has no such template.
pub async fn update(
    store: &Store,
    service_id: ServiceId,
    id: TemplateId,
    changes: Changes,
) -> Result<()> {
    if changes == Changes::default() {
        return Ok(());
    }
    let mut conn = store.connection().await?;
    let update = diesel::update(templates::table.find(id))
        .filter(templates::service_id.eq(service_id))
        .set(changes);
    match store.within_deadline(update.execute(&mut conn)).await? {
        0 => Err(Error::Gone),
        _ => Ok(()),
    }
}
