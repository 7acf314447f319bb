//! The whole sandbox in process, called by the real client, with a receiver in the API's place.

mod control;
mod inbox;
mod log;
mod reading;
mod receipts;
mod scripts;
mod stage;
