//! The versions that a template has had.

use carillon_core::id::{ServiceId, TemplateId};
use carillon_schema::{template_versions, templates};
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde::Serialize;

use crate::{Error, Result, Store};

/// One version of a template, without its body.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Serialize)]
pub struct VersionEntry {
    /// Its number, from 1.
    pub version: i32,
    /// When it was written.
    pub created_at: DateTime<Utc>,
    /// Who wrote it.
    pub created_by: String,
    /// The subject (e-mail).
    pub subject: Option<String>,
}

/// A template's versions, newest first, also of an archived one.
///
/// # Errors
/// [`Error::Gone`] when the service has no such template.
pub async fn versions(
    store: &Store,
    service_id: ServiceId,
    id: TemplateId,
) -> Result<Vec<VersionEntry>> {
    let mut conn = store.connection().await?;
    let select = templates::table
        .inner_join(template_versions::table)
        .filter(templates::id.eq(id))
        .filter(templates::service_id.eq(service_id))
        .order(template_versions::version.desc())
        .select((
            template_versions::version,
            template_versions::created_at,
            template_versions::created_by,
            template_versions::subject,
        ));
    let versions: Vec<VersionEntry> = store.within_deadline(select.load(&mut conn)).await?;
    // A template is created with its first version.
    if versions.is_empty() {
        return Err(Error::Gone);
    }
    Ok(versions)
}
