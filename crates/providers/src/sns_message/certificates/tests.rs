use std::sync::atomic::{AtomicUsize, Ordering};

use carillon_test_support::SnsSigner;
use futures::FutureExt;
use futures::future::{BoxFuture, join_all};

use super::super::source::NoAnswer;
use super::*;

/// Answers genuine addresses at once and strangers' when it is let, and counts who waits.
struct Slow {
    certificate: String,
    is_let: Semaphore,
    asked: AtomicUsize,
}

impl Slow {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            certificate: SnsSigner::new().certificate,
            is_let: Semaphore::new(0),
            asked: AtomicUsize::new(0),
        })
    }
}

impl Source for Slow {
    fn get(&self, url: Url) -> BoxFuture<'_, Result<Vec<u8>, NoAnswer>> {
        let certificate = self.certificate.clone().into_bytes();
        async move {
            if url == genuine() {
                return Ok(certificate);
            }
            self.asked.fetch_add(1, Ordering::Relaxed);
            let _let = self.is_let.acquire().await;
            Err(NoAnswer::Status(404))
        }
        .boxed()
    }
}

fn genuine() -> Url {
    SnsSigner::CERTIFICATE_URL.parse().unwrap()
}

fn strangers() -> Vec<Url> {
    let name = |n: usize| {
        format!("https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-{n:x}.pem")
    };
    (0..100).map(|n| name(n).parse().unwrap()).collect()
}

#[tokio::test]
async fn strangers_addresses_are_asked_a_few_at_a_time_and_a_proven_one_waits_for_none() {
    let source = Slow::new();
    let certificates = Certificates::new(source.clone());
    let now = carillon_core::clock::now();
    let strangers = strangers();
    let asking = join_all(strangers.iter().map(|url| certificates.get(url, now)));
    let beside = async {
        while source.asked.load(Ordering::Relaxed) < AT_A_TIME {
            tokio::task::yield_now().await;
        }
        let unproven = certificates.get(&genuine(), now).await;
        certificates.proven(genuine());
        let proven = certificates.get(&genuine(), now).await;
        // By now the others have given up waiting for their turn.
        let n_asked = source.asked.load(Ordering::Relaxed);
        source.is_let.add_permits(AT_A_TIME);
        (unproven.err(), proven.is_ok(), n_asked)
    };
    let (answers, beside) = tokio::join!(asking, beside);
    let turn = Some(Refusal::CertificateTurn);
    assert_eq!(beside, (turn, true, AT_A_TIME));
    let not_found = Refusal::Certificate(NoAnswer::Status(404));
    let n_asked = answers
        .iter()
        .filter(|a| a.as_ref().err() == Some(&not_found));
    assert_eq!(n_asked.count(), AT_A_TIME);
    // Who had no turn is asked as soon as there is one.
    source.is_let.add_permits(1_000);
    let answers = join_all(strangers.iter().map(|url| certificates.get(url, now))).await;
    assert!(answers.iter().all(|a| a.as_ref().err() == Some(&not_found)));
    assert_eq!(source.asked.load(Ordering::Relaxed), strangers.len());
}
