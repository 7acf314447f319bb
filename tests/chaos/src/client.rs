//! The client: posts what is to be sent, and has written down each attempt before it makes it.

mod answer;
mod write_ahead;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use serde_json::json;

use crate::history::{Intent, Lane, Outcome};
use crate::tenants::Tenant;
use crate::work::{Channel, Message, Work};
use write_ahead::WriteAhead;

/// Requests that are made at the same time; what is due beyond them waits.
const IN_FLIGHT: usize = 48;
/// A client that gives up waiting; an API that has neither server answers sooner.
const ANSWERS_WITHIN: Duration = Duration::from_secs(8);
/// One message is not tried again later than this after its first try: outages last seconds.
const TRIED_FOR: Duration = Duration::from_secs(60);
/// The wait between two tries, at first and at most.
const WAIT: Duration = Duration::from_millis(150);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Posts to every process of the API.
pub struct Client {
    http: reqwest::Client,
    apis: Vec<String>,
    tenants: Arc<Vec<Tenant>>,
    log: WriteAhead,
    n_turns: AtomicUsize,
    counts: Counts,
}

/// How far it is.
#[derive(Debug, Default)]
pub struct Counts {
    /// Requests made.
    pub requests: AtomicUsize,
    /// Messages of which it was told that they were accepted.
    pub accepted: AtomicUsize,
    /// Messages of which nobody knows.
    pub unknown: AtomicUsize,
}

/// A client that keeps so many connections for the next requests.
fn http(n_kept: usize) -> anyhow::Result<reqwest::Client> {
    reqwest::Client::builder()
        .no_proxy()
        .timeout(ANSWERS_WITHIN)
        .pool_max_idle_per_host(n_kept)
        .tls_certs_only([])
        .build()
        .context("building a client")
}

/// Who was meant, and what came of it.
type Sent = Vec<(String, Intent)>;

