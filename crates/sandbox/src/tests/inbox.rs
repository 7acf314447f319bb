//! Stands in for the API's callback route.

use std::collections::VecDeque;
use std::net::TcpListener;
use std::time::Duration;

use actix_web::web::{Bytes, Data, Query};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, rt, web};
use carillon_core::channel::Channel;
use carillon_core::receipt::Receipt;
use carillon_providers::signature;
use parking_lot::Mutex;
use serde::Deserialize;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;

use super::stage::KEY;

pub struct Inbox {
    pub url: String,
    arrivals: UnboundedReceiver<(Channel, Receipt)>,
}

struct Desk {
    arrived: UnboundedSender<(Channel, Receipt)>,
    /// Statuses of the next answers; then 200.
    statuses: Mutex<VecDeque<u16>>,
}

#[derive(Deserialize)]
struct Params {
    channel: Channel,
}

async fn take(
    desk: Data<Desk>,
    params: Query<Params>,
    request: HttpRequest,
    body: Bytes,
) -> HttpResponse {
    let header = request
        .headers()
        .get(signature::HEADER)
        .unwrap()
        .to_str()
        .unwrap();
    signature::verify(KEY, header, &body, carillon_core::clock::now()).expect("a valid signature");
    desk.arrived
        .send((params.channel, serde_json::from_slice(&body).unwrap()))
        .unwrap();
    let status = desk.statuses.lock().pop_front().unwrap_or(200);
    HttpResponse::build(status.try_into().unwrap()).finish()
}

impl Inbox {
    /// Opens one that answers the first receipts with `statuses` and all others with 200.
    pub fn open(statuses: &[u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!(
            "http://{}/callbacks/sandbox",
            listener.local_addr().unwrap()
        );
        let (arrived, arrivals) = unbounded_channel();
        let statuses = Mutex::new(statuses.iter().copied().collect());
        let desk = Data::new(Desk { arrived, statuses });
        let app = move || {
            let route = web::post().to(take);
            App::new()
                .app_data(desk.clone())
                .route("/callbacks/sandbox", route)
        };
        let server = HttpServer::new(app)
            .workers(1)
            .disable_signals()
            .listen(listener)
            .unwrap();
        rt::spawn(server.run());
        Self { url, arrivals }
    }

    /// The next receipt and the channel in the query.
    pub async fn next(&mut self) -> (Channel, Receipt) {
        let next = timeout(Duration::from_secs(20), self.arrivals.recv()).await;
        next.expect("a receipt within 20 s")
            .expect("the inbox is open")
    }

    pub fn is_empty(&self) -> bool {
        self.arrivals.is_empty()
    }
}
