//! What a run says in the end: a table for people, the same as JSON for machines.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::checker::{INVARIANTS, Tally, Verdict};
use crate::history::{Cause, History, Intent};

/// How many findings are printed; all of them are in the JSON.
const SHOWN: usize = 20;

/// A whole run.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// What was asked for, and of which build.
    pub run: Run,
    /// The judgement.
    pub verdict: Verdict,
    /// What was done, by kind.
    pub faults: BTreeMap<String, usize>,
    /// Crash points: how often a process was started with each, and how often it died of it.
    pub points: BTreeMap<String, (usize, usize)>,
    /// Processes that died by themselves, which nobody had planned.
    pub died_by_themselves: BTreeMap<String, usize>,
    /// Messages that certainly were not accepted, by the reason.
    pub refusals: BTreeMap<String, usize>,
    /// From the last fault until everything was at rest.
    pub quiet_after_s: Option<f64>,
    /// How long all of it took.
    pub took_s: f64,
    /// The folder with everything.
    pub folder: PathBuf,
}

/// What was asked for, and of which build.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Run {
    /// The seed.
    pub seed: u64,
    /// Messages in all.
    pub messages: usize,
    /// Processes killed as planned.
    pub kills: usize,
    /// The commit, with a `+` if there are changes.
    pub commit: String,
    /// Versions of the servers.
    pub versions: BTreeMap<String, String>,
}

impl Report {
    /// Of a history that was judged.
    #[must_use]
    pub fn new(
        run: Run,
        history: &History,
        verdict: Verdict,
        armed: &BTreeMap<&'static str, usize>,
        deleted: &[String],
        took_s: f64,
        folder: &Path,
    ) -> Self {
        let mut faults: BTreeMap<String, usize> = BTreeMap::new();
        let mut count = |what: String| *faults.entry(what).or_default() += 1;
        let armed = armed.iter().map(|(name, n)| ((*name).to_owned(), (*n, 0)));
        let mut points: BTreeMap<String, (usize, usize)> = armed.collect();
        let mut died_by_themselves: BTreeMap<String, usize> = BTreeMap::new();
        for death in &history.deaths {
            match &death.cause {
                Cause::Killed => count(format!("kill -9 {}", death.binary)),
                Cause::Point(name) => {
                    count(format!("crash point {}", death.binary));
                    points.entry(name.clone()).or_default().1 += 1;
                }
                Cause::Itself(status) => {
                    let what = format!("{}: {status}", death.binary);
                    *died_by_themselves.entry(what).or_default() += 1;
                }
            }
        }
        for outage in &history.outages {
            count(format!("{} {}", outage.kind, outage.server));
        }
        for queue in deleted {
            count(format!("delete queue {queue}"));
        }
        for fault in history.calls.iter().filter_map(|call| call.fault.as_ref()) {
            count(format!("provider {fault}"));
        }
        let mut refusals: BTreeMap<String, usize> = BTreeMap::new();
        for why in history.intents.values().filter_map(Intent::refusal) {
            *refusals.entry(why).or_default() += 1;
        }
        Self {
            run,
            verdict,
            faults,
            points,
            died_by_themselves,
            refusals,
            quiet_after_s: history.quiet_after_s,
            took_s,
            folder: folder.to_owned(),
        }
    }

