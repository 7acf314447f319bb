//! What was found: lines for people, objects for scripts.

use std::fmt;

use serde_json::{Value, json};

use super::check::{Check, Section, State};
use crate::table::shown;

/// How many checks came to which end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub n_problems: usize,
    pub n_warnings: usize,
    pub n_ok: usize,
    pub n_skipped: usize,
}

impl Tally {
    pub fn of(sections: &[Section]) -> Self {
        let mut tally = Self::default();
        for check in sections.iter().flat_map(|section| &section.checks) {
            *match check.state {
                State::Problem => &mut tally.n_problems,
                State::Warning => &mut tally.n_warnings,
                State::Ok => &mut tally.n_ok,
                State::Skipped => &mut tally.n_skipped,
            } += 1;
        }
        tally
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            n_problems,
            n_warnings,
            n_ok,
            n_skipped,
        } = self;
        write!(
            f,
            "{n_problems} FAIL, {n_warnings} warn, {n_ok} ok, {n_skipped} skip"
        )
    }
}

/// One line for each check, another one for what to do, and a last one that counts.
pub(super) fn text(sections: &[Section], quiet: bool) -> String {
    let shown_sections: Vec<(&Section, Vec<&Check>)> = sections
        .iter()
        .map(|section| (section, worth_showing(section, quiet)))
        .filter(|(_, checks)| !checks.is_empty())
        .collect();
    let width = |of: &mut dyn Iterator<Item = usize>| of.max().unwrap_or_default();
    let area_width = width(&mut shown_sections.iter().map(|(s, _)| s.area.label().len()));
    let names = shown_sections.iter().flat_map(|(_, checks)| checks);
    let name_width = width(&mut names.map(|check| shown(&check.name).chars().count()));

    let mut lines = Vec::new();
    for (section, checks) in shown_sections {
        for check in checks {
            let (state, area) = (label(check.state), section.area.label());
            let (name, found) = (shown(&check.name), shown(&check.found));
            lines.push(format!(
                "{state:<4}  {area:<area_width$}  {name:<name_width$}  {found}"
            ));
            if let Some(todo) = &check.todo {
                lines.push(format!("      → {}", shown(todo)));
            }
        }
        lines.push(String::new());
    }
    lines.push(Tally::of(sections).to_string());
    lines.join("\n")
}

/// `{"checks": [{"area", "check", "state", "found", "todo"}], "ok": bool}`
pub(super) fn json(sections: &[Section], quiet: bool) -> Value {
    let checks: Vec<Value> = sections
        .iter()
        .flat_map(|section| {
            let with_area = |check: &Check| {
                json!({
                    "area": section.area, "check": check.name, "state": check.state,
                    "found": check.found, "todo": check.todo,
                })
            };
            worth_showing(section, quiet).into_iter().map(with_area)
        })
        .collect();
    json!({ "checks": checks, "ok": Tally::of(sections).n_problems == 0 })
}

fn worth_showing(section: &Section, quiet: bool) -> Vec<&Check> {
    let is_shown =
        |check: &&Check| !quiet || matches!(check.state, State::Warning | State::Problem);
    section.checks.iter().filter(is_shown).collect()
}

const fn label(state: State) -> &'static str {
    match state {
        State::Ok => "ok",
        State::Warning => "warn",
        State::Problem => "FAIL",
        State::Skipped => "skip",
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::Area;
    use super::*;

    fn sections() -> Vec<Section> {
        let section = |area, checks| Section { area, checks };
        vec![
            section(
                Area::Settings,
                vec![Check::ok("sources", "carillon.toml; AMQP_URL")],
            ),
            section(
                Area::Postgres,
                vec![
                    Check::ok("server", "15.18 at 127.0.0.1:5432, 0.4 ms"),
                    Check::warning("durability", "fsync is off", "set fsync = on"),
                    Check::skipped("clock", "the database is not migrated"),
                ],
            ),
            section(
                Area::Rabbitmq,
                vec![Check::problem(
                    "consumers",
                    "nobody takes from send-email\u{1b}[2J",
                    "start carillon-worker",
                )],
            ),
        ]
    }

    #[test]
    fn a_line_says_what_was_found_and_the_next_what_to_do() {
        insta::assert_snapshot!(text(&sections(), false), @r"
        ok    settings    sources     carillon.toml; AMQP_URL

        ok    PostgreSQL  server      15.18 at 127.0.0.1:5432, 0.4 ms
        warn  PostgreSQL  durability  fsync is off
              → set fsync = on
        skip  PostgreSQL  clock       the database is not migrated

        FAIL  RabbitMQ    consumers   nobody takes from send-email�[2J
              → start carillon-worker

        1 FAIL, 1 warn, 2 ok, 1 skip
        ");
    }

    #[test]
    fn quiet_is_warnings_and_failures_and_the_count() {
        insta::assert_snapshot!(text(&sections(), true), @r"
        warn  PostgreSQL  durability  fsync is off
              → set fsync = on

        FAIL  RabbitMQ    consumers   nobody takes from send-email�[2J
              → start carillon-worker

        1 FAIL, 1 warn, 2 ok, 1 skip
        ");
        assert_eq!(text(&[], true), "0 FAIL, 0 warn, 0 ok, 0 skip");
    }

    #[test]
    fn scripts_get_every_check_and_the_verdict() {
        let json = json(&sections()[1..], false);
        assert_eq!(json["ok"], false);
        assert_eq!(
            json["checks"][1],
            json!({
                "area": "postgres", "check": "durability", "state": "warning",
                "found": "fsync is off", "todo": "set fsync = on",
            })
        );
        assert_eq!(json["checks"][2]["todo"], Value::Null);
    }

    #[test]
    fn warnings_alone_are_not_a_failure() {
        let warned = &sections()[..2];
        assert_eq!(Tally::of(warned).n_problems, 0);
        assert_eq!(json(warned, true)["ok"], true);
    }
}
