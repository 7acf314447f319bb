//! `/unsubscribe/{token}`: one click takes the recipient of a message off its service's list
//! (RFC 8058).
//!
//! Mail filters and browsers follow links by themselves, so GET only asks; POST acts. The token is
//! all the authority there is: it is checked before the database is asked anything.

mod page;

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use carillon_core::unsubscribe::Subject;
use carillon_store::notification::read_many;
use carillon_store::{Error, Result, service, suppression};

use crate::state::State;

/// Asks whether to unsubscribe, and changes nothing.
pub(crate) async fn ask(path: Path<String>, state: Data<State>) -> HttpResponse {
    let Some(subject) = Subject::read(&path, &state.link_keys) else {
        return page::unknown();
    };
    match sender_of(&state, subject).await {
        Ok(service_name) => page::question(&service_name),
        Err(error) => failed(&error),
    }
}

/// Unsubscribes. The mail program's one-click request and the form of [`ask`] are the same to it,
/// and their body says nothing that the token does not; doing it again changes nothing.
pub(crate) async fn act(path: Path<String>, state: Data<State>) -> HttpResponse {
    let Some(subject) = Subject::read(&path, &state.link_keys) else {
        return page::unknown();
    };
    let Subject {
        service_id,
        notification_id,
    } = subject;
    match suppression::unsubscribe(&state.store, service_id, notification_id).await {
        Ok(()) => page::done(),
        Err(error) => failed(&error),
    }
}

/// The name of the service that sent the message.
async fn sender_of(state: &State, subject: Subject) -> Result<String> {
    let rows = read_many(&state.store, &[subject.notification_id]).await?;
    if !rows.iter().any(|row| row.service_id == subject.service_id) {
        return Err(Error::Gone);
    }
    Ok(service::read(&state.store, subject.service_id).await?.name)
}

fn failed(error: &Error) -> HttpResponse {
    if matches!(error, Error::Gone) {
        return page::gone();
    }
    tracing::error!(%error, "an unsubscribe link could not be served");
    page::unavailable()
}
