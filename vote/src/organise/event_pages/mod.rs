//! The organiser's pages of events: `/events`. Everything on them works without JavaScript.
//!
//! | file | what it does |
//! |---|---|
//! | `list_page`, `event_form` | the list of events, and the form for a new one |
//! | `event_page`, `event_view` | one event: its title, its polls, what to hand out |
//! | `codes`, `exports` | voting codes of an event; what it came to |
//! | `managing`, `editing` | changes of an event by a button or a form |
//! | `run_page`, `run_view`, `pressing` | the page from which an event is run, and its buttons |
//!
//! May import: addresses, app, events, front, look, poll_form, poll_view, polls, publishing, refusal,
//! request, share, sheet.

mod codes;
mod editing;
mod event_form;
mod event_page;
mod event_view;
mod exports;
mod list_page;
mod managing;
mod pressing;
mod run_page;
mod run_view;

use std::sync::Arc;

use axum::{
    Router,
    routing::{get, post},
};

use crate::app::App;

/// The pages, all of which need a session.
pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/events", get(list_page::show).post(list_page::create))
        .route("/events/{event}", get(event_page::show))
        .route("/events/{event}/projector", get(event_page::projector))
        .route("/events/{event}/codes", get(codes::show))
        .route("/events/{event}/codes.csv", get(codes::csv))
        .route("/events/{event}/export/{file}", get(exports::export))
        .route("/events/{event}/title", post(managing::title).get(managing::back))
        .route("/events/{event}/polls", post(managing::add).get(managing::back))
        .route("/events/{event}/new-poll", post(managing::new_poll).get(managing::back))
        .route("/events/{event}/copy", post(managing::copy).get(managing::back))
        .route("/events/{event}/run", get(run_page::show))
        .route("/events/{event}/now", get(run_page::now))
        .route("/events/{event}/next", post(pressing::next).get(pressing::to_run))
        .route("/events/{event}/back", post(pressing::back).get(pressing::to_run))
        .route("/events/{event}/votes", post(pressing::votes).get(pressing::to_run))
        .route("/events/{event}/{change}", post(managing::change).get(managing::back))
}
