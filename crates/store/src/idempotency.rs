//! Idempotency keys: a key, what it was used for and what was answered, in the transaction that
//! accepts the notification ([`accept`]) or the job ([`crate::job::create_once`]).
//!
//! Who of two gets a key, the primary key decides. It counts for 24 hours; once that is over it is
//! as unknown as one that nobody used, removed or not.

mod accept;
mod claim;

use std::collections::HashMap;
use std::fmt;

use carillon_core::id::ServiceId;
use carillon_core::idempotency::{Fingerprint, IdempotencyKey, ScopedKey};
use diesel::sql_types::{Array, BigInt, Binary, Bool, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::seal::{SealError, Sealer};
use crate::{Error, Result, Store};

pub use accept::{Accepted, KeyedNotification, accept};
pub(crate) use claim::{claim_one, keep_answer};

statement! {
    Find = "idempotency/find.sql" {
        service_ids: Vec<ServiceId> => Array<SqlUuid>,
        keys: Vec<String> => Array<Text>,
    }
}
statement! {
    ForgetExpired = "idempotency/forget_expired.sql" { limit: i64 => BigInt }
}

#[derive(diesel::QueryableByName)]
struct Found {
    #[diesel(sql_type = SqlUuid)]
    service_id: ServiceId,
    #[diesel(sql_type = Text)]
    key: String,
    #[diesel(sql_type = Binary)]
    fingerprint: Vec<u8>,
    #[diesel(sql_type = Binary)]
    sealed_answer: Vec<u8>,
    #[diesel(sql_type = Bool)]
    counts: bool,
}

/// What a key was used for.
#[derive(Clone, PartialEq, Eq)]
pub struct Stored {
    /// The request.
    pub fingerprint: Fingerprint,
    /// The body of the 201; or why it cannot be read, which concerns nobody else's keys.
    pub answer: std::result::Result<Vec<u8>, SealError>,
}

impl fmt::Debug for Stored {
    /// Without the answer, which says what was sent to whom.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n_bytes = self.answer.as_ref().map(Vec::len);
        write!(f, "Stored(an answer of {n_bytes:?} bytes)")
    }
}

/// What those keys stand for that count still; the others are missing from the answer. One read of
/// the primary key for each.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn find(store: &Store, keys: &[ScopedKey]) -> Result<HashMap<ScopedKey, Stored>> {
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let mut conn = store.connection().await?;
    let find = statement(keys);
    let found: Vec<Found> = store.within_deadline(find.load(&mut conn)).await?;
    let found = found.into_iter().filter(|row| row.counts);
    found.map(|row| row.read(store.sealer())).collect()
}

/// What stands where a key could not be taken, whether it counts still or not.
async fn find_on(
    conn: &mut AsyncPgConnection,
    sealer: &Sealer,
    keys: &[ScopedKey],
) -> Result<HashMap<ScopedKey, Stored>> {
    let found: Vec<Found> = statement(keys).load(conn).await?;
    found.into_iter().map(|row| row.read(sealer)).collect()
}

fn statement(keys: &[ScopedKey]) -> Find {
    Find {
        service_ids: keys.iter().map(|key| key.service_id).collect(),
        keys: keys.iter().map(|key| key.key.as_str().to_owned()).collect(),
    }
}

impl Found {
    fn read(self, sealer: &Sealer) -> Result<(ScopedKey, Stored)> {
        let key = scoped(self.service_id, &self.key)?;
        let fingerprint = Fingerprint::of_bytes(&self.fingerprint);
        let stored = Stored {
            fingerprint: fingerprint.ok_or_else(|| altered("fingerprint"))?,
            answer: sealer.open(&owner(&key), &self.sealed_answer),
        };
        Ok((key, stored))
    }
}

fn scoped(service_id: ServiceId, key: &str) -> Result<ScopedKey> {
    let key = IdempotencyKey::parse(key.as_bytes()).map_err(|_| altered("key"))?;
    Ok(ScopedKey { service_id, key })
}

/// Whoever writes checks both, so another hand was at it.
fn altered(what: &str) -> Error {
    Error::Refused(format!("the {what} of an idempotency key was altered"))
}

/// Whose an answer is: copied to another key it does not open.
fn owner(key: &ScopedKey) -> Vec<u8> {
    [key.service_id.0.as_bytes(), key.key.as_str().as_bytes()].concat()
}

/// Removes up to `limit` keys that count no more; returns how many.
///
/// # Errors
/// When PostgreSQL is away.
pub async fn forget_expired(store: &Store, limit: i64) -> Result<usize> {
    let mut conn = store.connection().await?;
    let forget = ForgetExpired { limit };
    store.within_deadline(forget.execute(&mut conn)).await
}
