//! `/callbacks/ses` and `/callbacks/sns`: what Amazon SNS brings of e-mails and of text messages.
//!
//! A message that is not believed is answered with 403 and changes nothing. 200 means that all it
//! says is safe; until then SNS is told to bring it again.

#[cfg(test)]
mod tests;

use actix_web::HttpResponse;
use actix_web::web::{Bytes, Data};
use carillon_core::channel::Channel;
use carillon_core::queue::Queue;
use carillon_core::receipt::Receipt;
use carillon_providers::ses::event;
use carillon_providers::sns::receipt;
use carillon_providers::sns_message::{Genuine, Refusal, SnsMessages};
use chrono::{DateTime, Utc};
use futures::future::join_all;

use crate::state::State;

/// What differs between the two.
struct Route {
    name: &'static str,
    /// The receipts in a notification's content; `None` when it is not what the route expects.
    read: fn(&str) -> Option<Vec<Receipt>>,
}

const SES: Route = Route {
    name: "ses",
    read: |content| event::receipts(content).ok(),
};
const SNS: Route = Route {
    name: "sns",
    read: |content| receipt::receipts(content).ok(),
};

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
    respond(&SES, Channel::Email, &body, &state).await
}

/// Delivery-status entries of SNS about text messages.
pub(crate) async fn sns(body: Bytes, state: Data<State>) -> HttpResponse {
    respond(&SNS, Channel::Sms, &body, &state).await
}

async fn respond(route: &Route, channel: Channel, body: &[u8], state: &State) -> HttpResponse {
    let messages = state.receipts.sns_messages.as_ref();
    let queue = Queue::receipts(channel);
    let take = async |receipt| state.receipts.take(queue, receipt).await;
    match answer(route, messages, body, carillon_core::clock::now(), take).await {
        Answer::Done => HttpResponse::Ok().finish(),
        Answer::Refused(refusal) => HttpResponse::Forbidden().body(refusal.to_string()),
        Answer::Again => HttpResponse::ServiceUnavailable()
            .insert_header(("Retry-After", "1"))
            .finish(),
    }
}

async fn answer(
    route: &Route,
    messages: Option<&SnsMessages>,
    body: &[u8],
    now: DateTime<Utc>,
    take: impl AsyncFn(Receipt) -> bool,
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
            // Genuine but not for us, such as SES's greeting to a new topic: it would be no better
            // a second time.
            let Some(receipts) = (route.read)(&content) else {
                count_refused(route, "unreadable");
                return Answer::Done;
            };
            let taken = join_all(receipts.into_iter().map(|receipt| take(receipt))).await;
            if taken.into_iter().all(|is_safe| is_safe) {
                messages.done(message_id);
                Answer::Done
            } else {
                Answer::Again
            }
        }
    }
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
