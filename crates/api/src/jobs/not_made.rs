//! Why there is no job, or why nobody can tell.

use carillon_connect::job_payloads::PayloadError;
use carillon_core::id::JobId;

use crate::error::{NotifyError, Problem};

/// Why a job was not made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotMade {
    /// What it holds cannot be kept.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// PostgreSQL has not taken it.
    #[error(transparent)]
    Store(carillon_store::Error),
    /// A request with its idempotency key is under way in another process.
    #[error("its idempotency key is in use")]
    InUse,
    /// PostgreSQL may have taken it, and does not answer.
    #[error("whether job {id} was made is not known: {error}")]
    Unknown {
        /// The job's id, if it is there.
        id: JobId,
        /// What was answered last.
        error: carillon_store::Error,
    },
}

impl NotMade {
    pub(super) const fn of(id: JobId, may_exist: bool, error: carillon_store::Error) -> Self {
        match may_exist {
            false => Self::Store(error),
            true => Self::Unknown { id, error },
        }
    }
}

impl From<NotMade> for NotifyError {
    fn from(error: NotMade) -> Self {
        match error {
            NotMade::Payload(PayloadError::Store(error)) | NotMade::Store(error) => error.into(),
            NotMade::Payload(error) => {
                tracing::error!(%error, "what a job holds cannot be kept");
                Self::unavailable()
            }
            NotMade::InUse => crate::idempotency::in_use(),
            NotMade::Unknown { id, .. } => {
                tracing::error!(%error, "a request failed");
                Self::unknown(format!(
                    "It is not known whether the job was made. Do not post it again before GET \
                     /bulk/{id} says that there is no such job"
                ))
            }
        }
    }
}

impl From<NotMade> for Problem {
    fn from(error: NotMade) -> Self {
        match error {
            NotMade::Payload(error) => error.into(),
            NotMade::Store(error) => error.into(),
            NotMade::InUse => Self::conflict("In use", error.to_string()),
            NotMade::Unknown { id, .. } => {
                tracing::error!(%error, "a request failed");
                Self::unknown(format!(
                    "job {id} may have been made: look for it before you try again"
                ))
            }
        }
    }
}

impl From<PayloadError> for Problem {
    fn from(error: PayloadError) -> Self {
        match error {
            PayloadError::Store(error) => error.into(),
            PayloadError::Objects(error) => Self::unavailable(&error),
            error @ PayloadError::Elsewhere { .. } => Self::unreadable(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::ResponseError;
    use uuid::Uuid;

    use super::*;

    fn away() -> carillon_store::Error {
        carillon_store::Error::Unavailable("closed".to_owned())
    }

    #[test]
    fn only_what_is_surely_not_there_may_be_posted_again_without_a_look() {
        let absent = NotifyError::from(NotMade::Store(away())).error_response();
        assert_eq!(
            (
                absent.status(),
                absent.headers().get("retry-after").unwrap().as_bytes()
            ),
            (503_u16.try_into().unwrap(), &b"5"[..])
        );
        let id = JobId(Uuid::from_u128(7));
        let unknown = NotifyError::from(NotMade::Unknown { id, error: away() });
        let text = format!("{unknown:?}");
        assert!(text.contains(&format!("GET /bulk/{id}")), "{text}");
        let unknown = unknown.error_response();
        assert_eq!(unknown.status(), 503);
        assert!(!unknown.headers().contains_key("retry-after"));
    }
}
