//! Making a job under an idempotency key: once, and with the answer that is kept for it.

use carillon_core::id::ServiceId;
use carillon_store::Error;
use carillon_store::job::{self, Once};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::given::{given_service, job};
use crate::idempotency::{key, of};

#[tokio::test]
async fn a_job_is_made_once_under_a_key() {
    let given = given_service().await;
    let (first, second) = (job(2, 3), job(2, 3));
    let id = first.id;
    let answer = |created_at: DateTime<Utc>| created_at.to_rfc3339().into_bytes();
    let made = job::create_once(&given, first, &key("k"), of("body"), answer).await;
    let Once::Made(told) = made.unwrap() else {
        panic!("the key is new")
    };
    let created_at = job::read(&given, id).await.unwrap().created_at;
    assert_eq!(told, answer(created_at));

    let again = job::create_once(&given, second, &key("k"), of("other"), answer).await;
    let Once::Before(stored) = again.unwrap() else {
        panic!("the key was used")
    };
    assert_eq!((stored.fingerprint, stored.answer), (of("body"), Ok(told)));
    assert_eq!(given.count("jobs").await, 1);

    // A job that cannot be made takes no key.
    let mut homeless = job(1, 1);
    homeless.service_id = ServiceId(Uuid::from_u128(9));
    let made = job::create_once(&given, homeless, &key("l"), of("body"), answer).await;
    assert!(matches!(made.unwrap_err().cause, Error::Gone));
    assert_eq!(given.count("idempotency_keys").await, 1);
}

#[tokio::test]
async fn a_job_whose_key_somebody_is_taking_is_not_written() {
    let given = given_service().await;
    let other = given.database.client().await;
    let take = "BEGIN; INSERT INTO idempotency_keys VALUES \
        ('00000000-0000-0000-0000-000000000001', 'k', sha256(''), '', now(), now() + interval '1 day')";
    other.batch_execute(take).await.unwrap();
    let made = job::create_once(&given, job(1, 2), &key("k"), of("body"), |_| Vec::new()).await;
    let refused = made.unwrap_err();
    assert!(matches!(refused.cause, Error::Conflict { .. }) && !refused.may_exist);
    assert_eq!(given.count("jobs").await, 0);
}
