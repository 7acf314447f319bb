//! The long acceptance lines of each capability: `./dev prove [NAME…]`, where a name is that of a
//! module here or of a test in it. Each test is one line and prints the figures it saw.

mod bulk;
mod deploy;
mod first_light;
mod load;
mod proof;
mod receipts;
