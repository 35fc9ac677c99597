//! What one viewer watches: a poll, an event, or both. It is shown what it watches, and joins the rooms to which
//! changes are sent.

use std::sync::Arc;

use domain::{EventId, PollId, Unavailable};
use serde::Serialize;
use socketioxide::extract::SocketRef;

use crate::live::{
    board::{Board, Subscription},
    event_board::{EventBoard, EventSubscription},
};

/// How often a new viewer is sent what is newer, that came while it was sent something else.
const MAX_FIRST_SENDINGS: usize = 3;

/// Where viewers are shown what they watch from.
#[derive(Clone)]
pub(crate) struct Boards {
    pub(crate) polls: Arc<Board>,
    pub(crate) events: Arc<EventBoard>,
}

/// What a viewer watches; nothing at first.
#[derive(Default)]
pub(crate) struct Watched {
    poll: Option<Subscription>,
    event: Option<EventSubscription>,
}

/// The event `message`.
#[derive(Serialize)]
pub(crate) struct Message<'a> {
    pub(crate) text: &'a str,
}

/// The room of those who watch a poll.
pub(crate) fn poll_room(poll: PollId) -> String {
    poll.as_str().to_owned()
}

/// The room of those who watch an event. No poll's id has a space.
pub(crate) fn event_room(event: EventId) -> String {
    format!("event {event}")
}

/// Tells a viewer something.
pub(crate) fn tell(socket: &SocketRef, text: &str) {
    if let Err(error) = socket.emit("message", &Message { text }) {
        tracing::debug!(%error, "a viewer can't be told anything");
    }
}

impl Watched {
    /// Whether the viewer watches an event.
    pub(crate) fn has_event(&self) -> bool {
        self.event.is_some()
    }

    /// The poll with this id, and shows it, unless there is no such poll: then what was watched stays.
    pub(crate) async fn try_poll(&mut self, boards: &Boards, socket: &SocketRef, wanted: &str) -> bool {
        let Ok(poll) = PollId::parse(wanted) else {
            tell(socket, "There is no such poll.");
            return false;
        };
        if matches!(boards.polls.score(poll).await, Ok(None)) {
            tell(socket, &format!("There is no poll {poll}."));
            return false;
        }
        self.poll(boards, socket, poll).await;
        true
    }

    /// This poll, whether or not it is there (yet), and shows it.
    pub(crate) async fn poll(&mut self, boards: &Boards, socket: &SocketRef, poll: PollId) {
        if let Some(before) = self.poll.take() {
            socket.leave(poll_room(before.poll()));
        }
        self.poll = Some(boards.polls.subscribe(poll));
        socket.join(poll_room(poll));
        self.leave_if_gone(socket);
        show_poll(&boards.polls, socket, poll).await;
    }

    /// The event with this id, whether or not it is there (yet), and shows it; if it is an id.
    pub(crate) async fn try_event(&mut self, boards: &Boards, socket: &SocketRef, wanted: &str) -> bool {
        let Ok(event) = EventId::parse(wanted) else {
            tell(socket, "There is no such event.");
            return false;
        };
        if let Some(before) = self.event.take() {
            socket.leave(event_room(before.event()));
        }
        self.event = Some(boards.events.subscribe(event));
        socket.join(event_room(event));
        self.leave_if_gone(socket);
        if let Some(subscription) = &self.event {
            show_event(&boards.events, socket, subscription).await;
        }
        true
    }

    /// A socket that has just been closed has left its rooms already, and would stay in this one for ever.
    fn leave_if_gone(&mut self, socket: &SocketRef) {
        if !socket.connected() {
            socket.leave_all();
            *self = Self::default();
        }
    }
}

/// Shows one viewer the present score. It must have joined the room before: then it can't miss a later one.
async fn show_poll(board: &Arc<Board>, socket: &SocketRef, poll: PollId) {
    let mut score = match board.score(poll).await {
        Ok(Some(score)) => score,
        Ok(None) => return tell(socket, &format!("There is no poll {poll} yet.")),
        Err(Unavailable::NotBegun) => return tell(socket, "Nothing has been counted yet."),
        Err(_) => return tell(socket, "The scores can't be read at present. They follow as soon as they can."),
    };
    for _ in 0..MAX_FIRST_SENDINGS {
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

/// Shows one viewer where an event is. As above.
async fn show_event(events: &Arc<EventBoard>, socket: &SocketRef, subscription: &EventSubscription) {
    let event = subscription.event();
    let now = events.now(event).await;
    if !matches!(now, Ok(Some(_))) {
        subscription.shown_nothing();
        events.moved.notify_one();
    }
    let mut now = match now {
        Ok(Some(now)) => now,
        Ok(None) => return tell(socket, &format!("There is no event {event} yet.")),
        Err(Unavailable::NotBegun) => return tell(socket, "Nothing has been counted yet."),
        Err(_) => return tell(socket, "The event can't be read at present. It follows as soon as it can."),
    };
    for _ in 0..MAX_FIRST_SENDINGS {
        if socket.emit("event", &now.push(subscription.spread_ms())).is_err() {
            return;
        }
        subscription.shown(&now);
        // From now on it is compared with what is known, and the poll that is on is watched.
        events.moved.notify_one();
        match events.remembered(event) {
            Some(newer) if !newer.shows_the_same_as(&now) => now = newer,
            _ => return,
        }
    }
}
