//! The voting service: takes ballots over HTTP and puts them on the log. It knows no ledger and no result.
//!
//! The program `vote` serves [`router`] in front of the log on Redis, the all-in-one in front of SQLite.
//!
//! | path | |
//! |---|---|
//! | `/`, `/p/{poll}` | the voting page and its form |
//! | `/e/{event}` | the page of an event, with the form of the poll that is on |
//! | `/p/{poll}/next-voter` | the next one at a shared device |
//! | `/organise…`, `/events…` | the organiser's pages |
//! | `/api/…` | the same for programs, and the organiser's requests; `/api` a page to try it |
//! | `/.well-known/scrutin-key` | the key that checks what the installation signs |
//! | `/static/…`, `/language/{tag}` | files; the switch in the footer |
//!
//! May import: attest, domain, listener, program, web.

mod addresses;
mod api;
mod app;
mod config;
mod events;
#[cfg(fuzzing)]
pub mod fuzzing;
mod look;
mod organise;
mod polls;
mod refusal;
mod request;
#[cfg(test)]
mod testing;
mod texts;
mod verifier_key;
mod voter;
mod voting;

use std::sync::Arc;

use axum::{
    Router,
    routing::{MethodRouter, get, post},
};
use domain::BallotBox;
use program::public_url::BasePath;
use tower_http::compression::CompressionLayer;
use web::{assets, below::below, cookies::CookieScope, http_metrics, language_switch, shell::Shell};

pub use config::Config;

use crate::{
    app::{App, StaticFiles},
    refusal::Refusal,
    voting::{event_page, page},
};

pub use crate::texts::check_texts;

/// The whole service in front of this log.
pub fn router(config: Config, ballots: Arc<dyn BallotBox>) -> Router {
    if config.organiser_token.is_none() {
        tracing::warn!(event = "organiser.none", "ORGANISER_TOKEN is not set, so nobody can manage polls");
    }
    let cookie_scope = config.cookie_scope();
    let base = BasePath::of(config.vote_url.as_ref());
    let app = Arc::new(App::new(config, ballots));
    let router = Router::new()
        .route("/", voting())
        .route("/p/{poll}", voting())
        .route("/e/{event}", get(event_page::show).layer(CompressionLayer::new()).merge(post(event_page::cast)))
        .route("/p/{poll}/next-voter", post(page::next_voter).get(page::back_to_poll))
        .merge(api::router())
        .route("/api", get(api::page))
        .route("/.well-known/scrutin-key", get(verifier_key::show))
        .merge(organise::router(&app))
        .merge(files(cookie_scope))
        .fallback(async || Refusal::NoSuchPage)
        .method_not_allowed_fallback(async || Refusal::MethodNotAllowed)
        // Both layers in one call, the outermost first: each further call would allocate for every request.
        .layer((http_metrics::Observe, Shell::new(&app)))
        .with_state(app);
    below(&base, router)
}

/// Pages are compressed; the answer to a ballot has no body to compress.
fn voting() -> MethodRouter<Arc<App>> {
    get(page::show).layer(CompressionLayer::new()).merge(post(page::cast))
}

fn files(cookie_scope: CookieScope) -> Router<Arc<App>> {
    Router::new()
        .route("/static/{*path}", get(assets::serve::<StaticFiles>))
        .route("/language/{tag}", language_switch::route(cookie_scope))
        .layer(CompressionLayer::new())
}
