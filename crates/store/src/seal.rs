//! Secrets at rest: sealed with AES-256-GCM, so that a copy of the database is not a copy of the
//! keys.
//!
//! Sealed form: one byte naming the key, 12 bytes nonce, ciphertext with tag. The owner's id is
//! authenticated too: a sealed secret copied to another row does not open.

use std::sync::Arc;

use aes_gcm::aead::{Aead, AeadCore, KeyInit, OsRng, Payload};
use aes_gcm::{Aes256Gcm, Nonce};

/// Why a secret could not be sealed or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The configured key has the wrong length.
    #[error("the encryption key must be 32 bytes, base64; this one has {0}")]
    KeyLength(usize),
    /// The bytes were sealed with a key that is not configured, or were altered.
    #[error("a sealed secret does not open with the configured encryption keys")]
    DoesNotOpen,
    /// No key is configured.
    #[error("no encryption key is configured: set security.encryption_keys")]
    NoKey,
}

/// Seals with the first key, opens with any: put the new key first to rotate.
#[derive(Clone)]
pub struct Sealer {
    keys: Arc<Vec<Aes256Gcm>>,
}

impl Sealer {
    /// Takes the keys, the one to seal with first.
    ///
    /// # Errors
    /// When a key is not 32 bytes long.
    pub fn new(keys: &[Vec<u8>]) -> Result<Self, SealError> {
        let keys = keys
            .iter()
            .map(|key| Aes256Gcm::new_from_slice(key).map_err(|_| SealError::KeyLength(key.len())))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            keys: Arc::new(keys),
        })
    }

    /// Seals a secret for its owner.
    ///
    /// # Errors
    /// When no key is configured.
    pub fn seal(&self, owner: &[u8], secret: &[u8]) -> Result<Vec<u8>, SealError> {
        let key = self.keys.first().ok_or(SealError::NoKey)?;
        let nonce = Aes256Gcm::generate_nonce(&mut OsRng);
        let sealed = key
            .encrypt(
                &nonce,
                Payload {
                    msg: secret,
                    aad: owner,
                },
            )
            .map_err(|_| SealError::DoesNotOpen)?;
        Ok([&[1u8][..], nonce.as_slice(), &sealed].concat())
    }

    /// Opens what was sealed for this owner.
    ///
    /// # Errors
    /// When no configured key opens it, or none is configured.
    pub fn open(&self, owner: &[u8], sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        if self.keys.is_empty() {
            return Err(SealError::NoKey);
        }
        let Some((1, rest)) = sealed.split_first() else {
            return Err(SealError::DoesNotOpen);
        };
        let Some((nonce, sealed)) = rest.split_at_checked(12) else {
            return Err(SealError::DoesNotOpen);
        };
        self.keys
            .iter()
            .find_map(|key| {
                key.decrypt(
                    Nonce::from_slice(nonce),
                    Payload {
                        msg: sealed,
                        aad: owner,
                    },
                )
                .ok()
            })
            .ok_or(SealError::DoesNotOpen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_for_its_owner_and_with_an_older_key() {
        let old = Sealer::new(&[vec![1; 32]]).unwrap();
        let new = Sealer::new(&[vec![2; 32], vec![1; 32]]).unwrap();
        let sealed = old.seal(b"owner", b"secret").unwrap();
        assert_eq!(new.open(b"owner", &sealed).unwrap(), b"secret");
        assert_eq!(new.open(b"other", &sealed), Err(SealError::DoesNotOpen));
        let sealed = new.seal(b"owner", b"secret").unwrap();
        assert_eq!(old.open(b"owner", &sealed), Err(SealError::DoesNotOpen));
    }

    #[test]
    fn without_a_key_nothing_is_sealed_or_opened() {
        let none = Sealer::new(&[]).unwrap();
        assert_eq!(none.seal(b"", b"secret"), Err(SealError::NoKey));
        assert_eq!(none.open(b"", &[1; 60]), Err(SealError::NoKey));
    }

    #[test]
    fn damaged_bytes_are_refused() {
        let sealer = Sealer::new(&[vec![1; 32]]).unwrap();
        for bytes in [&[][..], &[1], &[1; 13], &[2; 60]] {
            assert_eq!(sealer.open(b"", bytes), Err(SealError::DoesNotOpen));
        }
    }
}
