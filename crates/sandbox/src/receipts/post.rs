//! One POST of one receipt.

use std::time::Duration;

use anyhow::Context;
use carillon_core::channel::Channel;
use carillon_core::receipt::Receipt;
use carillon_core::trace::TraceContext;
use carillon_providers::http::{self, Target};
use carillon_providers::signature;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, StatusCode, Url};

/// An API that does not answer within this time is asked again.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Where receipts go, and with which signature.
pub struct Callback {
    client: Client,
    email_url: Url,
    sms_url: Url,
    key: Vec<u8>,
}

/// What the API made of a receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reply {
    /// It has it.
    Confirmed,
    /// It will never take it.
    Refused(StatusCode),
    /// Ask again; the status, if there was one.
    Later(Option<StatusCode>),
}

impl Callback {
    /// Receipts go to `url` with `?channel=email` or `?channel=sms`, signed with `key`.
    ///
    /// # Errors
    /// When the URL is not an HTTP URL, or the client cannot be built.
    pub fn new(url: &str, key: &[u8]) -> anyhow::Result<Self> {
        let url = Url::parse(url).context("reading sandbox.callback_url")?;
        let target = match url.scheme() {
            "http" => Target::Neighbour,
            "https" => Target::Internet,
            scheme => anyhow::bail!("sandbox.callback_url is {scheme}, not http or https"),
        };
        let of = |channel: Channel| {
            let mut url = url.clone();
            url.query_pairs_mut()
                .append_pair("channel", channel.as_str());
            url
        };
        let client = http::client(target, TIMEOUT / 2).context("building the HTTP client")?;
        let (email_url, sms_url) = (of(Channel::Email), of(Channel::Sms));
        Ok(Self {
            client,
            email_url,
            sms_url,
            key: key.to_vec(),
        })
    }

    pub(super) async fn post(
        &self,
        channel: Channel,
        receipt: &Receipt,
        trace: Option<TraceContext>,
    ) -> Reply {
        let url = match channel {
            Channel::Email => &self.email_url,
            Channel::Sms => &self.sms_url,
        };
        let Ok(body) = serde_json::to_vec(receipt) else {
            return Reply::Later(None);
        };
        let signature = signature::sign(&self.key, &body, carillon_core::clock::now());
        let mut request = self
            .client
            .post(url.clone())
            .timeout(TIMEOUT)
            .header(CONTENT_TYPE, "application/json")
            .header(signature::HEADER, signature)
            .body(body);
        if let Some(trace) = trace {
            request = request.header("traceparent", trace.to_string());
        }
        let Ok(response) = request.send().await else {
            return Reply::Later(None);
        };
        let reply = meaning(response.status());
        // Read to the end, or the connection is not used again. Whether it can be read does not
        // change what the status said.
        let _ = response.bytes().await;
        reply
    }
}

fn meaning(status: StatusCode) -> Reply {
    if status.is_success() {
        return Reply::Confirmed;
    }
    match status {
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Reply::Later(Some(status)),
        _ if status.is_client_error() => Reply::Refused(status),
        _ => Reply::Later(Some(status)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_will_never_succeed_is_refused() {
        let later = |code| Reply::Later(StatusCode::from_u16(code).ok());
        for (code, expected) in [
            (200, Reply::Confirmed),
            (204, Reply::Confirmed),
            (302, later(302)),
            (408, later(408)),
            (429, later(429)),
            (500, later(500)),
            (503, later(503)),
            (400, Reply::Refused(StatusCode::BAD_REQUEST)),
            (404, Reply::Refused(StatusCode::NOT_FOUND)),
        ] {
            assert_eq!(
                meaning(StatusCode::from_u16(code).unwrap()),
                expected,
                "{code}"
            );
        }
    }
}
