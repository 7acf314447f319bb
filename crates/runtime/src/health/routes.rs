//! The same three routes on the health port and on the API's own.

use actix_web::http::header::ContentType;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpResponse, Responder};

use super::Health;

/// What Prometheus expects as the type of its text format.
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

impl Health {
    /// Mounts `/livez`, `/readyz` and `/metrics`: `App::new().configure(health.routes())`.
    pub fn routes(&self) -> impl FnOnce(&mut ServiceConfig) + use<> {
        let health = self.clone();
        move |config| {
            config
                .app_data(Data::new(health))
                .route("/livez", web::get().to(livez))
                .route("/readyz", web::get().to(readyz))
                .route("/metrics", web::get().to(metrics));
        }
    }
}

/// 200 whenever the process can answer at all.
pub async fn livez() -> impl Responder {
    HttpResponse::Ok()
        .content_type(ContentType::plaintext())
        .body("ok")
}

/// 200 if the process takes work, else 503; the body names the components.
pub async fn readyz(health: Data<Health>) -> impl Responder {
    let readiness = health.readiness();
    if readiness.ready {
        HttpResponse::Ok().json(readiness)
    } else {
        HttpResponse::ServiceUnavailable().json(readiness)
    }
}

/// All metrics of the process.
pub async fn metrics(health: Data<Health>) -> impl Responder {
    HttpResponse::Ok()
        .content_type(METRICS_TYPE)
        .body(health.0.telemetry.render())
}

#[cfg(test)]
mod tests {
    use actix_web::App;
    use actix_web::test::{TestRequest, call_service, init_service, read_body};
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::Telemetry;

    async fn get(health: &Health, path: &str) -> (u16, String) {
        let app = init_service(App::new().configure(health.routes())).await;
        let response = call_service(&app, TestRequest::get().uri(path).to_request()).await;
        let status = response.status().as_u16();
        (
            status,
            String::from_utf8_lossy(&read_body(response).await).into_owned(),
        )
    }

    #[actix_web::test]
    async fn the_routes_say_what_health_knows() {
        let health = Health::new(CancellationToken::new(), Telemetry::unused());
        let broker = health.component("broker");
        assert_eq!(get(&health, "/livez").await, (200, "ok".to_owned()));
        let not_ready = r#"{"ready":false,"components":{"broker":false}}"#;
        assert_eq!(get(&health, "/readyz").await, (503, not_ready.to_owned()));
        broker.set_ready(true);
        let ready = r#"{"ready":true,"components":{"broker":true}}"#;
        assert_eq!(get(&health, "/readyz").await, (200, ready.to_owned()));
        assert_eq!(get(&health, "/metrics").await.0, 200);
    }
}
