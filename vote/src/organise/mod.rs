//! The organiser's pages: `/organise` and `/events`. Everything on them works without JavaScript; scripts only add
//! liveness.
//!
//! | file | what it does |
//! |---|---|
//! | `session`, `sign_in` | who is let in, and for how long |
//! | `polls_page`, `poll_form` | the list of polls, creating one, rewriting one |
//! | `poll_page`, `poll_view`, `changes`, `publishing` | running one poll |
//! | `event_pages` | events: making, preparing and running them |
//! | `front` | what the root address shows |
//! | `sheet`, `share` | voting codes to print; addresses to hand out |
//! | `texts` | all words |
//!
//! May import: addresses, app, events, look, polls, refusal, request, texts, voter.

mod changes;
mod event_pages;
mod front;
mod poll_form;
mod poll_page;
mod poll_view;
mod polls_page;
mod publishing;
mod rewriting;
mod session;
mod share;
mod sheet;
mod sign_in;

use std::sync::Arc;

use axum::{
    Router, middleware,
    routing::{get, post},
};
use tower_http::compression::CompressionLayer;

use crate::app::App;

/// The pages; all but the sign-in need a session.
pub(crate) fn router(app: &Arc<App>) -> Router<Arc<App>> {
    let guarded = Router::new()
        .route("/organise", get(polls_page::show).post(polls_page::create))
        .route("/organise/{poll}", get(poll_page::show))
        .route("/organise/{poll}/tickets", get(poll_page::tickets))
        .route("/organise/{poll}/projector", get(poll_page::projector))
        .route("/organise/{poll}/export/{file}", get(poll_page::export))
        .route("/organise/{poll}/edit", get(rewriting::show).post(rewriting::rewrite))
        .route("/organise/{poll}/correct", get(changes::back).post(rewriting::correct))
        .route("/organise/{poll}/limit", get(changes::back).post(changes::limit))
        .route("/organise/{poll}/new-voters", get(poll_page::new_voters))
        .route("/organise/{poll}/codes", get(sheet::show))
        .route("/organise/{poll}/codes.csv", get(sheet::csv))
        .route("/organise/{poll}/reset", get(changes::ask_before_reset).post(changes::reset))
        .route("/organise/{poll}/publish", get(publishing::ask_before).post(publishing::publish))
        .route("/organise/{poll}/front", get(changes::back).post(front::put_poll))
        .route("/organise/{poll}/no-front", get(changes::back).post(front::take_off))
        .route("/organise/{poll}/open", get(changes::back).post(changes::open))
        .route("/organise/{poll}/{change}", get(changes::back).post(changes::change))
        .merge(event_pages::router())
        .route_layer(middleware::from_fn_with_state(app.clone(), session::signed_in_only));
    Router::new()
        .route("/organise/sign-in", get(sign_in::show).post(sign_in::sign_in))
        .route("/organise/sign-out", post(sign_in::sign_out).get(sign_in::back))
        .merge(guarded)
        .layer(CompressionLayer::new())
}
