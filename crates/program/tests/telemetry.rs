//! What telemetry costs while nobody asked for traces.

use http::Request;
use scrutin_program::{telemetry, traces};
use tracing::level_filters::LevelFilter;

#[test]
fn without_an_endpoint_spans_are_disabled_at_the_first_look() {
    telemetry::log("info").unwrap();
    assert_eq!(LevelFilter::current(), LevelFilter::INFO, "nobody wants spans, so nobody is asked");
    assert!(traces::of_request(&Request::new(()), "GET", "/").is_disabled());
}
