//! Idempotency keys: what a client may call a request, and what makes two requests the same.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::id::ServiceId;

/// Most characters of a key.
const LONGEST: usize = 255;

/// A client's name for one request. What is in it may be anything, people's addresses too, so it is
/// never printed.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IdempotencyKey(String);

/// Bytes that are no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to {LONGEST} visible ASCII characters")]
pub struct NoKey;

impl IdempotencyKey {
    /// Reads a key as it stands in the header.
    ///
    /// # Errors
    /// When it is empty, too long, or holds anything but visible ASCII characters; a space is none.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoKey> {
        let is_key = (1..=LONGEST).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic);
        let text = is_key.then(|| std::str::from_utf8(bytes).ok()).flatten();
        Ok(Self(text.ok_or(NoKey)?.to_owned()))
    }

    /// The key as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IdempotencyKey({} characters)", self.0.len())
    }
}

/// A key among those of its service: two services may use the same one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ScopedKey {
    /// The tenant.
    pub service_id: ServiceId,
    /// The key.
    pub key: IdempotencyKey,
}

/// What tells one request from another. The body cannot be read from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads one back; none unless there are 32 bytes.
    #[must_use]
    pub fn of_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

/// A fingerprint being taken: SHA-256 over some parts, and then over what comes in.
#[derive(Clone, Default)]
pub struct Fingerprinting(Sha256);

impl Fingerprinting {
    /// Adds a part, with its length: where one ends and the next begins makes a difference.
    #[must_use]
    pub fn part(mut self, bytes: &[u8]) -> Self {
        self.add_part(bytes);
        self
    }

    /// The same, in place.
    pub fn add_part(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
    }

    /// Adds a piece of the last part of all, which may come in any pieces.
    pub fn add_piece(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The fingerprint.
    #[must_use]
    pub fn finish(self) -> Fingerprint {
        Fingerprint(self.0.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_1_to_255_visible_ascii_characters() {
        for good in ["k", "order 7".replace(' ', "-").as_str(), &"~".repeat(255)] {
            assert_eq!(
                IdempotencyKey::parse(good.as_bytes()).unwrap().as_str(),
                good
            );
        }
        for bad in [
            &b""[..],
            b"a b",
            b"a\tb",
            b"\x7f",
            "é".as_bytes(),
            &[b'k'; 256],
        ] {
            assert_eq!(IdempotencyKey::parse(bad), Err(NoKey), "{bad:?}");
        }
        assert_eq!(
            NoKey.to_string(),
            "must be 1 to 255 visible ASCII characters"
        );
    }

    #[test]
    fn a_key_is_not_printed() {
        let key = IdempotencyKey::parse(b"ada@example.org").unwrap();
        assert_eq!(format!("{key:?}"), "IdempotencyKey(15 characters)");
    }

    #[test]
    fn parts_are_kept_apart_and_pieces_are_joined() {
        let of = |parts: &[&[u8]], pieces: &[&[u8]]| {
            let begun = Fingerprinting::default();
            let mut taken = parts.iter().fold(begun, |taken, part| taken.part(part));
            pieces.iter().for_each(|piece| taken.add_piece(piece));
            taken.finish()
        };
        assert_eq!(of(&[b"sms"], &[b"ab", b"", b"c"]), of(&[b"sms"], &[b"abc"]));
        for other in [
            of(&[b"email"], &[b"abc"]),
            of(&[b"sms"], &[b"abd"]),
            of(&[b"sm", b"s"], &[b"abc"]),
            of(&[b"sms", b""], &[b"abc"]),
        ] {
            assert_ne!(of(&[b"sms"], &[b"abc"]), other);
        }
        let taken = of(&[b"sms"], &[b"abc"]);
        assert_eq!(Fingerprint::of_bytes(taken.as_bytes()), Some(taken));
        assert_eq!(Fingerprint::of_bytes(&[0; 31]), None);
    }
}
