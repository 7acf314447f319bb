//! Gradual balancing: a slow provider hands ten points of its weight over, and once it is quiet all
//! weights go back to where an operator put them, ten points at a time.
//!
//! A sudden switch would put the whole load on a provider that has not carried it for long; a slow
//! one that keeps some messages shows when it has recovered.

use chrono::{DateTime, TimeDelta, Utc};

use crate::channel::Channel;

/// A provider as far as weights are concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weighed {
    /// Its name.
    pub name: String,
    /// The channel it delivers.
    pub channel: Channel,
    /// Whether it may take messages.
    pub active: bool,
    /// Its weight now.
    pub weight: i32,
    /// Where an operator put it.
    pub resting_weight: i32,
    /// When anything of it changed last.
    pub changed_at: DateTime<Utc>,
}

/// How fast a provider was with the messages accepted in the last [`LOOKED_AT`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Speed {
    /// The provider's name.
    pub name: String,
    /// Its messages that were delivered or may still be.
    pub n_messages: i64,
    /// Those that took, or have waited, longer than [`SLOW_AFTER`].
    pub n_slow: i64,
}

/// A weight that changes, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reweighed {
    /// The provider's name.
    pub name: String,
    /// Its new weight.
    pub weight: i32,
    /// Why, in words for people.
    pub reason: String,
}

/// Over what time deliveries are looked at.
pub const LOOKED_AT: TimeDelta = TimeDelta::minutes(15);
/// A message that takes longer is slow.
pub const SLOW_AFTER: TimeDelta = TimeDelta::minutes(5);

/// Fewer messages say nothing of a provider.
const ENOUGH_MESSAGES: i64 = 50;
/// With so many slow messages of a hundred a provider is slow. 30 missed real incidents at GOV.UK.
const SLOW_PERCENT: i64 = 15;
/// How far a weight moves at once.
const STEP: i32 = 10;
/// What is left to a slow one: without a weight it would not even take over where others fail.
const LEAST: i32 = 1;
/// The largest weight.
const MOST: i32 = 100;
/// What a change of weights led to must show before the next one.
const SETTLES_WITHIN: TimeDelta = TimeDelta::minutes(5);
/// Weights that nobody touched for so long go back.
const RESTS_AFTER: TimeDelta = TimeDelta::minutes(15);

impl Weighed {
    /// Whether it is to take messages: a weight of 0 is an operator's word only at rest.
    const fn is_in_use(&self) -> bool {
        self.active && self.resting_weight > 0
    }
}

impl Speed {
    const fn is_slow(&self) -> bool {
        self.n_messages >= ENOUGH_MESSAGES && self.n_slow * 100 >= self.n_messages * SLOW_PERCENT
    }
}

/// Whether there is a channel with several providers in use: else there is nothing to balance.
#[must_use]
pub fn has_choice(all: &[Weighed]) -> bool {
    let in_use = |channel| move |one: &&Weighed| one.channel == channel && one.is_in_use();
    let mut channels = Channel::ALL.iter();
    channels.any(|channel| all.iter().filter(in_use(*channel)).count() > 1)
}

/// Moves weight from the slow providers of each channel to the others, if they disagree: where all
/// are slow it is the world that is, and nothing is gained.
#[must_use]
pub fn away_from_slow(all: &[Weighed], speeds: &[Speed], now: DateTime<Utc>) -> Vec<Reweighed> {
    let slow = |one: &Weighed| {
        let is_its = |speed: &&Speed| speed.name == one.name;
        speeds.iter().find(is_its).filter(|speed| speed.is_slow())
    };
    let mut changed = Vec::new();
    for in_use in channels(all, now - SETTLES_WITHIN) {
        let n_slow = in_use.iter().filter(|one| slow(one).is_some()).count();
        if n_slow == 0 || n_slow == in_use.len() {
            continue;
        }
        for one in in_use {
            let (weight, reason) = match slow(one) {
                Some(Speed {
                    n_messages, n_slow, ..
                }) => (
                    one.weight - STEP,
                    format!(
                        "slow delivery: {n_slow} of {n_messages} messages took or have waited \
                         longer than {} minutes",
                        SLOW_AFTER.num_minutes()
                    ),
                ),
                None => (
                    one.weight + STEP,
                    "slow delivery by another provider of the channel".to_owned(),
                ),
            };
            changed.extend(reweighed(one, weight.clamp(LEAST, MOST), reason));
        }
    }
    changed
}

/// Moves each weight towards where it rests, in channels where nothing changed for a while.
#[must_use]
pub fn back_to_rest(all: &[Weighed], now: DateTime<Utc>) -> Vec<Reweighed> {
    let mut changed = Vec::new();
    for in_use in channels(all, now - RESTS_AFTER) {
        for one in in_use {
            let towards = (one.resting_weight - one.weight).clamp(-STEP, STEP);
            let reason = format!("back towards its resting weight {}", one.resting_weight);
            changed.extend(reweighed(one, one.weight + towards, reason));
        }
    }
    changed
}

fn reweighed(one: &Weighed, weight: i32, reason: String) -> Option<Reweighed> {
    (weight != one.weight).then(|| Reweighed {
        name: one.name.clone(),
        weight,
        reason,
    })
}

