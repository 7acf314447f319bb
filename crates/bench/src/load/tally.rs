//! What came of the requests.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, ensure};
use hdrhistogram::Histogram;

/// Counts and latencies of some requests.
#[derive(Debug)]
pub(crate) struct Tally {
    /// Answers by status.
    pub by_status: BTreeMap<u16, u64>,
    /// Requests without an answer.
    pub n_broken: u64,
    /// From the first request to the last answer.
    pub elapsed: Duration,
    latency_us: Histogram<u64>,
}

/// Latencies above a minute count as one.
const LONGEST_US: u64 = 60_000_000;

impl Tally {
    /// Of nothing yet.
    pub fn new() -> anyhow::Result<Self> {
        Ok(Self {
            by_status: BTreeMap::new(),
            n_broken: 0,
            elapsed: Duration::ZERO,
            latency_us: Histogram::new_with_bounds(1, LONGEST_US, 3)
                .context("making a histogram")?,
        })
    }

    /// Counts an answer.
    pub fn answered(&mut self, status: u16, latency: Duration) {
        *self.by_status.entry(status).or_default() += 1;
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.latency_us
            .saturating_record(micros.clamp(1, LONGEST_US));
    }

    /// Adds those of another.
    pub fn add(&mut self, other: &Self) -> anyhow::Result<()> {
        for (status, n) in &other.by_status {
            *self.by_status.entry(*status).or_default() += n;
        }
        self.n_broken += other.n_broken;
        self.latency_us
            .add(&other.latency_us)
            .context("adding histograms")
    }

    /// Requests that were accepted.
    pub fn n_accepted(&self) -> u64 {
        self.by_status.get(&201).copied().unwrap_or(0)
    }

    /// Accepted requests in a second.
    pub fn rate(&self) -> f64 {
        self.n_accepted() as f64 / self.elapsed.as_secs_f64().max(f64::EPSILON)
    }

    /// The latency that this share of the answers, in percent, did not exceed.
    pub fn percentile_ms(&self, percent: f64) -> f64 {
        self.latency_us.value_at_percentile(percent) as f64 / 1_000.0
    }

    /// Figures about anything but accepting would be worthless.
    pub fn all_accepted(&self) -> anyhow::Result<()> {
        let Self {
            by_status,
            n_broken,
            ..
        } = self;
        ensure!(
            *n_broken == 0 && by_status.keys().all(|status| *status == 201),
            "not all requests were accepted: {by_status:?} by status, {n_broken} without an answer"
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tallies_add_up() {
        let (mut one, mut other) = (Tally::new().unwrap(), Tally::new().unwrap());
        one.answered(201, Duration::from_millis(1));
        other.answered(201, Duration::from_millis(100));
        one.add(&other).unwrap();
        one.elapsed = Duration::from_secs(2);
        assert_eq!((one.n_accepted(), one.rate()), (2, 1.0));
        assert!((one.percentile_ms(99.0) - 100.0).abs() < 1.0);
        assert!(one.all_accepted().is_ok());
        one.answered(503, Duration::ZERO);
        assert!(one.all_accepted().is_err());
    }
}
