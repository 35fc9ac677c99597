//! `/events/{event}/export/{file}`: what is left of an evening, from the result host.

use std::sync::Arc;

use axum::{extract::State, response::Redirect};
use http::HeaderMap;
use web::{
    signed_link::{self, Purpose},
    texts::CsvSeparator,
    visitor::Visitor,
};

use crate::{
    addresses,
    app::App,
    refusal::Refusal,
    request::{EventPath, LastWord},
};

/// The files, by their names at the result host; the last is a page to print.
pub(super) const EVENT_EXPORTS: [&str; 3] = ["tallies.csv", "tallies.json", "print"];

/// Redirects to the file, with a ticket that is good for five minutes. So the links on the page itself do not expire.
pub(super) async fn export(
    State(app): State<Arc<App>>,
    LastWord(file): LastWord,
    path: EventPath,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Redirect, Refusal> {
    let (Ok(id), Some(result)) = (path.id(), app.config.result.url(&headers)) else { return Err(Refusal::NoSuchPage) };
    if !EVENT_EXPORTS.contains(&file.as_str()) {
        return Err(Refusal::NoSuchPage);
    }
    let ticket = signed_link::ticket(app.organiser.links(), id, Purpose::Export, program::now_millis());
    if file == "print" {
        return Ok(Redirect::to(&addresses::event_to_print(&result, id, &ticket)));
    }
    let semicolons = file.ends_with("csv") && visitor.language.csv_separator() == CsvSeparator::Semicolon;
    let separator = if semicolons { "&separator=semicolon" } else { "" };
    Ok(Redirect::to(&addresses::event_export(&result, id, &file, &ticket, separator)))
}