/// The providers in use of each channel of which none has changed since.
fn channels(all: &[Weighed], untouched_since: DateTime<Utc>) -> Vec<Vec<&Weighed>> {
    Channel::ALL
        .iter()
        .map(|channel| all.iter().filter(|one| one.channel == *channel))
        .filter(|of_channel| {
            of_channel
                .clone()
                .all(|one| one.changed_at <= untouched_since)
        })
        .map(|of_channel| of_channel.filter(|one| one.is_in_use()).collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_000_000, 0).unwrap()
    }

    fn provider(name: &str, weight: i32, resting_weight: i32) -> Weighed {
        Weighed {
            name: name.to_owned(),
            channel: Channel::Sms,
            active: true,
            weight,
            resting_weight,
            changed_at: now() - TimeDelta::hours(1),
        }
    }

    fn speed(name: &str, n_messages: i64, n_slow: i64) -> Speed {
        Speed {
            name: name.to_owned(),
            n_messages,
            n_slow,
        }
    }

    fn weights(changed: Vec<Reweighed>) -> Vec<(String, i32)> {
        let pair = |one: Reweighed| (one.name, one.weight);
        changed.into_iter().map(pair).collect()
    }

    fn away(all: &[Weighed], speeds: &[Speed]) -> Vec<(String, i32)> {
        weights(away_from_slow(all, speeds, now()))
    }

    #[test]
    fn the_slow_one_hands_ten_points_over() {
        let all = [
            provider("a", 50, 50),
            provider("b", 45, 50),
            provider("c", 95, 100),
        ];
        let speeds = [speed("a", 100, 15), speed("b", 100, 14)];
        let expected = [("a", 40), ("b", 55), ("c", 100)].map(|(n, w)| (n.to_owned(), w));
        assert_eq!(away(&all, &speeds), expected);
        let reasons = away_from_slow(&all, &speeds, now());
        assert!(reasons[0].reason.contains("15 of 100"), "{reasons:?}");
    }

    #[test]
    fn nothing_moves_where_all_agree_or_too_little_is_known_or_it_has_just_moved() {
        let all = [provider("a", 50, 50), provider("b", 50, 50)];
        let both = [speed("a", 100, 90), speed("b", 100, 90)];
        assert_eq!(away(&all, &both), []);
        assert_eq!(away(&all, &[speed("a", 49, 49)]), []);
        assert_eq!(away(&all[..1], &both), [], "there is nobody else");
        let one = [speed("a", 100, 90)];
        let mut moved = all.clone();
        moved[1].changed_at = now() - TimeDelta::minutes(4);
        assert_eq!(away(&moved, &one), []);
        let mut elsewhere = all.clone();
        elsewhere[1].channel = Channel::Email;
        assert_eq!(away(&elsewhere, &one), []);
        assert_eq!(away(&all, &one).len(), 2);
    }

    #[test]
    fn a_slow_one_keeps_a_little_and_stays_one_to_fail_over_to() {
        for (weight, left) in [(11, 1), (5, 1), (1, 1)] {
            let mut all = vec![provider("a", weight, 50), provider("b", 95, 50)];
            for moved in away(&all, &[speed("a", 100, 90)]) {
                let of_it = all.iter_mut().find(|one| one.name == moved.0).unwrap();
                of_it.weight = moved.1;
            }
            assert_eq!((all[0].weight, all[1].weight), (left, 100));
        }
    }

    #[test]
    fn nothing_goes_to_one_that_an_operator_took_out() {
        let drained = provider("b", 0, 0);
        let off = Weighed {
            active: false,
            ..provider("c", 50, 50)
        };
        let all = [provider("a", 50, 50), drained, off];
        assert_eq!(away(&all, &[speed("a", 100, 90)]), []);
        assert_eq!(back_to_rest(&all, now()), []);
    }

    #[test]
    fn there_is_a_choice_where_a_channel_has_two_in_use() {
        let two = [provider("a", 50, 50), provider("b", 0, 10)];
        assert!(has_choice(&two));
        assert!(!has_choice(&[provider("a", 50, 50), provider("b", 50, 0)]));
        let mut elsewhere = two;
        elsewhere[1].channel = Channel::Email;
        assert!(!has_choice(&elsewhere));
    }

    #[test]
    fn weights_go_back_in_steps_once_they_are_left_alone() {
        let all = [provider("a", 25, 60), provider("b", 100, 94)];
        let expected = [("a", 35), ("b", 94)].map(|(n, w)| (n.to_owned(), w));
        assert_eq!(weights(back_to_rest(&all, now())), expected);
        let mut moved = all.clone();
        moved[0].changed_at = now() - TimeDelta::minutes(14);
        assert_eq!(back_to_rest(&moved, now()), []);
    }

    proptest! {
        #[test]
        fn weights_stay_weights_and_come_to_rest(
            start in proptest::collection::vec((0i32..=100, 1i32..=100, 0i64..200), 1..6),
        ) {
            let mut all: Vec<_> = start.iter().enumerate()
                .map(|(n, (weight, rest, _))| provider(&n.to_string(), *weight, *rest)).collect();
            let speeds: Vec<_> = start.iter().enumerate()
                .map(|(n, (_, _, n_slow))| speed(&n.to_string(), 200, *n_slow)).collect();
            for one in away_from_slow(&all, &speeds, now()) {
                prop_assert!((1..=100).contains(&one.weight));
            }
            for _ in 0..10 {
                for new in back_to_rest(&all, now()) {
                    let of_it = all.iter_mut().find(|one| one.name == new.name).unwrap();
                    prop_assert!((of_it.weight - new.weight).abs() <= STEP);
                    of_it.weight = new.weight;
                }
            }
            for one in all {
                prop_assert_eq!(one.weight, one.resting_weight);
            }
        }
    }
}
