//! Fair shares: who starts when, and who waits for how long.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use uuid::Uuid;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn id(n: u32) -> NotificationId {
    NotificationId(Uuid::from_u128(n.into()))
}

/// Some groups with so many items each; the ids of a group ascend.
fn backlogged(n_groups: u32, n_items: u32) -> FairShare<u32, ()> {
    let mut all = FairShare::default();
    for key in 0..n_groups {
        for n in 0..n_items {
            assert!(all.put(key, id(key * n_items + n), ()).is_none());
        }
    }
    all
}

fn keys<T>(taken: &[(u32, NotificationId, T)]) -> Vec<u32> {
    taken.iter().map(|(key, ..)| *key).collect()
}

/// Lets one group start so many in each of so many seconds.
fn runs(all: &mut FairShare<u32, ()>, n_seconds: u32, per_second: usize) -> Duration {
    let mut now = Duration::ZERO;
    for _ in 0..n_seconds {
        now += SECOND;
        all.take(per_second, |_| true);
        all.look(now);
    }
    now
}

#[test]
fn each_has_its_turn_and_the_oldest_of_each_goes_first() {
    let mut all = FairShare::default();
    for n in [3, 1, 2] {
        all.put('a', id(n), ());
    }
    all.put('b', id(9), ());
    let taken = all.take(4, |_| true);
    let order: Vec<_> = taken.iter().map(|(key, id, ())| (*key, *id)).collect();
    assert_eq!(
        order,
        [('a', id(1)), ('b', id(9)), ('a', id(2)), ('a', id(3))]
    );
    assert!(all.is_empty());
}

#[test]
fn a_newcomer_starts_at_once_however_many_wait() {
    let mut all = backlogged(50, 1_000);
    all.take(77, |_| true);
    all.put(1_000, id(1_000_000), ());
    all.put(1_000, id(1_000_001), ());
    assert_eq!(keys(&all.take(1, |_| true)), [1_000]);
    // Its second waits for the others, though it is gone and comes back meanwhile.
    let next = keys(&all.take(50, |_| true));
    let others: BTreeSet<_> = next.iter().copied().collect();
    assert_eq!(others, (0..50).collect());
    assert_eq!(keys(&all.take(1, |_| true)), [1_000]);
    all.put(1_000, id(1_000_002), ());
    assert!(!keys(&all.take(50, |_| true)).contains(&1_000));
}

#[test]
fn the_same_id_is_here_once() {
    let mut all = FairShare::default();
    assert_eq!(all.put('a', id(1), 1), None);
    assert_eq!(all.put('a', id(1), 2), Some(1));
    assert_eq!((all.len(), all.take(9, |_| true).len()), (1, 1));
}

#[test]
fn one_that_may_not_start_keeps_its_place() {
    let mut all = backlogged(3, 2);
    assert_eq!(keys(&all.take(3, |key| *key != 0)), [1, 2, 1]);
    assert_eq!(keys(&all.take(3, |_| true)), [0, 2, 0]);
}

#[test]
fn a_group_alone_keeps_what_it_can_start_in_a_while() {
    let mut all = backlogged(1, 12_000);
    let now = runs(&mut all, 4, 300);
    let excess = all.take_excess(now, true);
    assert_eq!(all.len(), 6_000);
    // The rest comes back from then on, at the rate at which it starts.
    let waits: Vec<_> = excess.iter().map(|(.., wait)| *wait).collect();
    assert!(waits.is_sorted());
    assert_eq!(waits[0].as_secs(), 20);
    let after_ten_seconds = waits[3_000].as_secs_f64();
    assert!((29.9..30.1).contains(&after_ten_seconds));
    assert_eq!(excess[0].1, id(1_200 + 6_000));
    // What exceeds it again stands behind.
    for n in 12_000..12_300 {
        all.put(0, id(n), ());
    }
    let next = all.take_excess(now, true);
    assert_eq!(next.len(), 300);
    assert!(
        next.iter()
            .all(|(.., wait)| *wait >= waits[waits.len() - 1])
    );
}

#[test]
fn among_others_it_keeps_less_and_they_keep_all() {
    let mut all = backlogged(1, 5_000);
    let mut now = Duration::ZERO;
    for n in 0..4 {
        now += SECOND;
        all.put(1, id(1_000_000 + n), ());
        all.take(201, |_| true);
        all.look(now);
    }
    all.put(1, id(2_000_000), ());
    let excess = all.take_excess(now, true);
    assert_eq!(all.len(), 1_000 + 1);
    assert!(excess.iter().all(|(_, id, ..)| *id < self::id(5_000)));
}

#[test]
fn nothing_is_put_off_before_the_rate_is_known_nor_when_there_is_little() {
    let mut all = backlogged(2, 5_000);
    assert!(all.take_excess(SECOND, true).is_empty());
    let mut all = backlogged(2, 400);
    let now = runs(&mut all, 10, 2);
    assert!(all.take_excess(now, true).is_empty());
}

