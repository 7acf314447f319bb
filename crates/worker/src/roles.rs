//! Roles: which queues a worker consumes, so that each kind of work scales by itself.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use carillon_core::queue::Queue;

/// A set of queues; all by default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roles(BTreeSet<Queue>);

impl Roles {
    /// Every queue.
    #[must_use]
    pub fn all() -> Self {
        Self(Queue::ALL.iter().copied().collect())
    }

    /// Whether this worker consumes a queue.
    #[must_use]
    pub fn include(&self, queue: Queue) -> bool {
        self.0.contains(&queue)
    }
}

impl FromStr for Roles {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let queues = text
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .map(|name| {
                name.parse()
                    .map_err(|e: carillon_core::reason::UnknownName| e.to_string())
            })
            .collect::<Result<BTreeSet<_>, _>>()?;
        if queues.is_empty() {
            return Err("name at least one queue".to_owned());
        }
        Ok(Self(queues))
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.0.iter().map(|queue| queue.as_str()).collect();
        f.write_str(&names.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_read_and_written() {
        let roles: Roles = "send-email, priority".parse().unwrap();
        assert!(roles.include(Queue::Priority) && !roles.include(Queue::SendSms));
        assert_eq!(roles.to_string().parse(), Ok(roles));
        assert_eq!(Roles::all().to_string().parse(), Ok(Roles::all()));
    }

    #[test]
    fn an_unknown_queue_is_refused_with_what_is_allowed() {
        let error = "send-fax".parse::<Roles>().unwrap_err();
        assert!(
            error.contains("\"send-fax\"") && error.contains("send-email"),
            "{error}"
        );
        assert!(" , ".parse::<Roles>().is_err());
    }
}
