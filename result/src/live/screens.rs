//! The Socket.IO endpoint: greets viewers, subscribes them to polls and events, sends them scores and where the event
//! is.
//!
//! Events from the server: `message` `{"text": …}`, `scores` and `event`, each with a JSON string. Event from the
//! client: `subscribe` `{"channel": POLL, "event": EVENT}`, of which one may be missing.
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
use domain::PollId;
use serde_json::Value;
use socketioxide::{
    ParserConfig, SocketIo,
    extract::{SocketRef, TryData},
    handler::ConnectHandler,
};
use tokio::sync::{Mutex, SetOnce};

use crate::live::{
    admission::{ViewerLimit, ViewerPermit},
    event_board::EventSlot,
    event_now::EventNow,
    origins::{self, Origins},
    scores::PollScore,
    watching::{Boards, Message, Watched, event_room, poll_room, tell},
};

/// The largest message a viewer may send, in bytes. A subscription needs about 120.
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
/// How long it may take to tell all viewers that this instance stops.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// What is kept of one Engine.IO session.
struct Viewer {
    permit: ViewerPermit,
    /// What the viewer watches. Locked while that changes, so that changes come one after the other.
    watched: Mutex<Watched>,
    greeted: SetOnce<()>,
    waiting: AtomicUsize,
}

impl Viewer {
    /// A viewer that watches nothing yet.
    fn new(permit: ViewerPermit) -> Self {
        Self { permit, watched: Mutex::default(), greeted: SetOnce::new(), waiting: AtomicUsize::new(0) }
    }

    /// The viewer of a socket: admission put it among the extensions of the session's first request.
    fn of(socket: &SocketRef) -> Arc<Self> {
        let viewer = socket.req_parts().extensions.get::<Arc<Self>>();
        Arc::clone(viewer.expect("no session begins without admission"))
    }
}

/// The routes of the endpoint, and the handle to send through.
///
/// No timeout, rate limit or compression may be put around it: connections live for hours.
pub(crate) fn endpoint(boards: &Boards, origins: Arc<Origins>, limit: ViewerLimit) -> (Router, SocketIo) {
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
    let (prepared, greeting) = (boards.clone(), boards.clone());
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
    if let Err(error) = all.within(poll_room(poll)).volatile().emit("scores", score.scores()).await {
        tracing::debug!(%error, "scores were not sent to viewers that are gone");
    }
}

/// Sends where an event is to all who watch it. It is encoded once.
pub(crate) async fn send_event(io: &SocketIo, slot: Arc<EventSlot>, now: EventNow) {
    let Some(all) = io.of("/") else { return };
    metrics::counter!("scrutin_result_events_sent_total").increment(1);
    if let Err(error) = all.within(event_room(slot.event)).emit("event", &now.push(slot.spread_ms())).await {
        tracing::debug!(%error, "an event was not sent to viewers that are gone");
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
fn prepare(boards: &Boards, socket: &SocketRef) {
    let boards = boards.clone();
    socket.on("subscribe", async move |socket: SocketRef, TryData(asked): TryData<Value>| {
        subscribe(&boards, &socket, asked.ok()).await;
    });
    socket.on_disconnect(async |socket: SocketRef| {
        *Viewer::of(&socket).watched.lock().await = Watched::default();
    });
}

/// Greets a viewer and shows it the event and the poll of its query (`?event=`, `?poll=`); without either, the default
/// poll.
async fn greet(boards: &Boards, socket: &SocketRef) {
    let viewer = Viewer::of(socket);
    let mut watched = viewer.watched.lock().await;
    tell(socket, "Welcome!");
    if let Some(event) = of_query(socket, "event=") {
        watched.try_event(boards, socket, &event).await;
    }
    let is_known = match of_query(socket, "poll=") {
        Some(poll) => watched.try_poll(boards, socket, &poll).await,
        None => false,
    };
    if !is_known && !watched.has_event() {
        watched.poll(boards, socket, PollId::MAIN).await;
    }
    drop(watched);
    viewer.greeted.set(()).ok();
}

/// Subscribes a viewer to another poll or event. A call that names neither is answered and changes nothing.
async fn subscribe(boards: &Boards, socket: &SocketRef, asked: Option<Value>) {
    let field = |name| match &asked {
        Some(Value::Object(fields)) => fields.get(name).and_then(Value::as_str),
        Some(Value::String(channel)) if name == "channel" => Some(channel.as_str()),
        _ => None,
    };
    let (channel, event) = (field("channel"), field("event"));
    if channel.is_none() && event.is_none() {
        return tell(
            socket,
            "To subscribe, send {\"channel\": \"the id of a poll\"} or {\"event\": \"the id of an event\"}.",
        );
    }
    let viewer = Viewer::of(socket);
    if viewer.waiting.fetch_add(1, Ordering::AcqRel) < MAX_WAITING_CALLS {
        viewer.greeted.wait().await;
        let mut watched = viewer.watched.lock().await;
        if let Some(event) = event {
            watched.try_event(boards, socket, event).await;
        }
        if let Some(channel) = channel {
            watched.try_poll(boards, socket, channel).await;
        }
    } else {
        tell(socket, "Too many subscriptions at once.");
    }
    viewer.waiting.fetch_sub(1, Ordering::AcqRel);
}

/// A value in the query of the session's first request.
fn of_query(socket: &SocketRef, name: &str) -> Option<String> {
    let query = socket.req_parts().uri.query()?;
    query.split('&').find_map(|pair| pair.strip_prefix(name)).map(str::to_owned)
}
