//! The header that names the key.

use actix_web::HttpRequest;
use carillon_core::id::ServiceId;
use carillon_core::idempotency::{IdempotencyKey, ScopedKey};

use crate::error::NotifyError;

const NAME: &str = "Idempotency-Key";

/// The key of a request; none if it names none.
///
/// # Errors
/// 400 when it names several, or what is no key.
pub(crate) fn read(
    request: &HttpRequest,
    service_id: ServiceId,
) -> Result<Option<ScopedKey>, NotifyError> {
    let mut values = request.headers().get_all(NAME);
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        let text = format!("{NAME} must not be given more than once");
        return Err(NotifyError::bad_request(text));
    }
    let key = IdempotencyKey::parse(value.as_bytes());
    let key = key.map_err(|error| NotifyError::bad_request(format!("{NAME} {error}")))?;
    Ok(Some(ScopedKey { service_id, key }))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use uuid::Uuid;

    use super::*;

    fn key(values: &[&str]) -> Result<Option<String>, String> {
        let request = TestRequest::default();
        let add = |request: TestRequest, value: &&str| request.append_header((NAME, *value));
        let request = values.iter().fold(request, add).to_http_request();
        let read = read(&request, ServiceId(Uuid::nil()));
        let read = read.map_err(|error| format!("{error:?}"))?;
        Ok(read.map(|key| key.key.as_str().to_owned()))
    }

    #[test]
    fn a_request_has_one_key_or_none() {
        assert_eq!(key(&[]), Ok(None));
        assert_eq!(key(&["order-7"]), Ok(Some("order-7".to_owned())));
        for (values, words) in [
            (
                &["a", "a"][..],
                "Idempotency-Key must not be given more than once",
            ),
            (
                &["a b"],
                "Idempotency-Key must be 1 to 255 visible ASCII characters",
            ),
            (&[""], "must be 1 to 255"),
        ] {
            let error = key(values).unwrap_err();
            assert!(
                error.contains("BadRequestError") && error.contains(words),
                "{error}"
            );
        }
    }
}
