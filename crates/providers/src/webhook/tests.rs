//! Calls over the wire: to a receiver that verifies, to servers that break off, and to names whose
//! addresses change.

mod rebinding;
mod wire;

use std::sync::{Mutex, PoisonError};

use carillon_core::clock;
use futures::FutureExt;
use futures::future::{BoxFuture, ready};

use super::*;
use crate::egress::NoAddress;

const LENIENT: EgressPolicy = EgressPolicy {
    allow_private: true,
};
const PATIENCE: Duration = Duration::from_secs(10);
const BODY: &[u8] = "{\"to\": \"amala@example.com\", \"name\": \"Amála\"}".as_bytes();

/// A resolver that answers one question after the other from a list, and the last one for ever.
struct Answers {
    left: Mutex<Vec<Vec<std::net::IpAddr>>>,
    asked: Mutex<Vec<String>>,
}

impl Answers {
    fn of(answers: &[&[&str]]) -> Arc<Self> {
        let parse = |answer: &&[&str]| answer.iter().map(|ip| ip.parse().unwrap()).collect();
        Arc::new(Self {
            left: Mutex::new(answers.iter().rev().map(parse).collect()),
            asked: Mutex::default(),
        })
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Lookup for Answers {
    fn addresses(
        &self,
        name: String,
    ) -> BoxFuture<'static, Result<Vec<std::net::IpAddr>, NoAddress>> {
        self.asked.lock().unwrap().push(name);
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = if left.len() > 1 {
            left.pop()
        } else {
            left.last().cloned()
        };
        ready(answer.filter(|found| !found.is_empty()).ok_or(NoAddress)).boxed()
    }
}

fn call<'a>(url: &'a str, secrets: &'a [String]) -> Call<'a> {
    Call {
        id: NotificationId::mint().0,
        notification_id: NotificationId::mint(),
        url,
        bearer_token: "a-token-of-the-service",
        secrets,
        body: BODY,
        at: clock::now(),
        trace_id: None,
        trace: None,
    }
}

fn refused(why: &'static str) -> Answer {
    failed(CallFailure::Refused(why))
}

const fn failed(why: CallFailure) -> Answer {
    Answer::Failed { why }
}

const fn status(code: u16) -> Answer {
    Answer::Status {
        code,
        retry_after: None,
    }
}
