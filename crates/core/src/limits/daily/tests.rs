use proptest::prelude::*;

use super::*;

fn day(n: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 2, n).unwrap()
}

/// Processes that share a counter; some messages are given back, as when an accept failed.
struct Shared {
    counted: u32,
    limit: u32,
    processes: Vec<DailyLease>,
    asks: Vec<(usize, u32)>,
    n_accepted: u32,
    n_refused: u32,
    n_asked: u32,
}

impl Shared {
    fn new(n: usize, limit: u32) -> Self {
        Self {
            counted: 0,
            limit,
            processes: vec![DailyLease::default(); n],
            asks: Vec::new(),
            n_accepted: 0,
            n_refused: 0,
            n_asked: 0,
        }
    }

    fn request(&mut self, who: usize, now: Duration) {
        let step = self.processes[who].take(self.limit, day(1), now);
        match step.ruling {
            Ruling::Go => self.n_accepted += 1,
            Ruling::Refuse { .. } => self.n_refused += 1,
            Ruling::Wait => {}
        }
        self.asks.extend(step.ask.map(|n| (who, n)));
    }

    /// Answers whatever was asked first.
    fn answer(&mut self, now: Duration) -> bool {
        if self.asks.is_empty() {
            return false;
        }
        self.n_asked += 1;
        let (who, wanted) = self.asks.remove(0);
        let granted = wanted.min(self.limit - self.counted);
        self.counted += granted;
        let count = DayCount {
            day: day(1),
            lasts: Duration::from_secs(80_000) - now,
            n: self.counted.into(),
        };
        let n_waiting = self.processes[who].waiting.n();
        let answered = self.processes[who].answered(granted, count, now);
        self.n_accepted += answered.n_served;
        if answered.refuse_after.is_some() {
            self.n_refused += n_waiting - answered.n_served;
        }
        self.asks.extend(answered.ask.map(|n| (who, n)));
        true
    }
}

/// The counter of the day, as `store/src/limits/lease_days.sql` keeps it.
#[derive(Default)]
struct Counter {
    n: u64,
    /// By process: its share, and the number of its last statement.
    shares: [(u64, u32); 3],
}

/// A statement on its way: from whom, its number, what it tells and for how much it asks.
struct Statement {
    who: usize,
    number: u32,
    shares: Vec<Share>,
    wanted: u32,
}

impl Counter {
    fn hear(&mut self, statement: &Statement, limit: u32) -> u32 {
        let (before, number) = &mut self.shares[statement.who];
        if *number >= statement.number {
            return 0;
        }
        let told = statement.shares.iter().find(|share| share.day == day(1));
        let told = told.map_or(0, |share| share.n);
        let others = self.n - *before;
        let left = u64::from(limit).saturating_sub(others + told);
        let granted = left.min(statement.wanted.into()) as u32;
        (*before, *number) = (told + u64::from(granted), statement.number);
        self.n = others + *before;
        granted
    }
}

