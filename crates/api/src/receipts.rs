//! Taking receipts: verified, then published together; the provider gets its 200 only after the
//! confirm, for it forgets what it has reported.

use std::collections::HashMap;
use std::time::Duration;

use carillon_amqp::{Outgoing, Publisher};
use carillon_core::queue::{Queue, RECEIPTS};
use carillon_core::receipt::Receipt;
use carillon_core::task::ApplyReceipts;
use carillon_core::trace::TraceContext;
use carillon_providers::sns_message::SnsMessages;
use carillon_runtime::Tasks;
use carillon_runtime::settings::Settings;
use carillon_trace::Operation;
use secrecy::SecretString;
use tracing::Instrument;

use crate::coalesce::Coalescer;
use crate::trace;

/// Takes verified receipts.
pub(crate) struct Receipts {
    queues: HashMap<Queue, Coalescer<(Receipt, TraceContext), bool>>,
    /// Verifies the sandbox's signature; without a key its receipts are refused.
    pub sandbox_key: Option<SecretString>,
    /// Verifies what SNS brings; without a listed topic nothing is believed.
    pub sns_messages: Option<SnsMessages>,
}

/// Receipts that share one message.
const BATCH: usize = 100;
/// A provider waits seconds for an answer, then reports again.
const CONFIRM_WITHIN: Duration = Duration::from_secs(3);

impl Receipts {
    pub fn start(
        tasks: &Tasks,
        settings: &Settings,
        publisher: &Publisher,
    ) -> anyhow::Result<Self> {
        let topics = settings.receipts.sns_topics()?;
        let sns_messages = if topics.is_empty() {
            None
        } else {
            Some(SnsMessages::new(topics)?)
        };
        let queues = RECEIPTS
            .into_iter()
            .map(|queue| {
                let publisher = publisher.clone();
                let coalescer = Coalescer::start(tasks, "receipts", BATCH, move |receipts| {
                    let publisher = publisher.clone();
                    async move { publish(&publisher, queue, receipts).await }
                });
                (queue, coalescer)
            })
            .collect();
        Ok(Self {
            queues,
            sandbox_key: settings.sandbox.signing_key.clone(),
            sns_messages,
        })
    }

    /// Hands a receipt on; whether it is safe.
    pub async fn take(&self, queue: Queue, receipt: Receipt) -> bool {
        match self.queues.get(&queue) {
            Some(coalescer) => {
                let taken = coalescer.submit((receipt, trace::current())).await;
                taken.unwrap_or(false)
            }
            None => false,
        }
    }
}

async fn publish(
    publisher: &Publisher,
    queue: Queue,
    receipts: Vec<(Receipt, TraceContext)>,
) -> bool {
    let (receipts, traces): (Vec<_>, Vec<_>) = receipts.into_iter().unzip();
    let span = carillon_trace::hop(Operation::Publish, queue.as_str(), traces);
    let task = ApplyReceipts { receipts };
    let Ok(message) = Outgoing::task(queue, carillon_core::id::mint(), &task) else {
        return false;
    };
    let message = [message.traced(carillon_trace::context(&span))];
    let published = tokio::time::timeout(CONFIRM_WITHIN, publisher.publish(&message))
        .instrument(span)
        .await;
    matches!(published, Ok(Ok(())))
}
