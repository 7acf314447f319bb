//! The floor of `accept`: a bare actix handler that checks the token, publishes the bytes of one
//! notification to a quorum queue and waits for the confirm.

use std::sync::Arc;

use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use anyhow::Context;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{Channel, Confirmation};
use serde::Deserialize;

use super::payload;
use crate::arguments::FloorAccept;
use crate::broker;

struct Floor {
    channel: Channel,
    queue: String,
    payload: Vec<u8>,
    service_id: String,
    key: DecodingKey,
    validation: Validation,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    iat: i64,
}

/// Serves until it is killed.
pub(crate) fn serve(options: FloorAccept) -> anyhow::Result<()> {
    // Several threads beside actix's, as the API has.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    runtime
        .context("starting the runtime")?
        .block_on(run(options))
}

async fn run(options: FloorAccept) -> anyhow::Result<()> {
    let connection = broker::connect(&options.amqp).await?;
    broker::declare(&connection, &options.queue).await?;
    let channel = connection.create_channel().await?;
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await?;
    let mut validation = Validation::new(Algorithm::HS256);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    let floor = Data::from(Arc::new(Floor {
        channel,
        queue: options.queue,
        payload: payload()?,
        service_id: options.service_id,
        key: DecodingKey::from_secret(options.secret.as_bytes()),
        validation,
    }));
    // What `api.workers = 0` comes to.
    let n_workers = std::thread::available_parallelism().map_or(2, usize::from);
    HttpServer::new(move || {
        App::new()
            .app_data(floor.clone())
            .route("/email", web::post().to(email))
            .route(
                "/readyz",
                web::get().to(async || HttpResponse::Ok().body("ready")),
            )
    })
    .workers(n_workers)
    .bind(("127.0.0.1", options.port))
    .context("cannot listen")?
    .run()
    .await
    .context("the floor's server failed")
}

async fn email(request: HttpRequest, body: Bytes, floor: Data<Floor>) -> HttpResponse {
    if body.is_empty() || !floor.is_known(&request) {
        return HttpResponse::Forbidden().body("no");
    }
    match floor.publish().await {
        Ok(Confirmation::Ack(None)) => HttpResponse::Created().body("{}"),
        _ => HttpResponse::ServiceUnavailable().body("not confirmed"),
    }
}

impl Floor {
    fn is_known(&self, request: &HttpRequest) -> bool {
        let header = request.headers().get("Authorization");
        let token = header
            .and_then(|header| header.to_str().ok())
            .and_then(|header| header.strip_prefix("Bearer "));
        let Some(Ok(token)) = token.map(|t| decode::<Claims>(t, &self.key, &self.validation))
        else {
            return false;
        };
        let age_s = carillon_core::clock::now().timestamp() - token.claims.iat;
        token.claims.iss == self.service_id && age_s.abs() <= 30
    }

    async fn publish(&self) -> lapin::Result<Confirmation> {
        let options = BasicPublishOptions {
            mandatory: true,
            ..Default::default()
        };
        let queue = self.queue.as_str().into();
        let sent = self.channel.basic_publish(
            "".into(),
            queue,
            options,
            &self.payload,
            broker::properties(),
        );
        sent.await?.await
    }
}
