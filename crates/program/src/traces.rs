//! OpenTelemetry traces, sent once `OTEL_EXPORTER_OTLP_ENDPOINT` is set.
//!
//! Spans are spans of `tracing` with the target [`TARGET`] and the level `TRACE`, which is below every usual log
//! filter. While nothing is sent they are disabled, and cost the check of a flag. They never name a voter.

use http::Request;
use tracing::{Span, field::Empty};

/// The target of all spans that are sent as traces.
pub const TARGET: &str = "scrutin::trace";
/// Where a collector is; while it is not set, nothing is sent.
pub(crate) const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
/// Where one is that gets traces alone; the exporter takes it before the other.
pub(crate) const TRACES_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";

/// The span of a request to `route` (the pattern, never the path), below the caller's own span if it sent one along.
pub fn of_request<B>(request: &Request<B>, method: &'static str, route: &str) -> Span {
    let span = tracing::trace_span!(
        target: TARGET,
        "request",
        otel.name = Empty,
        otel.kind = "server",
        http.request.method = method,
        http.route = route,
        http.response.status_code = Empty,
    );
    if !span.is_disabled() {
        span.record("otel.name", format!("{method} {route}"));
        exporting::continue_from(&span, request.headers());
    }
    span
}

pub use exporting::{TracesError, end, start};

mod exporting {
    use std::sync::OnceLock;

    use http::HeaderMap;
    use opentelemetry::{
        propagation::{Extractor, TextMapPropagator},
        trace::TracerProvider,
    };
    use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig, WithHttpConfig};
    use opentelemetry_sdk::{Resource, propagation::TraceContextPropagator, trace::SdkTracerProvider};
    use tracing::{Span, Subscriber, level_filters::LevelFilter};
    use tracing_opentelemetry::OpenTelemetrySpanExt;
    use tracing_subscriber::{Layer, filter::Targets, registry::LookupSpan};

    use crate::collector::Collector;

    static PROVIDER: OnceLock<SdkTracerProvider> = OnceLock::new();

    /// Why traces can't be sent.
    #[derive(Debug, thiserror::Error)]
    pub enum TracesError {
        /// The address is none, for example.
        #[error("OTEL_EXPORTER_OTLP_ENDPOINT: {0}")]
        Exporter(#[from] ExporterBuildError),
        /// The exporter has no TLS, and would drop every span without a word.
        #[error("{0}: only http:// is sent to; put a collector beside the program")]
        Scheme(&'static str),
    }

    /// The layer that sends spans as `service`, in the background and in batches, by OTLP over HTTP. To `endpoint`, or
    /// where `OTEL_EXPORTER_OTLP_ENDPOINT` says; what can't be sent is dropped.
    pub fn start<S: Subscriber + for<'a> LookupSpan<'a>>(
        service: String,
        endpoint: Option<String>,
    ) -> Result<impl Layer<S>, TracesError> {
        let exporter = SpanExporter::builder().with_http().with_http_client(Collector::new());
        let exporter = match endpoint {
            Some(endpoint) => exporter.with_endpoint(endpoint),
            None => exporter,
        };
        let resource = Resource::builder().with_service_name(service).build();
        let provider =
            SdkTracerProvider::builder().with_batch_exporter(exporter.build()?).with_resource(resource).build();
        let tracer = provider.tracer("scrutin");
        // A program starts its telemetry once.
        let _ = PROVIDER.set(provider);
        let ours = Targets::new().with_target(super::TARGET, LevelFilter::TRACE);
        Ok(tracing_opentelemetry::layer().with_tracer(tracer).with_filter(ours))
    }

    /// Sends what has not been sent. It blocks for as long as that takes, a few seconds at most.
    pub fn end() {
        if let Some(provider) = PROVIDER.get()
            && let Err(error) = provider.shutdown()
        {
            tracing::warn!(%error, "the last traces were not sent");
        }
    }

    /// Puts the span below the one that the caller names in `traceparent` (W3C Trace Context).
    pub(super) fn continue_from(span: &Span, headers: &HeaderMap) {
        let parent = TraceContextPropagator::new().extract(&Headers(headers));
        // Without a parent it starts a trace of its own.
        let _ = span.set_parent(parent);
    }

    struct Headers<'a>(&'a HeaderMap);

    impl Extractor for Headers<'_> {
        fn get(&self, key: &str) -> Option<&str> {
            self.0.get(key)?.to_str().ok()
        }
        fn keys(&self) -> Vec<&str> {
            self.0.keys().map(http::HeaderName::as_str).collect()
        }
    }
}