#[test]
fn what_may_not_start_comes_back_in_turn_once_it_may() {
    let mut all = backlogged(2, 3_000);
    let (now, shut_for) = (SECOND, 30 * SECOND);
    let shut = all.take_shut(now, shut_for, 500, |key| *key == 0);
    assert_eq!((shut.len(), all.len()), (2_500, 3_500));
    // The oldest first, a thousand in a second.
    assert_eq!((shut[0].1, shut[0].3), (id(500), shut_for));
    assert_eq!(shut[2_000].3.as_secs_f64().round(), 32.0);
    assert!(shut.is_sorted_by_key(|(_, id, ..)| *id));
    // Those that are taken out later stand behind them, and none waits for ever.
    for n in 0..200_000 {
        all.put(0, id(10_000 + n), ());
    }
    let next = all.take_shut(now, shut_for, 0, |key| *key == 0);
    assert_eq!((next.len(), all.len()), (200_500, 3_000));
    assert!(next[0].3 > shut[2_499].3);
    let mut n_at = BTreeMap::new();
    for (.., wait) in next {
        assert!((shut_for..=LONGEST_WAIT).contains(&wait));
        *n_at.entry(wait.as_secs()).or_insert(0) += 1;
    }
    assert!(n_at.values().all(|n| *n <= 3_000), "{n_at:?}");
    // That they left is no start: nothing is known of their pace.
    assert!(all.take_shut(now, shut_for, 0, |key| *key == 0).is_empty());
    assert_eq!(all.take(9_000, |_| true).len(), 3_000);
}

#[test]
fn without_room_everybody_halves() {
    let mut all = backlogged(1, 10_000);
    all.put(1, id(1_000_000), ());
    let excess = all.take_excess(SECOND, false);
    assert_eq!((excess.len(), all.len()), (5_000, 5_001));
    // At a hundred a second until more is known.
    let (last, longest) = (&excess[4_999], Duration::from_secs(100));
    assert_eq!(last.3.as_secs_f64().round(), longest.as_secs_f64());
}

#[test]
fn what_is_late_comes_back_in_its_turn_if_there_are_turns() {
    let mut all = backlogged(1, 400);
    runs(&mut all, 3, 10);
    let Late { exceeding, stuck } = all.take_late(|()| true);
    assert!(stuck.is_empty() && all.is_empty());
    assert_eq!(exceeding[0].3, SECOND);
    assert_eq!(exceeding[99].3.as_secs_f64().round(), 10.0);
    let mut all = backlogged(1, 400);
    runs(&mut all, 3, 0);
    let Late { exceeding, stuck } = all.take_late(|()| true);
    assert_eq!((exceeding.len(), stuck.len()), (0, 400));
}

#[test]
fn who_has_nothing_is_forgotten() {
    let mut all = backlogged(1_000, 1);
    all.take(1_000, |_| true);
    for n in 1..20 {
        all.look(SECOND * n);
    }
    assert!(all.groups.is_empty() && all.turns.is_empty() && all.fresh.is_empty());
}

proptest! {
    /// With k groups backlogged each has every k-th start, whatever others come and go, and those
    /// who come and go have no more than one start in a round.
    #[test]
    fn backlogged_groups_share_the_starts_evenly(
        n_groups in 1_u32..8,
        steps in proptest::collection::vec((1_usize..20, proptest::option::of(100_u32..104)), 1..60),
    ) {
        let mut all = backlogged(n_groups, 2_000);
        let mut started: BTreeMap<u32, usize> = (0..n_groups).map(|key| (key, 0)).collect();
        let mut next = 1_000_000;
        for (n, comes) in steps {
            if let Some(key) = comes {
                next += 1;
                all.put(key, id(next), ());
            }
            for (key, ..) in all.take(n, |_| true) {
                *started.entry(key).or_default() += 1;
            }
            let of_backlogged: Vec<_> = (0..n_groups).map(|key| started[&key]).collect();
            let (least, most) = (of_backlogged.iter().min().unwrap(), of_backlogged.iter().max().unwrap());
            prop_assert!(most - least <= 1, "{:?}", of_backlogged);
            for (key, n) in started.iter().filter(|(key, _)| **key >= 100) {
                prop_assert!(*n <= most + 1, "{key} had {n} of {most} rounds");
            }
        }
    }

    /// Nothing is lost or doubled, however it leaves.
    #[test]
    fn every_item_leaves_once(
        steps in proptest::collection::vec((0_u32..4, 0_u32..3, 1_u32..30), 1..60),
    ) {
        let mut all = FairShare::default();
        let (mut put, mut left, mut now) = (0, BTreeSet::new(), Duration::ZERO);
        for (what, key, n) in steps {
            now += SECOND;
            let gone: Vec<NotificationId> = match what {
                0 => {
                    for _ in 0..n * 10 {
                        put += 1;
                        all.put(key, id(put), put);
                    }
                    Vec::new()
                }
                1 => all.take(n as usize, |of| *of != key).into_iter().map(|(_, id, _)| id).collect(),
                2 => all.take_excess(now, false).into_iter().map(|(_, id, ..)| id).collect(),
                _ => {
                    let Late { exceeding, stuck } = all.take_late(|item| *item <= n);
                    let ids = exceeding.into_iter().map(|(_, id, ..)| id);
                    ids.chain(stuck.into_iter().map(|(_, id, _)| id)).collect()
                }
            };
            all.look(now);
            for id in gone {
                prop_assert!(left.insert(id));
            }
            prop_assert_eq!(all.len() + left.len(), put as usize);
        }
        let rest = all.take(usize::MAX, |_| true);
        prop_assert_eq!(rest.len() + left.len(), put as usize);
        prop_assert!(all.is_empty());
    }
}
