//! The ballot box: takes ballots over HTTP and puts them on the log. Knows no ledger and no result.
//!
//! [`router`] is all there is; the program `vote` serves it before the Redis log, the all-in-one before SQLite.
//!
//! | path | |
//! |---|---|
//! | `/`, `/p/{poll}` | the voting page and its form |
//! | `/p/{poll}/next-voter` | the next one at a shared device |
//! | `/organise…` | the organiser's pages |
//! | `/api/…` | the same for programs, and the organiser's requests; `/api` a page to try it |
//! | `/static/…`, `/language/{tag}` | files; the switch in the footer |

mod api;
mod app;
mod body;
mod booth;
mod codes;
mod cookies;
mod creating;
mod explain;
mod form;
#[cfg(fuzzing)]
pub mod fuzzing;
mod look;
mod made_up_id;
mod multipart;
mod new_voters;
mod organise;
mod outage_log;
mod poll_cache;
mod poll_faults;
mod refusal;
mod same_site;
#[cfg(test)]
mod testing;
mod texts;
mod turns;
mod voting_page;

use std::sync::Arc;

use axum::{
    Router, middleware,
    routing::{MethodRouter, get, post},
};
use domain::{BallotBox, Secret};
use listener::TrustedProxies;
use program::{
    public_url::BasePath,
    settings::{Hidden, PublicUrl},
};
use tower_http::compression::CompressionLayer;
use web::{assets, below::below, counterpart::Counterpart, http_metrics, language_switch};

use crate::app::{App, StaticFiles};

pub use crate::texts::check_texts;

/// What the service must be told.
#[derive(Clone, Debug)]
pub struct Config {
    /// The installation's secret: pseudonyms, cookies and receipts come from it.
    pub secret: Secret,
    /// What the organiser must know; without it nobody can manage polls.
    pub organiser_token: Option<Hidden>,
    /// Where browsers find the results.
    pub result: Counterpart,
    /// Where browsers find this service, if that is known, perhaps below a path: posts from there are let in whatever
    /// the `Host`, and cookies are `Secure` if it is https.
    pub vote_url: Option<PublicUrl>,
    /// Proxies that are believed when they say, in `X-Forwarded-For`, from which address a request came. Without them
    /// everybody behind a proxy counts as one where guessing is limited.
    pub trusted_proxies: TrustedProxies,
    /// The name of this instance, for the pages' footer.
    pub instance: String,
}

/// The whole service before a ballot box.
pub fn router(config: Config, ballots: Arc<dyn BallotBox>) -> Router {
    if config.organiser_token.is_none() {
        tracing::warn!("ORGANISER_TOKEN is not set: nobody can create, open or close polls here");
    }
    let is_https = app::is_https(&config);
    let base = BasePath::of(config.vote_url.as_ref());
    let app = Arc::new(App::new(config, ballots));
    let router = Router::new()
        .route("/", voting())
        .route("/p/{poll}", voting())
        .route("/p/{poll}/next-voter", post(voting_page::next_voter).get(voting_page::back_to_poll))
        .merge(api::router().layer(middleware::from_fn_with_state(app.clone(), app::with_headers)))
        .route("/api", get(api::page))
        .merge(organise::router(&app))
        .merge(files(is_https).layer(middleware::from_fn_with_state(app.clone(), app::with_headers)))
        .fallback(explain::no_such_page)
        .method_not_allowed_fallback(explain::method_not_allowed)
        // In one call, the outermost first: each further call would box and copy what is below it for every request.
        .layer((http_metrics::Observe, explain::Explain::new(&app)))
        .with_state(app);
    below(&base, router)
}

/// Pages are compressed; the answer to a ballot has no body to compress.
fn voting() -> MethodRouter<Arc<App>> {
    get(voting_page::show).layer(CompressionLayer::new()).merge(post(voting_page::cast))
}

fn files(is_https: bool) -> Router<Arc<App>> {
    Router::new()
        .route("/static/{*path}", get(assets::serve::<StaticFiles>))
        .route("/language/{tag}", language_switch::route(is_https))
        .layer(CompressionLayer::new())
}
