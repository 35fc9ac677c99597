//! Logs and metrics of a service.

use std::{io::IsTerminal, time::Duration};

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::{EnvFilter, filter::ParseError};

/// Upper bounds of the histograms of durations, in seconds: from half a millisecond to ten seconds.
const SECONDS: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Upper bounds of the histograms of sizes, in entries.
const ENTRIES: [f64; 9] = [1.0, 10.0, 50.0, 100.0, 500.0, 1_000.0, 2_500.0, 5_000.0, 10_000.0];
/// How often the metrics library tidies its histograms.
const UPKEEP: Duration = Duration::from_secs(5);

/// Why telemetry could not begin.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// `LOG` is no filter.
    #[error("LOG: {0}")]
    Filter(#[from] ParseError),
    /// The metrics recorder was installed already.
    #[error("metrics: {0}")]
    Metrics(#[from] BuildError),
}

/// Begins to log, to standard output: text on a terminal, one JSON object a line elsewhere.
pub fn log(filter: &str) -> Result<(), TelemetryError> {
    let filter = EnvFilter::builder().parse(filter)?;
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter);
    if std::io::stdout().is_terminal() {
        subscriber.with_target(false).init();
    } else {
        subscriber.json().flatten_event(true).with_current_span(false).with_span_list(false).init();
    }
    Ok(())
}

/// Begins to gather metrics. The handle renders them for `/metrics`. Must be called within a Tokio runtime.
///
/// Names that end in `_seconds` or `_entries` get buckets for those units.
pub fn metrics() -> Result<PrometheusHandle, TelemetryError> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_entries".into()), &ENTRIES)?
        .install_recorder()?;
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
