//! The budgets that processes of the API lease from, the counters of days, and the brake on what
//! bounces. Nothing here ever counts messages: it adds up what others noted.

mod bounces;
mod brake;
mod days;
mod rates;

pub use bounces::{OfService, bounces_of, bouncing, forget_old_counts, note_warning, roll_up};
pub use brake::{
    Brake, Release, brake, brakes_of, release, release_rows, rows_are_released, to_release,
};
pub use days::{DayAsk, DayGrant, DayShare, Turn, lease_days, take_rows, today};
pub use rates::{RateAsk, RateGrant, lease_rates};
