//! The result service: shows tallies live, on pages made for a projector and over Socket.IO.
//!
//! It reads the ledger through [`Scoreboard`] and never the log: it shows what is counted. `main.rs` chooses the
//! ledger.
//!
//! | room | what it does |
//! |---|---|
//! | `live` | the live result: reads the ledger, and sends scores to all screens |
//! | `pages` | pages for people |
//! | `api` | the API for programs, and its description |
//! | `trees` | what anyone can check: checkpoints, tiles, seals, published ballots |
//! | `exports` | what the organiser can take home |
//!
//! May import: `attest`, `domain`, `listener`, `program`, `web`.

use std::sync::Arc;

use axum::{Router, middleware, routing::get};
use domain::{Scoreboard, Secret};
use listener::TrustedProxies;
use program::{
    public_url::BasePath,
    settings::{Hidden, PublicUrl},
};
use rust_embed::RustEmbed;
use socketioxide::SocketIo;
use tokio::{sync::Semaphore, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tower_http::compression::CompressionLayer;
use web::{
    assets, below::below, cookies::CookieScope, counterpart::Counterpart, headers::SecurityHeaders, http_metrics,
    language_switch, organiser::OrganiserToken, pages::Pages, shell::Shell,
};

mod api;
mod app;
mod archive;
mod described_problems;
mod event_parameter;
mod event_tallies;
mod exports;
mod live;
mod open_polls;
mod organiser;
mod pages;
mod percent;
mod poll_parameter;
mod receipts;
mod refusal;
mod texts;
mod time;
mod trees;
mod website;

pub use live::{origins::AllowedOrigin, pace::Timing};
pub use pages::embedding::EmbedOrigin;
pub use texts::check_texts;

use crate::{
    app::App,
    live::{
        ViewerLimit,
        board::Board,
        event_board::EventBoard,
        event_pace,
        origins::{self, Origins},
        pace, screens,
        watching::Boards,
    },
    open_polls::OpenPolls,
    organiser::OrganiserAccess,
    pages::embedding,
    refusal::ResultRefusal,
    trees::{PublicationFiles, TreeBoard},
};

/// The most exports of ballots at once; each reads the ledger as fast as its reader takes it.
const MAX_EXPORTS: usize = 4;
/// Of how many events all polls are read at once; others wait for some milliseconds.
const MAX_EVENT_EXPORTS: usize = 4;
/// The most viewers at once, unless configured otherwise.
pub const DEFAULT_MAX_VIEWERS: usize = 20_000;

/// The most viewers, where so many are `wanted` and the process may hold so many `connections`. A viewer is one
/// connection; a quarter is left for pages and for voters.
pub fn max_viewers(wanted: usize, connections: usize) -> usize {
    wanted.min(connections - connections / 4)
}

/// The settings of the result service.
#[derive(Clone, Debug)]
pub struct Config {
    /// Verifies receipts; the same as the voting service's.
    pub secret: Secret,
    /// The token by which the organiser fetches what is not public.
    pub organiser_token: Option<Hidden>,
    /// Proxies whose `X-Forwarded-For` is trusted; for the limits by client address.
    pub trusted_proxies: TrustedProxies,
    /// Where browsers find the voting page.
    pub vote: Counterpart,
    /// Where browsers find this service, perhaps below a path; without it: the address of each request.
    pub result_url: Option<PublicUrl>,
    /// Further origins whose pages may connect.
    pub allowed_origins: Vec<AllowedOrigin>,
    /// Whose pages may show the live result in a frame.
    pub embed_origins: Vec<EmbedOrigin>,
    /// Which instance this is, for the footer.
    pub instance: String,
    /// The most viewers at once; the others are told to try again later.
    pub max_viewers: usize,
    /// How often scores are read and sent.
    pub timing: Timing,
}

/// The running service.
pub struct Running {
    /// The routes to serve.
    pub router: Router,
    screens: JoinHandle<()>,
}

impl Running {
    /// Waits until, after the shutdown, all viewers are told and their connections are closed: a few seconds at most. A
    /// program that ends earlier cuts them.
    ///
    /// # Panics
    /// If the task that keeps the screens up to date panicked. It has then begun the shutdown, so that the program ends
    /// and is started again. Otherwise it would serve screens whose scores never change.
    pub async fn closed(self) {
        if let Err(error) = self.screens.await {
            tracing::error!(event = "screens.failed", %error, "updates of screens ended; this service stops");
            if let Ok(panic) = error.try_into_panic() {
                std::panic::resume_unwind(panic);
            }
        }
    }
}

#[derive(RustEmbed)]
#[folder = "templates"]
struct Templates;

#[derive(RustEmbed)]
#[folder = "static"]
struct StaticFiles;

/// Starts the service, which reads `scoreboard` until `shutdown` is cancelled. Must be called within a Tokio runtime.
pub fn start(config: Config, scoreboard: Arc<dyn Scoreboard>, shutdown: CancellationToken) -> Running {
    if config.organiser_token.is_none() {
        tracing::warn!(event = "organiser.none", "ORGANISER_TOKEN is not set, so nobody gets exports and hidden votes");
    }
    let timing = config.timing;
    let trees = Arc::new(TreeBoard::new(Arc::clone(&scoreboard), config.secret.clone()));
    let board = Arc::new(Board::new(Arc::clone(&scoreboard), Arc::clone(&trees), timing.pace));
    let events = Arc::new(EventBoard::new(Arc::clone(&board), timing.pace));
    let boards = Boards { polls: Arc::clone(&board), events: Arc::clone(&events) };
    let origins = Arc::new(Origins::new(config.result_url.as_ref(), config.vote.clone(), config.allowed_origins));
    let base = BasePath::of(config.result_url.as_ref());
    let organiser = OrganiserToken::new(config.organiser_token, &config.secret);
    let (trusted, links) = (config.trusted_proxies.clone(), organiser.links().clone());
    let limit = ViewerLimit::new(config.max_viewers, trusted, links, shutdown.clone());
    let (socket_io, io) = screens::endpoint(&boards, Arc::clone(&origins), limit);
    let screens = tokio::spawn(keep_screens(boards, io, timing, shutdown));

    let app = Arc::new(App {
        board,
        events,
        scoreboard,
        trees,
        publications: PublicationFiles::new(),
        open_polls: OpenPolls::default(),
        exports: Arc::new(Semaphore::new(MAX_EXPORTS)),
        event_exports: Semaphore::new(MAX_EVENT_EXPORTS),
        organiser: OrganiserAccess::new(organiser, config.trusted_proxies),
        secret: config.secret,
        vote: config.vote,
        result_url: config.result_url,
        headers: SecurityHeaders::new(None),
        embed_headers: embedding::headers(&config.embed_origins),
        worker_headers: SecurityHeaders::with_workers(),
        instance: config.instance,
        pages: Pages::new::<Templates, StaticFiles>(texts::catalogue(), &base),
    });
    Running { router: below(&base, http(app, origins).merge(socket_io)), screens }
}

async fn keep_screens(Boards { polls, events }: Boards, io: SocketIo, timing: Timing, shutdown: CancellationToken) {
    // If this task ends, the service stops, even after a panic.
    let _ends_with_this = shutdown.clone().drop_guard();
    let keeping_polls = pace::keep(&polls, &events, timing, |poll, score| screens::send(&io, poll, score));
    let keeping_events = event_pace::keep(&events, timing, |slot, now| screens::send_event(&io, slot, now));
    tokio::select! {
        () = keeping_polls => {}
        () = keeping_events => {}
        () = shutdown.cancelled() => {}
    }
    screens::close(&io).await;
}

/// Pages, files and the API: everything but Socket.IO.
fn http(app: Arc<App>, origins: Arc<Origins>) -> Router {
    let api = Router::new()
        .route("/api/polls/{poll}/tally", get(api::tally::tally))
        .route("/api/polls/{poll}/tally.csv", get(exports::tally::tally_csv))
        .route("/api/polls/{poll}/tally.json", get(exports::tally::tally_json))
        .route("/api/polls/{poll}/ballots.csv", get(exports::ballots::ballots_csv))
        .route("/api/polls/{poll}/ballots.json", get(exports::ballots::ballots_json))
        .route("/api/polls/{poll}/receipts/{receipt}", get(api::receipts::receipt))
        .route("/api/polls/{poll}/receipts/{receipt}/promise", get(api::receipt_notes::promise))
        .route("/api/polls/{poll}/receipts/{receipt}/proof", get(api::receipt_notes::proof))
        .route("/api/polls/{poll}/log", get(api::tree_log::trees))
        .route("/api/polls/{poll}/log/{round}/{partition}/{generation}/checkpoint", get(api::tree_log::checkpoint))
        .route("/api/polls/{poll}/log/{round}/{partition}/{generation}/tile/{*tile}", get(api::tree_log::tile))
        .route("/api/polls/{poll}/seal", get(api::seals::seal))
        .route("/api/polls/{poll}/result", get(api::seals::result))
        .route("/api/polls/{poll}/published", get(api::published::published))
        .route("/.well-known/scrutin-key", get(api::seals::key))
        .route("/api/events/{event}/now", get(api::events::now))
        .route("/api/events/{event}/tallies.csv", get(exports::event::tallies_csv))
        .route("/api/events/{event}/tallies.json", get(exports::event::tallies_json))
        .route("/api/openapi.json", get(api::openapi::description))
        .layer(middleware::from_fn_with_state(origins, origins::allow_origin));
    let cookie_scope = CookieScope::of(app.result_url.as_ref());
    Router::new()
        .route("/", get(pages::live_page::default_poll))
        .route("/p/{poll}", get(pages::live_page::poll))
        .route("/p/{poll}/check", get(pages::check_page::check))
        .route("/p/{poll}/embed", get(pages::live_page::embed))
        .route("/p/{poll}/join", get(pages::join::join))
        .route("/e/{event}", get(pages::event_page::page))
        .route("/e/{event}/embed", get(pages::event_page::embed))
        .route("/e/{event}/join", get(pages::join::join_event))
        .route("/e/{event}/print", get(pages::print_page::print))
        .route("/polls", get(pages::poll_list::list))
        .route("/p/{poll}/receipts/{receipt}", get(pages::receipt_page::receipt))
        .route("/language/{tag}", language_switch::route(cookie_scope))
        .route("/static/{*path}", get(assets::serve::<StaticFiles>))
        .merge(api)
        .fallback(async || ResultRefusal::NoSuchPage)
        // In one call: each further call would box and copy the inner service for every request.
        .layer((http_metrics::Observe, CompressionLayer::new(), Shell::new(&app)))
        .with_state(app)
}
