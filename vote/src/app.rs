//! What the handlers share.

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    extract::{FromRequestParts, RawPathParams, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use domain::{BallotBox, PollId, Unavailable};
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header, request::Parts};
use minijinja::{Value, context};
use program::{public_url::BasePath, settings::PublicUrl};
use rust_embed::RustEmbed;
use web::{
    attempts::{Attempts, Budget},
    cookies::{CookieName, CookieNames},
    headers::SecurityHeaders,
    language::Language,
    language_switch::local_path,
    organiser::OrganiserToken,
    pages::Pages,
};

use crate::{
    Config,
    cookies::CookieKeys,
    new_voters::NewVoters,
    outage_log::OutageLog,
    poll_cache::PollCache,
    refusal::Refusal,
    texts::{self, VoteText},
};

/// Wrong voting codes of one poll from one address, beyond which a wrong one is told to wait; right ones never are. A
/// hall may be behind it, so it is more than a person can type. A guess is right once in 2^44 (the bits of a code's
/// MAC): of 10,000 a second, as many as one instance answers beside its voters, one is right in 28 years on average.
const WRONG_CODES: Budget = Budget { burst: 300, each: Duration::from_millis(50) };
/// The same from all addresses together.
const WRONG_CODES_IN_ALL: Budget = Budget { burst: 2_000, each: Duration::from_millis(5) };

/// What the organiser's cookie is for, in its name.
const SESSION_COOKIE: &str = "organiser";

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
    /// What the voters' cookies are called and signed with.
    pub(crate) cookies: CookieKeys,
    /// What the organiser's cookie is called.
    pub(crate) session_cookie: CookieName,
    /// Wrong voting codes, by poll.
    pub(crate) code_attempts: Attempts<PollId>,
    /// New voters, by poll and network.
    pub(crate) new_voters: NewVoters,
    /// What the organiser must know.
    pub(crate) organiser: OrganiserToken,
    pages: Pages,
    headers: SecurityHeaders,
}

impl App {
    pub(crate) fn new(config: Config, ballots: Arc<dyn BallotBox>) -> Self {
        Self {
            polls: PollCache::new(ballots.clone()),
            pages: Pages::new::<Templates, StaticFiles>(texts::catalogue(), &BasePath::of(config.vote_url.as_ref())),
            headers: SecurityHeaders::new(None),
            outages: OutageLog::default(),
            cookies: CookieKeys::new(&config.secret, is_https(&config)),
            session_cookie: CookieNames::new(&config.secret, is_https(&config)).of(SESSION_COOKIE),
            code_attempts: Attempts::new(WRONG_CODES, WRONG_CODES_IN_ALL),
            new_voters: NewVoters::new(Instant::now()),
            organiser: OrganiserToken::new(config.organiser_token.clone(), &config.secret),
            config,
            ballots,
        }
    }

    /// The address that a request comes from, for limits.
    pub(crate) fn client(&self, parts: &Parts) -> IpAddr {
        self.config.trusted_proxies.client_of(parts)
    }

    /// A page, with the headers that every page has.
    pub(crate) fn page(&self, asked: &Asked, status: StatusCode, template: &str, context: Value) -> Response {
        self.with_headers(self.bare_page(asked, status, template, context))
    }

    /// A page whose script may ask the result host at this address.
    pub(crate) fn page_with_result(
        &self,
        asked: &Asked,
        result: Option<&PublicUrl>,
        status: StatusCode,
        template: &str,
        context: Value,
    ) -> Response {
        let mut response = self.bare_page(asked, status, template, context);
        match result {
            Some(url) => SecurityHeaders::new(Some(url.origin())).set(&mut response),
            None => self.headers.set(&mut response),
        }
        response
    }

    fn bare_page(&self, asked: &Asked, status: StatusCode, template: &str, context: Value) -> Response {
        let context = context! { instance => &self.config.instance, path => &asked.path, ..context };
        self.pages.respond(status, asked.language, template, context)
    }

    /// The answer with the headers that every page has.
    pub(crate) fn with_headers(&self, mut response: Response) -> Response {
        self.headers.set(&mut response);
        response
    }

    /// The page that says why a request was not done, and nothing else.
    pub(crate) fn refuse(&self, asked: &Asked, refusal: &Refusal) -> Response {
        let (back, back_text) = way_back(&asked.path, refusal);
        let context = context! {
            title => texts::text(asked.language, refusal.title(), &[]),
            text => refusal.text(asked.language),
            refused_code => refusal.code(),
            back => back,
            back_text => back_text.key(),
        };
        let mut response = self.page(asked, refusal.status(), "message.html", context);
        if let Some(seconds) = refusal.retry_after_seconds() {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }

    /// The page that says that a poll can't be shown because the log does not answer.
    pub(crate) fn cannot_show(&self, asked: &Asked, refusal: &Refusal) -> Response {
        self.refuse(asked, &refusal.clone().when_showing())
    }

    /// Notes that the log did not answer when something was to be shown, and gives the refusal that says so.
    pub(crate) fn not_shown(&self, error: Unavailable) -> Refusal {
        self.outages.note(&error);
        Refusal::CannotShow(error)
    }

    /// The same where something was to be done.
    pub(crate) fn not_told(&self, error: Unavailable) -> Refusal {
        self.outages.note(&error);
        Refusal::CannotTell(error)
    }

    /// The answer to a refused request at any address: a problem below `/api/`, a page elsewhere.
    pub(crate) fn refuse_anywhere(&self, asked: &Asked, refusal: &Refusal) -> Response {
        if asked.path.starts_with("/api/") {
            self.with_headers(refusal.problem_in(asked.language).into_response())
        } else {
            self.refuse(asked, refusal)
        }
    }
}

/// Whether browsers reach this service over TLS, so that cookies must never go over anything else.
pub(crate) fn is_https(config: &Config) -> bool {
    config.vote_url.as_ref().is_some_and(PublicUrl::is_https)
}

/// Where the page of a refusal leads, and what the link is called. The path may be any that was asked for.
fn way_back<'a>(path: &'a str, refusal: &Refusal) -> (&'a str, VoteText) {
    let path = local_path(path);
    let is_organisers = path.starts_with("/organise/");
    match refusal {
        Refusal::SignInNeeded => ("/organise/sign-in", VoteText::SignIn),
        Refusal::UnknownPoll | Refusal::NoSuchPage | Refusal::NoOrganiser => {
            if is_organisers {
                ("/organise", VoteText::Polls)
            } else {
                ("/", VoteText::Home)
            }
        }
        Refusal::Unavailable(_) | Refusal::CannotShow(_) | Refusal::CannotTell(_) | Refusal::Panicked => {
            (path, VoteText::Retry)
        }
        // A poll's own page, from what is below it: `/organise/lunch/codes`.
        _ if is_organisers => {
            (path.match_indices('/').nth(2).map_or(path, |(end, _)| &path[..end]), VoteText::PollBack)
        }
        _ => (path, VoteText::Back),
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
