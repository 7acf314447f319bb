//! `--since`: so long ago, or a time.

use chrono::{DateTime, Duration, Utc};

/// From when on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Since {
    /// So long ago, by the database's clock.
    Ago(Duration),
    /// At a time.
    At(DateTime<Utc>),
}

/// Longer than anything is kept.
const LONGEST: Duration = Duration::days(366);

impl Since {
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if let Ok(at) = text.parse() {
            return Ok(Self::At(at));
        }
        ago(text).map(Self::Ago).ok_or(
            "must be so long ago, such as 90m, 24h or 7d, or a time, such as 2026-01-31T08:00:00Z",
        )
    }

    pub fn at(self, now: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::Ago(ago) => now - ago,
            Self::At(at) => at,
        }
    }
}

fn ago(text: &str) -> Option<Duration> {
    let unit = text.chars().last()?;
    let n: i64 = text.strip_suffix(unit)?.parse().ok()?;
    let ago = match unit {
        'm' => Duration::try_minutes(n),
        'h' => Duration::try_hours(n),
        'd' => Duration::try_days(n),
        _ => None,
    }?;
    (Duration::zero() < ago && ago <= LONGEST).then_some(ago)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_long_ago_and_times_are_read_and_nothing_else() {
        assert_eq!(Since::parse("90m"), Ok(Since::Ago(Duration::minutes(90))));
        assert_eq!(Since::parse("7d"), Ok(Since::Ago(Duration::days(7))));
        let at = Since::parse("2026-01-31T09:00:00+01:00").unwrap();
        assert_eq!(at, Since::At("2026-01-31T08:00:00Z".parse().unwrap()));
        for bad in [
            "",
            "h",
            "24",
            "-1h",
            "0d",
            "1w",
            "1é",
            "999999999999d",
            "yesterday",
        ] {
            assert!(Since::parse(bad).is_err(), "{bad}");
        }
    }
}
