//! Clocks: this host's against the server's, and whether `carillon_now()` has been moved.

use carillon_store::diagnosis::Clock;
use chrono::{DateTime, Utc};

use super::check::Check;
use super::spelled::seconds;

/// Ids carry the host's time, and people compare logs by it.
const NOTICEABLE_SECONDS: f64 = 1.0;

/// JWTs are good for 30 s to either side, of which a client's clock needs some.
const HARMFUL_SECONDS: f64 = 20.0;

/// By how many seconds this host is ahead of the server's own clock. The server read its clock
/// halfway between the question and the answer, as far as anybody can tell.
pub(super) fn skew(asked: DateTime<Utc>, answered: DateTime<Utc>, clock: Clock) -> f64 {
    let halfway = asked + (answered - asked) / 2;
    (halfway - clock.now).as_seconds_f64() + clock.offset_seconds
}

pub(super) fn host(skew_seconds: f64) -> Check {
    const NAME: &str = "clock";
    let amount = seconds(skew_seconds);
    let side = if skew_seconds < 0.0 {
        "behind"
    } else {
        "ahead of"
    };
    let found = format!("this host is {amount} {side} PostgreSQL");
    let todo = "synchronise the clocks of this host and of PostgreSQL's, such as with chrony";
    match skew_seconds.abs() {
        skew if skew > HARMFUL_SECONDS => {
            let found = format!("{found}; an API here refuses good tokens");
            Check::problem(NAME, found, todo)
        }
        skew if skew > NOTICEABLE_SECONDS => Check::warning(NAME, found, todo),
        _ => Check::ok(NAME, found),
    }
}

pub(super) fn offset(clock: Clock) -> Check {
    const NAME: &str = "carillon_now()";
    if clock.offset_seconds.abs() < f64::EPSILON {
        return Check::ok(NAME, "follows the server's clock");
    }
    let amount = seconds(clock.offset_seconds);
    let side = if clock.offset_seconds < 0.0 {
        "back"
    } else {
        "ahead"
    };
    Check::warning(
        NAME,
        format!("moved {amount} {side} by the row in clock_offset"),
        "DELETE FROM clock_offset, unless tests are running: nothing else should move time",
    )
}

#[cfg(test)]
mod tests {
    use chrono::{Duration, TimeZone};

    use super::super::check::State;
    use super::*;

    fn at(millis: i64) -> DateTime<Utc> {
        Utc.timestamp_millis_opt(1_800_000_000_000 + millis)
            .unwrap()
    }

    fn clock(now: DateTime<Utc>, offset_seconds: f64) -> Clock {
        Clock {
            now,
            offset_seconds,
        }
    }

    #[test]
    fn half_the_round_trip_is_not_skew() {
        let clocks = clock(at(200), 0.0);
        assert!(skew(at(0), at(400), clocks).abs() < 1e-9);
        let ahead = skew(at(5_000), at(5_400), clocks);
        assert!((ahead - 5.0).abs() < 1e-9, "{ahead}");
    }

    #[test]
    fn a_moved_clock_is_not_skew() {
        let moved = clock(at(0) + Duration::hours(1), 3_600.0);
        assert!(skew(at(0), at(0), moved).abs() < 1e-9);
        assert_eq!(offset(moved).state, State::Warning);
        assert!(
            offset(moved).found.contains("60 min ahead"),
            "{:?}",
            offset(moved)
        );
        assert_eq!(offset(clock(at(0), 0.0)).state, State::Ok);
    }

    #[test]
    fn skew_matters_to_either_side() {
        for (skew, state) in [
            (0.2, State::Ok),
            (-0.9, State::Ok),
            (1.5, State::Warning),
            (-15.0, State::Warning),
            (21.0, State::Problem),
            (-3_600.0, State::Problem),
        ] {
            assert_eq!(host(skew).state, state, "{skew}");
        }
        assert_eq!(host(-1.5).found, "this host is 1.5 s behind PostgreSQL");
    }
}
