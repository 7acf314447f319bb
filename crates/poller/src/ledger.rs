//! The ledger's check, minute by minute, and its numbers as metrics.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use carillon_core::id::ServiceId;
use carillon_core::lane::Lane;
use carillon_core::ledger::{self, Entry, Line};
use carillon_store::ledger::{self as store_of, Found};
use carillon_store::{Store, health};
use chrono::{DateTime, Utc};
use metrics::gauge;
use tokio_util::sync::CancellationToken;

/// How often the metrics are read; their cost grows with the minutes that are not settled.
pub(crate) const MEASURE_INTERVAL: Duration = Duration::from_secs(30);

/// Minutes asked for at a time.
const PAGE: i64 = 100;
/// The rest is for the next slot: other tasks of the schedule wait for this one.
const WITHIN: Duration = Duration::from_secs(20);
/// Rows that one statement counts are those of so much of a minute.
const SLICE: chrono::Duration = chrono::Duration::seconds(10);
/// A settled minute keeps its lines for so long: counts that come late are still put to them.
const ROLLED_AFTER: Duration = Duration::from_secs(3_600);
/// What the metrics and their alerts speak of. After that what is missing has been told of for a day
/// and stays in `carillon ledger`.
const MEASURED: chrono::Duration = chrono::Duration::hours(24);

/// Looks at every minute that is due and rolls up what is settled; returns how many were looked at.
pub(crate) async fn check(store: &Store, shutdown: &CancellationToken) -> anyhow::Result<usize> {
    let began = Instant::now();
    let now = health::now(store).await?;
    let until = ledger::finished_until(now);
    let emptied: BTreeMap<Lane, DateTime<Utc>> =
        store_of::empty_inboxes(store).await?.into_iter().collect();
    store_of::add_late(store).await?;
    let mut n_looked = 0;
    loop {
        let minutes = store_of::minutes(store, until, PAGE).await?;
        for minute in &minutes {
            if shutdown.is_cancelled() || began.elapsed() > WITHIN {
                tracing::warn!(
                    n_looked,
                    "the ledger is not checked to its end; the next slot goes on"
                );
                return Ok(n_looked);
            }
            look(store, *minute, now, &emptied).await?;
            n_looked += 1;
        }
        if minutes.len() < usize::try_from(PAGE).unwrap_or(usize::MAX) {
            break;
        }
    }
    store_of::checked(store, until).await?;
    while store_of::roll_up(store, ROLLED_AFTER, PAGE).await? > 0 && !shutdown.is_cancelled() {}
    store_of::forget_old(store).await?;
    Ok(n_looked)
}

/// Looks at one minute and writes down what it found.
async fn look(
    store: &Store,
    minute: DateTime<Utc>,
    now: DateTime<Utc>,
    emptied: &BTreeMap<Lane, DateTime<Utc>>,
) -> anyhow::Result<()> {
    let mut lines = BTreeMap::new();
    add(&mut lines, store_of::begin_look(store, minute).await?);
    let (mut from, end) = (minute, minute + chrono::Duration::minutes(1));
    while from < end {
        let (lowest, beyond) = ledger::ids_between(from, from + SLICE);
        add(&mut lines, store_of::count(store, lowest, beyond).await?);
        from += SLICE;
    }
    for ((service_id, lane), line) in &mut lines {
        line.weigh(ledger::is_taken_out(minute, emptied.get(lane).copied()));
        report(minute, *service_id, *lane, line);
    }
    let lines: Vec<Line> = lines.into_values().collect();
    let again = ledger::look_again_after(now - end, &Line::sum(&lines));
    store_of::record(store, minute, &lines, again).await?;
    Ok(())
}

fn add(lines: &mut BTreeMap<(ServiceId, Lane), Line>, found: Vec<Found>) {
    for row in found {
        lines
            .entry((row.service_id, row.lane))
            .or_insert_with(|| Line::of(row.service_id, row.lane))
            .add(row.entry, &row.detail, row.n);
    }
}

fn report(minute: DateTime<Utc>, service_id: ServiceId, lane: Lane, line: &Line) {
    if !line.adds_up {
        tracing::error!(
            %minute, service.id = %service_id, lane = %lane,
            n_missing = line.missing, n_adrift = line.adrift,
            "the ledger does not add up: see docs/ledger.md"
        );
    }
}

/// Sets the gauges; what has none of its kind is set to zero, so that an alert ends.
pub(crate) async fn measure(store: &Store) -> anyhow::Result<()> {
    let now = health::now(store).await?;
    let gauges = store_of::gauges(store, now - MEASURED).await?;
    let (mut n_missing, mut n_adrift) = (gauges.n_job_rows_missing, 0);
    for lane in Lane::ALL {
        for entry in Entry::ALL {
            let of = gauges
                .lanes
                .iter()
                .find(|gauge| (gauge.lane, gauge.entry) == (*lane, *entry));
            let n = of.map_or(0, |gauge| gauge.n);
            gauge!("carillon_ledger_messages", "lane" => lane.as_str(), "entry" => entry.as_str())
                .set(n as f64);
            match entry {
                Entry::Missing => n_missing += n,
                Entry::Adrift => n_adrift += n,
                _ => {}
            }
        }
    }
    gauge!("carillon_ledger_missing").set(n_missing as f64);
    gauge!("carillon_ledger_adrift").set(n_adrift as f64);
    gauge!("carillon_ledger_in_inbox_oldest_seconds").set(gauges.in_inbox_seconds);
    // A time and not an age: a poller that reaches nobody exports what it saw last for ever.
    if let Some(seconds) = gauges.checked_until {
        gauge!("carillon_ledger_checked_until_timestamp_seconds").set(seconds);
    }
    Ok(())
}
