//! Voting codes to hand out: a sheet to print and cut up, and CSV.

use std::{num::NonZeroU16, sync::Arc};

use axum::{
    extract::{RawQuery, State},
    response::{IntoResponse, Response},
};
use domain::{Access, Poll};
use http::{HeaderValue, StatusCode, header};
use minijinja::{Value, context, value::Serde};
use web::{counterpart::CameBy, poll_address, qr::Qr};

use super::{
    poll_page::{find, of_poll},
    share,
};
use crate::{
    app::{App, Asked, PollPath},
    codes::{Code, MAX_NUMBER},
    form::Fields,
    refusal::Refusal,
};

/// How many codes can be had at once.
pub(crate) const MAX_CODES: u16 = 2_000;

/// Which codes, by number: `count` from `from` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    first: NonZeroU16,
    count: u16,
}

impl Range {
    /// 1 to [`MAX_CODES`] codes, numbered up to 65,535.
    pub(crate) fn new(from: u16, count: u16) -> Result<Self, Refusal> {
        let first = NonZeroU16::new(from).ok_or(Refusal::CodeRange)?;
        let fits = (1..=MAX_CODES).contains(&count) && count - 1 <= MAX_NUMBER.get() - from;
        if fits { Ok(Self { first, count }) } else { Err(Refusal::CodeRange) }
    }

    /// As a query asks: `from=1&count=300`; each may be left out.
    pub(crate) fn read(query: Option<&str>) -> Result<Self, Refusal> {
        let query = query.unwrap_or_default();
        let fields = Fields::read(query.as_bytes())?;
        let number = |name, default| match fields.get(name).trim() {
            "" => Ok(default),
            text => text.parse().map_err(|_| Refusal::CodeRange),
        };
        Self::new(number("from", 1)?, number("count", 100)?)
    }

    /// The codes of a poll.
    pub(crate) fn codes(self, app: &App, poll: &Poll) -> impl Iterator<Item = Code> {
        let (secret, id) = (&app.config.secret, poll.id());
        let numbers = (0..self.count).filter_map(move |index| self.first.checked_add(index));
        numbers.map(move |number| Code::issue(secret, id, number))
    }
}

/// The poll, if it takes voting codes.
pub(crate) fn only_by_code(poll: Poll) -> Result<Poll, Refusal> {
    if poll.access() == Access::Codes { Ok(poll) } else { Err(Refusal::OpenToAnyone) }
}

/// `GET /organise/{poll}/codes?from=1&count=300`: the sheet.
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    path: PollPath,
    RawQuery(query): RawQuery,
    asked: Asked,
    came_by: CameBy,
) -> Response {
    let (poll, range) = match read(&app, &path, query.as_deref()).await {
        Ok(read) => read,
        Err(refusal) => return app.refuse(&asked, &refusal),
    };
    // The switch of languages asks for the same codes again.
    let path = format!("{}?from={}&count={}", asked.path, range.first, range.count);
    let asked = Asked { path, ..asked };
    // Drawing two thousand QR codes takes long enough to be in the way of voters.
    let drawing = tokio::task::spawn_blocking(move || {
        let context = context! { ..sheet(&app, &poll, range, &came_by), ..of_poll(&poll) };
        app.page(&asked, StatusCode::OK, "organise/codes.html", context)
    });
    drawing.await.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

fn sheet(app: &App, poll: &Poll, range: Range, came_by: &CameBy) -> Value {
    let own = share::own_address(app, came_by);
    let with_code = own.as_ref().filter(|own| own.unreachable.is_none());
    let card = |code: Code| {
        let url = with_code.map(|own| share::code_url(&own.url, poll.id(), code.as_str()));
        context! {
            number => code.number().get(),
            code => code.to_string(),
            qr => url.as_deref().and_then(Qr::new).map(Serde),
        }
    };
    let url = own.as_ref().map(|own| poll_address::url(&own.url, poll.id()));
    context! {
        cards => range.codes(app, poll).map(card).collect::<Vec<_>>(),
        from => range.first.get(),
        count => range.count,
        next => range.first.get().checked_add(range.count),
        unreachable => own.as_ref().and_then(share::why_unreachable),
        vote_text => url.as_deref().map(share::without_scheme),
    }
}

/// `GET /organise/{poll}/codes.csv?from=1&count=300`. Numbers, codes and addresses of ours are all there is in it, so
/// nothing in it can be a formula.
pub(crate) async fn csv(
    State(app): State<Arc<App>>,
    path: PollPath,
    RawQuery(query): RawQuery,
    asked: Asked,
    came_by: CameBy,
) -> Response {
    let (poll, range) = match read(&app, &path, query.as_deref()).await {
        Ok(read) => read,
        Err(refusal) => return app.refuse(&asked, &refusal),
    };
    let own = share::own_address(&app, &came_by);
    let separator = asked.language.csv_separator().as_str();
    let mut csv = ["number", "code", "link"].join(separator) + "\r\n";
    for code in range.codes(&app, &poll) {
        let link = own.as_ref().map(|own| share::code_url(&own.url, poll.id(), code.as_str())).unwrap_or_default();
        let line = [code.number().to_string(), code.to_string(), link];
        csv.push_str(&line.join(separator));
        csv.push_str("\r\n");
    }
    let name = format!("attachment; filename=\"codes-{}.csv\"", poll.id());
    let fixed = [(header::CONTENT_TYPE, "text/csv; charset=utf-8"), (header::CACHE_CONTROL, "no-store")];
    let mut response = (fixed, csv).into_response();
    let name = HeaderValue::try_from(name).expect("an id is header text");
    response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    response
}

async fn read(app: &App, path: &PollPath, query: Option<&str>) -> Result<(Poll, Range), Refusal> {
    let poll = find(app, path).await?;
    Ok((only_by_code(poll)?, Range::read(query)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_most_two_thousand_codes_within_the_numbers_there_are() {
        for query in [None, Some(""), Some("from=1&count=2000"), Some("from=65535&count=1"), Some("count=300")] {
            assert!(Range::read(query).is_ok(), "{query:?}");
        }
        for query in
            ["count=0", "count=2001", "from=0", "from=65535&count=2", "count=x", "from=-1", "count=99999999999"]
        {
            assert_eq!(Range::read(Some(query)), Err(Refusal::CodeRange), "{query}");
        }
    }
}