proptest! {
    #[test]
    fn whatever_is_lost_or_late_in_the_end_the_counter_knows_exactly_what_was_accepted(
        limit in prop_oneof![0_u32..60, 3_000_u32..4_000],
        turns in proptest::collection::vec((0_usize..3, 0_u8..9), 0..300),
    ) {
        let mut counter = Counter::default();
        let mut leases = vec![DailyLease::default(); 3];
        let (mut asks, mut late): ([Option<u32>; 3], Vec<Statement>) = ([None; 3], Vec::new());
        let (mut number, mut n_accepted, mut now) = (0, 0_u64, Duration::ZERO);
        for (who, what) in turns {
            now += Duration::from_millis(300);
            let lease = &mut leases[who];
            match what {
                0..=2 => for _ in 0..9 {
                    let step = lease.take(limit, day(1), now);
                    n_accepted += u64::from(step.ruling == Ruling::Go);
                    asks[who] = asks[who].or(step.ask);
                },
                // A mailing of which nothing comes.
                3 if asks[who].is_none() => {
                    let surrendered = lease.surrender(day(1), now);
                    number += 1;
                    late.push(Statement { who, number, shares: lease.tell(true), wanted: 9 });
                    drop(surrendered);
                }
                4 => if let Some(statement) = late.pop() {
                    counter.hear(&statement, limit);
                },
                _ => if let Some(wanted) = asks[who].take() {
                    number += 1;
                    let statement = Statement { who, number, shares: lease.tell(true), wanted };
                    let answered = if what < 7 {
                        let granted = counter.hear(&statement, limit);
                        let lasts = Duration::from_secs(80_000) - now;
                        let count = DayCount { day: day(1), lasts, n: counter.n };
                        statement.shares.iter().for_each(|share| lease.told(*share));
                        lease.answered(granted, count, now)
                    } else {
                        // It comes late, if it ever does.
                        late.push(statement);
                        lease.failed(day(1), now)
                    };
                    n_accepted += u64::from(answered.n_served);
                    asks[who] = answered.ask;
                },
            }
        }
        for (who, lease) in leases.iter_mut().enumerate() {
            lease.hand_back();
            if lease.is_untold() {
                number += 1;
                let shares = lease.tell(false);
                counter.hear(&Statement { who, number, shares, wanted: 0 }, limit);
            }
        }
        for statement in &late {
            counter.hear(statement, limit);
        }
        prop_assert_eq!(counter.n, n_accepted);
    }
}

proptest! {
    #[test]
    fn whoever_races_for_the_last_ones_the_limit_is_met_exactly(
        n in 1_usize..4,
        limit in prop_oneof![0_u32..60, 1_000_u32..1_200, 3_000_u32..4_000],
        turns in proptest::collection::vec((0_usize..4, 0_u8..3), 0..500),
    ) {
        let mut shared = Shared::new(n, limit);
        let mut now = Duration::ZERO;
        for (who, what) in turns {
            now += Duration::from_millis(7);
            match what {
                0 | 1 => for _ in 0..9 { shared.request(who % n, now) },
                _ => { shared.answer(now); }
            }
        }
        while shared.answer(now) {}
        prop_assert!(shared.n_accepted <= limit);
        // All of them ask on: every one that is left is accepted, and not one more.
        for k in 0..(limit as usize + 2) * n {
            shared.request(k % n, now + Duration::from_secs(2));
            while shared.answer(now + Duration::from_secs(2)) {}
        }
        prop_assert_eq!(shared.n_accepted, limit);
        prop_assert_eq!(shared.counted, limit);
        prop_assert!(shared.processes.iter().all(|process| process.waiting.n() == 0));
    }
}

#[test]
fn far_from_the_limit_few_statements_are_needed() {
    let mut shared = Shared::new(2, 250_000);
    for n in 0..100_000_u32 {
        // 10,000 a second.
        shared.request(n as usize % 2, Duration::from_micros(100 * u64::from(n)));
        while shared.answer(Duration::from_micros(100 * u64::from(n))) {}
    }
    assert_eq!((shared.n_accepted, shared.n_refused), (100_000, 0));
    assert!(shared.n_asked < 300, "{}", shared.n_asked);
}

fn share(of: u32, n: u64, is_told: bool) -> Share {
    Share {
        day: day(of),
        n,
        is_told,
    }
}

fn count(of: u32, n: u64, lasts_s: u64) -> DayCount {
    DayCount {
        day: day(of),
        lasts: Duration::from_secs(lasts_s),
        n,
    }
}

#[test]
fn without_an_answer_messages_go_on_and_the_counter_learns_of_them_later() {
    let mut lease = DailyLease::default();
    let now = Duration::from_secs(1);
    assert_eq!(lease.take(3, day(1), now).ruling, Ruling::Wait);
    assert_eq!(lease.failed(day(1), now).n_served, 1);
    for _ in 0..2 {
        assert_eq!(lease.take(3, day(1), now).ruling, Ruling::Go);
    }
    // No more than a day's worth.
    let refused = lease.take(3, day(1), now).ruling;
    assert!(matches!(refused, Ruling::Refuse { .. }));
    assert_eq!(lease.tell(false), [share(1, 3, false)]);
    // What may not have arrived is told again.
    assert_eq!(lease.tell(false), [share(1, 3, false)]);
    lease.told(share(1, 3, false));
    assert_eq!(lease.tell(false), []);
    assert_eq!(lease.tell(true), [share(1, 3, true)]);
}

