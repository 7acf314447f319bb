//! Signing certificates by their address: fetched when they are first needed, and kept.
//!
//! Whoever knows a listed topic can name any number of genuine-looking addresses. So a failure is
//! remembered for a while, and only a few addresses are asked at a time. One whose key has verified a
//! message waits for no stranger's.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Url;
use tokio::sync::Semaphore;

use super::certificate::Certificate;
use super::refusal::Refusal;
use super::source::Source;

/// SNS changes its certificates rarely; a withdrawn one is used for this long at most.
const CERTIFICATE_FOR: Duration = Duration::from_secs(3_600);
const MAX_CERTIFICATES: u64 = 64;
/// An address that gave no certificate is not asked again for so long.
pub(super) const FAILED_FOR_SECONDS: i64 = 30;
const MAX_FAILED: u64 = 10_000;
/// Strangers' addresses that are asked at a time.
const AT_A_TIME: usize = 4;
/// Longer than that, SNS is told to come again rather than kept waiting.
const TURN_WITHIN: Duration = Duration::from_secs(2);
/// Longer than the quietest topic is quiet.
const PROVEN_FOR: Duration = Duration::from_secs(30 * 24 * 3_600);

/// The certificates, and what is known of the addresses where they lie.
pub(super) struct Certificates {
    source: Arc<dyn Source>,
    kept: moka::future::Cache<Url, Arc<Certificate>>,
    failed: moka::sync::Cache<Url, (Refusal, DateTime<Utc>)>,
    proven: moka::sync::Cache<Url, ()>,
    turns: Semaphore,
}

impl Certificates {
    pub fn new(source: Arc<dyn Source>) -> Self {
        Self {
            source,
            kept: moka::future::Cache::builder()
                .max_capacity(MAX_CERTIFICATES)
                .time_to_live(CERTIFICATE_FOR)
                .build(),
            failed: moka::sync::Cache::new(MAX_FAILED),
            proven: moka::sync::Cache::builder()
                .max_capacity(MAX_CERTIFICATES)
                .time_to_idle(PROVEN_FOR)
                .build(),
            turns: Semaphore::new(AT_A_TIME),
        }
    }

    /// The certificate at an address; simultaneous calls for one address are one fetch.
    pub async fn get(
        &self,
        address: &Url,
        now: DateTime<Utc>,
    ) -> Result<Arc<Certificate>, Refusal> {
        let fetched = self.kept.try_get_with_by_ref(address, async {
            if let Some(refusal) = self.remembered(address, now) {
                return Err(refusal);
            }
            let fetched = self.fetch(address).await;
            match &fetched {
                // That says something about us and not about the address.
                Err(Refusal::CertificateTurn) | Ok(_) => self.failed.invalidate(address),
                Err(refusal) => self.failed.insert(address.clone(), (*refusal, now)),
            }
            fetched
        });
        fetched.await.map_err(|refusal| *refusal)
    }

    /// Remembers that the key at an address has verified a message of a listed topic.
    pub fn proven(&self, address: Url) {
        self.proven.insert(address, ());
    }

    fn remembered(&self, address: &Url, now: DateTime<Utc>) -> Option<Refusal> {
        let (refusal, at) = self.failed.get(address)?;
        (now - at < TimeDelta::seconds(FAILED_FOR_SECONDS)).then_some(refusal)
    }

    async fn fetch(&self, address: &Url) -> Result<Arc<Certificate>, Refusal> {
        let _turn = if self.proven.get(address).is_some() {
            None
        } else {
            let turn = tokio::time::timeout(TURN_WITHIN, self.turns.acquire()).await;
            Some(turn.map_err(|_| Refusal::CertificateTurn)?)
        };
        let pem = self.source.get(address.clone()).await;
        let pem = pem.map_err(Refusal::Certificate)?;
        Certificate::read(&pem).map(Arc::new)
    }
}
