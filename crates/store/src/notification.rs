//! Notifications: every outbound message, whatever its origin.
//!
//! In the order of a message's life: [`save()`], [`claim()`], [`mark()`], [`apply_receipts()`]; when it
//! waits: [`hold()`], [`relay()`]; when it fell out: [`rescue_lost()`], [`rescue_fallen()`]; when
//! nothing was heard for days: [`time_out()`]; and for readers: [`read_many()`], [`read_page()`], [`timeline()`].

mod claim;
mod hold;
mod mark;
mod read;
mod receipts;
mod relay;
mod rescue;
mod resolve;
mod save;
mod time_out;
mod timeline;
mod trace;

pub use claim::{Claimed, claim};
pub use hold::{hold, hold_each};
pub use mark::{Marking, Marks, mark};
pub use read::{Filter, Notification, read_many, read_page};
pub use receipts::{Applied, apply_receipts};
pub use relay::{Relayed, relay};
pub use rescue::{rescue_fallen, rescue_lost};
pub use resolve::{Resolved, resolve};
pub use save::save;
pub use time_out::{Page, time_out};
pub use timeline::{TimelineEntry, timeline};

pub(crate) use save::{days, save_on};
pub(crate) use trace::{recorded, span_to_keep};
