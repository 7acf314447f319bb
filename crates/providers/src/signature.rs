//! How the sandbox signs what it reports, and how that is checked.
//!
//! The signature covers the time and the body, so a report can neither be altered nor replayed
//! later. It says nothing about the query string.

use chrono::{DateTime, Utc};
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// The header that carries the signature.
pub const HEADER: &str = "carillon-sandbox-signature";

/// How far the signer's clock may be from ours, in seconds.
pub const TOLERANCE_SECONDS: i64 = 300;

/// Why a signature is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The header is not of the form `t=…,v1=…`.
    #[error("the signature header is malformed")]
    Malformed,
    /// The time is more than [`TOLERANCE_SECONDS`] away.
    #[error("the signature's time is too far away")]
    Stale,
    /// Another key, time or body was signed.
    #[error("the signature does not match")]
    Mismatch,
}

/// The header's value for a body sent at `now`.
#[must_use]
pub fn sign(key: &[u8], body: &[u8], now: DateTime<Utc>) -> String {
    let timestamp = now.timestamp().to_string();
    let digest = mac(key, &timestamp, body).finalize().into_bytes();
    format!("t={timestamp},v1={}", hex::encode(digest))
}

/// Checks the header's value against the body as it was received, byte for byte. The comparison
/// takes the same time wherever the difference is.
///
/// # Errors
/// When the signature is malformed, too old or too new, or does not match.
pub fn verify(
    key: &[u8],
    header: &str,
    body: &[u8],
    now: DateTime<Utc>,
) -> Result<(), SignatureError> {
    let (timestamp, digest) = header
        .strip_prefix("t=")
        .and_then(|rest| rest.split_once(",v1="))
        .ok_or(SignatureError::Malformed)?;
    let at: i64 = timestamp.parse().map_err(|_| SignatureError::Malformed)?;
    let digest = hex::decode(digest).map_err(|_| SignatureError::Malformed)?;
    if now.timestamp().abs_diff(at) > TOLERANCE_SECONDS.unsigned_abs() {
        return Err(SignatureError::Stale);
    }
    mac(key, timestamp, body)
        .verify_slice(&digest)
        .map_err(|_| SignatureError::Mismatch)
}

fn mac(key: &[u8], timestamp: &str, body: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(timestamp.as_bytes());
    mac.update(b".");
    mac.update(body);
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8] = b"a shared secret";
    const BODY: &[u8] = br#"{"kind":"delivered"}"#;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn a_signature_verifies_within_the_tolerance_on_both_sides() {
        let header = sign(KEY, BODY, at(10_000));
        for (now, expected) in [
            (9_699, Err(SignatureError::Stale)),
            (9_700, Ok(())),
            (10_000, Ok(())),
            (10_300, Ok(())),
            (10_301, Err(SignatureError::Stale)),
        ] {
            assert_eq!(verify(KEY, &header, BODY, at(now)), expected, "at {now}");
        }
    }

    #[test]
    fn another_key_body_or_time_does_not_match() {
        let header = sign(KEY, BODY, at(10_000));
        let moved = header.replace("t=10000", "t=10001");
        for (key, header, body) in [
            (&b"another secret"[..], &header, BODY),
            (KEY, &header, &b"{}"[..]),
            (KEY, &moved, BODY),
        ] {
            assert_eq!(
                verify(key, header, body, at(10_000)),
                Err(SignatureError::Mismatch)
            );
        }
    }

    #[test]
    fn a_shortened_digest_does_not_match() {
        let header = sign(KEY, BODY, at(10_000));
        let short = &header[..header.len() - 2];
        assert_eq!(
            verify(KEY, short, BODY, at(10_000)),
            Err(SignatureError::Mismatch)
        );
    }

    #[test]
    fn a_malformed_header_is_told_apart() {
        for header in [
            "",
            "t=1",
            "v1=00",
            "t=x,v1=00",
            "t=1,v1=zz",
            "t=99999999999999999999,v1=00",
        ] {
            assert_eq!(
                verify(KEY, header, BODY, at(1)),
                Err(SignatureError::Malformed),
                "{header}"
            );
        }
    }
}
