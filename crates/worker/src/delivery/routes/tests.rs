//! Turns and pauses of providers that are left alone.

use std::future::ready;
use std::pin::Pin;

use carillon_core::attempt::{Blame, Outcome};
use carillon_providers::outgoing::OutgoingMessage;
use carillon_providers::provider::Unreachable;

use super::*;

type Called<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

struct Fake(&'static str);

impl Provider for Fake {
    fn name(&self) -> &str {
        self.0
    }

    fn has_receipts(&self) -> bool {
        false
    }

    fn send<'a>(&'a self, _: &'a OutgoingMessage) -> Called<'a, Outcome> {
        Box::pin(ready(accepted()))
    }

    fn probe(&self) -> Called<'_, Result<(), Unreachable>> {
        Box::pin(ready(Ok(())))
    }
}

fn accepted() -> Outcome {
    Outcome::Accepted {
        reference: "r".to_owned(),
    }
}

/// Two of them, each left alone after one failure.
fn shares() -> Shares {
    let mut shares = Shares::default();
    for (name, weight) in [("a", 80), ("b", 20)] {
        shares.candidates.push(Candidate {
            name: name.to_owned(),
            weight,
        });
        shares.routes.push(Route::to(Fake(name), 1));
    }
    shares
}

fn fails(route: &Arc<Route>) {
    let pass = Pass::to(route).expect("it is not left alone yet");
    pass.used(&Outcome::Failed {
        blame: Blame::Provider,
        detail: "it is down".into(),
    });
}

fn turns(shares: &Shares) -> usize {
    shares.turns(Duration::from_millis(20), 1_000, &|_| {})
}

#[tokio::test(start_paused = true)]
async fn while_all_are_left_alone_each_has_one_turn_once_it_may_be_tried() {
    let shares = shares();
    let [a, b] = &shares.routes[..] else {
        panic!("there are two");
    };
    let pause = || Pause::of(shares.weighty());
    fails(a);
    assert_eq!((turns(&shares), pause()), (usize::MAX, None));
    fails(b);
    let two_seconds = Duration::from_secs(2);
    let resting = Pause {
        wait: two_seconds,
        may_end: false,
    };
    assert_eq!((turns(&shares), pause()), (0, Some(resting)));

    tokio::time::advance(two_seconds).await;
    assert_eq!((turns(&shares), pause()), (2, None));
    let first = Pass::to(a).ok();
    assert_eq!(turns(&shares), 1);
    let Ok(second) = Pass::to(b) else {
        panic!("it may be tried");
    };
    assert_eq!(turns(&shares), 0);
    assert!(pause().is_some_and(|pause| pause.may_end && pause.wait > two_seconds));
    // One that was not made after all is another's.
    drop(first);
    assert_eq!((turns(&shares), pause()), (1, None));
    second.used(&accepted());
    assert_eq!((turns(&shares), pause()), (usize::MAX, None));
}

#[tokio::test(start_paused = true)]
async fn where_there_is_nobody_a_claim_finds_it_out() {
    let shares = Shares::default();
    let pause = Pause::of(shares.weighty());
    assert_eq!((turns(&shares), pause), (usize::MAX, None));
}
