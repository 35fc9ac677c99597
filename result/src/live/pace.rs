//! When screens are sent scores: a poll that changed at once, then at most once in each interval. All polls are sent
//! again at a regular beat, so that a screen can tell a quiet poll from a broken connection.
//!
//! It decides when to read and to send. `board` reads, and the caller's function sends.

use std::{future::Future, sync::Arc, time::Duration};

use domain::{Movement, PollId};
use tokio::time::{Instant, MissedTickBehavior};

use crate::live::{
    board::{Board, Due, Slot},
    event_board::EventBoard,
    late_shares::LateShares,
    scores::PollScore,
};

/// How often scores are read and sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// The shortest time between two sendings of the same poll.
    pub pace: Duration,
    /// After this time all screens are sent their scores again, also if nothing changed.
    pub beat: Duration,
    /// How often watched polls are read without a notification. If nothing is counted any more the scores are stale,
    /// and no notification says so.
    pub look: Duration,
}

impl Default for Timing {
    /// At most ten times a second, at least every ten seconds; a read each second.
    fn default() -> Self {
        let [beat, look] = [10, 1].map(Duration::from_secs);
        Self { pace: Duration::from_millis(100), beat, look }
    }
}

/// Keeps all screens up to date through `send`, for ever. Marks `events` that may have changed, too.
pub(crate) async fn keep<F, Fut>(board: &Arc<Board>, events: &EventBoard, timing: Timing, send: F)
where
    F: Fn(PollId, Arc<PollScore>) -> Fut,
    Fut: Future<Output = ()>,
{
    // Two loops, so that a slow read never delays the notifications. Neither ends.
    tokio::select! {
        () = listen(board, events) => {}
        () = send_what_is_due(board, events, timing, send) => {}
    }
}

async fn listen(board: &Board, events: &EventBoard) {
    loop {
        let moved = board.reads().scoreboard().moved().await;
        let (polls, of_events) = match &moved {
            Movement::These { polls, events } => (Some(&**polls), Some(&**events)),
            Movement::Any => (None, None),
        };
        board.mark(polls, Due::Moved);
        if of_events.is_none_or(|events| !events.is_empty()) {
            events.mark(of_events);
        }
    }
}

async fn send_what_is_due<F, Fut>(board: &Arc<Board>, events: &EventBoard, timing: Timing, send: F)
where
    F: Fn(PollId, Arc<PollScore>) -> Fut,
    Fut: Future<Output = ()>,
{
    let mut beat = tokio::time::interval_at(Instant::now() + timing.beat, timing.beat);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut look = tokio::time::interval_at(Instant::now() + timing.look, timing.look);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut next: Option<Instant> = None;
    let mut late_shares = LateShares::default();
    loop {
        tokio::select! {
            () = board.moved.notified() => {}
            () = until(next) => {}
            _ = beat.tick() => {
                board.forget_idle();
                board.mark(None, Due::Beat);
            }
            _ = look.tick() => {
                late_shares.tell(&board.mark_unread(timing.look));
            }
        }
        let due = take_due(board, timing.pace);
        let slots: Vec<_> = due.iter().map(|(slot, _)| Arc::clone(slot)).collect();
        board.refresh(&slots).await;
        if !slots.is_empty() {
            // One of them may be on.
            events.moved.notify_one();
        }
        for (slot, why) in due {
            if let Some(score) = to_send(&slot, why) {
                send(slot.poll, score).await;
            }
        }
        next = board.watched().iter().filter_map(|slot| due_at(slot)).min();
    }
}

/// Waits until `time`; without one for ever.
pub(crate) async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// When a marked poll may be sent.
fn due_at(slot: &Slot) -> Option<Instant> {
    let memory = slot.memory();
    memory.due.map(|_| memory.not_before.unwrap_or_else(Instant::now))
}

/// Takes the marks of the polls whose interval is over; the marks of the others stay.
fn take_due(board: &Board, pace: Duration) -> Vec<(Arc<Slot>, Due)> {
    let now = Instant::now();
    let taken = board.watched().into_iter().filter_map(|slot| {
        let mut memory = slot.memory();
        if memory.not_before.is_some_and(|time| time > now) {
            return None;
        }
        let why = memory.due.take()?;
        memory.not_before = Some(now + pace);
        drop(memory);
        Some((slot, why))
    });
    taken.collect()
}

/// What to send to the viewers of a poll that was just read; `None` if they have it.
fn to_send(slot: &Slot, why: Due) -> Option<Arc<PollScore>> {
    let score = slot.last_reading()?.ok()??;
    let mut memory = slot.memory();
    let unchanged = memory.sent.as_ref().is_some_and(|sent| sent.shows_the_same_as(&score));
    if unchanged && why != Due::Beat {
        return None;
    }
    memory.sent = Some(Arc::clone(&score));
    Some(score)
}
