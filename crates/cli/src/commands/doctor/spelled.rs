//! Amounts and lists as people say them.

use std::fmt::Display;
use std::time::Duration;

/// A time in the two or three figures that matter: `0.4 ms`, `12 s`, `7 min`.
pub(super) fn span(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match seconds {
        s if s < 0.01 => format!("{:.1} ms", s * 1e3),
        s if s < 1.0 => format!("{:.0} ms", s * 1e3),
        s if s < 10.0 && s.fract() > 0.05 => format!("{s:.1} s"),
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7_200.0 => format!("{:.0} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.0} h", s / 3_600.0),
        s => format!("{:.0} days", s / 86_400.0),
    }
}

/// The same of seconds, whose sign is left out.
pub(super) fn seconds(seconds: f64) -> String {
    span(Duration::try_from_secs_f64(seconds.abs()).unwrap_or(Duration::MAX))
}

/// `1 message`, `2 messages`.
pub(super) fn count(n: impl TryInto<u64>, noun: &str) -> String {
    match n.try_into().unwrap_or_default() {
        1 => format!("1 {noun}"),
        n => format!("{n} {noun}s"),
    }
}

/// The first few, and how many more there are.
pub(super) fn list<T: Display>(items: &[T]) -> String {
    const SHOWN: usize = 6;
    let first: Vec<_> = items.iter().take(SHOWN).map(ToString::to_string).collect();
    let first = first.join(", ");
    match items.len().saturating_sub(SHOWN) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rounded_to_what_matters() {
        let spelled = [0.000_41, 0.012, 2.0, 3.25, 59.6, 420.0, 10_800.0, 864_000.0].map(seconds);
        assert_eq!(
            spelled,
            [
                "0.4 ms", "12 ms", "2 s", "3.2 s", "60 s", "7 min", "3 h", "10 days"
            ]
        );
        assert_eq!(seconds(-2.0), "2 s");
        assert!(seconds(f64::INFINITY).ends_with("days"));
    }

    #[test]
    fn long_lists_are_cut_short() {
        assert_eq!(list(&["a", "b"]), "a, b");
        assert_eq!(
            list(&[1, 2, 3, 4, 5, 6, 7, 8]),
            "1, 2, 3, 4, 5, 6 and 2 more"
        );
        assert_eq!(
            (count(1_i64, "day"), count(2_usize, "day")),
            ("1 day".into(), "2 days".into())
        );
    }
}
