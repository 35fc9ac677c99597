//! Voting codes to hand out: a sheet to print and cut up, and CSV.

use std::sync::Arc;

use axum::{
    extract::{RawQuery, State},
    response::{IntoResponse, Response},
};
use domain::{Poll, PollId};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use web::{counterpart::CameBy, poll_address, qr::Qr, visitor::Visitor};

use super::share;
use crate::{
    addresses,
    app::App,
    polls::{
        self,
        code_range::{CodeRange, only_by_code},
    },
    refusal::Refusal,
    request::PollPath,
    voter::codes::Code,
};

/// The context of the template `organise/codes.html`.
#[derive(Serialize)]
struct SheetView<'a> {
    id: PollId,
    question: &'a str,
    cards: Vec<CardView>,
    /// The number of the first code.
    from: u16,
    count: u16,
    /// The key of the text that says why phones don't reach the address.
    unreachable: Option<&'static str>,
    /// The address of the voting page, as it is printed.
    vote_text: Option<String>,
}

/// One voting code on the sheet.
#[derive(Serialize)]
struct CardView {
    number: u16,
    code: String,
    /// Of the voting page with the code filled in.
    qr: Option<Qr>,
}

/// `GET /organise/{poll}/codes?from=1&count=300`: the sheet.
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    path: PollPath,
    RawQuery(query): RawQuery,
    visitor: Visitor,
    came_by: CameBy,
) -> Result<Response, Refusal> {
    let (poll, range) = read(&app, &path, query.as_deref()).await?;
    // The language switch goes back to the same codes.
    let path = format!("{}?from={}&count={}", visitor.path, range.first(), range.count());
    let visitor = Visitor { path, ..visitor };
    // Drawing 2,000 QR codes would block other requests of this thread.
    let drawing = tokio::task::spawn_blocking(move || {
        app.page(&visitor, StatusCode::OK, "organise/codes.html", sheet(&app, &poll, range, &came_by))
    });
    drawing.await.map_err(|_| Refusal::Panicked)
}

fn sheet<'a>(app: &App, poll: &'a Poll, range: CodeRange, came_by: &CameBy) -> SheetView<'a> {
    let own = share::own_address(app, came_by);
    let with_code = own.as_ref().filter(|own| own.unreachable.is_none());
    let card = |code: Code| {
        let url = with_code.map(|own| addresses::voting_page_with_code(&own.url, poll.id(), code.as_str()));
        CardView { number: code.number().get(), code: code.to_string(), qr: url.as_deref().and_then(Qr::new) }
    };
    let url = own.as_ref().map(|own| poll_address::url_of(&own.url, poll));
    SheetView {
        id: poll.id(),
        question: poll.question(),
        cards: range.codes(app, poll.id()).map(card).collect(),
        from: range.first(),
        count: range.count(),
        unreachable: own.as_ref().and_then(share::why_unreachable),
        vote_text: url.as_deref().map(|url| poll_address::without_scheme(url).to_owned()),
    }
}

/// `GET /organise/{poll}/codes.csv?from=1&count=300`. Numbers, codes and addresses of ours are all there is in it, so
/// nothing in it can be a formula.
pub(crate) async fn csv(
    State(app): State<Arc<App>>,
    path: PollPath,
    RawQuery(query): RawQuery,
    visitor: Visitor,
    came_by: CameBy,
) -> Result<Response, Refusal> {
    let (poll, range) = read(&app, &path, query.as_deref()).await?;
    let own = share::own_address(&app, &came_by);
    let separator = visitor.language.csv_separator().as_str();
    let mut csv = ["number", "code", "link"].join(separator) + "\r\n";
    for code in range.codes(&app, poll.id()) {
        let link = own
            .as_ref()
            .map(|own| addresses::voting_page_with_code(&own.url, poll.id(), code.as_str()))
            .unwrap_or_default();
        let line = [code.number().to_string(), code.to_string(), link];
        csv.push_str(&line.join(separator));
        csv.push_str("\r\n");
    }
    let name = format!("attachment; filename=\"codes-{}.csv\"", poll.id());
    let fixed = [(header::CONTENT_TYPE, "text/csv; charset=utf-8"), (header::CACHE_CONTROL, "no-store")];
    let mut response = (fixed, csv).into_response();
    let name = HeaderValue::try_from(name).expect("an id is header text");
    response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    Ok(response)
}

async fn read(app: &App, path: &PollPath, query: Option<&str>) -> Result<(Poll, CodeRange), Refusal> {
    let poll = polls::current(app, path.id()?).await?;
    Ok((only_by_code(poll)?, CodeRange::read(query)?))
}
