//! An OTLP collector in this process: keeps what processes export over HTTP.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use actix_web::web::{Bytes, Data};
use actix_web::{App, HttpResponse, HttpServer, web};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use prost::Message;

/// Everything that was exported.
pub struct Collector {
    port: u16,
    bodies: Arc<Mutex<Vec<Bytes>>>,
}

/// A span, ids in hexadecimal.
#[derive(Debug, Clone)]
pub struct Seen {
    pub name: String,
    pub trace_id: String,
    pub span_id: String,
    pub parent_span_id: String,
    pub links: Vec<String>,
    pub attributes: BTreeMap<String, String>,
    pub process: String,
}

impl Collector {
    /// Listens on a free port.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let bodies = Arc::new(Mutex::new(Vec::new()));
        let kept = Data::from(Arc::clone(&bodies));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(kept.clone())
                .route("/v1/traces", web::post().to(keep))
        })
        .workers(1)
        .disable_signals()
        .listen(listener)
        .unwrap()
        .run();
        #[expect(clippy::disallowed_methods, reason = "it ends with the test")]
        tokio::spawn(server);
        Self { port, bodies }
    }

    /// What `OTEL_EXPORTER_OTLP_ENDPOINT` is set to.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The spans of a trace that have arrived.
    pub fn spans_of(&self, trace_id: &str) -> Vec<Seen> {
        let bodies = self.bodies.lock().unwrap();
        let spans = bodies.iter().flat_map(spans);
        spans.filter(|span| span.trace_id == trace_id).collect()
    }

    /// Whether this text, in small letters, is anywhere in what has arrived.
    pub fn bodies_contain(&self, text: &str) -> bool {
        let bodies = self.bodies.lock().unwrap();
        let mut bodies = bodies
            .iter()
            .map(|body| String::from_utf8_lossy(body).to_lowercase());
        bodies.any(|body| body.contains(text))
    }
}

async fn keep(body: Bytes, bodies: Data<Mutex<Vec<Bytes>>>) -> HttpResponse {
    bodies.lock().unwrap().push(body);
    HttpResponse::Ok().finish()
}

fn spans(body: &Bytes) -> Vec<Seen> {
    let request = ExportTraceServiceRequest::decode(body.clone()).unwrap();
    let mut all = Vec::new();
    for resource in request.resource_spans {
        let about = resource.resource.unwrap_or_default();
        let process = texts(about.attributes)
            .remove("service.name")
            .unwrap_or_default();
        for span in resource
            .scope_spans
            .into_iter()
            .flat_map(|scope| scope.spans)
        {
            all.push(Seen {
                name: span.name,
                trace_id: hex(&span.trace_id),
                span_id: hex(&span.span_id),
                parent_span_id: hex(&span.parent_span_id),
                links: span.links.iter().map(|link| hex(&link.span_id)).collect(),
                attributes: texts(span.attributes),
                process: process.clone(),
            });
        }
    }
    all
}

fn texts(attributes: Vec<KeyValue>) -> BTreeMap<String, String> {
    let text = |value: Option<AnyValue>| match value.and_then(|value| value.value) {
        Some(Value::StringValue(text)) => text,
        other => format!("{other:?}"),
    };
    attributes
        .into_iter()
        .map(|attribute| (attribute.key, text(attribute.value)))
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
