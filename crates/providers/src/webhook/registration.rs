//! What a callback may be registered with.

use carillon_core::service::BadField;

use super::{MAX_TOKEN_BYTES, is_bearer_token};
use crate::egress::{EgressPolicy, vet_url};

/// The shortest bearer token, as Notify has it.
pub const MIN_TOKEN_BYTES: usize = 10;

/// The URL as it is kept, if it may be called.
///
/// # Errors
/// The rule that it breaks.
pub fn check_url(text: &str, policy: EgressPolicy) -> Result<String, BadField> {
    vet_url(text, policy)
        .map(String::from)
        .map_err(|refusal| BadField {
            field: "url",
            message: format!("is refused: {refusal}"),
        })
}

/// Whether calls may carry this bearer token.
///
/// # Errors
/// What is allowed; the token is not quoted.
pub fn check_token(text: &str) -> Result<(), BadField> {
    if text.len() >= MIN_TOKEN_BYTES && is_bearer_token(text) {
        return Ok(());
    }
    Err(BadField {
        field: "bearer_token",
        message: format!(
            "must be {MIN_TOKEN_BYTES} to {MAX_TOKEN_BYTES} visible ASCII characters without spaces"
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_long_enough_and_can_be_sent() {
        assert_eq!(check_token("0123456789"), Ok(()));
        for text in [
            "",
            "012345678",
            "0123456789\n",
            "0123 456789",
            "0123456789é",
        ] {
            let error = check_token(text).unwrap_err();
            assert_eq!(error.field, "bearer_token");
            assert!(error.message.starts_with("must be 10 to 4096"), "{error:?}");
        }
        assert!(check_token(&"x".repeat(MAX_TOKEN_BYTES + 1)).is_err());
    }

    #[test]
    fn a_url_is_kept_as_it_is_understood_or_refused_with_the_rule() {
        let open = EgressPolicy::default();
        let kept = check_url("HTTPS://Hooks.Example.org/a", open);
        assert_eq!(kept, Ok("https://hooks.example.org/a".to_owned()));
        let error = check_url("http://hooks.example.org/", open).unwrap_err();
        assert_eq!(
            error.message,
            "is refused: the URL must begin with https://"
        );
        assert!(check_url("https://0x7f.1/", open).is_err());
    }
}