    /// Whether every promise was kept.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.verdict.is_good()
    }

    /// The table.
    #[must_use]
    pub fn table(&self) -> String {
        let mut text = String::new();
        // Writing into a string does not fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        let Run {
            seed,
            messages,
            kills,
            commit,
            versions,
        } = &self.run;
        let versions: Vec<_> = versions
            .iter()
            .map(|(name, v)| format!("{name} {v}"))
            .collect();
        writeln!(text, "seed {seed}, {messages} messages, {kills} kills")?;
        writeln!(text, "commit {commit}, {}", versions.join(", "))?;
        self.write_counts(text)?;
        self.write_faults(text)?;
        writeln!(
            text,
            "\npromise                                                                  broken"
        )?;
        for invariant in INVARIANTS {
            let n = self.verdict.n_broken(invariant);
            let name = format!("{invariant:?}");
            writeln!(
                text,
                "{name:<5} {:<66} {}",
                invariant.says(),
                shown(n, "kept")
            )?;
        }
        for finding in self.verdict.findings.iter().take(SHOWN) {
            writeln!(text, "  {:?}: {}", finding.invariant, finding.what)?;
        }
        let n_more = self.verdict.findings.len().saturating_sub(SHOWN);
        if n_more > 0 {
            writeln!(text, "  and {n_more} more, in report.json")?;
        }
        match self.quiet_after_s {
            Some(seconds) => writeln!(text, "\nat rest {seconds:.1} s after the last fault")?,
            None => writeln!(text, "\nnever at rest")?,
        }
        let verdict = if self.is_good() { "GOOD" } else { "BROKEN" };
        writeln!(text, "{verdict} in {:.0} s; seed {seed}", self.took_s)
    }

    fn write_counts(&self, text: &mut String) -> std::fmt::Result {
        writeln!(
            text,
            "\n{:<8} {:<9} {:>9} {:>9} {:>12} {:>7} {:>9} {:>10} {:>6} {:>11} {:>13}",
            "service",
            "lane",
            "attempted",
            "accepted",
            "unknown",
            "refused",
            "delivered",
            "otherwise",
            "lost",
            "sent again",
            "unexplained"
        )?;
        let tallies = &self.verdict.tallies;
        for lane in &tallies.lanes {
            write_tally(text, &lane.tenant, lane.lane.as_str(), lane.tally)?;
        }
        write_tally(text, "all", "", tallies.total)?;
        for (why, n) in &self.refusals {
            writeln!(text, "  refused {n}: {why}")?;
        }
        for (explanation, n) in &self.verdict.duplicates {
            writeln!(text, "  sent again {n}: {}", explanation.says())?;
        }
        Ok(())
    }

    fn write_faults(&self, text: &mut String) -> std::fmt::Result {
        writeln!(text, "\n{:<38} {:>6}", "fault", "times")?;
        for (what, n) in &self.faults {
            writeln!(text, "{what:<38} {n:>6}")?;
        }
        writeln!(text, "\n{:<38} {:>6} {:>6}", "crash point", "armed", "died")?;
        for (name, (n_armed, n_died)) in &self.points {
            writeln!(text, "{name:<38} {n_armed:>6} {n_died:>6}")?;
        }
        for (what, n) in &self.died_by_themselves {
            writeln!(text, "ended by itself: {what} ({n})")?;
        }
        Ok(())
    }

    /// Writes `report.txt` and `report.json` into the folder.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn save(&self) -> anyhow::Result<()> {
        std::fs::write(self.folder.join("report.txt"), self.table())?;
        let json = serde_json::to_vec_pretty(self)?;
        std::fs::write(self.folder.join("report.json"), json)?;
        Ok(())
    }
}

fn shown(n: usize, none: &str) -> String {
    match n {
        0 => none.to_owned(),
        n => n.to_string(),
    }
}

fn write_tally(text: &mut String, tenant: &str, lane: &str, tally: Tally) -> std::fmt::Result {
    let unknown = match tally.unknown {
        0 => "0".to_owned(),
        n => format!("{n} ({})", tally.unknown_there),
    };
    writeln!(
        text,
        "{tenant:<8} {lane:<9} {:>9} {:>9} {unknown:>12} {:>7} {:>9} {:>10} {:>6} {:>11} {:>13}",
        tally.attempted,
        tally.accepted,
        tally.refused,
        tally.delivered,
        tally.ended_otherwise,
        tally.lost,
        tally.duplicated_explained + tally.duplicated_unexplained,
        tally.duplicated_unexplained,
    )
}
