//! What was read of a request that has an idempotency key, so that the same one is known again.
//!
//! The three forms are taken as they are read: unpacked, and multipart by its parts, for the boundary
//! between them is another each time.

use actix_web::HttpRequest;
use carillon_core::api_key::KeyType;
use carillon_core::idempotency::{Fingerprint, Fingerprinting};

use super::body::Body;
use super::form::Form;
use super::multipart;
use crate::error::NotifyError;

/// A fingerprint being taken; of a request without a key none is.
pub(super) struct Seen(Option<Fingerprinting>);

impl Seen {
    /// Begins with everything that is not in the body.
    pub(super) fn of(request: &HttpRequest, form: &Form, key_type: KeyType) -> Self {
        let (name, charset) = match form {
            Form::Json => ("json", None),
            Form::Csv { charset } => ("csv", charset.as_deref()),
            Form::Multipart => ("multipart", None),
        };
        let taken = Fingerprinting::default()
            .part(b"bulk")
            .part(key_type.as_str().as_bytes())
            .part(name.as_bytes())
            .part(charset.unwrap_or_default().as_bytes())
            .part(request.query_string().as_bytes());
        Self(Some(taken))
    }

    /// For a request without a key.
    pub(super) const fn nothing() -> Self {
        Self(None)
    }

    /// A field, or what else is whole.
    pub(super) fn part(&mut self, bytes: &[u8]) {
        if let Some(taken) = &mut self.0 {
            taken.add_part(bytes);
        }
    }

    /// A piece of what comes last: the body or the file.
    pub(super) fn piece(&mut self, bytes: &[u8]) {
        if let Some(taken) = &mut self.0 {
            taken.add_piece(bytes);
        }
    }

    /// Once everything was read; of a request without a key that of nothing.
    pub(super) fn fingerprint(self) -> Fingerprint {
        self.0.unwrap_or_default().finish()
    }

    /// Reads all of a request only to know it again.
    pub(super) async fn whole(
        mut self,
        request: &HttpRequest,
        form: &Form,
        mut body: Body,
    ) -> Result<Fingerprint, NotifyError> {
        if *form == Form::Multipart {
            let parts = multipart::parts(request.headers(), body, &mut self).await?;
            if let Some(mut file) = parts.file {
                while let Some(piece) = file.next().await? {
                    self.piece(&piece);
                }
            }
        } else {
            while let Some(piece) = body.next().await? {
                self.piece(&piece);
            }
        }
        Ok(self.fingerprint())
    }
}
