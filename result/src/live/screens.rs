//! The Socket.IO endpoint: greets viewers, subscribes them to polls, sends them scores.
//!
//! Events from the server: `message` `{"text": …}`, and `scores` with a JSON string. Event from the client:
//! `subscribe` `{"channel": POLL}`.
//!
//! Scores go out as volatile packets, of which a connection keeps only the newest one. So a slow viewer costs the
//! memory of one packet, and shows the present score as soon as it can show anything. A viewer that stops answering
//! pings is dropped. Nothing else may be sent as volatile: it would displace the scores, and they would displace it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::{Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use domain::{PollId, Unavailable};
use serde::Serialize;
use serde_json::Value;
use socketioxide::{
    ParserConfig, SocketIo,
    extract::{SocketRef, TryData},
    handler::ConnectHandler,
};
use tokio::sync::{Mutex, SetOnce};

use crate::live::{
    admission::{ViewerLimit, ViewerPermit},
    board::{Board, Subscription},
    origins::{self, Origins},
    scores::PollScore,
};

/// The largest message a viewer may send, in bytes. A subscription needs about 60.
const MAX_MESSAGE_BYTES: usize = 4 * 1024;
/// The most packets that wait for one viewer, apart from scores: greetings, answers and pings.
const MAX_WAITING_PACKETS: usize = 32;
/// A viewer's read buffer, in bytes.
const READ_BUFFER_BYTES: usize = 1024;
/// How often a viewer is pinged, and how long it may take to answer.
const PING_INTERVAL: Duration = Duration::from_secs(15);
const PING_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a session may exist without entering the namespace.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an upgrade to WebSocket may take.
const UPGRADE_TIMEOUT: Duration = Duration::from_secs(10);
/// Sent to a viewer if the limit was reached since its handshake.
const TOO_MANY_VIEWERS: &str = "as many viewers as may be are connected; try again a little later";
/// The most calls to subscribe of one viewer that wait for each other.
const MAX_WAITING_CALLS: usize = 4;
/// How often a new viewer is sent newer scores that came while it was sent others.
const MAX_FIRST_SCORES: usize = 3;
/// How long it may take to tell all viewers that this instance stops.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// What is kept of one Engine.IO session.
struct Viewer {
    permit: ViewerPermit,
    /// The poll that the viewer watches. Locked while that changes, so that changes come one after the other.
    subscription: Mutex<Option<Subscription>>,
    greeted: SetOnce<()>,
    waiting: AtomicUsize,
}

impl Viewer {
    /// A viewer that watches no poll yet.
    fn new(permit: ViewerPermit) -> Self {
        Self { permit, subscription: Mutex::new(None), greeted: SetOnce::new(), waiting: AtomicUsize::new(0) }
    }

    /// The viewer of a socket: admission put it among the extensions of the session's first request.
    fn of(socket: &SocketRef) -> Arc<Self> {
        let viewer = socket.req_parts().extensions.get::<Arc<Self>>();
        Arc::clone(viewer.expect("no session begins without admission"))
    }
}

/// The event `message`.
#[derive(Serialize)]
struct Message<'a> {
    text: &'a str,
}

/// The routes of the endpoint, and the handle to send through.
///
/// No timeout, rate limit or compression may be put around it: connections live for hours.
pub(crate) fn endpoint(board: &Arc<Board>, origins: Arc<Origins>, limit: ViewerLimit) -> (Router, SocketIo) {
    let parser = ParserConfig::common().max_incoming_binaries(0).max_incoming_binary_buf_size(0);
    let (service, io) = SocketIo::builder()
        .with_parser(parser)
        .max_payload(MAX_MESSAGE_BYTES as u64)
        .ws_max_message_size(MAX_MESSAGE_BYTES)
        .ws_max_frame_size(MAX_MESSAGE_BYTES)
        .ws_read_buffer_size(READ_BUFFER_BYTES)
        .max_buffer_size(MAX_WAITING_PACKETS)
        .ping_interval(PING_INTERVAL)
        .ping_timeout(PING_TIMEOUT)
        .connect_timeout(CONNECT_TIMEOUT)
        .upgrade_timeout(UPGRADE_TIMEOUT)
        .build_svc();

    limit.set_endpoint(io.clone());
    let (prepared, greeting) = (Arc::clone(board), Arc::clone(board));
    let prepare = async move |socket: SocketRef| {
        if !Viewer::of(&socket).permit.enter(socket.id, socket.transport_type()) {
            return Err(TOO_MANY_VIEWERS);
        }
        prepare(&prepared, &socket);
        Ok(())
    };
    let greet = async move |socket: SocketRef| greet(&greeting, &socket).await;
    io.ns("/", greet.with(prepare));

    let router = Router::new()
        .route_service("/socket.io", service.clone())
        .route_service("/socket.io/", service)
        .layer(middleware::from_fn_with_state(limit, admit))
        .layer(middleware::from_fn_with_state(origins, origins::only_allowed));
    (router, io)
}

/// Middleware: a request that begins a session needs a permit.
///
/// The session keeps the parts of its first request as long as it lives, so the [`Viewer`] put among that request's
/// extensions is dropped exactly when the session is.
async fn admit(State(limit): State<ViewerLimit>, mut request: Request, next: Next) -> Response {
    match limit.admit(&request) {
        Ok(Some(permit)) => {
            request.extensions_mut().insert(Arc::new(Viewer::new(permit)));
        }
        Ok(None) => {}
        Err(problem) => return problem.into_response(),
    }
    next.run(request).await
}

