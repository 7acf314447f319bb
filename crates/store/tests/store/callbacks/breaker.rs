//! Endpoints that fail, or ask to be left alone.

use std::time::Duration;

use carillon_core::webhook::{Breaker, Heard};
use carillon_store::callback::{CallResult, mark, relay};

use super::{attempts, delivered, endpoint, failed, put_off, relayed, state};
use crate::given::given;

#[tokio::test]
async fn an_endpoint_that_fails_is_left_alone_and_then_probed_with_one() {
    let given = given().await;
    let endpoint = endpoint(&given).await;
    endpoint.events(&given, 20).await;
    let mut batch = Vec::new();
    for event in relay(&given, 2).await.unwrap() {
        batch.push(failed(&endpoint.claim(&given, event.id).await.unwrap()));
    }
    mark(&given, &batch).await.unwrap();
    assert_eq!(endpoint.state(&given).await, "active failures=5 paused=10");
    assert!(relayed(&given).await.is_empty());

    given.database.advance_clock(Duration::from_secs(11)).await;
    let probe = relayed(&given).await;
    assert_eq!(probe.len(), 1);
    assert!(relayed(&given).await.is_empty());
    let claimed = endpoint.claim(&given, probe[0]).await.unwrap();
    mark(&given, &[delivered(&claimed)]).await.unwrap();
    assert_eq!(endpoint.state(&given).await, "active failures=0");
    assert_eq!(relayed(&given).await.len(), 11);
}

#[tokio::test]
async fn the_statement_moves_the_breaker_as_core_says() {
    let given = given().await;
    let endpoint = endpoint(&given).await;
    let (row, token) = endpoint.claimed(&given).await;
    let (mut breaker, mut now) = (Breaker::default(), Duration::ZERO);
    // So many failed, somebody answered, seconds passed before, seconds it asks for.
    let batches = [
        (3, false, 0, 0),
        (1, true, 1, 0),
        (4, false, 1, 0),
        (1, false, 1, 0),
        (9, false, 2, 0),
        (1, false, 10, 0),
        (0, false, 1, 0),
        (16, false, 21, 0),
        (1, false, 41, 0),
        (1, false, 81, 0),
        (1, false, 161, 0),
        (1, false, 321, 0),
        (1, false, 601, 0),
        (2, false, 601, 0),
        (2, true, 5, 0),
        (1, false, 1, 0),
        (0, false, 1, 30),
        (2, true, 1, 0),
        (4, false, 1, 0),
        (9, false, 40, 7),
        (0, true, 1, 0),
        (0, true, 1, 50),
        (1, true, 1, 5),
        (1, false, 60, 0),
    ];
    for (n_failed, has_answered, later, asked) in batches {
        now += Duration::from_secs(later);
        given
            .database
            .advance_clock(Duration::from_secs(later))
            .await;
        let mut batch: Vec<_> = (0..n_failed)
            .map(|n| CallResult {
                attempt: n,
                ..failed(&(row.clone(), token))
            })
            .collect();
        if has_answered {
            batch.push(CallResult {
                attempt: 99,
                ..delivered(&(row.clone(), token))
            });
        }
        if asked > 0 {
            let row = (row.clone(), token);
            batch.push(CallResult {
                attempt: 97,
                ..put_off(&row, Duration::from_secs(asked))
            });
        }
        batch.push(CallResult {
            attempt: 98,
            has_failed: None,
            ..failed(&(row.clone(), token))
        });
        mark(&given, &batch).await.unwrap();
        let heard = Heard {
            n_failed: n_failed.unsigned_abs(),
            has_answered,
            asked: (asked > 0).then(|| Duration::from_secs(asked)),
        };
        breaker = breaker.on(heard, now);
        let state = endpoint.state(&given).await;
        let expected = format!("active failures={}", breaker.n_failures);
        let pause = breaker
            .paused_until
            .map(|until| until.as_secs_f64() - now.as_secs_f64());
        let found = state
            .split_once(" paused=")
            .map_or((&*state, None), |(head, pause)| {
                (head, Some(pause.parse::<f64>().expect("a number")))
            });
        assert_eq!(found.0, expected);
        assert_eq!(found.1.is_some(), pause.is_some(), "{state} {pause:?}");
        if let (Some(found), Some(pause)) = (found.1, pause) {
            assert!((found - pause).abs() <= 5.0, "{state} {pause}");
        }
    }
}

#[tokio::test]
async fn what_is_for_an_endpoint_that_is_left_alone_goes_back_and_comes_at_once_after_the_pause() {
    let given = given().await;
    let endpoint = endpoint(&given).await;
    let id = endpoint.on_its_way(&given).await;
    endpoint
        .set(
            &given,
            "paused_until = carillon_now() + interval '10 minutes'",
        )
        .await;
    assert!(endpoint.claim(&given, id).await.is_none());
    assert_eq!(
        state(&given, id).await,
        "attempts=0 callbacks waits=endpoint-paused for=0"
    );
    assert!(relayed(&given).await.is_empty());
    endpoint.set(&given, "paused_until = NULL").await;
    assert_eq!(relayed(&given).await, [id]);
    assert!(endpoint.claim(&given, id).await.is_some());
}

#[tokio::test]
async fn an_endpoint_that_asks_for_it_is_left_alone_and_no_step_of_the_schedule_is_used() {
    let given = given().await;
    let endpoint = endpoint(&given).await;
    let mut claimed = endpoint.claimed(&given).await;
    let other = endpoint.events(&given, 1).await[0];
    for n in 1..=20 {
        assert_eq!((claimed.0.attempts, claimed.0.step()), (n, 1));
        let asked = Duration::from_secs(30);
        mark(&given, &[put_off(&claimed, asked)]).await.unwrap();
        assert_eq!(endpoint.state(&given).await, "active failures=0 paused=30");
        assert!(relayed(&given).await.is_empty(), "nothing of it is called");
        given.database.advance_clock(Duration::from_secs(31)).await;
        let mut due = relayed(&given).await;
        due.retain(|id| *id != other);
        assert_eq!(due, [claimed.0.id]);
        claimed = endpoint.claim(&given, due[0]).await.unwrap();
    }
    let begun_ago = claimed.0.begun_ago().as_secs();
    assert!((620..700).contains(&begun_ago), "{begun_ago}");
    assert_eq!(attempts(&given, claimed.0.id).await.len(), 20);
}