impl Client {
    /// Writes its attempts to a file.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn new(
        apis: Vec<String>,
        tenants: Arc<Vec<Tenant>>,
        log: &std::path::Path,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            http: http(usize::MAX)?,
            apis,
            tenants,
            log: WriteAhead::create(log)?,
            n_turns: AtomicUsize::new(0),
            counts: Counts::default(),
        })
    }

    /// The same, with a connection of its own for each request.
    ///
    /// # Errors
    /// When there is no such client.
    pub fn keeping_no_connections(self) -> anyhow::Result<Self> {
        let http = http(0)?;
        Ok(Self { http, ..self })
    }

    /// How far it is.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Does everything, spread over a time; returns what was meant and what came of it.
    ///
    /// # Errors
    /// When attempts cannot be written down.
    pub async fn run(
        &self,
        works: &[Work],
        over: Duration,
    ) -> anyhow::Result<BTreeMap<String, Intent>> {
        let began = tokio::time::Instant::now();
        let n = u32::try_from(works.len().max(1))?;
        let mut flying = FuturesUnordered::new();
        let mut intents = BTreeMap::new();
        for (work, i) in works.iter().zip(0_u32..) {
            let due = began + over * i / n;
            while tokio::time::Instant::now() < due || flying.len() >= IN_FLIGHT {
                tokio::select! {
                    Some(sent) = flying.next() => self.note(&mut intents, sent?),
                    () = tokio::time::sleep_until(due), if flying.len() < IN_FLIGHT => {}
                }
            }
            flying.push(self.work(work));
        }
        while let Some(sent) = flying.next().await {
            self.note(&mut intents, sent?);
        }
        Ok(intents)
    }

    fn note(&self, intents: &mut BTreeMap<String, Intent>, sent: Sent) {
        for (reference, intent) in sent {
            let count = |counter: &AtomicUsize, is: bool| {
                counter.fetch_add(usize::from(is), Ordering::Relaxed);
            };
            count(&self.counts.accepted, intent.is_accepted());
            count(&self.counts.unknown, intent.is_unknown());
            intents.insert(reference, intent);
        }
    }

    async fn work(&self, work: &Work) -> anyhow::Result<Sent> {
        match work {
            Work::One(message) => self.one(message).await,
            Work::Job { tenant, key, rows } => self.job(*tenant, key.as_deref(), rows).await,
        }
    }

    async fn one(&self, message: &Message) -> anyhow::Result<Sent> {
        let request = self.single(message);
        let outcomes = if message.is_posted_twice {
            let (mut first, second) =
                tokio::try_join!(self.persist(&request), self.persist(&request))?;
            first.extend(second);
            first
        } else {
            self.persist(&request).await?
        };
        let intent = Intent {
            tenant: message.tenant,
            lane: message.lane,
            is_keyed: message.key.is_some(),
            outcomes,
        };
        Ok(vec![(message.reference.clone(), intent)])
    }

    async fn job(
        &self,
        tenant: usize,
        key: Option<&str>,
        rows: &[Message],
    ) -> anyhow::Result<Sent> {
        let outcomes = self.persist(&self.mailing(tenant, key, rows)).await?;
        // Each row has the outcomes of its job, without the job's id.
        let outcomes: Vec<Outcome> = outcomes
            .into_iter()
            .map(|outcome| match outcome {
                Outcome::Accepted { body, .. } => Outcome::Accepted { id: None, body },
                other => other,
            })
            .collect();
        let intent = Intent {
            tenant,
            lane: Lane::Job,
            is_keyed: key.is_some(),
            outcomes,
        };
        let rows = rows.iter();
        Ok(rows
            .map(|row| (row.reference.clone(), intent.clone()))
            .collect())
    }

    /// Posts until the outcome is known, or may not be asked for again: without a key nobody may
    /// repeat what may have been accepted.
    async fn persist(&self, request: &Request<'_>) -> anyhow::Result<Vec<Outcome>> {
        let began = Instant::now();
        let (mut outcomes, mut wait) = (Vec::new(), WAIT);
        loop {
            self.log.begin(request.reference, request.key).await?;
            let outcome = self.post(request).await;
            self.log.end(request.reference, &outcome);
            let is_done = match &outcome {
                Outcome::Accepted { .. } | Outcome::Refused { .. } => true,
                Outcome::Unknown { .. } | Outcome::Busy => request.key.is_none(),
                Outcome::Limited | Outcome::NotSent => false,
            };
            outcomes.push(outcome);
            if is_done || began.elapsed() > TRIED_FOR {
                return Ok(outcomes);
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    async fn post(&self, request: &Request<'_>) -> Outcome {
        self.counts.requests.fetch_add(1, Ordering::Relaxed);
        let turn = self.n_turns.fetch_add(1, Ordering::Relaxed);
        let api = &self.apis[turn % self.apis.len()];
        let mut post = self
            .http
            .post(format!("{api}{}", request.path))
            .header(AUTHORIZATION, &self.tenants[request.tenant].auth)
            .header(CONTENT_TYPE, request.content_type)
            .body(request.body.clone());
        if let Some(key) = request.key {
            post = post.header("Idempotency-Key", key);
        }
        answer::read(post.send().await).await
    }

    fn single<'a>(&self, message: &'a Message) -> Request<'a> {
        let templates = &self.tenants[message.tenant].templates;
        let (path, to, template) = match (message.channel, message.lane) {
            (Channel::Email, Lane::Priority) => {
                ("/email", "email_address", &templates.urgent_email)
            }
            (Channel::Email, _) => ("/email", "email_address", &templates.email),
            (Channel::Sms, Lane::Priority) => ("/sms", "phone_number", &templates.urgent_sms),
            (Channel::Sms, _) => ("/sms", "phone_number", &templates.sms),
        };
        let body = json!({
            to: message.recipient, "template_id": template, "reference": message.reference,
            "personalisation": { "name": message.name },
        });
        Request {
            reference: &message.reference,
            tenant: message.tenant,
            key: message.key.as_deref(),
            path: path.to_owned(),
            content_type: "application/json",
            body: body.to_string(),
        }
    }

    fn mailing<'a>(&self, tenant: usize, key: Option<&'a str>, rows: &'a [Message]) -> Request<'a> {
        let mut body = String::from("email address,name,reference\n");
        for row in rows {
            body += &format!("{},{},{}\n", row.recipient, row.name, row.reference);
        }
        let template = &self.tenants[tenant].templates.email;
        Request {
            reference: rows.first().map_or("", |row| &row.reference),
            tenant,
            key,
            path: format!("/bulk?template_id={template}&name=chaos"),
            content_type: "text/csv",
            body,
        }
    }
}

struct Request<'a> {
    reference: &'a str,
    tenant: usize,
    key: Option<&'a str>,
    path: String,
    content_type: &'static str,
    body: String,
}
