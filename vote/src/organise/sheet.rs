//! Voting codes to hand out, of a poll or of an event: a sheet to print and cut up, and CSV.

use std::sync::Arc;

use axum::{
    extract::{RawQuery, State},
    response::{IntoResponse, Response},
};
use domain::{Event, Poll};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use web::{
    counterpart::{CameBy, Invitation},
    event_address, poll_address,
    qr::Qr,
    visitor::Visitor,
};

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
    texts::VoteText,
    voter::codes::{Code, CodeScope},
};

/// What codes are made for, and where they are used.
pub(super) struct CodesOf {
    scope: CodeScope,
    /// The question, or the event's title.
    about: String,
    /// The organiser's page.
    page: String,
    /// The text of the link to it.
    back: VoteText,
    /// This service's own address, if that is known.
    own: Option<Invitation>,
    /// The address of the voting page.
    voting: Option<String>,
}

impl CodesOf {
    /// Those of a poll.
    fn poll(poll: &Poll, own: Option<Invitation>) -> Self {
        Self {
            scope: poll.id().into(),
            about: poll.question().to_owned(),
            page: addresses::organiser_page(poll.id()),
            back: VoteText::PollBack,
            voting: own.as_ref().map(|own| poll_address::url_of(&own.url, poll)),
            own,
        }
    }

    /// Those of an event, which are good in each of its polls.
    pub(super) fn event(event: &Event, own: Option<Invitation>) -> Self {
        Self {
            scope: event.id().into(),
            about: event.title().to_owned(),
            page: addresses::event_page(event.id()),
            back: VoteText::EventBack,
            voting: own.as_ref().map(|own| event_address::url(&own.url, event.id())),
            own,
        }
    }

    /// The voting page with a code filled in.
    fn link(&self, code: Code) -> Option<String> {
        let at = &self.own.as_ref()?.url;
        Some(match self.scope {
            CodeScope::Poll(poll) => addresses::voting_page_with_code(at, poll, code.as_str()),
            CodeScope::Event(event) => addresses::event_with_code(at, event, code.as_str()),
        })
    }

    fn name(&self) -> String {
        match self.scope {
            CodeScope::Poll(poll) => poll.to_string(),
            CodeScope::Event(event) => event.to_string(),
        }
    }
}

/// The context of the template `organise/codes.html`.
#[derive(Serialize)]
struct SheetView<'a> {
    page: &'a str,
    back: &'static str,
    about: &'a str,
    cards: Vec<CardView>,
    /// The number of the first code.
    from: u16,
    count: u16,
    /// The key of the text that says why phones don't reach the address.
    unreachable: Option<&'static str>,
    /// The key that checks what the installation signs, if that is known.
    key: Option<String>,
    /// The address of the voting page, as it is printed.
    vote_text: Option<&'a str>,
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
pub(super) async fn show(
    State(app): State<Arc<App>>,
    path: PollPath,
    RawQuery(query): RawQuery,
    visitor: Visitor,
    came_by: CameBy,
) -> Result<Response, Refusal> {
    let (poll, range) = read(&app, &path, query.as_deref()).await?;
    let of = CodesOf::poll(&poll, share::own_address(&app, &came_by));
    sheet(app, visitor, of, range).await
}

/// A sheet of codes.
pub(super) async fn sheet(app: Arc<App>, visitor: Visitor, of: CodesOf, range: CodeRange) -> Result<Response, Refusal> {
    // The language switch goes back to the same codes.
    let path = format!("{}?from={}&count={}", visitor.path, range.first(), range.count());
    let visitor = Visitor { path, ..visitor };
    let key = app.verifier_key().await.ok().flatten().map(|key| key.to_string());
    // Drawing 2,000 QR codes would block other requests of this thread.
    let drawing = tokio::task::spawn_blocking(move || {
        app.page(&visitor, StatusCode::OK, "organise/codes.html", view(&app, &of, range, key))
    });
    drawing.await.map_err(|_| Refusal::Panicked)
}

fn view<'a>(app: &App, of: &'a CodesOf, range: CodeRange, key: Option<String>) -> SheetView<'a> {
    let unreachable = of.own.as_ref().and_then(share::why_unreachable);
    let with_qr = of.own.as_ref().is_some_and(|own| own.unreachable.is_none());
    let card = |code: Code| {
        let link = of.link(code).filter(|_| with_qr);
        CardView { number: code.number().get(), code: code.to_string(), qr: link.as_deref().and_then(Qr::new) }
    };
    SheetView {
        page: &of.page,
        back: of.back.key(),
        about: &of.about,
        cards: range.codes(app, of.scope).map(card).collect(),
        from: range.first(),
        count: range.count(),
        unreachable,
        key,
        vote_text: of.voting.as_deref().map(poll_address::without_scheme),
    }
}

/// `GET /organise/{poll}/codes.csv?from=1&count=300`.
pub(super) async fn csv(
    State(app): State<Arc<App>>,
    path: PollPath,
    RawQuery(query): RawQuery,
    visitor: Visitor,
    came_by: CameBy,
) -> Result<Response, Refusal> {
    let (poll, range) = read(&app, &path, query.as_deref()).await?;
    Ok(file(&app, &visitor, &CodesOf::poll(&poll, share::own_address(&app, &came_by)), range))
}

/// The codes as CSV. Numbers, codes and addresses of ours are all there is in it, so nothing in it can be a formula.
pub(super) fn file(app: &App, visitor: &Visitor, of: &CodesOf, range: CodeRange) -> Response {
    let separator = visitor.language.csv_separator().as_str();
    let mut csv = ["number", "code", "link"].join(separator) + "\r\n";
    for code in range.codes(app, of.scope) {
        let line = [code.number().to_string(), code.to_string(), of.link(code).unwrap_or_default()];
        csv.push_str(&line.join(separator));
        csv.push_str("\r\n");
    }
    let name = format!("attachment; filename=\"codes-{}.csv\"", of.name());
    let fixed = [(header::CONTENT_TYPE, "text/csv; charset=utf-8"), (header::CACHE_CONTROL, "no-store")];
    let mut response = (fixed, csv).into_response();
    let name = HeaderValue::try_from(name).expect("an id is header text");
    response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    response
}

async fn read(app: &App, path: &PollPath, query: Option<&str>) -> Result<(Poll, CodeRange), Refusal> {
    let poll = polls::current(app, path.id()?).await?;
    Ok((only_by_code(poll)?, CodeRange::read(query)?))
}
