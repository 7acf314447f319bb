//! What `carillon doctor` asks PostgreSQL: facts only, and nothing is changed. What they mean is
//! decided by who asks.
//!
//! The server and the sessions can be asked of any database; the rest needs a migrated one.

mod server;
mod work;

pub use server::{
    Clock, Migrations, Server, Session, clock, migrations, round_trip, server, sessions,
};
pub use work::{
    Lane, Quarantined, SealedKeys, Stranded, finished_slots, lanes, missing_days, quarantined,
    sealed_keys, stranded,
};
