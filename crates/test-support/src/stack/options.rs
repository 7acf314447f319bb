//! What a test has otherwise than in the usual installation.

use super::Member;
use crate::TestDatabase;

/// What differs from the usual installation.
#[derive(Debug, Clone, Default)]
pub struct StackOptions {
    /// The database, such as one in an [`OwnPostgres`](crate::OwnPostgres); else a new one on the
    /// shared server.
    pub database: Option<TestDatabase>,
    /// The broker's URL, such as of an [`OwnRabbitmq`](crate::OwnRabbitmq); else the shared one.
    pub amqp_url: Option<String>,
    /// Settings of every process.
    pub env: Vec<(&'static str, String)>,
    /// Settings of the sandbox alone.
    pub sandbox_env: Vec<(&'static str, String)>,
    /// Settings of the API alone.
    pub api_env: Vec<(&'static str, String)>,
    /// Settings of the worker alone, such as `FAILPOINTS`.
    pub worker_env: Vec<(&'static str, String)>,
    /// Settings of the poller alone.
    pub poller_env: Vec<(&'static str, String)>,
}

impl StackOptions {
    pub(super) fn env_of(&self, member: Member) -> &[(&'static str, String)] {
        match member {
            Member::Sandbox => &self.sandbox_env,
            Member::Api => &self.api_env,
            Member::Worker => &self.worker_env,
            Member::Poller => &self.poller_env,
            Member::Escalator | Member::Aggregator => &[],
        }
    }
}
