//! The ledger as tables.

use std::collections::BTreeMap;

use carillon_core::ledger::{JobLine, Line, Report};

use crate::table::{Column, or_dash, table};

pub(super) fn of(report: &Report) -> String {
    let mut parts = vec![lines(report)];
    for (what, numbers) in [
        ("waiting", &report.totals.waiting),
        ("terminal", &report.totals.terminal),
    ] {
        if !numbers.is_empty() {
            parts.push(format!("{what}: {}\n", list(numbers)));
        }
    }
    if !report.jobs.is_empty() {
        parts.push(format!("\n{}", jobs(&report.jobs)));
    }
    let checked = match report.checked_until {
        Some(until) => format!(
            "every minute before {} was looked at",
            until.format("%Y-%m-%d %H:%M UTC")
        ),
        None => "no minute was looked at yet; carillon-poller does it".to_owned(),
    };
    parts.push(format!("\n{}; {checked}\n", verdict(report)));
    parts.concat()
}

/// Whether it adds up, in a few words.
pub(super) fn verdict(report: &Report) -> String {
    if report.adds_up {
        return "adds up".to_owned();
    }
    let rows: i64 = report.jobs.iter().map(|job| job.missing).sum();
    let found = [
        (report.totals.missing, "missing"),
        (report.totals.adrift, "adrift"),
        (rows, "rows of finished jobs missing"),
    ];
    let found = found.into_iter().filter(|(n, _)| *n != 0);
    found
        .map(|(n, what)| format!("{n} {what}"))
        .collect::<Vec<_>>()
        .join(", ")
}

fn lines(report: &Report) -> String {
    let columns = [
        Column::Left("SERVICE"),
        Column::Left("LANE"),
        Column::Right("ACCEPTED"),
        Column::Right("UNCOUNTED"),
        Column::Right("IN INBOX"),
        Column::Right("SAVED"),
        Column::Right("QUARANTINED"),
        Column::Right("MISSING"),
        Column::Right("WAITING"),
        Column::Right("ON ITS WAY"),
        Column::Right("WITH PROVIDER"),
        Column::Right("TERMINAL"),
        Column::Right("ADRIFT"),
    ];
    let row = |line: &Line| {
        let service = line
            .service_id
            .map_or_else(|| "all".to_owned(), |service_id| service_id.to_string());
        [
            service,
            or_dash(line.lane),
            line.accepted.to_string(),
            line.uncounted.to_string(),
            line.in_inbox.to_string(),
            line.saved.to_string(),
            line.quarantined.to_string(),
            line.missing.to_string(),
            line.waiting.values().sum::<i64>().to_string(),
            line.on_its_way.to_string(),
            line.with_provider.to_string(),
            line.terminal.values().sum::<i64>().to_string(),
            line.adrift.to_string(),
        ]
    };
    let rows: Vec<_> = report
        .lines
        .iter()
        .chain([&report.totals])
        .map(row)
        .collect();
    table(columns, &rows)
}

fn jobs(jobs: &[JobLine]) -> String {
    let columns = [
        Column::Left("SERVICE"),
        Column::Left("LANE"),
        Column::Right("JOBS"),
        Column::Right("ROWS"),
        Column::Right("SAVED"),
        Column::Right("TO COME"),
        Column::Right("MISSING"),
        Column::Left("NOT MADE"),
    ];
    let row = |job: &JobLine| {
        [
            job.service_id.to_string(),
            job.lane.to_string(),
            job.jobs.to_string(),
            job.rows.to_string(),
            job.saved.to_string(),
            job.to_come.to_string(),
            job.missing.to_string(),
            list(&job.not_made),
        ]
    };
    let rows: Vec<_> = jobs.iter().map(row).collect();
    table(columns, &rows)
}

fn list(numbers: &BTreeMap<String, i64>) -> String {
    if numbers.is_empty() {
        return "-".to_owned();
    }
    let numbers = numbers.iter();
    numbers
        .map(|(what, n)| format!("{what} {n}"))
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use carillon_core::id::ServiceId;
    use carillon_core::lane::Lane;
    use carillon_core::ledger::Entry;
    use uuid::Uuid;

    use super::*;

    fn report(taken_out: bool) -> Report {
        let service_id = ServiceId(Uuid::from_u128(7));
        let mut line = Line::of(service_id, Lane::Normal);
        line.add(Entry::Accepted, "", 20);
        line.add(Entry::Terminal, "delivered", 15);
        line.add(Entry::Waiting, "scheduled", 2);
        line.weigh(taken_out);
        let job = JobLine {
            service_id,
            lane: Lane::Bulk,
            jobs: 2,
            rows: 500,
            saved: 300,
            not_made: BTreeMap::from([("requested".to_owned(), 200)]),
            to_come: 0,
            missing: 0,
            adds_up: true,
        };
        let at = |text: &str| text.parse().unwrap();
        Report::new(
            at("2026-11-26T09:00:00Z"),
            Some(at("2026-11-27T09:05:00Z")),
            vec![line],
            vec![job],
        )
    }

    #[test]
    fn what_is_missing_is_said_in_the_last_line() {
        let text = of(&report(true));
        assert!(
            text.contains("waiting: scheduled 2\nterminal: delivered 15\n"),
            "{text}"
        );
        assert!(text.contains("requested 200"), "{text}");
        let last = text.lines().last().unwrap();
        assert_eq!(
            last,
            "3 missing; every minute before 2026-11-27 09:05 UTC was looked at"
        );
        let rows: Vec<Vec<&str>> = text
            .lines()
            .take(3)
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(rows[1][1..8], ["normal", "20", "0", "0", "17", "0", "3"]);
        assert_eq!(rows[2][..3], ["all", "-", "20"]);
    }

    #[test]
    fn what_is_in_an_inbox_adds_up() {
        assert_eq!(verdict(&report(false)), "adds up");
    }
}
