use proptest::prelude::*;
use uuid::Uuid;

use super::Standing::{IsBehind, KeepsUp};
use super::*;

const fn endpoint(n: u128) -> CallbackId {
    CallbackId(Uuid::from_u128(n))
}

fn of(starting: &[(CallbackId, u32)], id: CallbackId) -> usize {
    starting.iter().filter(|(of, _)| *of == id).count()
}

#[test]
fn a_hanging_endpoint_takes_its_share_of_the_slots_and_no_more() {
    let now = Instant::now();
    let mut endpoints = Endpoints::new(10, 4);
    let (hangs, lives) = (endpoint(1), endpoint(2));
    endpoints.take_in(hangs, KeepsUp, now, 0..100);
    assert_eq!(endpoints.start().len(), 4);
    for _ in 0..5 {
        endpoints.take_in(lives, KeepsUp, now, 0..6);
        let first = endpoints.start();
        assert_eq!((of(&first, hangs), of(&first, lives)), (0, 4));
        (0..4).for_each(|_| endpoints.ended(lives));
        let rest = endpoints.start();
        assert_eq!(of(&rest, lives), 2);
        (0..2).for_each(|_| endpoints.ended(lives));
    }
    assert_eq!((endpoints.n_in_flight(), endpoints.n_unstarted()), (4, 96));
}

#[test]
fn many_endpoints_that_are_behind_leave_half_of_the_slots_to_the_others() {
    let now = Instant::now();
    let mut endpoints = Endpoints::new(256, 16);
    for n in 0..300 {
        endpoints.take_in(endpoint(n), IsBehind, now, 0..20);
    }
    assert_eq!(endpoints.start().len(), 128);
    let fast = endpoint(1_000);
    endpoints.take_in(fast, KeepsUp, now, 0..100);
    assert_eq!(of(&endpoints.start(), fast), 16);
}

#[test]
fn endpoints_that_hold_every_slot_give_a_newcomer_its_share_as_their_calls_end() {
    let now = Instant::now();
    let mut endpoints = Endpoints::new(256, 16);
    for n in 0..16 {
        endpoints.take_in(endpoint(n), KeepsUp, now, 0..1_000);
    }
    assert_eq!(endpoints.start().len(), 256);
    let newcomer = endpoint(1_000);
    endpoints.take_in(newcomer, KeepsUp, now, 0..1_000);
    // One call of each of the sixteen ends: what they give up is the newcomer's, but for one.
    for n in 0..16 {
        endpoints.ended(endpoint(n));
        endpoints.start();
    }
    assert_eq!(endpoints.by_id[&newcomer].n_in_flight, 15);
}

#[test]
fn an_endpoint_that_changes_its_standing_takes_its_calls_along() {
    let now = Instant::now();
    let mut endpoints = Endpoints::new(4, 4);
    endpoints.take_in(endpoint(1), KeepsUp, now, 0..4);
    assert_eq!(endpoints.start().len(), 4);
    endpoints.take_in(endpoint(1), IsBehind, now, 4..8);
    endpoints.ended(endpoint(1));
    assert!(endpoints.start().is_empty(), "half of the slots are taken");
    (0..2).for_each(|_| endpoints.ended(endpoint(1)));
    assert_eq!(endpoints.start().len(), 1);
}

#[test]
fn scarce_slots_go_round() {
    let now = Instant::now();
    let mut endpoints = Endpoints::new(4, 4);
    endpoints.take_in(endpoint(1), KeepsUp, now, 0..10);
    endpoints.take_in(endpoint(2), KeepsUp, now, 0..10);
    let starting = endpoints.start();
    assert_eq!(of(&starting, endpoint(1)), 2);
    assert_eq!(of(&starting, endpoint(2)), 2);
    assert!(endpoints.start().is_empty());
}

#[test]
fn what_waits_too_long_is_taken_out_and_an_idle_endpoint_forgotten() {
    let now = Instant::now();
    let mut endpoints = Endpoints::new(1, 1);
    endpoints.take_in(endpoint(1), KeepsUp, now, 0..3);
    assert_eq!(endpoints.start().len(), 1);
    let limit = Duration::from_secs(30);
    assert!(endpoints.take_late(now, limit).is_empty());
    assert_eq!(endpoints.take_late(now + limit, limit), [1, 2]);
    endpoints.ended(endpoint(1));
    assert!(endpoints.by_id.is_empty() && endpoints.turns.is_empty());
}

#[test]
fn that_a_long_message_runs_low_is_told_once() {
    let now = Instant::now();
    let mut endpoints = Endpoints::new(10, 10);
    endpoints.take_in(endpoint(1), KeepsUp, now, 0..10);
    endpoints.start();
    assert!(!endpoints.take_runs_low());
    (0..10).for_each(|_| endpoints.ended(endpoint(1)));
    endpoints.take_in(endpoint(1), KeepsUp, now, 0..20);
    endpoints.start();
    assert!(!endpoints.take_runs_low());
    endpoints.ended(endpoint(1));
    endpoints.start();
    assert!(endpoints.take_runs_low() && !endpoints.take_runs_low());
}

proptest! {
    #[test]
    fn every_id_comes_out_once_and_the_caps_hold(
        messages in proptest::collection::vec((0u128..5, 0u32..20, any::<bool>()), 1..20),
        most in 1usize..20, share in 1usize..6,
    ) {
        let now = Instant::now();
        let mut endpoints = Endpoints::new(most, share);
        let n_all: u32 = messages.iter().map(|(_, n, _)| n).sum();
        for (id, n, is_behind) in messages {
            let standing = if is_behind { IsBehind } else { KeepsUp };
            endpoints.take_in(endpoint(id), standing, now, 0..n);
        }
        let mut n_out = 0;
        loop {
            let starting = endpoints.start();
            if starting.is_empty() {
                break;
            }
            prop_assert!(starting.len() <= most);
            for id in 0..5 {
                prop_assert!(of(&starting, endpoint(id)) <= share);
            }
            n_out += starting.len();
            starting.iter().for_each(|(id, _)| endpoints.ended(*id));
        }
        prop_assert_eq!(n_out, n_all as usize);
        prop_assert!(endpoints.by_id.is_empty() && endpoints.turns.is_empty());
        prop_assert_eq!(endpoints.n_in_flight(), 0);
    }
}
