//! What the handlers share.

use std::{net::IpAddr, sync::Arc, time::Duration};

use axum::{
    extract::{FromRequestParts, RawPathParams, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use domain::{BallotBox, PollId};
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header, request::Parts};
use minijinja::{Value, context};
use rust_embed::RustEmbed;
use service::{
    attempts::{Attempts, Budget},
    client_address,
    headers::SecurityHeaders,
    language::Language,
    organiser::OrganiserToken,
    pages::Pages,
};

use crate::{
    Config, cookies::CookieKeys, messages::MESSAGES, outage_log::OutageLog, poll_cache::PollCache, refusal::Refusal,
};

/// Wrong voting codes of one poll from one address. Several hundred people may be behind it, and some mistype.
const WRONG_CODES: Budget = Budget { burst: 60, each: Duration::from_secs(2) };
/// Wrong voting codes of one poll in all: at this pace one of 2^44 is not met in anybody's lifetime.
const WRONG_CODES_IN_ALL: Budget = Budget { burst: 600, each: Duration::from_millis(200) };

#[derive(RustEmbed)]
#[folder = "templates"]
struct Templates;

/// The static files of the voting pages.
#[derive(RustEmbed)]
#[folder = "static"]
pub(crate) struct StaticFiles;

/// The state of the service: its configuration, the way to the log, and the pages.
pub(crate) struct App {
    pub(crate) config: Config,
    pub(crate) ballots: Arc<dyn BallotBox>,
    pub(crate) polls: PollCache,
    pub(crate) outages: OutageLog,
    /// What the voters' cookies are signed with.
    pub(crate) cookies: CookieKeys,
    /// Wrong voting codes, by poll.
    pub(crate) code_attempts: Attempts<PollId>,
    /// What the organiser must know.
    pub(crate) organiser: OrganiserToken,
    pages: Pages,
    headers: SecurityHeaders,
}

impl App {
    pub(crate) fn new(config: Config, ballots: Arc<dyn BallotBox>) -> Self {
        Self {
            polls: PollCache::new(ballots.clone()),
            pages: Pages::new::<Templates, StaticFiles>(MESSAGES),
            headers: SecurityHeaders::new(&[]),
            outages: OutageLog::default(),
            cookies: CookieKeys::of(&config.secret),
            code_attempts: Attempts::new(WRONG_CODES, WRONG_CODES_IN_ALL),
            organiser: OrganiserToken::new(config.organiser_token.clone(), &config.secret),
            config,
            ballots,
        }
    }

    /// Whether browsers reach this service over TLS, so that cookies must never go over anything else.
    pub(crate) fn is_https(&self) -> bool {
        self.config.vote_url.as_ref().is_some_and(service::settings::PublicUrl::is_https)
    }

    /// The address that a request comes from, for limits.
    pub(crate) fn client(&self, parts: &Parts) -> IpAddr {
        client_address::of_request(parts, &self.config.trusted_proxies)
    }

    /// A page, with the headers that every page has.
    pub(crate) fn page(&self, asked: &Asked, status: StatusCode, template: &str, context: Value) -> Response {
        let mut response = self.bare_page(asked, status, template, context);
        self.headers.set(&mut response);
        response
    }

    /// A page whose script may ask the result host at this origin.
    pub(crate) fn page_with_result(
        &self,
        asked: &Asked,
        result: Option<&str>,
        status: StatusCode,
        template: &str,
        context: Value,
    ) -> Response {
        let mut response = self.bare_page(asked, status, template, context);
        match result {
            Some(origin) => SecurityHeaders::new(&[origin]).set(&mut response),
            None => self.headers.set(&mut response),
        }
        response
    }

    fn bare_page(&self, asked: &Asked, status: StatusCode, template: &str, context: Value) -> Response {
        let context = context! { instance => &self.config.instance, path => &asked.path, ..context };
        self.pages.respond(status, asked.language, template, context)
    }

    /// The page that says why a request was not done, and nothing else.
    pub(crate) fn refuse(&self, asked: &Asked, refusal: &Refusal) -> Response {
        let text = refusal.text(asked.language);
        self.message(asked, refusal, &text)
    }

    /// The page that says that a poll can't be shown because the log does not answer.
    pub(crate) fn cannot_show(&self, asked: &Asked, refusal: &Refusal) -> Response {
        let text = MESSAGES.format(asked.language, "polls-unavailable", &[]);
        self.message(asked, refusal, &text)
    }

    /// The page after a change of a poll to which the log gave no answer.
    pub(crate) fn cannot_tell(&self, asked: &Asked, refusal: &Refusal) -> Response {
        let key = match refusal {
            Refusal::Unavailable(unavailable) if unavailable.nothing_happened() => "change-not-done",
            _ => "change-unknown",
        };
        self.message(asked, refusal, &MESSAGES.format(asked.language, key, &[]))
    }

    fn message(&self, asked: &Asked, refusal: &Refusal, text: &str) -> Response {
        let retry = refusal.retry_after_seconds();
        let (back, back_text) = match refusal {
            Refusal::SignInNeeded => ("/organise/sign-in", "sign-in"),
            Refusal::UnknownPoll | Refusal::NoSuchPage | Refusal::NoOrganiser => {
                if asked.path.starts_with("/organise/") { ("/organise", "polls") } else { ("/", "home") }
            }
            Refusal::Unavailable(_) | Refusal::Panicked => (asked.path.as_str(), "retry"),
            _ => (asked.path.as_str(), "back"),
        };
        let context = context! {
            title => MESSAGES.format(asked.language, refusal.title_key(), &[]),
            text => text,
            back => back,
            back_text => back_text,
        };
        let mut response = self.page(asked, refusal.status(), "message.html", context);
        if let Some(seconds) = retry {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }

    /// The answer to a refused request at any address: a problem below `/api/`, a page elsewhere.
    pub(crate) fn refuse_anywhere(&self, asked: &Asked, refusal: &Refusal) -> Response {
        if asked.path.starts_with("/api/") {
            let mut response = refusal.problem().into_response();
            self.headers.set(&mut response);
            response
        } else {
            self.refuse(asked, refusal)
        }
    }
}

/// Middleware: the headers that answers of the API have as well.
pub(crate) async fn with_headers(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    app.headers.set(&mut response);
    response
}

/// What a page must know of the request it answers.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) language: Language,
    /// The path, without a query.
    pub(crate) path: String,
}

impl Asked {
    pub(crate) fn of(uri: &Uri, headers: &HeaderMap) -> Self {
        Self { language: Language::of(headers), path: uri.path().to_owned() }
    }
}

impl<S: Sync> FromRequestParts<S> for Asked {
    type Rejection = std::convert::Infallible;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self::of(&parts.uri, &parts.headers))
    }
}

/// Which poll an address names: `{poll}` in the path, or the default poll where the path has none.
pub(crate) struct PollPath(Option<PollId>);

impl PollPath {
    /// Its id; a text that is no id names no poll.
    pub(crate) fn id(&self) -> Result<PollId, Refusal> {
        self.0.ok_or(Refusal::UnknownPoll)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PollPath {
    type Rejection = std::convert::Infallible;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let Ok(parameters) = RawPathParams::from_request_parts(parts, state).await else { return Ok(Self(None)) };
        let named = parameters.iter().find(|(name, _)| *name == "poll");
        Ok(Self(named.map_or(Some(PollId::MAIN), |(_, id)| PollId::parse(id).ok())))
    }
}
