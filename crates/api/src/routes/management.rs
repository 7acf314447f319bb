//! Management under `/api`: for platform administrators.

pub(crate) mod callback;
pub(crate) mod job;
pub(crate) mod key;
pub(crate) mod ledger;
mod parsed;
pub(crate) mod provider;
pub(crate) mod resolve;
pub(crate) mod sender_domain;
pub(crate) mod service;
pub(crate) mod suppression;
pub(crate) mod template;
pub(crate) mod timeline;

use actix_web::HttpResponse;
use actix_web::ResponseError;

use crate::auth::Admin;
use crate::error::Problem;

/// 404 within the family.
pub(crate) async fn unknown(_: Admin) -> HttpResponse {
    Problem::gone().error_response()
}
