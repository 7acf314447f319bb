//! Lane markers in hand: recorded once everything that came before them has started or gone back,
//! for what waits here is in no queue and has not fallen out.

use carillon_amqp::Delivery;
use carillon_core::task::MarkLane;
use tokio::time::Instant;

use crate::context::Context;
use crate::tasks::mark_lane;

#[derive(Default)]
pub(super) struct Markers {
    waiting: Vec<(Instant, MarkLane, Delivery)>,
}

impl Markers {
    pub const fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub fn take_in(&mut self, marker: MarkLane, delivery: Delivery) {
        self.waiting.push((Instant::now(), marker, delivery));
    }

    /// Records those that came before the oldest that is still unstarted.
    pub fn record_passed(&mut self, cx: &Context, oldest: Option<Instant>) {
        let has_passed = |at: &Instant| oldest.is_none_or(|oldest| oldest > *at);
        let (passed, waiting): (Vec<_>, Vec<_>) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|(at, ..)| has_passed(at));
        self.waiting = waiting;
        for (_, marker, delivery) in passed {
            let cx_here = cx.clone();
            // What follows in the queue need not wait for the statement.
            cx.tasks.spawn("mark-lane", async move {
                if mark_lane::handle(&cx_here, &marker).await.is_ok() {
                    delivery.settle();
                }
            });
        }
    }
}
