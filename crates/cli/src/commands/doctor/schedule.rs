//! What runs by the clock: the partitions ahead, and the scheduled tasks.

use carillon_core::schedule::register;
use chrono::{DateTime, Duration, NaiveDate, Utc};

use super::check::Check;
use super::spelled::{count, list};

/// A slot is taken within seconds; one that is later than this is not going to be.
const LATE: Duration = Duration::minutes(10);

/// Partitions of both tables, from today to the last day that is kept ahead.
pub(super) fn partitions(today: NaiveDate, last: NaiveDate, missing: &[NaiveDate]) -> Check {
    const NAME: &str = "partitions";
    if missing.is_empty() {
        return Check::ok(NAME, format!("made until {last}"));
    }
    let found = format!("{} missing: {}", count(missing.len(), "day"), list(missing));
    let todo = "run `carillon migrate`, which makes them; then see why carillon-poller did not";
    if missing.contains(&today) {
        return Check::problem(NAME, format!("{found}, which includes today"), todo);
    }
    Check::warning(NAME, found, todo)
}

/// Whether each task of the register finished its latest slot.
pub(super) fn tasks(now: DateTime<Utc>, finished: &[(String, DateTime<Utc>)]) -> Check {
    const NAME: &str = "schedule";
    let late: Vec<String> = register::ALL
        .iter()
        .filter_map(|task| {
            let due = task.slot(now).ok()?;
            let last = finished.iter().find(|(name, _)| name == task.name);
            match last {
                Some((_, slot)) if *slot >= due || now - due < LATE => None,
                Some((_, slot)) => {
                    let slot = slot.format("%Y-%m-%d %H:%M");
                    Some(format!("{} last for {slot} UTC", task.name))
                }
                None => Some(format!("{} never", task.name)),
            }
        })
        .collect();
    if late.is_empty() {
        return Check::ok(
            NAME,
            format!("{} up to date", count(register::ALL.len(), "task")),
        );
    }
    Check::warning(
        NAME,
        format!("ran late: {}", list(&late)),
        "start carillon-poller, or see in its log why the task fails",
    )
}

#[cfg(test)]
mod tests {
    use carillon_core::schedule::ScheduledTask;
    use chrono::TimeZone;

    use super::super::check::State;
    use super::*;

    fn day(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 11, day).unwrap()
    }

    #[test]
    fn todays_partition_is_needed_now_and_the_others_soon() {
        assert_eq!(partitions(day(20), day(27), &[]).state, State::Ok);
        assert_eq!(
            partitions(day(20), day(27), &[day(27)]).state,
            State::Warning
        );
        let check = partitions(day(20), day(27), &[day(20), day(21)]);
        assert_eq!(check.state, State::Problem);
        assert!(
            check.found.starts_with("2 days missing: 2026-11-20, "),
            "{check:?}"
        );
        assert!(check.todo.unwrap().contains("`carillon migrate`"));
    }

    fn now() -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 11, 26, 12, 30, 0).unwrap()
    }

    /// Everything that was due by then has run.
    fn finished(by: DateTime<Utc>) -> Vec<(String, DateTime<Utc>)> {
        let slot = |task: &ScheduledTask| (task.name.to_owned(), task.slot(by).unwrap());
        register::ALL.iter().map(slot).collect()
    }

    #[test]
    fn a_task_is_late_when_its_latest_slot_is_not_finished() {
        assert_eq!(tasks(now(), &finished(now())).state, State::Ok);
        let check = tasks(now(), &finished(now() - Duration::hours(3)));
        assert_eq!(check.state, State::Warning);
        assert!(
            check
                .found
                .contains("keep-partitions-ahead last for 2026-11-26 09:07 UTC"),
            "{check:?}"
        );
        let never = tasks(now(), &[]);
        assert!(
            never.found.contains("keep-partitions-ahead never"),
            "{never:?}"
        );
    }

    #[test]
    fn a_slot_that_has_just_begun_may_still_run() {
        let just_due = Utc.with_ymd_and_hms(2026, 11, 26, 13, 8, 0).unwrap();
        let before = just_due - Duration::minutes(2);
        assert_eq!(tasks(just_due, &finished(before)).state, State::Ok);
    }
}
