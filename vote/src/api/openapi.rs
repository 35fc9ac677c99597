//! The description of the API, made from the handlers: `/api/openapi.json`.

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::header;
use program::settings::PublicUrl;
use utoipa::{
    Modify, OpenApi,
    openapi::{
        security::{Http, HttpAuthScheme, SecurityScheme},
        server::Server,
    },
};

use super::{ballots, codes, events, front_page, polls};
use crate::app::App;

/// The whole document.
#[derive(OpenApi)]
#[openapi(
    info(title = "Scrutin: voting", description = "Polls and ballots. Results are another service's."),
    paths(
        ballots::cast, polls::read, polls::list, polls::create, polls::change, polls::rewrite, codes::list,
        codes::of_event, events::read, events::list, events::create, events::edit, events::next, events::back,
        events::archive, events::restore, events::duplicate, front_page::read, front_page::put, document
    ),
    modifiers(&OrganiserToken),
    tags(
        (name = "voting", description = "For everybody"),
        (name = "organising", description = "With the organiser's token"),
    )
)]
struct Document;

/// The organiser's authentication.
struct OrganiserToken;

impl Modify for OrganiserToken {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("organiser", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    }
}

/// The whole document as JSON; addresses are below the public one, if there is one.
fn json(vote_url: Option<&PublicUrl>) -> String {
    let mut document = Document::openapi();
    document.servers = vote_url.map(|url| vec![Server::new(url.as_str())]);
    document.to_json().expect("a document of plain types is JSON")
}

/// Describe this API
#[utoipa::path(
    get, path = "/api/openapi.json", tag = "voting",
    responses((status = 200, description = "This document", content_type = "application/json"))
)]
pub(crate) async fn document(State(app): State<Arc<App>>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], json(app.config.vote_url.as_ref())).into_response()
}

/// The document, for tests.
#[cfg(test)]
pub(crate) fn value() -> serde_json::Value {
    serde_json::from_str(&json(None)).unwrap()
}
