//! A signing certificate: its key and how long it holds.

use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
};
use chrono::{DateTime, Utc};
use x509_parser::pem::parse_x509_pem;

use super::envelope::Scheme;
use super::refusal::Refusal;

/// What is needed of a certificate. That SNS's own host serves it over TLS is the proof that it is
/// SNS's; its issuer is not asked.
#[derive(Debug)]
pub(super) struct Certificate {
    not_before: i64,
    not_after: i64,
    /// An RSA public key as PKCS #1 writes it.
    key: Vec<u8>,
}

impl Certificate {
    pub fn read(pem: &[u8]) -> Result<Self, Refusal> {
        let (_, pem) = parse_x509_pem(pem).map_err(|_| Refusal::CertificateContent)?;
        let certificate = pem.parse_x509().map_err(|_| Refusal::CertificateContent)?;
        let validity = certificate.validity();
        Ok(Self {
            not_before: validity.not_before.timestamp(),
            not_after: validity.not_after.timestamp(),
            key: certificate.public_key().subject_public_key.data.to_vec(),
        })
    }

    pub fn check_period(&self, now: DateTime<Utc>) -> Result<(), Refusal> {
        if (self.not_before..=self.not_after).contains(&now.timestamp()) {
            Ok(())
        } else {
            Err(Refusal::CertificatePeriod)
        }
    }

    pub fn verify(&self, scheme: Scheme, text: &[u8], signature: &[u8]) -> Result<(), Refusal> {
        let algorithm = match scheme {
            // What SNS does unless the topic is told otherwise.
            Scheme::Sha1 => &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
            Scheme::Sha256 => &RSA_PKCS1_2048_8192_SHA256,
        };
        UnparsedPublicKey::new(algorithm, &self.key)
            .verify(text, signature)
            .map_err(|_| Refusal::Signature)
    }
}
