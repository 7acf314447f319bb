//! The ledger: what was accepted, by what the API counted, and where it is, by what is saved.
//!
//! The API [`write_accepted()`]s its counts. The poller [`empty_inboxes()`], looks at each of the
//! [`minutes()`] ([`begin_look()`], [`count()`], [`record()`]), and then [`roll_up()`] what is settled
//! and [`forget_old()`]. For readers: [`read()`] and [`gauges()`].
//!
//! Nothing here touches the hot path: rows are counted by ranges of their primary key, minutes after
//! they were made.

mod accepted;
mod look;
mod minutes;
mod read;
mod rolled;

pub use accepted::write_accepted;
pub use look::{Found, begin_look, count, record};
pub use minutes::{checked, empty_inboxes, minutes};
pub use read::{Filter, Gauges, LaneGauge, gauges, read};
pub use rolled::{add_late, forget_old, roll_up};
