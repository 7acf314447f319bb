//! Secrets that calls are signed with.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// What a written secret begins with.
const PREFIX: &str = "whsec_";

/// A secret, of 24 to 64 bytes. Not printed by `{:?}`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

/// A text is no secret. Says nothing of what it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSecret {
    /// What follows `whsec_` is not Base64.
    #[error("the secret is not whsec_ and Base64")]
    NotBase64,
    /// It has too few bytes to be safe, or more than verifiers take.
    #[error("the secret must have 24 to 64 bytes")]
    Length,
}

/// A new secret of 32 random bytes, as it is kept and shown.
#[must_use]
pub fn new_secret() -> String {
    format!("{PREFIX}{}", STANDARD.encode(rand::random::<[u8; 32]>()))
}

impl Secret {
    /// One token of `webhook-signature`. `id` has no dot in it; `timestamp` is in seconds.
    pub(super) fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

impl FromStr for Secret {
    type Err = InvalidSecret;

    /// Reads a secret with or without `whsec_`, and with or without padding.
    fn from_str(text: &str) -> Result<Self, InvalidSecret> {
        let base64 = text.strip_prefix(PREFIX).unwrap_or(text);
        let bytes = STANDARD_NO_PAD
            .decode(base64.trim_end_matches('='))
            .map_err(|_| InvalidSecret::NotBase64)?;
        if (24..=64).contains(&bytes.len()) {
            Ok(Self(bytes))
        } else {
            Err(InvalidSecret::Length)
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signatures_are_those_of_the_standards_own_suites() {
        for (secret, id, timestamp, body, expected) in [
            (
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                "msg_p5jXN8AQM9LWM0D4loKWxJek",
                1_614_265_330,
                r#"{"test": 2432232314}"#,
                "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            ),
            (
                "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
                "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
                1_649_367_553,
                r#"{"email":"test@example.com","username":"test_user"}"#,
                "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
            ),
        ] {
            let secret: Secret = secret.parse().unwrap();
            assert_eq!(secret.sign(id, timestamp, body.as_bytes()), expected);
        }
    }

    #[test]
    fn a_new_secret_is_read_back_and_is_another_each_time() {
        let (one, other) = (new_secret(), new_secret());
        assert_ne!(one, other);
        let secret: Secret = one.parse().unwrap();
        assert_eq!(secret.0.len(), 32);
        // As others may have written it.
        let bare = one.strip_prefix("whsec_").unwrap();
        assert_eq!(bare.parse(), Ok(secret.clone()));
        assert_eq!(bare.trim_end_matches('=').parse(), Ok(secret.clone()));
        assert_eq!(format!("{secret:?}"), "Secret");
    }

    #[test]
    fn what_cannot_be_a_secret_is_refused() {
        let of = |n: usize| STANDARD.encode(vec![7; n]).parse::<Secret>().map(|_| ());
        assert_eq!(of(23), Err(InvalidSecret::Length));
        assert_eq!(of(24), Ok(()));
        assert_eq!(of(64), Ok(()));
        assert_eq!(of(65), Err(InvalidSecret::Length));
        assert_eq!("".parse::<Secret>(), Err(InvalidSecret::Length));
        for text in ["whsec_secret!", "whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] {
            assert_eq!(text.parse::<Secret>(), Err(InvalidSecret::NotBase64));
        }
    }
}
