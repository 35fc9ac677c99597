//! Any bytes get a sensible answer: never a panic, never a 5xx.

use std::sync::Arc;

use axum::{Router, body::Body};
use domain::{Poll, PollId, PollSpec};
use http::{HeaderValue, Method, Request};
use proptest::prelude::*;
use tower::ServiceExt;

use crate::support::{MemoryBallotBox, config};

fn service() -> (Router, Arc<MemoryBallotBox>) {
    let ballots = Arc::new(MemoryBallotBox::default());
    ballots.put(Poll::new(PollId::MAIN, PollSpec::simple("Cats or Dogs?", ["Cats", "Dogs"])).unwrap());
    (scrutin_vote::router(config(), ballots.clone()), ballots)
}

/// Header values that HTTP allows: visible ASCII, tabs, and bytes above 127.
fn header_value() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop_oneof![32..=126_u8, 128..=255_u8, Just(b'\t')], 0..200)
}

fn content_type() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => Just(b"application/x-www-form-urlencoded".to_vec()),
        2 => Just(b"application/json; charset=utf-8".to_vec()),
        1 => header_value(),
    ]
}

fn cookie() -> impl Strategy<Value = Vec<u8>> {
    let near = "(voter|ballots|language)=[A-Za-z0-9_=;%-]{0,90}(; (voter|ballots)=[A-Za-z0-9_-]{0,90})?";
    prop_oneof![near.prop_map(String::into_bytes), header_value()]
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        "(vote=[a-c%+&é]{0,3}&?){0,4}".prop_map(String::into_bytes),
        r#"\{"choices": ?\[("[a-c]{0,2}",?){0,3}\]\}?"#.prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..300),
    ]
}

const PATHS: [&str; 6] = ["/", "/p/main", "/p/%ff", "/api/polls/main/ballots", "/api/polls", "/api/polls/main/%00"];

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_get_a_sensible_answer(
        method in prop::sample::select(vec![Method::POST, Method::GET, Method::PATCH]),
        path in prop::sample::select(PATHS.to_vec()),
        (content_type, cookie, authorization) in (content_type(), cookie(), header_value()),
        (origin, body) in (prop::option::weighted(0.1, header_value()), body()),
    ) {
        let (router, ballots) = service();
        let mut request = Request::new(Body::from(body));
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().unwrap();
        let headers = [
            ("content-type", Some(content_type)),
            ("cookie", Some(cookie)),
            ("authorization", Some(authorization)),
            ("origin", origin),
        ];
        for (name, value) in headers {
            if let Some(value) = value {
                request.headers_mut().insert(name, HeaderValue::from_bytes(&value).unwrap());
            }
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let response = runtime.block_on(router.oneshot(request)).unwrap();
        let status = response.status();
        prop_assert!(!status.is_server_error(), "{status}");
        let recorded = ballots.choices().len();
        let acknowledged = matches!(status.as_u16(), 201 | 303);
        prop_assert_eq!(recorded, usize::from(acknowledged), "{}", status);
    }
}
