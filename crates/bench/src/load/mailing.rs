//! A mailing: `POST /bulk` of many rows, in one request.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use carillon_core::clock;
use chrono::{DateTime, Utc};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::Serialize;
use serde_json::Value;

use super::connection::Connection;
use super::email::{Target, recipient};
use super::token::Tokens;

/// The header: the recipient and the template's three placeholders.
const HEADER: [&str; 4] = ["email address", "name", "reference", "amount"];
const NAMES: [&str; 4] = ["Ada", "Grace", "Edsger", "Barbara"];

/// A request that is ready to be sent.
pub(crate) struct Mailing {
    target: Target,
    body: Vec<u8>,
}

/// A job that was accepted.
#[derive(Debug, Clone)]
pub(crate) struct Posted {
    /// The job.
    pub job_id: String,
    /// When its 201 came.
    pub at: DateTime<Utc>,
    /// From the first byte of the request to the last of the answer.
    pub took: Duration,
}

#[derive(Serialize)]
struct Body<'a> {
    template_id: &'a str,
    name: &'a str,
    rows: Vec<[String; 4]>,
}

impl Mailing {
    /// Makes this many rows, which differ in all their cells.
    pub fn new(target: &Target, n_rows: u64, seed: u64) -> anyhow::Result<Self> {
        let mut random = StdRng::seed_from_u64(seed);
        let row = |number| {
            let name = NAMES[random.random_range(0..NAMES.len())];
            let reference = format!("{:08x}", random.random::<u32>());
            let (pounds, pence) = (random.random_range(10..99), random.random_range(0..100));
            let amount = format!("{pounds}.{pence:02}");
            [recipient(number), name.to_owned(), reference, amount]
        };
        let rows = std::iter::once(HEADER.map(str::to_owned)).chain((0..n_rows).map(row));
        let body = Body {
            template_id: &target.template_id,
            name: "Benchmark",
            rows: rows.collect(),
        };
        Ok(Self {
            target: target.clone(),
            body: serde_json::to_vec(&body)?,
        })
    }

    /// Sends it over a connection of its own.
    pub async fn post(&self) -> anyhow::Result<Posted> {
        let Target {
            address,
            service_id,
            secret,
            ..
        } = &self.target;
        let mut tokens = Tokens::new(service_id, secret);
        let now = clock::now().timestamp();
        let token = tokens.renewed(now)?.unwrap_or_default();
        let head = format!(
            "POST /bulk HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nAuthorization: Bearer {token}\r\n\r\n",
            self.body.len()
        );
        let request = [head.as_bytes(), &self.body].concat();
        let mut connection = Connection::open(*address).await?;
        let began = Instant::now();
        let status = connection.exchange(&request).await?;
        let (took, at) = (began.elapsed(), clock::now());
        let said = String::from_utf8_lossy(connection.body());
        ensure!(
            status == 201,
            "the mailing was not accepted: {status} {said}"
        );
        let answer: Value = serde_json::from_str(&said).context("the answer to a mailing")?;
        let job_id = answer["data"]["id"].as_str();
        Ok(Posted {
            job_id: job_id.context("the answer names no job")?.to_owned(),
            at,
            took,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn rows_have_a_recipient_each_and_the_template_s_columns() {
        let target = Target {
            address: ([127, 0, 0, 1], 80).into(),
            service_id: "s".to_owned(),
            secret: "x".to_owned(),
            template_id: "t".to_owned(),
        };
        let mailing = Mailing::new(&target, 100, 1).unwrap();
        let body: Value = serde_json::from_slice(&mailing.body).unwrap();
        let rows = body["rows"].as_array().unwrap();
        assert_eq!(rows.len(), 101);
        assert_eq!(rows[0], serde_json::json!(HEADER));
        assert_eq!(rows[1][0], recipient(0));
        assert!(rows.iter().all(|row| row.as_array().unwrap().len() == 4));
        let recipients: HashSet<_> = rows.iter().map(|row| row[0].as_str()).collect();
        assert_eq!(recipients.len(), 101);
        assert_eq!(body["template_id"], "t");
    }
}
