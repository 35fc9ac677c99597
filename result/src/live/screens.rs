//! The Socket.IO endpoint: welcoming viewers, moving them between polls, sending them scores.
//!
//! Events from the server: `message` `{"text": …}`, and `scores` with a JSON string. Event from the client:
//! `subscribe` `{"channel": POLL}`.
//!
//! Scores go out as volatile packets, of which a connection keeps only the newest one. So a slow viewer costs the
//! memory of one packet, and shows the present score as soon as it can show anything; a viewer who answers no more
//! pings is dropped. Nothing else may be sent as volatile, since it would displace the scores, and the other way round.

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
    board::{Board, Seat},
    origins::{self, Origins},
    scores::Present,
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
/// What a viewer is told whose place was taken by another since its handshake.
const NO_PLACE: &str = "all places are taken; try again a little later";
/// The most subscriptions of one viewer that wait for each other.
const MAX_WAITING_SUBSCRIPTIONS: usize = 4;
/// How often a newcomer is sent newer scores that came up while it was being welcomed.
const MAX_WELCOME_SCORES: usize = 3;
/// How long viewers may take to hear that this instance stops.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// What is kept of one Engine.IO session.
struct Viewer {
    permit: ViewerPermit,
    /// Before which poll the viewer sits. Held while it is being moved, so that moves come one after the other.
    seat: Mutex<Option<Seat>>,
    welcomed: SetOnce<()>,
    waiting: AtomicUsize,
}

impl Viewer {
    /// A viewer who has a place and no seat yet.
    fn new(permit: ViewerPermit) -> Self {
        Self { permit, seat: Mutex::new(None), welcomed: SetOnce::new(), waiting: AtomicUsize::new(0) }
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

    limit.reach(io.clone());
    let (prepared, welcoming) = (Arc::clone(board), Arc::clone(board));
    let prepare = async move |socket: SocketRef| {
        if !Viewer::of(&socket).permit.take(socket.id, socket.transport_type()) {
            return Err(NO_PLACE);
        }
        prepare(&prepared, &socket);
        Ok(())
    };
    let welcome = async move |socket: SocketRef| welcome(&welcoming, &socket).await;
    io.ns("/", welcome.with(prepare));

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

/// Sends the present score of a poll to everybody who sits before it. It is encoded once.
pub(crate) async fn send(io: &SocketIo, poll: PollId, present: Arc<Present>) {
    // `None` once the endpoint is closed.
    let Some(all) = io.of("/") else { return };
    metrics::counter!("scrutin_result_scores_sent_total").increment(1);
    if let Err(error) = all.within(poll.as_str().to_owned()).volatile().emit("scores", present.scores()).await {
        tracing::debug!(%error, "some viewers are gone already");
    }
}

/// Tells all viewers that this instance stops, and closes their connections.
pub(crate) async fn close(io: &SocketIo) {
    if let Some(all) = io.of("/") {
        all.emit("message", &Message { text: "This instance is stopping. Please connect again." }).await.ok();
    }
    if tokio::time::timeout(CLOSE_TIMEOUT, io.close()).await.is_err() {
        tracing::warn!(close.timeout.ms = CLOSE_TIMEOUT.as_millis(), "some viewers did not take the goodbye");
    }
}

/// Registers what a viewer can ask for. It is done before the viewer hears that it is connected, since a
/// subscription may follow at once.
fn prepare(board: &Arc<Board>, socket: &SocketRef) {
    let board = Arc::clone(board);
    socket.on("subscribe", async move |socket: SocketRef, TryData(asked): TryData<Value>| {
        subscribe(&board, &socket, asked.ok()).await;
    });
    socket.on_disconnect(async |socket: SocketRef| {
        Viewer::of(&socket).seat.lock().await.take();
    });
}

/// Greets a viewer and shows it the poll that it asked for with `?poll=`, or the default poll.
async fn welcome(board: &Arc<Board>, socket: &SocketRef) {
    let viewer = Viewer::of(socket);
    let mut seat = viewer.seat.lock().await;
    tell(socket, "Welcome!");
    let asked = asked_in_query(socket);
    let moved = match &asked {
        Some(asked) => change_seat(board, socket, &mut seat, asked).await,
        None => false,
    };
    if !moved {
        sit_down(board, socket, &mut seat, PollId::MAIN);
        show(board, socket, PollId::MAIN).await;
    }
    drop(seat);
    viewer.welcomed.set(()).ok();
}

/// Moves a viewer to another poll. What is no subscription is answered and changes nothing.
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
    if viewer.waiting.fetch_add(1, Ordering::AcqRel) < MAX_WAITING_SUBSCRIPTIONS {
        viewer.welcomed.wait().await;
        let mut seat = viewer.seat.lock().await;
        change_seat(board, socket, &mut seat, channel).await;
    } else {
        tell(socket, "Too many subscriptions at once.");
    }
    viewer.waiting.fetch_sub(1, Ordering::AcqRel);
}

/// Moves a viewer to the poll with this id and shows it, unless there is no such poll.
async fn change_seat(board: &Arc<Board>, socket: &SocketRef, seat: &mut Option<Seat>, asked: &str) -> bool {
    let Ok(poll) = PollId::parse(asked) else {
        tell(socket, "There is no such poll.");
        return false;
    };
    if matches!(board.present(poll).await, Ok(None)) {
        tell(socket, &format!("There is no poll {poll}."));
        return false;
    }
    sit_down(board, socket, seat, poll);
    show(board, socket, poll).await;
    true
}

fn sit_down(board: &Board, socket: &SocketRef, seat: &mut Option<Seat>, poll: PollId) {
    if let Some(seat) = seat.take() {
        socket.leave(seat.poll().as_str().to_owned());
    }
    *seat = Some(board.seat(poll));
    socket.join(poll.as_str().to_owned());
    // A socket that was closed meanwhile has left its rooms already, and would stay in this one for ever.
    if !socket.connected() {
        socket.leave_all();
        seat.take();
    }
}

/// Shows one viewer the present score. It must have joined the room before: then it can't miss a later one.
async fn show(board: &Arc<Board>, socket: &SocketRef, poll: PollId) {
    let mut present = match board.present(poll).await {
        Ok(Some(present)) => present,
        Ok(None) => return tell(socket, &format!("There is no poll {poll} yet.")),
        Err(Unavailable::NotBegun) => return tell(socket, "Nothing has been counted yet."),
        Err(_) => return tell(socket, "The scores can't be read at present. They follow as soon as they can."),
    };
    for _ in 0..MAX_WELCOME_SCORES {
        if socket.emit("scores", present.scores()).is_err() {
            return;
        }
        // Scores sent to the room meanwhile may have overtaken these. Then send those again.
        match board.remembered(poll) {
            Some(newer) if !newer.shows_the_same_as(&present) => present = newer,
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
fn asked_in_query(socket: &SocketRef) -> Option<String> {
    let query = socket.req_parts().uri.query()?;
    query.split('&').find_map(|pair| pair.strip_prefix("poll=")).map(str::to_owned)
}
