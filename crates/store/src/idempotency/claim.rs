//! Taking keys, inside the transaction of what they stand for.

use std::collections::HashSet;

use carillon_core::id::ServiceId;
use carillon_core::idempotency::{Fingerprint, ScopedKey};
use carillon_schema::idempotency_keys;
use diesel::prelude::*;
use diesel::sql_types::{Array, Binary, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};

use super::{Stored, find_on, owner, scoped};
use crate::seal::Sealer;
use crate::{Error, Result};

/// How long to wait for somebody who is taking the same key at this moment. A commit takes
/// milliseconds; whoever takes longer may take a minute.
const WAIT_FOR_OTHERS: &str = "SET LOCAL lock_timeout = 250";

const PRIMARY_KEY: &str = "idempotency_keys_pkey";

statement! {
    Claim = "claim.sql" {
        service_ids: Vec<ServiceId> => Array<SqlUuid>,
        keys: Vec<String> => Array<Text>,
        fingerprints: Vec<Vec<u8>> => Array<Binary>,
        sealed_answers: Vec<Vec<u8>> => Array<Binary>,
    }
}

#[derive(diesel::QueryableByName)]
struct Taken {
    #[diesel(sql_type = SqlUuid)]
    service_id: ServiceId,
    #[diesel(sql_type = Text)]
    key: String,
}

/// A key to take.
pub(super) struct Wanted<'a> {
    pub(super) key: &'a ScopedKey,
    pub(super) fingerprint: Fingerprint,
    pub(super) answer: &'a [u8],
}

/// What takes them.
pub(super) struct Taking(Claim);

/// Prepares to take keys, which must be in order and none there twice.
pub(super) fn taking(sealer: &Sealer, wanted: &[Wanted<'_>]) -> Result<Taking> {
    let sealed = |w: &Wanted<'_>| Ok(sealer.seal(&owner(w.key), w.answer)?);
    Ok(Taking(Claim {
        service_ids: wanted.iter().map(|w| w.key.service_id).collect(),
        keys: wanted
            .iter()
            .map(|w| w.key.key.as_str().to_owned())
            .collect(),
        fingerprints: wanted
            .iter()
            .map(|w| w.fingerprint.as_bytes().to_vec())
            .collect(),
        sealed_answers: wanted.iter().map(sealed).collect::<Result<_>>()?,
    }))
}

impl Taking {
    /// Takes what nobody has and returns that. What others have stays as it is until this
    /// transaction ends, too.
    ///
    /// # Errors
    /// [`Error::Conflict`] when somebody is taking one of the keys and does not come to an end.
    pub(super) async fn take(&self, conn: &mut AsyncPgConnection) -> Result<HashSet<ScopedKey>> {
        conn.batch_execute(WAIT_FOR_OTHERS).await?;
        let taken: QueryResult<Vec<Taken>> = (&self.0).load(conn).await;
        let taken = taken.map_err(|error| match Error::from(error) {
            error if error.is_lock_timeout() => Error::Conflict {
                constraint: PRIMARY_KEY.to_owned(),
            },
            error => error,
        })?;
        let key = |taken: Taken| scoped(taken.service_id, &taken.key);
        taken.into_iter().map(key).collect()
    }
}

/// Takes one key, whose answer is to follow ([`keep_answer`]); or gives what it was used for.
pub(crate) async fn claim_one(
    conn: &mut AsyncPgConnection,
    sealer: &Sealer,
    key: &ScopedKey,
    fingerprint: Fingerprint,
) -> Result<Option<Stored>> {
    let wanted = Wanted {
        key,
        fingerprint,
        answer: &[],
    };
    let taking = taking(sealer, &[wanted])?;
    if !taking.take(conn).await?.is_empty() {
        return Ok(None);
    }
    let mut found = find_on(conn, sealer, std::slice::from_ref(key)).await?;
    // Refused because it is there; and the refusal has locked it.
    found.remove(key).map(Some).ok_or(Error::Gone)
}

/// Writes the answer of a key that was taken in this transaction.
pub(crate) async fn keep_answer(
    conn: &mut AsyncPgConnection,
    sealer: &Sealer,
    key: &ScopedKey,
    answer: &[u8],
) -> Result<()> {
    let sealed = sealer.seal(&owner(key), answer)?;
    let row = idempotency_keys::table.find((key.service_id, key.key.as_str()));
    let update = diesel::update(row).set(idempotency_keys::sealed_answer.eq(sealed));
    update.execute(conn).await?;
    Ok(())
}