#[test]
fn what_was_found_full_stays_full_while_nobody_answers() {
    let mut lease = DailyLease::default();
    let now = Duration::from_secs(1);
    lease.take(50, day(1), now);
    let full = lease.answered(0, count(1, 50, 600), now);
    assert_eq!(full.refuse_after, Some(Duration::from_secs(600)));
    lease.take(50, day(1), now * 3);
    let failed = lease.failed(day(1), now * 3);
    assert_eq!(failed.refuse_after, Some(Duration::from_secs(598)));
}

#[test]
fn what_is_left_of_a_day_is_handed_back_to_it() {
    let mut lease = DailyLease::default();
    let now = Duration::from_secs(1);
    lease.take(50_000, day(1), now);
    lease.answered(8, count(1, 8, 10), now);
    assert_eq!(lease.tokens, 7);
    let step = lease.take(50_000, day(2), Duration::from_secs(11));
    assert_eq!((step.ruling, step.ask), (Ruling::Wait, Some(1)));
    assert_eq!(lease.tell(false), [share(1, 1, false)]);
}

#[test]
fn a_service_that_went_quiet_hands_back_what_it_holds() {
    let mut lease = DailyLease::default();
    lease.take(50_000, day(1), Duration::ZERO);
    lease.answered(8, count(1, 8, 900), Duration::ZERO);
    assert!(!lease.rest(day(1), Duration::from_secs(59)));
    assert_eq!(lease.tell(false), []);
    assert!(!lease.rest(day(1), Duration::from_secs(60)));
    assert_eq!(lease.tell(false), [share(1, 1, false)]);
    lease.told(share(1, 1, false));
    // Its share is kept until the day is surely over.
    assert!(!lease.rest(day(2), Duration::from_secs(900)));
    assert!(lease.rest(day(3), Duration::from_secs(901)));
}

#[test]
fn a_service_at_its_limit_is_there_however_long_it_was_quiet_before_an_outage() {
    let mut lease = DailyLease::default();
    lease.take(50, day(1), Duration::ZERO);
    lease.answered(0, count(1, 50, 9_000), Duration::ZERO);
    let later = Duration::from_secs(600);
    assert!(!lease.rest(day(1), later));
    assert_eq!(lease.take(50, day(1), later).ruling, Ruling::Wait);
    let failed = lease.failed(day(1), later);
    let after = Duration::from_secs(8_400);
    assert_eq!((failed.n_served, failed.refuse_after), (0, Some(after)));
}

#[test]
fn what_a_mailing_gives_back_is_of_the_day_that_it_was_taken_from_and_nobody_s_lease() {
    let mut lease = DailyLease::default();
    let now = Duration::from_secs(1);
    lease.take(50_000, day(1), now);
    lease.answered(8, count(1, 8, 10), now);
    let surrendered = lease.surrender(day(1), now);
    let shares = lease.tell(true);
    assert_eq!(shares, [share(1, 1, false)]);
    lease.put(surrendered);
    assert_eq!(lease.tokens, 7);
    let _used = lease.surrender(day(1), now);
    shares.into_iter().for_each(|share| lease.told(share));
    lease.took(5_000, 50_000, count(1, 5_001, 10), now);
    assert!(!lease.is_untold());
    // Midnight has passed.
    let tomorrow = Duration::from_secs(12);
    lease.take(50_000, day(2), tomorrow);
    lease.answered(1, count(2, 1, 86_000), tomorrow);
    lease.take_off(day(1), 5_000);
    assert_eq!(lease.tokens, 0);
    assert_eq!(lease.tell(false), [share(1, 1, false)]);
}
