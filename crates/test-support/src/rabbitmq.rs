//! The broker that all tests share: each keeps to its own queue names.

use uuid::Uuid;

use crate::Environment;

/// The shared broker's URL.
pub fn amqp_url() -> String {
    Environment::get().amqp().to_owned()
}

/// A prefix for queue names that no other test has. The queues are left to the end of the run.
pub fn prefix() -> String {
    format!("t{}.", &Uuid::new_v4().simple().to_string()[..12])
}
