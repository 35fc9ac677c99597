//! The state that all handlers share.
//!
//! May import: config, texts, voter.

pub(crate) mod event_list;
pub(crate) mod new_voters;
pub(crate) mod poll_cache;

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use attest::{NoteKey, VerifierKey};
use axum::response::Response;
use domain::{BallotBox, InstallationId, PollId, Unavailable};
use http::StatusCode;
use minijinja::{Value, context, value::Serde};
use program::{log_throttle::LogThrottle, public_url::BasePath, settings::PublicUrl};
use rust_embed::RustEmbed;
use serde::Serialize;
use web::{
    attempts::{Attempts, Budget},
    cookies::{CookieName, CookieNames},
    headers::SecurityHeaders,
    organiser::OrganiserToken,
    pages::Pages,
    visitor::Visitor,
};

use self::{
    event_list::EventList,
    new_voters::NewVoters,
    poll_cache::{EventCache, PollCache},
};
use crate::{config::Config, texts, voter::cookies::CookieKeys};

/// The limit on wrong voting codes for one poll from one address; beyond it a wrong code must wait, and right ones pass
/// at any time. A whole hall may share the address, so it is more than a person can type. A guess is right once in 2^44
/// (the bits of a code's MAC): at 10,000 guesses a second, as many as one instance answers beside its voters, one is
/// right in 28 years on average.
const WRONG_CODES: Budget = Budget { burst: 300, each: Duration::from_millis(50) };
/// The same for all addresses together.
const WRONG_CODES_IN_ALL: Budget = Budget { burst: 2_000, each: Duration::from_millis(5) };

/// The shortest time between two lines about requests that the log did not answer.
const BETWEEN_LINES: Duration = Duration::from_secs(1);

/// The purpose of the organiser's cookie, in its name.
const SESSION_COOKIE: &str = "organiser";

#[derive(RustEmbed)]
#[folder = "templates"]
struct Templates;

/// The static files of the voting pages.
#[derive(RustEmbed)]
#[folder = "static"]
pub(crate) struct StaticFiles;

/// The state of the service: its configuration, the log, and the pages.
pub(crate) struct App {
    pub(crate) config: Config,
    pub(crate) ballots: Arc<dyn BallotBox>,
    pub(crate) polls: PollCache,
    pub(crate) events: EventCache,
    pub(crate) all_events: EventList,
    /// Limits the lines of the log about requests that the log of ballots did not answer.
    unanswered: LogThrottle,
    /// Names and keys of the voters' cookies.
    pub(crate) cookies: CookieKeys,
    /// The name of the organiser's cookie.
    pub(crate) session_cookie: CookieName,
    /// Wrong voting codes, by poll.
    pub(crate) code_attempts: Attempts<PollId>,
    /// New voters, by poll and network.
    pub(crate) new_voters: NewVoters,
    /// The organiser's token.
    pub(crate) organiser: OrganiserToken,
    /// The security headers of most answers.
    pub(crate) headers: SecurityHeaders,
    /// Once the log has said which it is.
    installation: OnceLock<InstallationId>,
    pages: Pages,
}

impl App {
    pub(crate) fn new(config: Config, ballots: Arc<dyn BallotBox>) -> Self {
        Self {
            polls: PollCache::new(ballots.clone()),
            events: EventCache::new(ballots.clone()),
            all_events: EventList::new(ballots.clone()),
            pages: Pages::new::<Templates, StaticFiles>(texts::catalogue(), &BasePath::of(config.vote_url.as_ref())),
            headers: SecurityHeaders::new(None),
            unanswered: LogThrottle::new(BETWEEN_LINES),
            cookies: CookieKeys::new(&config.secret, config.cookie_scope()),
            session_cookie: CookieNames::new(&config.secret, config.cookie_scope()).of(SESSION_COOKIE),
            code_attempts: Attempts::new(WRONG_CODES, WRONG_CODES_IN_ALL),
            new_voters: NewVoters::new(Instant::now()),
            organiser: OrganiserToken::new(config.organiser_token.clone(), &config.secret),
            installation: OnceLock::new(),
            config,
            ballots,
        }
    }

    /// Notes that the log did not answer a request.
    pub(crate) fn note_unanswered(&self, error: &Unavailable) {
        if let Some(requests) = self.unanswered.due() {
            tracing::warn!(event = "log.unanswered", %error, requests, "the log of ballots did not answer requests");
        }
    }

    /// What checks the notes that the installation signs; `None` while the log does not say which it is.
    pub(crate) async fn verifier_key(&self) -> Result<Option<VerifierKey>, Unavailable> {
        if self.installation.get().is_none() {
            let Some(installation) = self.ballots.installation().await? else { return Ok(None) };
            _ = self.installation.set(installation);
        }
        let key = |installation| NoteKey::new(&self.config.secret, installation).verifier().clone();
        Ok(self.installation.get().map(key))
    }

    /// A page. The view has what its template names, beside what is on every page.
    pub(crate) fn page(&self, visitor: &Visitor, status: StatusCode, template: &str, view: impl Serialize) -> Response {
        let view = Value::from(Serde(view));
        let context = context! { instance => &self.config.instance, path => &visitor.path, ..view };
        self.pages.respond(status, visitor.language, template, context)
    }

    /// A page whose script may ask the result host at this address.
    pub(crate) fn page_with_result(
        &self,
        visitor: &Visitor,
        result: Option<&PublicUrl>,
        status: StatusCode,
        template: &str,
        view: impl Serialize,
    ) -> Response {
        let mut response = self.page(visitor, status, template, view);
        if let Some(url) = result {
            SecurityHeaders::new(Some(url.origin())).set(&mut response);
        }
        response
    }
}
