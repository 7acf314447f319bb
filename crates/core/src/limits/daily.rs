//! What one process of the API has leased of a service's messages in a day.
//!
//! Far from the limit a block is leased, and the next one before it is used up. Within the last
//! thousand only as many are leased as are waited for, so that none lies unused in one process while
//! another refuses: the limit is exact to the last message.
//!
//! PostgreSQL is told how much of a counter is this process's, never what to add to it. So whatever is
//! told twice, or arrives when nobody waits for it any more, changes nothing for good.

use std::time::Duration;

use chrono::NaiveDate;

use super::waiting::Waiting;
use super::{ASK_AGAIN_AFTER, Answered, Ruling, Step, next_block};

/// When so few are left, each is leased for a message that waits for it.
const EXACT: u32 = 1_000;
/// The largest block …
const LARGEST: u32 = 1_000;
/// … and at most this part of what is left.
const PART: u32 = 32;
/// A day found full is looked at again after this time: others may hand something back.
const FULL_FOR: Duration = Duration::from_secs(1);
/// What was not used for this time is handed back.
const QUIET_AFTER: Duration = Duration::from_secs(60);

/// The counter as PostgreSQL answers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayCount {
    /// The day of UTC.
    pub day: NaiveDate,
    /// How long it lasts from now.
    pub lasts: Duration,
    /// Messages accepted or leased in it.
    pub n: u64,
}

/// How much of the counter of a day is this process's: what it accepted, and what it has leased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// The day.
    pub day: NaiveDate,
    /// How many.
    pub n: u64,
    /// Whether the counter is known to know it.
    pub is_told: bool,
}

#[derive(Debug, Clone, Copy)]
struct Kept {
    day: NaiveDate,
    n: u64,
    /// What the counter takes it for; none if the answer to that is not there.
    told: Option<u64>,
}

impl Kept {
    fn is_told(&self) -> bool {
        self.told == Some(self.n)
    }

    /// The counter knows of this already.
    fn granted(&mut self, n: u32) {
        self.n += u64::from(n);
        self.told = self.told.map(|told| told + u64::from(n));
    }
}

/// What somebody who takes many at once does not need of a lease; [`DailyLease::put`] takes it back.
#[must_use]
#[derive(Debug)]
pub struct Surrendered {
    day: Option<NaiveDate>,
    tokens: u32,
}

/// The lease of one channel. Times are any monotonic time since a fixed moment.
#[derive(Debug, Clone, Default)]
pub struct DailyLease {
    tokens: u32,
    /// The day they are of, until when.
    day: Option<(NaiveDate, Duration)>,
    block: u32,
    leased_at: Duration,
    waiting: Waiting,
    limit: u32,
    /// What was left for others at the last answer.
    left: Option<u32>,
    full_until: Duration,
    /// While nobody answers: how many more may go on without a lease.
    alone: Option<u32>,
    ask_again_at: Duration,
    /// Of this day and the one before, and of older ones until they are told.
    shares: Vec<Kept>,
    used_at: Duration,
}

impl DailyLease {
    /// Rules on one message of a service with this limit. `today` is the host's day of UTC, by which
    /// is counted while PostgreSQL cannot say which day it is.
    pub fn take(&mut self, limit: u32, today: NaiveDate, now: Duration) -> Step {
        self.used_at = now;
        if limit != self.limit {
            self.limit = limit;
            self.full_until = Duration::ZERO;
        }
        self.end_day(now);
        if self.tokens > 0 {
            self.tokens -= 1;
            let runs_out = self.tokens < self.block / 2;
            return Step {
                ruling: Ruling::Go,
                ask: if runs_out && !self.is_exact() && self.alone.is_none() {
                    self.ask()
                } else {
                    None
                },
            };
        }
        if self.alone.is_some() {
            let ask = now >= self.ask_again_at;
            return Step {
                ruling: self.take_alone(today, now),
                ask: if ask { self.ask() } else { None },
            };
        }
        if now < self.full_until {
            return Step {
                ruling: self.refuse(now),
                ask: None,
            };
        }
        self.waiting.join(self.block_to_ask())
    }

    /// What was asked for is answered: so much is granted, and [`Self::told`] is what was told with it.
    pub fn answered(&mut self, granted: u32, count: DayCount, now: Duration) -> Answered {
        let asked = self.waiting.answered(granted);
        self.learn(self.limit, count, now);
        self.share(count.day).granted(granted);
        self.block = next_block(self.block, now.saturating_sub(self.leased_at), LARGEST);
        self.leased_at = now;
        self.alone = None;
        self.tokens = self.tokens.saturating_add(granted);
        let refuse_after = (granted < asked).then(|| {
            self.full_until = now + FULL_FOR;
            self.rest_of_day(now)
        });
        let block = self.block_to_ask();
        self.waiting.serve(&mut self.tokens, refuse_after, block)
    }

    /// There was no answer: until there is one, messages go on without a lease, as many as were left
    /// at the last answer, and the counter learns of them later.
    pub fn failed(&mut self, today: NaiveDate, now: Duration) -> Answered {
        self.ask_again_at = now + ASK_AGAIN_AFTER;
        // It may be granted after all when nobody hears of it.
        self.share(self.day_or(today)).told = None;
        if self.alone.is_none() {
            self.alone = Some(self.left.unwrap_or(self.limit));
        }
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.give_up(|| self.take_alone(today, now))
    }

    /// One that went on was not accepted after all.
    pub const fn give_back(&mut self) {
        self.tokens = self.tokens.saturating_add(1);
    }

    /// Takes out what is unused, for somebody who takes many at once.
    pub fn surrender(&mut self, today: NaiveDate, now: Duration) -> Surrendered {
        self.end_day(now);
        let surrendered = Surrendered {
            day: self.day.map(|(day, _)| day),
            tokens: self.tokens,
        };
        self.hand_back();
        // Whatever becomes of the many, the counter is told of this day again.
        self.share(self.day_or(today));
        surrendered
    }

