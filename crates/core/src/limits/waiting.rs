//! Those who wait for the answer to what was asked.

use std::time::Duration;

use super::{Answered, Ruling, Step};

/// How many wait for one lease, and what PostgreSQL is asked for meanwhile.
#[derive(Debug, Clone, Default)]
pub(super) struct Waiting {
    n: u32,
    asked: Option<u32>,
}

impl Waiting {
    /// How many wait.
    pub const fn n(&self) -> u32 {
        self.n
    }

    /// Whether an answer is still to come.
    pub const fn is_asking(&self) -> bool {
        self.asked.is_some()
    }

    /// For how much to ask now: a block, or as much as is waited for. Nothing while an answer is still
    /// to come.
    pub fn ask(&mut self, block: u32) -> Option<u32> {
        if self.asked.is_some() {
            return None;
        }
        self.asked = Some(block.max(self.n).max(1));
        self.asked
    }

    /// One more waits.
    pub fn join(&mut self, block: u32) -> Step {
        self.n += 1;
        Step {
            ruling: Ruling::Wait,
            ask: self.ask(block),
        }
    }

    /// The answer grants so much. Returns what had been asked for.
    pub fn answered(&mut self, granted: u32) -> u32 {
        self.asked.take().unwrap_or(granted)
    }

    /// Those who wait get what there is of `tokens`. The others are refused for a time if one is given;
    /// else they go on waiting, and a block is asked for.
    pub fn serve(
        &mut self,
        tokens: &mut u32,
        refuse_after: Option<Duration>,
        block: u32,
    ) -> Answered {
        let n_served = self.n.min(*tokens);
        self.n -= n_served;
        *tokens -= n_served;
        let mut answered = Answered {
            n_served,
            ..Answered::default()
        };
        if self.n > 0 {
            if refuse_after.is_some() {
                self.n = 0;
                answered.refuse_after = refuse_after;
            } else {
                answered.ask = self.ask(block);
            }
        }
        answered
    }

    /// There was no answer: nobody waits any longer, and each is ruled on in turn until one is refused,
    /// with all who are behind.
    pub fn give_up(&mut self, mut rule: impl FnMut() -> Ruling) -> Answered {
        let Self { n, .. } = std::mem::take(self);
        let mut answered = Answered::default();
        for _ in 0..n {
            match rule() {
                Ruling::Refuse { after } => {
                    answered.refuse_after = Some(after);
                    break;
                }
                Ruling::Go | Ruling::Wait => answered.n_served += 1,
            }
        }
        answered
    }
}
