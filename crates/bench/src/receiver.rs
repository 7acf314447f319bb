//! Ten receivers of callbacks in this process, one of which can be made to hang.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::web::{self, Bytes, Data, Path};
use actix_web::{App, HttpResponse, HttpServer};
use anyhow::Context;
use carillon_core::clock;
use chrono::{DateTime, NaiveDateTime, Utc};
use parking_lot::Mutex;
use serde::Deserialize;
use tokio::task::JoinHandle;

/// How many there are.
pub(crate) const RECEIVERS: usize = 10;
/// What each call takes.
const WORK: Duration = Duration::from_millis(1);
/// What a call takes that hangs.
const HANG: Duration = Duration::from_secs(30);

/// The receivers; they stop when this is dropped.
pub(crate) struct Receivers {
    port: u16,
    shared: Arc<Shared>,
    server: JoinHandle<std::io::Result<()>>,
}

#[derive(Default)]
struct Shared {
    does_first_hang: AtomicBool,
    calls: Mutex<Vec<Call>>,
}

/// A call that was answered.
#[derive(Clone, Copy)]
pub(crate) struct Call {
    /// Which receiver.
    pub receiver: usize,
    /// When it came.
    pub at: DateTime<Utc>,
    /// From the message's end until it came.
    pub latency: Duration,
}

#[derive(Deserialize)]
struct Body {
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

    /// From now on the first one answers after half a minute, or no more than the others do.
    pub fn let_first_hang(&self, does: bool) {
        self.shared.does_first_hang.store(does, Ordering::Relaxed);
    }

    /// How many calls came.
    pub fn n_calls(&self) -> usize {
        self.shared.calls.lock().len()
    }

    /// Takes the calls that came.
    pub fn take(&self) -> Vec<Call> {
        std::mem::take(&mut *self.shared.calls.lock())
    }
}

impl Drop for Receivers {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn receive(path: Path<usize>, body: Bytes, shared: Data<Shared>) -> HttpResponse {
    let (receiver, at) = (path.into_inner(), clock::now());
    if receiver == 0 && shared.does_first_hang.load(Ordering::Relaxed) {
        tokio::time::sleep(HANG).await;
        return HttpResponse::Ok().finish();
    }
    let Some(ended) = ended(&body) else {
        return HttpResponse::BadRequest().finish();
    };
    let latency = (at - ended).to_std().unwrap_or_default();
    let call = Call {
        receiver,
        at,
        latency,
    };
    shared.calls.lock().push(call);
    tokio::time::sleep(WORK).await;
    HttpResponse::NoContent().finish()
}

/// When the message of a callback ended.
fn ended(body: &[u8]) -> Option<DateTime<Utc>> {
    let Body { completed_at } = serde_json::from_slice(body).ok()?;
    let at = NaiveDateTime::parse_from_str(&completed_at, "%Y-%m-%dT%H:%M:%S%.fZ").ok()?;
    Some(at.and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_read_to_the_microsecond() {
        let body = br#"{"id":"x","completed_at":"2026-11-26T20:00:00.123456Z"}"#;
        assert_eq!(ended(body).unwrap().timestamp_subsec_micros(), 123_456);
        assert_eq!(ended(b"{}"), None);
    }
}
