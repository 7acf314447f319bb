//! The routes, by family: the only place that mounts them.

use actix_web::web::{self, PayloadConfig, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;

use crate::routes::{callbacks, management, operations, read, send, unsubscribe};

/// Mounts everything but `/livez`, `/readyz` and `/metrics`.
pub(crate) fn routes(config: &mut ServiceConfig) {
    let resource = |path: &str| web::resource(path).default_service(web::route().to(not_allowed));
    let report = |path| resource(path).app_data(PayloadConfig::new(callbacks::LIMIT));
    config
        .service(resource("/email").post(send::email))
        .service(resource("/sms").post(send::sms))
        .service(resource("/bulk").post(send::bulk::create))
        .service(resource("/bulk/{id}").get(send::bulk::read::one))
        .service(resource("/v2/notifications/email").post(send::email))
        .service(resource("/v2/notifications/sms").post(send::sms))
        .service(resource("/v2/notifications/bulk").post(send::bulk::create))
        .service(resource("/v2/notifications/bulk/{id}").get(send::bulk::read::one))
        .service(resource("/v2/notifications").get(read::notification::page))
        .service(resource("/v2/notifications/{id}").get(read::notification::one))
        .service(resource("/v2/templates").get(read::template::list))
        .service(resource("/v2/template/{id}").get(read::template::current))
        .service(resource("/v2/template/{id}/version/{version}").get(read::template::version))
        .service(resource("/v2/template/{id}/preview").post(read::template::preview))
        .service(report("/callbacks/sandbox").post(callbacks::sandbox))
        .service(report("/callbacks/ses").post(callbacks::ses))
        .service(report("/callbacks/sns").post(callbacks::sns))
        .service(
            resource("/unsubscribe/{token}")
                .get(unsubscribe::ask)
                .post(unsubscribe::act),
        )
        .service(
            resource("/_status")
                .get(operations::status)
                .post(operations::status),
        )
        .service(
            web::scope("/api")
                .route("/services", web::get().to(management::service::list))
                .route("/services", web::post().to(management::service::create))
                .route("/services/{id}", web::get().to(management::service::read))
                .route(
                    "/services/{id}",
                    web::patch().to(management::service::update),
                )
                .route(
                    "/services/{id}/usage",
                    web::get().to(management::service::usage),
                )
                .route(
                    "/services/{id}/release-brake",
                    web::post().to(management::service::release_brake),
                )
                .route(
                    "/services/{id}/safelist",
                    web::post().to(management::service::safelist),
                )
                .route(
                    "/services/{id}/senders",
                    web::post().to(management::service::add_sender),
                )
                .route("/services/{id}/keys", web::get().to(management::key::list))
                .route(
                    "/services/{id}/keys",
                    web::post().to(management::key::create),
                )
                .route(
                    "/services/{id}/keys/{key}",
                    web::delete().to(management::key::revoke),
                )
                .route(
                    "/services/{id}/callbacks",
                    web::get().to(management::callback::list),
                )
                .route(
                    "/services/{id}/callbacks",
                    web::post().to(management::callback::create),
                )
                .route(
                    "/services/{id}/callbacks/{callback}",
                    web::get().to(management::callback::read),
                )
                .route(
                    "/services/{id}/callbacks/{callback}",
                    web::patch().to(management::callback::update),
                )
                .route(
                    "/services/{id}/callbacks/{callback}",
                    web::delete().to(management::callback::remove),
                )
                .route(
                    "/services/{id}/callbacks/{callback}/rotate-secret",
                    web::post().to(management::callback::secret::rotate),
                )
                .route(
                    "/services/{id}/callbacks/{callback}/test",
                    web::post().to(management::callback::test),
                )
                .route(
                    "/services/{id}/callbacks/{callback}/events",
                    web::get().to(management::callback::event::list),
                )
                .route(
                    "/services/{id}/callbacks/{callback}/replay",
                    web::post().to(management::callback::replay::replay),
                )
                .route(
                    "/callback-events/{id}/attempts",
                    web::get().to(management::callback::event::attempts),
                )
                .route(
                    "/services/{id}/suppressions",
                    web::get().to(management::suppression::list),
                )
                .route(
                    "/services/{id}/suppressions",
                    web::post().to(management::suppression::add),
                )
                .route(
                    "/services/{id}/suppressions",
                    web::delete().to(management::suppression::lift),
                )
                .route(
                    "/services/{id}/suppressions/import",
                    web::post().to(management::suppression::import::import),
                )
                .route(
                    "/services/{id}/templates",
                    web::get().to(management::template::list),
                )
                .route(
                    "/services/{id}/templates",
                    web::post().to(management::template::create),
                )
                .route(
                    "/services/{id}/templates/{template}",
                    web::get().to(management::template::read),
                )
                .route(
                    "/services/{id}/templates/{template}",
                    web::patch().to(management::template::update),
                )
                .route(
                    "/services/{id}/templates/{template}/versions",
                    web::get().to(management::template::versions),
                )
                .route(
                    "/services/{id}/templates/{template}/versions",
                    web::post().to(management::template::add_version),
                )
                .route(
                    "/services/{id}/templates/{template}/preview",
                    web::post().to(management::template::preview::show),
                )
                .route(
                    "/services/{id}/templates/{template}/test-send",
                    web::post().to(management::template::test_send::send),
                )
                .route(
                    "/notifications/{id}/timeline",
                    web::get().to(management::timeline::read),
                )
                .route(
                    "/notifications/{id}/resolve",
                    web::post().to(management::resolve::decide),
                )
                .route("/ledger", web::get().to(management::ledger::read))
                .route("/jobs", web::get().to(management::job::list))
                .route("/jobs/{id}", web::get().to(management::job::read))
                .route(
                    "/jobs/{id}/rows",
                    web::get().to(management::job::rows::list),
                )
                .route(
                    "/jobs/{id}/invalid-rows",
                    web::get().to(management::job::rows::invalid),
                )
                .route(
                    "/jobs/{id}/cancel",
                    web::post().to(management::job::change::cancel),
                )
                .route(
                    "/jobs/{id}/pause",
                    web::post().to(management::job::change::pause),
                )
                .route(
                    "/jobs/{id}/resume",
                    web::post().to(management::job::change::resume),
                )
                .route(
                    "/jobs/{id}/retry-failed",
                    web::post().to(management::job::retry::retry_failed),
                )
                .route("/providers", web::get().to(management::provider::list))
                .route("/providers", web::post().to(management::provider::create))
                .route(
                    "/providers/{name}",
                    web::get().to(management::provider::read),
                )
                .route(
                    "/providers/{name}",
                    web::patch().to(management::provider::update),
                )
                .route(
                    "/providers/{name}",
                    web::delete().to(management::provider::remove),
                )
                .route(
                    "/providers/{name}/history",
                    web::get().to(management::provider::history),
                )
                .route(
                    "/providers/{name}/test",
                    web::post().to(management::provider::test),
                )
                .route(
                    "/sender-domains/{domain}",
                    web::get().to(management::sender_domain::check),
                )
                .default_service(web::route().to(management::unknown)),
        )
        .default_service(web::route().to(unknown));
}

/// 404 outside the families, as GOV.UK's API answers it.
async fn unknown(_: HttpRequest) -> HttpResponse {
    HttpResponse::NotFound().json(json!({
        "result": "error",
        "message": "The requested URL was not found on the server. If you entered the URL manually \
                    please check your spelling and try again.",
    }))
}

/// 405, as GOV.UK's API answers it.
async fn not_allowed(_: HttpRequest) -> HttpResponse {
    HttpResponse::MethodNotAllowed().json(json!({
        "result": "error",
        "message": "The method is not allowed for the requested URL.",
    }))
}
