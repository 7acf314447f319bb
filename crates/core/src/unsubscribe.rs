//! Links by which one click takes a recipient off a service's list (RFC 8058).
//!
//! A link names a message, not an address: whoever sees the URL in a log learns nobody's address,
//! and the recipient is looked up when the link is used. It is signed, so that nobody unsubscribes
//! others by guessing. It does not expire by itself; it ends with the message's row.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use uuid::Uuid;

use crate::id::{NotificationId, ServiceId};

/// Sets the derived key apart from every other use of the same encryption key.
const LABEL: &[u8] = b"carillon one-click unsubscribe, version 1";

const ID_BYTES: usize = 16;
/// Half of a SHA-256: nobody guesses 128 bits, and the link stays short.
const MAC_BYTES: usize = 16;

/// Signs links. Has no `Debug` that shows it.
#[derive(Clone)]
pub struct LinkKey([u8; 32]);

impl LinkKey {
    /// The key that belongs to an encryption key. The latter cannot be told from it.
    #[must_use]
    pub fn derive(encryption_key: &[u8]) -> Self {
        Self(
            hmac(encryption_key, &[LABEL])
                .finalize()
                .into_bytes()
                .into(),
        )
    }

    fn sign(&self, ids: &[u8]) -> Hmac<Sha256> {
        hmac(&self.0, &[ids])
    }
}

impl fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkKey(…)")
    }
}

/// What a link is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subject {
    /// The service that is asked to stop.
    pub service_id: ServiceId,
    /// The message whose recipient asks.
    pub notification_id: NotificationId,
}

impl Subject {
    /// The signed token of a link, 64 characters that need no escaping.
    #[must_use]
    pub fn token(&self, key: &LinkKey) -> String {
        let ids = [
            *self.service_id.0.as_bytes(),
            *self.notification_id.0.as_bytes(),
        ]
        .concat();
        let mac = key.sign(&ids).finalize().into_bytes();
        URL_SAFE_NO_PAD.encode([&ids[..], &mac[..MAC_BYTES]].concat())
    }

    /// Reads a token that one of the keys has signed; `None` for everything else. The comparison
    /// takes the same time wherever the difference is.
    #[must_use]
    pub fn read(token: &str, keys: &[LinkKey]) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (ids, mac) = bytes.split_at_checked(2 * ID_BYTES)?;
        // A shortened signature is one that is easier to guess.
        if mac.len() != MAC_BYTES {
            return None;
        }
        let is_signed = |key: &LinkKey| key.sign(ids).verify_truncated_left(mac).is_ok();
        if !keys.iter().any(is_signed) {
            return None;
        }
        let (service_id, notification_id) = ids.split_at(ID_BYTES);
        Some(Self {
            service_id: ServiceId(Uuid::from_slice(service_id).ok()?),
            notification_id: NotificationId(Uuid::from_slice(notification_id).ok()?),
        })
    }
}

/// The link for a message: `public_url` is where the outside reaches the API, without a slash at
/// its end.
#[must_use]
pub fn link(
    public_url: &str,
    key: &LinkKey,
    service_id: ServiceId,
    notification_id: NotificationId,
) -> String {
    let subject = Subject {
        service_id,
        notification_id,
    };
    format!("{public_url}/unsubscribe/{}", subject.token(key))
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn subject() -> Subject {
        Subject {
            service_id: ServiceId(Uuid::from_u128(1)),
            notification_id: NotificationId(Uuid::from_u128(2)),
        }
    }

    fn key(n: u8) -> LinkKey {
        LinkKey::derive(&[n; 32])
    }

    #[test]
    fn a_link_is_read_with_its_key_and_after_the_key_has_become_an_older_one() {
        let token = subject().token(&key(1));
        assert_eq!(token.len(), 64);
        assert_eq!(Subject::read(&token, &[key(1)]), Some(subject()));
        assert_eq!(Subject::read(&token, &[key(2), key(1)]), Some(subject()));
        assert_eq!(Subject::read(&token, &[key(2)]), None);
        assert_eq!(Subject::read(&token, &[]), None);
    }

    #[test]
    fn a_link_stays_what_it_is_in_messages_already_sent() {
        let Subject {
            service_id,
            notification_id,
        } = subject();
        insta::assert_snapshot!(
            link("https://n.example.org", &key(1), service_id, notification_id),
            @"https://n.example.org/unsubscribe/AAAAAAAAAAAAAAAAAAAAAQAAAAAAAAAAAAAAAAAAAAKY1bohSuP25-siYWvcQDiO"
        );
    }

    #[test]
    fn no_altered_bit_goes_unnoticed() {
        let bytes = URL_SAFE_NO_PAD.decode(subject().token(&key(1))).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut altered = bytes.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            let token = URL_SAFE_NO_PAD.encode(altered);
            assert_eq!(Subject::read(&token, &[key(1)]), None, "bit {bit}");
        }
    }

    #[test]
    fn a_shortened_signature_is_none() {
        let bytes = URL_SAFE_NO_PAD.decode(subject().token(&key(1))).unwrap();
        for length in 0..bytes.len() {
            let token = URL_SAFE_NO_PAD.encode(&bytes[..length]);
            assert_eq!(Subject::read(&token, &[key(1)]), None, "{length} bytes");
        }
    }

    #[test]
    fn a_key_is_not_printed() {
        assert_eq!(format!("{:?}", key(1)), "LinkKey(…)");
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text: String) {
            prop_assert_eq!(Subject::read(&text, &[key(1)]), None);
        }
    }
}
