//! Posts that are counted.

use std::time::{Duration, Instant};

use carillon_test_support::Stack;
use futures::StreamExt;
use serde_json::json;

/// A client that keeps count.
pub struct Load {
    client: reqwest::Client,
    url: String,
    auth: String,
    template: String,
    recipient: fn(usize) -> String,
}

/// What a run of posts saw.
#[derive(Debug, Default)]
pub struct Seen {
    pub accepted: usize,
    pub refused: usize,
    pub times: Vec<Duration>,
}

impl Seen {
    pub fn p99(&mut self) -> Duration {
        self.times.sort_unstable();
        self.times
            .get(self.times.len() * 99 / 100)
            .copied()
            .unwrap_or_default()
    }
}

impl Load {
    /// To recipients of whom each is somebody else.
    pub fn of(stack: &Stack) -> Self {
        Self::to(stack, |n| format!("n{n}@example.org"))
    }

    /// The nth message goes to the nth recipient.
    pub fn to(stack: &Stack, recipient: fn(usize) -> String) -> Self {
        Self {
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            url: format!("{}/email", stack.api_url),
            auth: stack.key(),
            template: stack.demo("EMAIL_TEMPLATE_ID").to_owned(),
            recipient,
        }
    }

    /// Posts one message; whether it was accepted, and how long the answer took.
    async fn post(&self, n: usize) -> (bool, Duration) {
        let asked = Instant::now();
        let body = json!({
            "email_address": (self.recipient)(n), "template_id": self.template,
            "personalisation": {"name": n},
        });
        let answer = self
            .client
            .post(&self.url)
            .header("Authorization", &self.auth)
            .json(&body)
            .send();
        let is_accepted = answer.await.is_ok_and(|answer| answer.status() == 201);
        (is_accepted, asked.elapsed())
    }

    /// Posts so many over so many connections.
    pub async fn posts(&self, n: usize, concurrency: usize) -> Seen {
        let mut seen = Seen::default();
        let mut answers = futures::stream::iter(0..n)
            .map(|n| self.post(n))
            .buffer_unordered(concurrency);
        while let Some((is_accepted, time)) = answers.next().await {
            seen.accepted += usize::from(is_accepted);
            seen.refused += usize::from(!is_accepted);
            seen.times.push(time);
        }
        seen
    }

    /// Posts at a steady rate for a while.
    pub async fn steadily(&self, per_second: u32, time: Duration) -> Seen {
        let mut seen = Seen::default();
        let mut tick = tokio::time::interval(Duration::from_secs(1) / per_second);
        let until = tokio::time::Instant::now() + time;
        let mut flying = futures::stream::FuturesUnordered::new();
        let mut n = 0;
        loop {
            tokio::select! {
                _ = tick.tick() => {
                    if tokio::time::Instant::now() >= until {
                        break;
                    }
                    flying.push(self.post(n));
                    n += 1;
                }
                Some((is_accepted, time)) = flying.next() => {
                    seen.accepted += usize::from(is_accepted);
                    seen.refused += usize::from(!is_accepted);
                    seen.times.push(time);
                }
            }
        }
        while let Some((is_accepted, time)) = flying.next().await {
            seen.accepted += usize::from(is_accepted);
            seen.refused += usize::from(!is_accepted);
            seen.times.push(time);
        }
        seen
    }
}
