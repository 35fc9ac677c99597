//! Logs, metrics and traces of a program.

use std::{io::IsTerminal, time::Duration};

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::{EnvFilter, Layer, filter::ParseError, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::{
    metric_list,
    traces::{self, TracesError},
};

/// Upper bounds of the histograms of durations, in seconds: from half a millisecond to ten seconds.
const SECONDS: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Upper bounds of all other histograms, which are of numbers.
const NUMBERS: [f64; 9] = [1.0, 10.0, 50.0, 100.0, 500.0, 1_000.0, 2_500.0, 5_000.0, 10_000.0];
/// How often the metrics library processes its histograms.
const UPKEEP: Duration = Duration::from_secs(5);

/// What renders the metrics.
pub type MetricsHandle = PrometheusHandle;

/// Why telemetry could not start.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// `LOG` is no filter.
    #[error("LOG: {0}")]
    Filter(#[from] ParseError),
    /// The metrics recorder was installed already.
    #[error("metrics: {0}")]
    Metrics(#[from] BuildError),
    /// Traces can't be sent.
    #[error(transparent)]
    Traces(#[from] TracesError),
}

/// Starts the log, to standard output: text on a terminal, one JSON object a line elsewhere.
///
/// It also starts to send traces, if `OTEL_EXPORTER_OTLP_ENDPOINT` is set; see [`crate::traces`].
pub fn log(filter: &str) -> Result<(), TelemetryError> {
    let filter = EnvFilter::builder().parse(filter)?;
    let lines = if std::io::stdout().is_terminal() {
        fmt::layer().with_target(false).boxed()
    } else {
        fmt::layer().json().flatten_event(true).with_current_span(false).with_span_list(false).boxed()
    };
    let subscriber = tracing_subscriber::registry().with(lines.with_filter(filter));
    let subscriber = subscriber.with(traces_layer()?);
    subscriber.init();
    Ok(())
}

/// The layer for traces, under the name of `OTEL_SERVICE_NAME` or of the program.
fn traces_layer<S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>>()
-> Result<Option<impl Layer<S>>, TelemetryError> {
    use std::env;

    // As of all settings: one that is empty is not set.
    let set = |name| env::var(name).ok().filter(|value| !value.is_empty());
    let Some(endpoint) = set(traces::ENDPOINT) else { return Ok(None) };
    // The one for traces alone goes before it, if it is set.
    let used = set(traces::TRACES_ENDPOINT).map_or((traces::ENDPOINT, endpoint), |it| (traces::TRACES_ENDPOINT, it));
    if !used.1.starts_with("http://") {
        return Err(TracesError::Scheme(used.0).into());
    }
    let program = || Some(env::current_exe().ok()?.file_name()?.to_string_lossy().into_owned());
    let name = set("OTEL_SERVICE_NAME").or_else(program).unwrap_or_else(|| "scrutin".into());
    Ok(Some(traces::start(name, None)?))
}

/// Sends the remaining traces. A program calls it last.
pub fn end() {
    traces::end();
}

/// Starts metrics. The handle renders them for `/metrics`. Must be called within a Tokio runtime.
///
/// Every histogram has buckets, which add up over instances: those of durations, whose names end in `_seconds`, and
/// those of numbers.
pub fn metrics() -> Result<PrometheusHandle, TelemetryError> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS)?
        .set_buckets(&NUMBERS)?
        .install_recorder()?;
    metric_list::describe();
    let upkeep = handle.clone();
    tokio::spawn(async move {
        let mut beat = tokio::time::interval(UPKEEP);
        loop {
            beat.tick().await;
            upkeep.run_upkeep();
        }
    });
    Ok(handle)
}
