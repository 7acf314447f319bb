//! Ten receivers of callbacks in this process, one of which can be made slow or to hang.

use std::collections::HashSet;
use std::net::TcpListener;
use std::ops::RangeFrom;
use std::sync::Arc;
use std::time::Duration;

use actix_web::web::{self, Bytes, Data, Path};
use actix_web::{App, HttpResponse, HttpServer};
use anyhow::Context;
use carillon_core::clock;
use chrono::{DateTime, NaiveDateTime, Utc};
use parking_lot::Mutex;
use serde::Deserialize;
use tokio::task::JoinHandle;
use uuid::Uuid;

/// How many there are.
pub(crate) const RECEIVERS: usize = 10;
/// What each call takes.
const WORK: Duration = Duration::from_millis(1);

/// What one receiver does with its calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Manner {
    /// What the others do.
    #[default]
    Well,
    /// Answers just before the caller gives up, so that no call fails.
    Slow,
    /// Answers long after the caller has given up.
    Hangs,
}

impl Manner {
    /// What a call takes.
    const fn work(self) -> Duration {
        match self {
            Self::Well => WORK,
            Self::Slow => Duration::from_millis(4_500),
            Self::Hangs => Duration::from_secs(30),
        }
    }
}

/// The receivers; they stop when this is dropped.
pub(crate) struct Receivers {
    port: u16,
    shared: Arc<Shared>,
    server: JoinHandle<std::io::Result<()>>,
}

#[derive(Default)]
struct Shared {
    first: Mutex<Manner>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    calls: Vec<Call>,
    /// The messages of each receiver.
    told: [HashSet<Uuid>; RECEIVERS],
}

impl Seen {
    fn add(&mut self, call: Call) {
        self.told[call.receiver].insert(call.notification);
        self.calls.push(call);
    }
}

/// A call that was answered in time.
#[derive(Clone, Copy)]
pub(crate) struct Call {
    /// Which message it was about.
    pub notification: Uuid,
    /// Which receiver.
    pub receiver: usize,
    /// When it came.
    pub at: DateTime<Utc>,
    /// From the message's end until it came.
    pub latency: Duration,
}

#[derive(Deserialize)]
struct Body {
    id: Uuid,
    completed_at: String,
}

impl Receivers {
    /// Listens on a free port.
    pub fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).context("cannot listen")?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared::default());
        let of_app = Data::from(Arc::clone(&shared));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(of_app.clone())
                .route("/{receiver}", web::post().to(receive))
        })
        .workers(1)
        .disable_signals()
        .listen(listener)?
        .run();
        #[expect(clippy::disallowed_methods, reason = "aborted when this is dropped")]
        let server = tokio::spawn(server);
        Ok(Self {
            port,
            shared,
            server,
        })
    }

    /// Where a receiver is called.
    pub fn url(&self, receiver: usize) -> String {
        format!("http://127.0.0.1:{}/{receiver}", self.port)
    }

    /// From now on the first one behaves so.
    pub fn let_first(&self, manner: Manner) {
        *self.shared.first.lock() = manner;
    }

    /// How many messages the calls to these receivers were about. One that is told twice counts
    /// once.
    pub fn n_told(&self, receivers: RangeFrom<usize>) -> u64 {
        let seen = self.shared.seen.lock();
        seen.told[receivers]
            .iter()
            .map(|told| told.len() as u64)
            .sum()
    }

    /// Takes the calls that came.
    pub fn take(&self) -> Vec<Call> {
        std::mem::take(&mut *self.shared.seen.lock()).calls
    }
}

impl Drop for Receivers {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn receive(path: Path<usize>, body: Bytes, shared: Data<Shared>) -> HttpResponse {
    let (receiver, at) = (path.into_inner(), clock::now());
    let manner = if receiver == 0 {
        *shared.first.lock()
    } else {
        Manner::Well
    };
    let Some((notification, ended)) = read(&body).filter(|_| receiver < RECEIVERS) else {
        return HttpResponse::BadRequest().finish();
    };
    if manner != Manner::Hangs {
        let latency = (at - ended).to_std().unwrap_or_default();
        shared.seen.lock().add(Call {
            notification,
            receiver,
            at,
            latency,
        });
    }
    tokio::time::sleep(manner.work()).await;
    HttpResponse::NoContent().finish()
}

/// The message of a callback, and when it ended.
fn read(body: &[u8]) -> Option<(Uuid, DateTime<Utc>)> {
    let Body { id, completed_at } = serde_json::from_slice(body).ok()?;
    let at = NaiveDateTime::parse_from_str(&completed_at, "%Y-%m-%dT%H:%M:%S%.fZ").ok()?;
    Some((id, at.and_utc()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_read_to_the_microsecond() {
        let id = Uuid::from_u128(1);
        let body = format!(r#"{{"id":"{id}","completed_at":"2026-11-26T20:00:00.123456Z"}}"#);
        let (notification, at) = read(body.as_bytes()).unwrap();
        assert_eq!(notification, id);
        assert_eq!(at.timestamp_subsec_micros(), 123_456);
        assert_eq!(read(b"{}"), None);
    }

    #[tokio::test]
    async fn a_message_that_is_told_twice_counts_once() {
        let receivers = Receivers::start().unwrap();
        let call = |receiver, n| Call {
            notification: Uuid::from_u128(n),
            receiver,
            at: clock::now(),
            latency: Duration::ZERO,
        };
        for call in [call(1, 1), call(1, 1), call(0, 2)] {
            receivers.shared.seen.lock().add(call);
        }
        assert_eq!(receivers.n_told(0..), 2);
        assert_eq!(receivers.n_told(1..), 1);
        assert_eq!(receivers.take().len(), 3);
        assert_eq!(receivers.n_told(0..), 0);
    }
}