/// Sends the present score of a poll to all who watch it. It is encoded once.
pub(crate) async fn send(io: &SocketIo, poll: PollId, score: Arc<PollScore>) {
    // `None` once the endpoint is closed.
    let Some(all) = io.of("/") else { return };
    metrics::counter!("scrutin_result_scores_sent_total").increment(1);
    if let Err(error) = all.within(poll.as_str().to_owned()).volatile().emit("scores", score.scores()).await {
        tracing::debug!(%error, "scores were not sent to viewers that are gone");
    }
}

/// Tells all viewers that this instance stops, and closes their connections.
pub(crate) async fn close(io: &SocketIo) {
    if let Some(all) = io.of("/") {
        all.emit("message", &Message { text: "This instance is stopping. Please connect again." }).await.ok();
    }
    if tokio::time::timeout(CLOSE_TIMEOUT, io.close()).await.is_err() {
        tracing::warn!(
            close.timeout.ms = CLOSE_TIMEOUT.as_millis(),
            "some viewers were not told that this instance stops"
        );
    }
}

/// Registers what a viewer can call. It is done before the viewer is told that it is connected, since it may subscribe
/// at once.
fn prepare(board: &Arc<Board>, socket: &SocketRef) {
    let board = Arc::clone(board);
    socket.on("subscribe", async move |socket: SocketRef, TryData(asked): TryData<Value>| {
        subscribe(&board, &socket, asked.ok()).await;
    });
    socket.on_disconnect(async |socket: SocketRef| {
        Viewer::of(&socket).subscription.lock().await.take();
    });
}

/// Greets a viewer and shows it the poll of its query (`?poll=`), or the default poll.
async fn greet(board: &Arc<Board>, socket: &SocketRef) {
    let viewer = Viewer::of(socket);
    let mut subscription = viewer.subscription.lock().await;
    tell(socket, "Welcome!");
    let wanted = poll_of_query(socket);
    let is_known = match &wanted {
        Some(wanted) => try_watch(board, socket, &mut subscription, wanted).await,
        None => false,
    };
    if !is_known {
        watch(board, socket, &mut subscription, PollId::MAIN);
        show(board, socket, PollId::MAIN).await;
    }
    drop(subscription);
    viewer.greeted.set(()).ok();
}

/// Subscribes a viewer to another poll. A call that names no poll is answered and changes nothing.
async fn subscribe(board: &Arc<Board>, socket: &SocketRef, asked: Option<Value>) {
    let channel = match &asked {
        Some(Value::Object(fields)) => fields.get("channel").and_then(Value::as_str),
        Some(Value::String(channel)) => Some(channel.as_str()),
        _ => None,
    };
    let Some(channel) = channel else {
        return tell(socket, "To subscribe, send {\"channel\": \"the id of a poll\"}.");
    };
    let viewer = Viewer::of(socket);
    if viewer.waiting.fetch_add(1, Ordering::AcqRel) < MAX_WAITING_CALLS {
        viewer.greeted.wait().await;
        let mut subscription = viewer.subscription.lock().await;
        try_watch(board, socket, &mut subscription, channel).await;
    } else {
        tell(socket, "Too many subscriptions at once.");
    }
    viewer.waiting.fetch_sub(1, Ordering::AcqRel);
}

/// Subscribes a viewer to the poll with this id and shows it, unless there is no such poll.
async fn try_watch(
    board: &Arc<Board>,
    socket: &SocketRef,
    subscription: &mut Option<Subscription>,
    wanted: &str,
) -> bool {
    let Ok(poll) = PollId::parse(wanted) else {
        tell(socket, "There is no such poll.");
        return false;
    };
    if matches!(board.score(poll).await, Ok(None)) {
        tell(socket, &format!("There is no poll {poll}."));
        return false;
    }
    watch(board, socket, subscription, poll);
    show(board, socket, poll).await;
    true
}

fn watch(board: &Board, socket: &SocketRef, subscription: &mut Option<Subscription>, poll: PollId) {
    if let Some(subscription) = subscription.take() {
        socket.leave(subscription.poll().as_str().to_owned());
    }
    *subscription = Some(board.subscribe(poll));
    socket.join(poll.as_str().to_owned());
    // A socket that has just been closed has left its rooms already, and would stay in this one for ever.
    if !socket.connected() {
        socket.leave_all();
        subscription.take();
    }
}

/// Shows one viewer the present score. It must have joined the room before: then it can't miss a later one.
async fn show(board: &Arc<Board>, socket: &SocketRef, poll: PollId) {
    let mut score = match board.score(poll).await {
        Ok(Some(score)) => score,
        Ok(None) => return tell(socket, &format!("There is no poll {poll} yet.")),
        Err(Unavailable::NotBegun) => return tell(socket, "Nothing has been counted yet."),
        Err(_) => return tell(socket, "The scores can't be read at present. They follow as soon as they can."),
    };
    for _ in 0..MAX_FIRST_SCORES {
        if socket.emit("scores", score.scores()).is_err() {
            return;
        }
        // Scores that were sent to the room in between may have overtaken these. Then send those again.
        match board.remembered(poll) {
            Some(newer) if !newer.shows_the_same_as(&score) => score = newer,
            _ => return,
        }
    }
}

fn tell(socket: &SocketRef, text: &str) {
    if let Err(error) = socket.emit("message", &Message { text }) {
        tracing::debug!(%error, "a viewer can't be told anything");
    }
}

/// The poll in the query of the session's first request.
fn poll_of_query(socket: &SocketRef) -> Option<String> {
    let query = socket.req_parts().uri.query()?;
    query.split('&').find_map(|pair| pair.strip_prefix("poll=")).map(str::to_owned)
}
