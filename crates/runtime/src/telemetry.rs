//! Logs to stderr, metrics for Prometheus to fetch, and traces exported by OTLP if asked for.

use std::collections::HashMap;
use std::io::{self, IsTerminal};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use carillon_trace::export::Exporter;
use metrics::gauge;
use metrics_exporter_prometheus::{
    Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};
use tracing::Metadata;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{FilterExt, LevelFilter, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::settings::{self, LogFormat, Logging};
use crate::tasks::spawn_detached;

/// Upper bounds of the buckets of every histogram whose name ends in `_seconds`: from a cached
/// read to a delivery that was retried for an hour.
const SECONDS: [f64; 18] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
    60.0, 600.0, 3600.0,
];

/// Samples of histograms wait in memory until they are rendered or this often moved to buckets.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// What the metrics are now, and the way out for traces. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Telemetry {
    handle: PrometheusHandle,
    exporter: Option<Exporter>,
}

impl Telemetry {
    /// Sets up logs, metrics and traces of the process of this name. Needs a tokio runtime to run
    /// in, and is for [`run`](crate::run): a second call fails.
    ///
    /// # Errors
    /// When the filter or the `OTEL_*` variables are not valid, or the process has logs or metrics
    /// already.
    pub fn install(process: &'static str, settings: &Logging) -> anyhow::Result<Self> {
        let environment: HashMap<String, String> = settings::environment().collect();
        let exporter = Exporter::from_environment(process, |name| environment.get(name).cloned())?;
        install_spans_and_logs(settings, exporter.as_ref())?;
        log_panics();
        let recorder = recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder)
            .map_err(|_| anyhow::anyhow!("metrics are recorded elsewhere already"))?;
        describe_process();
        let upkeep = handle.clone();
        spawn_detached(async move {
            loop {
                tokio::time::sleep(UPKEEP_INTERVAL).await;
                upkeep.run_upkeep();
            }
        });
        Ok(Self { handle, exporter })
    }

    /// Renders metrics that nothing records: for tests, which share a process.
    #[must_use]
    pub fn unused() -> Self {
        Self {
            handle: recorder().handle(),
            exporter: None,
        }
    }

    /// All metrics in Prometheus' text format.
    #[must_use]
    pub fn render(&self) -> String {
        self.handle.render()
    }

    /// Sends the spans that are not sent yet. Blocks for a few seconds at most.
    pub(crate) fn flush(&self) {
        if let Some(exporter) = &self.exporter {
            exporter.shutdown();
        }
    }
}

fn recorder() -> PrometheusRecorder {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
        .expect("there are buckets")
        .build_recorder()
}

fn describe_process() {
    gauge!("carillon_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    // A host whose clock is before 1970 reports 0.
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    gauge!("process_start_time_seconds").set(now.as_secs_f64());
}

/// Whether a log line is sure not to show values. Some libraries log at debug or trace level what
/// they send in full: the values of statements are recipients and secrets, the frames of a
/// handshake hold the password. No filter that an operator sets may let these through.
#[must_use]
pub fn shows_no_values(about: &Metadata<'_>) -> bool {
    const TALKATIVE: [&str; 11] = [
        "tokio_postgres",
        "lapin",
        "amq_protocol",
        "async_rs",
        // Requests to providers: recipients, contents and credentials.
        "aws_",
        "hyper",
        "h2",
        "reqwest",
        "lettre",
        "rustls",
        "opentelemetry",
    ];
    let is_talkative = TALKATIVE
        .iter()
        .any(|library| about.target().starts_with(library));
    !is_talkative || *about.level() <= LevelFilter::INFO
}

fn install_spans_and_logs(settings: &Logging, exporter: Option<&Exporter>) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&settings.filter).context("reading telemetry.filter")?;
    // Traces have their own fields and their own switch: the log's filter does not thin them out,
    // and the log does not repeat them.
    let is_traced = |about: &Metadata<'_>| about.target() == carillon_trace::TARGET;
    let for_logs = filter_fn(shows_no_values).and(filter_fn(move |about| !is_traced(about)));
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let lines = match settings.log_format {
        LogFormat::Json => lines
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .boxed(),
        LogFormat::Pretty => lines
            .compact()
            .with_ansi(io::stderr().is_terminal())
            .boxed(),
    };
    let spans = exporter.map(|exporter| exporter.layer().with_filter(filter_fn(is_traced)));
    tracing_subscriber::registry()
        .with(lines.with_filter(filter.and(for_logs)))
        .with(spans)
        .try_init()
        .context("setting up logs")
}

/// A panic is a log line like any other, so that whoever reads JSON lines sees it.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        // The message may quote what was being handled; the place leads to the line.
        tracing::error!(place, "a task has panicked");
    }));
}

#[cfg(test)]
mod tests {
    use metrics::{histogram, with_local_recorder};

    use super::*;

    #[test]
    fn durations_have_buckets() {
        let recorder = recorder();
        let telemetry = Telemetry {
            handle: recorder.handle(),
            exporter: None,
        };
        with_local_recorder(&recorder, || {
            histogram!("carillon_call_seconds").record(0.2);
        });
        let text = telemetry.render();
        assert!(
            text.contains(r#"carillon_call_seconds_bucket{le="0.1"} 0"#),
            "{text}"
        );
        assert!(
            text.contains(r#"carillon_call_seconds_bucket{le="0.25"} 1"#),
            "{text}"
        );
    }

    #[test]
    fn the_build_is_a_metric() {
        let recorder = recorder();
        let telemetry = Telemetry {
            handle: recorder.handle(),
            exporter: None,
        };
        with_local_recorder(&recorder, describe_process);
        let text = telemetry.render();
        assert!(text.contains("carillon_build_info{version="), "{text}");
        assert!(text.contains("process_start_time_seconds "), "{text}");
    }
}
