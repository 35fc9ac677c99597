//! What the root address shows, as the organiser's pages of polls and events put it there.

use std::sync::Arc;

use axum::{extract::State, response::Redirect};
use domain::{FrontPage, PollId};

use super::changes::to_poll;
use crate::{app::App, polls, refusal::Refusal, request::PollPath};

/// What it shows to begin with.
pub(super) const DEFAULT: FrontPage = FrontPage::Poll(PollId::MAIN);

/// Puts a poll or an event there.
pub(super) async fn put(app: &App, page: FrontPage) -> Result<(), Refusal> {
    match polls::front_page::put(app, page).await {
        // Until all partitions know it, some answers show what was there before.
        Ok(_) | Err(Refusal::Underway(_)) => Ok(()),
        Err(refusal) => Err(refusal),
    }
}

/// Whether it shows this, as far as that is known.
pub(super) async fn shows(app: &App, page: FrontPage) -> bool {
    polls::recent(app, PollId::MAIN).await.is_ok_and(|main| main.front_page().unwrap_or(DEFAULT) == page)
}

/// `POST /organise/{poll}/front`.
pub(super) async fn put_poll(State(app): State<Arc<App>>, path: PollPath) -> Result<Redirect, Refusal> {
    let id = path.id()?;
    put(&app, FrontPage::Poll(id)).await.map(|()| to_poll(id))
}

/// `POST /organise/{poll}/no-front`: the default poll is there again.
pub(super) async fn take_off(State(app): State<Arc<App>>, path: PollPath) -> Result<Redirect, Refusal> {
    let id = path.id()?;
    put(&app, DEFAULT).await.map(|()| to_poll(id))
}
