//! The API: `/api/…`, JSON in and out, errors as problem details (RFC 9457).
//!
//! May import: addresses, app, events, polls, refusal, request, voter, voting.

mod ballots;
mod codes;
mod event_model;
mod events;
mod front_page;
pub(crate) mod model;
mod openapi;
mod organiser;
mod page;
mod polls;
mod problems;

use std::sync::Arc;

use axum::{
    Router,
    routing::{MethodRouter, get, post},
};

pub(crate) use page::page;

use crate::app::App;

/// Every route of the API, with its path as in the OpenAPI document.
fn routes() -> [(&'static str, MethodRouter<Arc<App>>); 15] {
    [
        ("/api/polls", get(polls::list).post(polls::create)),
        ("/api/polls/{poll}", get(polls::read).patch(polls::rewrite)),
        ("/api/polls/{poll}/ballots", post(ballots::cast)),
        ("/api/polls/{poll}/codes", get(codes::list)),
        ("/api/polls/{poll}/{change}", post(polls::change)),
        ("/api/events", get(events::list).post(events::create)),
        ("/api/events/{event}", get(events::read).put(events::edit)),
        ("/api/events/{event}/codes", get(codes::of_event)),
        ("/api/events/{event}/next", post(events::next)),
        ("/api/events/{event}/back", post(events::back)),
        ("/api/events/{event}/archive", post(events::archive)),
        ("/api/events/{event}/restore", post(events::restore)),
        ("/api/events/{event}/duplicate", post(events::duplicate)),
        ("/api/front-page", get(front_page::read).put(front_page::put)),
        ("/api/openapi.json", get(openapi::document)),
    ]
}

/// The API's part of the router.
pub(crate) fn router() -> Router<Arc<App>> {
    routes().into_iter().fold(Router::new(), |router, (path, methods)| router.route(path, methods))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use axum::body::Body;
    use http::{Method, Request, StatusCode};
    use tower::ServiceExt;
    use web::problem::PROBLEM_JSON;

    use super::*;
    use crate::testing::{MemoryBallotBox, Mishap, config};

    #[tokio::test]
    async fn the_document_describes_each_route_and_method_and_no_other() {
        let document = openapi::value();
        let described: BTreeSet<_> = document["paths"].as_object().unwrap().keys().cloned().collect();
        let routed: BTreeSet<_> = routes().iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(described, routed);

        for (path, methods) in routes() {
            // Any status but "not allowed" means that the method is routed. No handler gets as far as its state.
            let ballots = MemoryBallotBox::broken_down(Mishap::NotBegun);
            let app = Arc::new(App::new(config(), Arc::new(ballots)));
            let router = Router::new().route(path, methods).with_state(app);
            for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
                let address = path.replace("{poll}", "main").replace("{change}", "open").replace("{event}", "evening");
                let request = Request::builder().method(method.clone()).uri(address).body(Body::empty()).unwrap();
                let answer = router.clone().oneshot(request).await.unwrap().status();
                let word = method.as_str().to_lowercase();
                let is_described = !document["paths"][path][word].is_null();
                assert_eq!(answer != StatusCode::METHOD_NOT_ALLOWED, is_described, "{method} {path}");
            }
        }
    }

    #[test]
    fn each_operation_describes_its_statuses() {
        let document = openapi::value();
        for (operation, expected) in [
            ("get /api/openapi.json", "200"),
            ("get /api/polls", "200 401 403 429 503"),
            ("post /api/polls", "201 400 401 403 408 409 413 415 422 429 503"),
            ("get /api/polls/{poll}", "200 404 503"),
            ("patch /api/polls/{poll}", "200 202 400 401 403 404 408 409 413 415 422 429 503"),
            ("post /api/polls/{poll}/{change}", "200 202 400 401 403 404 408 409 413 415 422 429 503"),
            ("post /api/polls/{poll}/ballots", "201 400 403 404 408 409 413 415 422 429 503"),
            ("get /api/events", "200 401 403 429 503"),
            ("post /api/events", "201 400 401 403 408 409 413 415 422 429 503"),
            ("get /api/events/{event}", "200 401 403 404 429 503"),
            ("put /api/events/{event}", "200 400 401 403 404 408 409 413 415 422 429 503"),
            ("post /api/events/{event}/next", "200 202 400 401 403 404 408 413 415 422 429 503"),
            ("post /api/events/{event}/back", "200 202 400 401 403 404 408 413 415 422 429 503"),
            ("post /api/events/{event}/archive", "200 401 403 404 429 503"),
            ("post /api/events/{event}/restore", "200 401 403 404 429 503"),
            ("post /api/events/{event}/duplicate", "201 400 401 403 404 408 409 413 415 422 429 503"),
            ("get /api/polls/{poll}/codes", "200 401 403 404 409 422 429 503"),
        ] {
            let (method, path) = operation.split_once(' ').unwrap();
            let responses = document["paths"][path][method]["responses"].as_object().unwrap();
            let statuses: BTreeSet<&str> = responses.keys().map(String::as_str).collect();
            assert_eq!(statuses.into_iter().collect::<Vec<_>>().join(" "), expected, "{operation}");
            for (status, response) in responses.iter().filter(|(status, _)| status.as_str() >= "400") {
                assert!(response["description"].as_str().is_some_and(|text| !text.is_empty()), "{operation} {status}");
                let schema = &response["content"][PROBLEM_JSON]["schema"]["$ref"];
                assert_eq!(schema, "#/components/schemas/ProblemBody", "{operation} {status}");
            }
        }
    }
}
