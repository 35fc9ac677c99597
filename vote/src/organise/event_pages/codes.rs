//! `/events/{event}/codes`: voting codes of an event, each good in every poll of it.

use std::sync::Arc;

use axum::{
    extract::{RawQuery, State},
    response::Response,
};
use web::{counterpart::CameBy, visitor::Visitor};

use crate::{
    app::App,
    events,
    organise::{
        share,
        sheet::{self, CodesOf},
    },
    polls::code_range::CodeRange,
    refusal::Refusal,
    request::EventPath,
};

/// `GET /events/{event}/codes?from=1&count=300`: the sheet.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    path: EventPath,
    RawQuery(query): RawQuery,
    visitor: Visitor,
    came_by: CameBy,
) -> Result<Response, Refusal> {
    let (of, range) = read(&app, &path, query.as_deref(), &came_by).await?;
    sheet::sheet(app, visitor, of, range).await
}

/// `GET /events/{event}/codes.csv?from=1&count=300`.
pub(super) async fn csv(
    State(app): State<Arc<App>>,
    path: EventPath,
    RawQuery(query): RawQuery,
    visitor: Visitor,
    came_by: CameBy,
) -> Result<Response, Refusal> {
    let (of, range) = read(&app, &path, query.as_deref(), &came_by).await?;
    Ok(sheet::file(&app, &visitor, &of, range))
}

async fn read(
    app: &App,
    path: &EventPath,
    query: Option<&str>,
    came_by: &CameBy,
) -> Result<(CodesOf, CodeRange), Refusal> {
    let event = events::current(app, path.id()?).await?;
    Ok((CodesOf::event(&event, share::own_address(app, came_by)), CodeRange::read(query)?))
}
