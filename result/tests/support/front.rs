//! The service with what is public of another, published poll: as long as the test says what that is, honest or not.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use axum::{
    Router,
    body::Bytes,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use http::{
    StatusCode,
    header::{CONTENT_LENGTH, RETRY_AFTER},
};
use testkit::{poll_server::PollServer, published_poll::PublishedPoll};
use tokio::net::TcpListener;

use super::App;

/// In front of the service.
pub(crate) struct Front {
    pub(crate) server: PollServer,
    address: String,
    shared: Arc<Shared>,
}

/// What its requests need.
struct Shared {
    app: String,
    public: String,
    instead: Mutex<BTreeMap<&'static str, String>>,
    /// How often the published file is still refused.
    busy: AtomicU32,
    asked: Mutex<Vec<String>>,
    http: reqwest::Client,
}

impl Front {
    pub(crate) async fn start(app: &App, poll: PublishedPoll) -> Self {
        let server = PollServer::start(poll);
        let public = server.page().replace("/p/tea", "");
        let shared = Arc::new(Shared {
            app: app.url(""),
            public,
            instead: Mutex::default(),
            busy: AtomicU32::new(0),
            asked: Mutex::default(),
            http: app.http.clone(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(forward).with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { server, address, shared }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }

    /// From now on this is the published file.
    pub(crate) fn publish(&self, file: String) {
        self.instead("published", file);
    }

    /// From now on this is what is of the poll's public data at `/api/polls/tea/NAME`.
    pub(crate) fn instead(&self, name: &'static str, text: String) {
        self.shared.instead.lock().unwrap().insert(name, text);
    }

    /// So often the published file is refused, and may be asked for again after a second.
    pub(crate) fn refuse(&self, times: u32) {
        self.shared.busy.store(times, Ordering::Relaxed);
    }

    /// All that was asked of the poll's public data, as `METHOD PATH`.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.shared.asked.lock().unwrap().clone()
    }
}

async fn forward(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let target = request.uri().to_string();
    let is_public = ["/seal", "/published", "/result", "/log"].iter().any(|part| target.contains(part))
        && target.starts_with("/api/polls/tea/")
        || target == "/.well-known/scrutin-key";
    if is_public {
        shared.asked.lock().unwrap().push(format!("{} {target}", request.method()));
        let left = |times: u32| times.checked_sub(1);
        let busy = &shared.busy;
        if target.ends_with("/published") && busy.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left).is_ok() {
            return (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "1")]).into_response();
        }
        let name = target.rsplit('/').next().unwrap();
        if let Some(text) = shared.instead.lock().unwrap().get(name) {
            return text.clone().into_response();
        }
    }
    let host = if is_public { &shared.public } else { &shared.app };
    let mut headers = request.headers().clone();
    headers.remove(http::header::ACCEPT_ENCODING);
    let asked = shared.http.request(request.method().clone(), format!("{host}{target}")).headers(headers);
    let answer = asked.send().await.unwrap();
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    headers.remove(CONTENT_LENGTH);
    let body: Bytes = answer.bytes().await.unwrap();
    (status, headers, body).into_response()
}
