//! Accepting notifications that have keys: many share one transaction.

use std::collections::{HashMap, HashSet};
use std::fmt;

use carillon_core::idempotency::{Fingerprint, ScopedKey};
use carillon_core::task::SaveNotification;
use diesel_async::AsyncConnection;

use super::claim::{self, Wanted};
use super::{Stored, find_on};
use crate::notification::{days, save_on};
use crate::{Error, Result, Store};

/// A checked notification under a key.
pub struct KeyedNotification {
    /// The key.
    pub key: ScopedKey,
    /// The request.
    pub fingerprint: Fingerprint,
    /// The body of the 201, should it be accepted.
    pub answer: Vec<u8>,
    /// The notification.
    pub notification: SaveNotification,
}

impl fmt::Debug for KeyedNotification {
    /// Without what is sent to whom.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyedNotification({})", self.notification.id)
    }
}

/// What became of one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// It is saved: on its way, so that its id must be published, unless it is scheduled.
    New,
    /// Its key was used before, for this.
    Before(Stored),
}

/// Accepts a batch in one transaction: what has a new key is saved together with its key, the rest
/// is left alone. The answers are in the order of the batch, in which no key may be twice.
///
/// # Errors
/// [`Error::Conflict`] when somebody else is about to use one of the keys, [`Error::Refused`] when
/// PostgreSQL will never take one of the values: nothing is saved, and the others can be without that
/// one. After a transient error the batch may have been saved all the same; its keys tell.
pub async fn accept(store: &Store, batch: &[KeyedNotification]) -> Result<Vec<Accepted>> {
    match together(store, batch).await {
        Err(Error::NoPartition) => {
            for day in days(batch.iter().map(|keyed| &keyed.notification)) {
                crate::partition::ensure_day(store, day).await?;
            }
            together(store, batch).await
        }
        result => result,
    }
}

async fn together(store: &Store, batch: &[KeyedNotification]) -> Result<Vec<Accepted>> {
    let mut wanted: Vec<Wanted<'_>> = batch.iter().map(KeyedNotification::wanted).collect();
    wanted.sort_by_key(|wanted| wanted.key);
    let taking = claim::taking(store.sealer(), &wanted)?;
    let mut conn = store.connection().await?;
    let accepted = conn.transaction(async |conn| {
        let taken = taking.take(conn).await?;
        let is_new = |keyed: &&KeyedNotification| taken.contains(&keyed.key);
        let (new, used): (Vec<_>, Vec<_>) = batch.iter().partition(is_new);
        let before = match used.is_empty() {
            true => HashMap::new(),
            false => {
                let keys: Vec<_> = used.iter().map(|keyed| keyed.key.clone()).collect();
                find_on(conn, store.sealer(), &keys).await?
            }
        };
        if !new.is_empty() {
            let rows: Vec<_> = new.iter().map(|keyed| keyed.notification.clone()).collect();
            save_on(conn, &rows, None).await?;
        }
        Ok::<_, Error>((taken, before))
    });
    let (taken, before) = store.within_deadline(accepted).await?;
    in_order(batch, &taken, before)
}

fn in_order(
    batch: &[KeyedNotification],
    taken: &HashSet<ScopedKey>,
    mut before: HashMap<ScopedKey, Stored>,
) -> Result<Vec<Accepted>> {
    let of = |keyed: &KeyedNotification| match taken.contains(&keyed.key) {
        true => Ok(Accepted::New),
        // Refused because it is there; and the refusal has locked it.
        false => before
            .remove(&keyed.key)
            .map(Accepted::Before)
            .ok_or(Error::Gone),
    };
    batch.iter().map(of).collect()
}

impl KeyedNotification {
    fn wanted(&self) -> Wanted<'_> {
        Wanted {
            key: &self.key,
            fingerprint: self.fingerprint,
            answer: &self.answer,
        }
    }
}
