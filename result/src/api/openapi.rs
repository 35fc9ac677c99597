//! The description of the result host's API, at `/api/openapi.json`.

use std::sync::Arc;

use axum::{Json, extract::State};
use utoipa::{
    Modify, OpenApi,
    openapi::{
        security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme},
        server::Server,
    },
};

use web::problem::Problem;

use crate::{
    api::{events, published, receipt_notes, receipts, seals, tally, tree_log},
    app::App,
    exports::{ballots, event as event_export, tally as tally_export},
    live::{event_now::EventNow, scores::TallyBody},
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Scrutin: results",
        description = "Tallies and receipts. Live scores come over Socket.IO at `/socket.io/`: the event `scores` \
                       carries the tally as a JSON string, with the votes by option key on its top level; \
                       `subscribe` `{\"channel\": POLL}` moves to another poll. The event `event` carries where an \
                       event is, as `/api/events/{event}/now` does and with `spread_ms`: over how many milliseconds \
                       viewers are asked to spread what they fetch because of it. It comes after `?event=EVENT` in the \
                       handshake's query, or `subscribe` `{\"event\": EVENT}`, and whenever it changes."
    ),
    paths(
        tally::tally,
        receipts::receipt,
        receipt_notes::promise,
        receipt_notes::proof,
        tree_log::trees,
        tree_log::checkpoint,
        tree_log::tile,
        seals::seal,
        seals::result,
        seals::key,
        published::published,
        events::now,
        tally_export::tally_csv,
        tally_export::tally_json,
        ballots::ballots_csv,
        ballots::ballots_json,
        event_export::tallies_csv,
        event_export::tallies_json,
    ),
    components(schemas(
        TallyBody,
        receipts::ReceiptBody,
        EventNow,
        tree_log::TreeList,
        tally_export::ExportedTally,
        ballots::ExportedBallots,
        event_export::ExportedEvent,
        Problem,
    )),
    modifiers(&Permits),
    tags(
        (name = "result", description = "For everybody"),
        (name = "organiser", description = "With the organiser's token, or a ticket that the organiser's page made"),
    )
)]
struct Description;

/// How a client shows that it is the organiser's.
struct Permits;

impl Modify for Permits {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("organiser", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
        let ticket = ApiKeyValue::with_description("ticket", "For one poll or event, and for five minutes");
        components.add_security_scheme("ticket", SecurityScheme::ApiKey(ApiKey::Query(ticket)));
    }
}

/// `GET /api/openapi.json`. Addresses are below `RESULT_URL`, if that is set.
pub(crate) async fn description(State(app): State<Arc<App>>) -> Json<utoipa::openapi::OpenApi> {
    let mut description = Description::openapi();
    description.servers = app.result_url.as_ref().map(|url| vec![Server::new(url.as_str())]);
    Json(description)
}
