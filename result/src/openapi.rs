//! The description of the result host's API, at `/api/openapi.json`.

use std::sync::Arc;

use axum::{Json, extract::State};
use utoipa::{
    Modify, OpenApi, ToSchema,
    openapi::{
        security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme},
        server::Server,
    },
};

use crate::{App, api, export, receipts, scores::TallyBody};

/// An RFC 9457 problem, as `web::problem` writes it. Only for the description.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what another crate writes")]
pub(crate) struct ProblemBody {
    /// Always `about:blank`.
    #[schema(example = "about:blank")]
    r#type: String,
    /// The reason phrase of the status.
    #[schema(example = "Not Found")]
    title: String,
    /// The HTTP status.
    #[schema(example = 404)]
    status: u16,
    /// What went wrong, for programs.
    #[schema(example = "unknown-poll")]
    code: String,
    /// What went wrong, for people.
    #[schema(example = "there is no poll lunch")]
    detail: String,
    /// Seconds after which trying again makes sense.
    retry_after_seconds: Option<u32>,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Scrutin: results",
        description = "Tallies and receipts. Live scores come over Socket.IO at `/socket.io/`: the event `scores` carries \
                       the tally as a JSON string, with the votes by option key on its top level; `subscribe` \
                       `{\"channel\": POLL}` moves to another poll."
    ),
    paths(
        api::tally,
        receipts::for_programs,
        export::tally_csv,
        export::tally_json,
        export::ballots_csv,
        export::ballots_json,
    ),
    components(schemas(
        TallyBody,
        receipts::ReceiptBody,
        export::ExportedTally,
        export::ExportedBallots,
        ProblemBody,
    )),
    modifiers(&Permits),
    tags(
        (name = "result", description = "For everybody"),
        (name = "organiser", description = "With the organiser's token, or with a ticket that the organiser's page made"),
    )
)]
struct Description;

/// How the organiser says who they are.
struct Permits;

impl Modify for Permits {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("organiser", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
        let ticket = ApiKeyValue::with_description("ticket", "For one poll, and for five minutes");
        components.add_security_scheme("ticket", SecurityScheme::ApiKey(ApiKey::Query(ticket)));
    }
}

/// `GET /api/openapi.json`; addresses are below the public one, if there is one.
pub(crate) async fn description(State(app): State<Arc<App>>) -> Json<utoipa::openapi::OpenApi> {
    let mut description = Description::openapi();
    description.servers = app.result_url.as_ref().map(|url| vec![Server::new(url.as_str())]);
    Json(description)
}