    /// Puts back what was surrendered for nothing.
    pub fn put(&mut self, Surrendered { day, tokens }: Surrendered) {
        // Else the day is over, and it stays handed back to it.
        if let Some(day) = day.filter(|day| self.day.is_some_and(|(of, _)| of == *day)) {
            self.tokens = self.tokens.saturating_add(tokens);
            self.share(day).n += u64::from(tokens);
        }
    }

    /// The counter counts so many that were taken at once, past the lease.
    pub fn took(&mut self, n: u32, limit: u32, count: DayCount, now: Duration) {
        self.learn(limit, count, now);
        self.share(count.day).granted(n);
    }

    /// So many that were taken at once on a day were not accepted after all.
    pub fn take_off(&mut self, day: NaiveDate, n: u32) {
        // One that is not kept any more is of a day long over.
        if let Some(share) = self.kept(day) {
            share.n = share.n.saturating_sub(n.into());
        }
    }

    /// Everything that is leased and not used is to be handed back.
    pub fn hand_back(&mut self) {
        let tokens = std::mem::take(&mut self.tokens);
        if let Some((day, _)) = self.day {
            self.take_off(day, tokens);
        }
    }

    /// Hands back what was not used for a while; whether nothing is lost when this is forgotten then.
    /// That is not before its days are over: the counter would take the next share for all there is,
    /// and an outage would find a service that was at its limit without one.
    pub fn rest(&mut self, today: NaiveDate, now: Duration) -> bool {
        self.end_day(now);
        if now.saturating_sub(self.used_at) < QUIET_AFTER || self.waiting.is_asking() {
            return false;
        }
        self.hand_back();
        // The host's clock and PostgreSQL's may differ, hence a day more.
        let is_over = |share: &Kept| share.day.succ_opt().is_some_and(|next| next < today);
        let mut shares = self.shares.iter();
        shares.all(|share| share.is_told() && is_over(share)) && self.waiting.n() == 0
    }

    /// Whether there is something that the counter is to be told.
    #[must_use]
    pub fn is_untold(&self) -> bool {
        self.shares.iter().any(|share| !share.is_told())
    }

    /// What the counter is told: every share with an ask, since it alone knows which day it is, else
    /// those that are untold. They are in doubt until [`Self::told`].
    pub fn tell(&mut self, with_an_ask: bool) -> Vec<Share> {
        let chosen = self.shares.iter_mut().filter_map(|share| {
            let is_told = share.is_told();
            (with_an_ask || !is_told).then(|| {
                share.told = None;
                Share {
                    day: share.day,
                    n: share.n,
                    is_told,
                }
            })
        });
        chosen.collect()
    }

    /// The counter knows this now.
    pub fn told(&mut self, share: Share) {
        if let Some(kept) = self.kept(share.day) {
            kept.told = Some(share.n);
        }
    }

    fn learn(&mut self, limit: u32, count: DayCount, now: Duration) {
        if self.day.is_some_and(|(day, _)| day != count.day) {
            self.hand_back();
        }
        self.limit = limit;
        self.day = Some((count.day, now + count.lasts));
        let left = u64::from(self.limit).saturating_sub(count.n);
        self.left = Some(u32::try_from(left).unwrap_or(u32::MAX));
        self.shares
            .retain(|share| !share.is_told() || share.day.succ_opt() >= Some(count.day));
    }

    fn day_or(&self, today: NaiveDate) -> NaiveDate {
        self.day.map_or(today, |(day, _)| day)
    }

    fn kept(&mut self, day: NaiveDate) -> Option<&mut Kept> {
        self.shares.iter_mut().find(|share| share.day == day)
    }

    fn share(&mut self, day: NaiveDate) -> &mut Kept {
        let at = self.shares.iter().position(|share| share.day == day);
        let at = at.unwrap_or_else(|| {
            self.shares.push(Kept {
                day,
                n: 0,
                told: Some(0),
            });
            self.shares.len() - 1
        });
        &mut self.shares[at]
    }

    fn take_alone(&mut self, today: NaiveDate, now: Duration) -> Ruling {
        match &mut self.alone {
            Some(0) => self.refuse(now),
            Some(left) => {
                *left -= 1;
                self.share(self.day_or(today)).n += 1;
                Ruling::Go
            }
            None => Ruling::Go,
        }
    }

    const fn refuse(&self, now: Duration) -> Ruling {
        Ruling::Refuse {
            after: self.rest_of_day(now),
        }
    }

    const fn rest_of_day(&self, now: Duration) -> Duration {
        match self.day {
            Some((_, ends)) => ends.saturating_sub(now),
            // Full without an answer: the limit is zero, or a day's worth went on without one.
            None => Duration::from_secs(86_400),
        }
    }

    /// What was leased of a day that is over is of no use; the next day begins empty.
    fn end_day(&mut self, now: Duration) {
        if self.day.is_some_and(|(_, ends)| now >= ends) {
            self.hand_back();
            self.day = None;
            self.left = None;
            self.full_until = Duration::ZERO;
            self.alone = self.alone.map(|_| self.limit);
        }
    }

    const fn is_exact(&self) -> bool {
        match self.left {
            Some(left) => left <= EXACT,
            None => true,
        }
    }

    fn ask(&mut self) -> Option<u32> {
        self.waiting.ask(self.block_to_ask())
    }

    fn block_to_ask(&self) -> u32 {
        match self.left {
            Some(left) if !self.is_exact() => self.block.min(left / PART),
            Some(_) | None => 1,
        }
    }
}

#[cfg(test)]
mod tests;
