//! What the tests share: a scoreboard in memory, the service on a free port, and viewers of two kinds.

#![allow(dead_code, reason = "each test file uses a part")]
#![allow(clippy::unwrap_used, reason = "outside of #[test] functions clippy does not see that these are tests")]

pub(crate) mod checking;
pub(crate) mod front;
pub(crate) mod ledger;
pub(crate) mod three_partitions;
pub(crate) mod viewers;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use domain::{Scoreboard, Secret};
use listener::{Connections, Limits, TrustedProxies};
use scrutin_result::{Config, Timing};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use web::counterpart::Counterpart;

use ledger::MemoryLedger;
use viewers::Viewer;

/// The organiser's token of every test.
pub(crate) const ORGANISER_TOKEN: &str = "organiser-token-for-tests";

/// The longest a test waits for anything.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// The service on a port of its own.
pub(crate) struct App {
    pub(crate) addr: SocketAddr,
    pub(crate) ledger: Arc<MemoryLedger>,
    pub(crate) shutdown: CancellationToken,
    pub(crate) http: reqwest::Client,
    pub(crate) serving: JoinHandle<()>,
}

/// Ends when the test does.
impl Drop for App {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// What signs the links of the organiser's page.
pub(crate) fn links() -> Secret {
    secret().bound_to(ORGANISER_TOKEN)
}

pub(crate) fn secret() -> Secret {
    Secret::parse(&"s".repeat(32)).unwrap()
}

pub(crate) fn config() -> Config {
    Config {
        secret: secret(),
        organiser_token: Some(ORGANISER_TOKEN.to_owned().into()),
        trusted_proxies: TrustedProxies::default(),
        vote: Counterpart::Fixed("https://vote.example.org".parse().unwrap()),
        result_url: None,
        allowed_origins: vec!["https://slides.example.com".parse().unwrap()],
        embed_origins: Vec::new(),
        instance: "instance-1".to_owned(),
        max_viewers: 1_000,
        timing: Timing { beat: Duration::from_mins(10), look: Duration::from_mins(10), ..Timing::default() },
    }
}

/// The service with a ledger that holds the default poll.
pub(crate) async fn spawn_app() -> App {
    spawn_app_with(config()).await
}

pub(crate) async fn spawn_app_with(config: Config) -> App {
    let ledger = Arc::new(MemoryLedger::with_default_poll());
    let mut app = serve(config, ledger.clone()).await;
    app.ledger = ledger;
    app
}

/// The service on another scoreboard; the ledger of the answer is none of its.
pub(crate) async fn serve(config: Config, scoreboard: Arc<dyn Scoreboard>) -> App {
    let shutdown = CancellationToken::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let running = scrutin_result::start(config, scoreboard, shutdown.clone());
    let stop = shutdown.clone();
    let serving = tokio::spawn(async move {
        let connections = Connections::new(Limits::default(), TrustedProxies::default());
        listener::serve(listener, running.router.clone(), &connections, stop).await.unwrap();
        running.closed().await;
    });
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let ledger = Arc::new(MemoryLedger::with_default_poll());
    App { addr, ledger, shutdown, http, serving }
}

impl App {
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    pub(crate) async fn get(&self, path: &str) -> reqwest::Response {
        self.http.get(self.url(path)).send().await.unwrap()
    }

    /// The text of a page. Slashes are written as they stand in the poll, not as entities.
    pub(crate) async fn page(&self, path: &str) -> String {
        self.get(path).await.text().await.unwrap().replace("&#x2f;", "/")
    }

    pub(crate) async fn json(&self, path: &str) -> serde_json::Value {
        self.get(path).await.json().await.unwrap()
    }

    /// A viewer over WebSocket, in the namespace.
    pub(crate) async fn viewer(&self) -> Viewer {
        Viewer::connect(self.addr, "", &[]).await.unwrap()
    }

    pub(crate) async fn viewer_of(&self, poll: &str) -> Viewer {
        Viewer::connect(self.addr, &format!("&poll={poll}"), &[]).await.unwrap()
    }
}
