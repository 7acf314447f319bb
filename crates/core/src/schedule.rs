//! Schedules: when a task is due, and which slot a moment belongs to.
//!
//! A slot row (name, slot) elects whoever runs it: no leader, and a restart neither skips nor
//! repeats a slot.

use chrono::{DateTime, Utc};

pub mod register;

/// A task that runs by the clock.
#[derive(Debug, Clone, Copy)]
pub struct ScheduledTask {
    /// Its name, in slots, metrics and docs.
    pub name: &'static str,
    /// When: a cron pattern in UTC with seconds.
    pub cron: &'static str,
    /// What it is for.
    pub purpose: &'static str,
}

/// A schedule that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("schedule {cron:?} of {name} is not a cron pattern")]
pub struct BadSchedule {
    name: &'static str,
    cron: &'static str,
    source: croner::errors::CronError,
}

impl ScheduledTask {
    /// The latest slot at or before `now`; a poller that comes back after a pause runs only that.
    ///
    /// # Errors
    /// When the pattern cannot be read or has never been due.
    pub fn slot(&self, now: DateTime<Utc>) -> Result<DateTime<Utc>, BadSchedule> {
        let bad = |source| BadSchedule {
            name: self.name,
            cron: self.cron,
            source,
        };
        let cron = croner::parser::CronParser::builder()
            .seconds(croner::parser::Seconds::Required)
            .build()
            .parse(self.cron)
            .map_err(bad)?;
        cron.find_previous_occurrence(&now, true).map_err(bad)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeZone;

    #[test]
    fn a_moment_belongs_to_the_slot_before_it() {
        let task = ScheduledTask {
            name: "t",
            cron: "0 7 * * * *",
            purpose: "",
        };
        let at = |h, m, s| Utc.with_ymd_and_hms(2026, 2, 28, h, m, s).unwrap();
        assert_eq!(task.slot(at(12, 7, 0)).unwrap(), at(12, 7, 0));
        assert_eq!(task.slot(at(12, 59, 59)).unwrap(), at(12, 7, 0));
        assert_eq!(task.slot(at(13, 6, 59)).unwrap(), at(12, 7, 0));
    }

    #[test]
    fn every_schedule_of_the_register_parses_and_names_are_unique() {
        let mut names = std::collections::BTreeSet::new();
        for task in register::ALL {
            assert!(task.slot(crate::clock::now()).is_ok(), "{}", task.name);
            assert!(names.insert(task.name), "{} is there twice", task.name);
            assert!(!task.purpose.is_empty());
        }
    }
}
