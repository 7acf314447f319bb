//! `/callbacks/ses` and `/callbacks/sns`: what Amazon SNS brings of e-mails and of text messages.
//!
//! A message that is not believed is answered with 403 and changes nothing. 200 means that all it
//! says is safe: receipts in the queue, and what is genuine but cannot be read in quarantine. Until
//! then SNS is told to bring it again.

#[cfg(test)]
mod tests;

use actix_web::HttpResponse;
use actix_web::web::{Bytes, Data};
use carillon_core::channel::Channel;
use carillon_core::queue::Queue;
use carillon_core::reason::QuarantineReason;
use carillon_core::receipt::Receipt;
use carillon_core::task::{ApplyReceipts, Task};
use carillon_providers::ses::event;
use carillon_providers::sns::receipt;
use carillon_providers::sns_message::{Genuine, Refusal, SnsMessages};
use carillon_store::quarantine;
use chrono::{DateTime, Utc};
use futures::future::join_all;

use crate::state::State;

/// What differs between the two.
struct Route {
    name: &'static str,
    channel: Channel,
    /// What a notification's content should be, for people who find it in quarantine.
    expects: &'static str,
    read: fn(&str) -> Content,
}

const SES: Route = Route {
    name: "ses",
    channel: Channel::Email,
    expects: "not an event of SES",
    read: |content| match event::receipts(content) {
        Ok(receipts) => Content {
            receipts,
            unread: Vec::new(),
        },
        Err(event::Unreadable) => Content {
            receipts: Vec::new(),
            unread: vec![content.to_owned()],
        },
    },
};
const SNS: Route = Route {
    name: "sns",
    channel: Channel::Sms,
    expects: "not an entry of SNS's delivery-status log",
    read: |content| {
        let mut read = Content::default();
        for entry in receipt::receipts(content) {
            match entry {
                Ok(receipt) => read.receipts.push(receipt),
                Err(receipt::Unreadable(text)) => read.unread.push(text),
            }
        }
        read
    },
};

/// What a notification says.
#[derive(Default)]
struct Content {
    receipts: Vec<Receipt>,
    /// Genuine, but not what the route expects. It may hold personal data.
    unread: Vec<String>,
}

/// What SNS is answered.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    /// Safe, or nothing to do.
    Done,
    /// Not believed.
    Refused(Refusal),
    /// Bring it again.
    Again,
}

/// Events of SES about e-mails.
pub(crate) async fn ses(body: Bytes, state: Data<State>) -> HttpResponse {
    respond(&SES, &body, &state).await
}

/// Delivery-status entries of SNS about text messages.
pub(crate) async fn sns(body: Bytes, state: Data<State>) -> HttpResponse {
    respond(&SNS, &body, &state).await
}

async fn respond(route: &Route, body: &[u8], state: &State) -> HttpResponse {
    let messages = state.receipts.sns_messages.as_ref();
    let now = carillon_core::clock::now();
    match answer(route, messages, body, now, state).await {
        Answer::Done => HttpResponse::Ok().finish(),
        Answer::Refused(refusal) => HttpResponse::Forbidden().body(refusal.to_string()),
        Answer::Again => HttpResponse::ServiceUnavailable()
            .insert_header(("Retry-After", "1"))
            .finish(),
    }
}

/// Where what is genuine goes. Each says whether it is safe there.
trait Keep {
    async fn take(&self, queue: Queue, receipt: Receipt) -> bool;
    async fn set_aside(&self, queue: Queue, detail: &str, text: &str) -> bool;
}

impl Keep for State {
    async fn take(&self, queue: Queue, receipt: Receipt) -> bool {
        self.receipts.take(queue, receipt).await
    }

    async fn set_aside(&self, queue: Queue, detail: &str, text: &str) -> bool {
        let put = quarantine::put(
            &self.store,
            queue.as_str(),
            ApplyReceipts::NAME,
            QuarantineReason::Malformed,
            detail,
            text.as_bytes(),
        );
        let put = put.await;
        if let Err(error) = &put {
            tracing::warn!(%error, "cannot set aside what a provider reports");
        }
        put.is_ok()
    }
}

async fn answer(
    route: &Route,
    messages: Option<&SnsMessages>,
    body: &[u8],
    now: DateTime<Utc>,
    keep: &impl Keep,
) -> Answer {
    let Some(messages) = messages else {
        return refuse(route, Refusal::NoTopics);
    };
    match messages.verify(body, now).await {
        Err(refusal) => refuse(route, refusal),
        Ok(Genuine::Repeated) => Answer::Done,
        Ok(Genuine::Unsubscribed) => {
            tracing::warn!(route = route.name, "a topic has ended our subscription");
            Answer::Done
        }
        Ok(Genuine::Subscription { url }) => match messages.confirm(url).await {
            Ok(()) => {
                tracing::info!(route = route.name, "subscribed to a listed topic");
                Answer::Done
            }
            Err(error) => {
                tracing::warn!(route = route.name, %error, "cannot confirm a subscription");
                Answer::Again
            }
        },
        Ok(Genuine::Notification {
            message_id,
            content,
        }) => {
            if all_safe(route, (route.read)(&content), keep).await {
                messages.done(message_id);
                Answer::Done
            } else {
                Answer::Again
            }
        }
    }
}

/// Receipts first: they may be taken twice, where a second row in quarantine would stay.
async fn all_safe(route: &Route, content: Content, keep: &impl Keep) -> bool {
    let queue = Queue::receipts(route.channel);
    let Content { receipts, unread } = content;
    let taken = join_all(receipts.into_iter().map(|one| keep.take(queue, one))).await;
    if !taken.into_iter().all(|is_safe| is_safe) {
        return false;
    }
    for text in unread {
        if !keep.set_aside(queue, route.expects, &text).await {
            return false;
        }
        count_refused(route, "unreadable");
    }
    true
}

fn refuse(route: &Route, refusal: Refusal) -> Answer {
    count_refused(route, refusal.code());
    if refusal.is_temporary() {
        Answer::Again
    } else {
        Answer::Refused(refusal)
    }
}

fn count_refused(route: &Route, reason: &'static str) {
    metrics::counter!(
        "carillon_callbacks_refused_total", "route" => route.name, "reason" => reason
    )
    .increment(1);
}
