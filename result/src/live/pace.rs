//! The pace of the screens: a moved poll is sent at once and then at most once in each interval; and everything
//! is sent again at a regular beat, so that a screen can tell quiet from dead.
//!
//! It decides when to read and to send; what is read is the board's affair, how it is sent the sender's.

use std::{future::Future, sync::Arc, time::Duration};

use domain::{Movement, PollId};
use tokio::time::{Instant, MissedTickBehavior};

use crate::live::{
    board::{Board, Due, Slot},
    scores::PollScore,
};

/// How often screens hear something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// The least time between two sendings of the same poll.
    pub pace: Duration,
    /// After this time every screen is sent its scores again, also when nothing changed.
    pub beat: Duration,
    /// How often watched polls are read again though nobody said that they moved: scores are stale when nothing is
    /// counted any more, and then nobody says anything.
    pub look: Duration,
}

impl Default for Timing {
    /// Ten times a second at most, every ten seconds at least; a look each second.
    fn default() -> Self {
        let [beat, look] = [10, 1].map(Duration::from_secs);
        Self { pace: Duration::from_millis(100), beat, look }
    }
}

/// Keeps all screens up to date through `send`, for ever.
pub(crate) async fn keep<F, Fut>(board: Arc<Board>, timing: Timing, send: F)
where
    F: Fn(PollId, Arc<PollScore>) -> Fut,
    Fut: Future<Output = ()>,
{
    // Two loops, so that a slow read never makes us miss a movement; neither ends.
    tokio::select! {
        () = listen(&board) => {}
        () = send_what_is_due(&board, timing, send) => {}
    }
}

async fn listen(board: &Board) {
    loop {
        match board.scoreboard().moved().await {
            Movement::Polls(polls) => board.mark(Some(&polls), Due::Moved),
            Movement::Any => board.mark(None, Due::Moved),
        }
    }
}

async fn send_what_is_due<F, Fut>(board: &Arc<Board>, timing: Timing, send: F)
where
    F: Fn(PollId, Arc<PollScore>) -> Fut,
    Fut: Future<Output = ()>,
{
    let mut beat = tokio::time::interval_at(Instant::now() + timing.beat, timing.beat);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut look = tokio::time::interval_at(Instant::now() + timing.look, timing.look);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut next: Option<Instant> = None;
    loop {
        tokio::select! {
            () = board.moved.notified() => {}
            () = until(next) => {}
            _ = beat.tick() => {
                board.forget_idle();
                board.mark(None, Due::Beat);
            }
            _ = look.tick() => {
                let age = board.mark_unread(timing.look);
                metrics::gauge!("scrutin_result_heartbeat_age_seconds").set(age.as_secs_f64());
            }
        }
        let due = take_due(board, timing.pace);
        let slots: Vec<_> = due.iter().map(|(slot, _)| Arc::clone(slot)).collect();
        board.refresh(&slots).await;
        for (slot, why) in due {
            if let Some(present) = to_send(&slot, why) {
                send(slot.poll, present).await;
            }
        }
        next = board.watched().iter().filter_map(|slot| due_at(slot)).min();
    }
}

async fn until(time: Option<Instant>) {
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

/// What the viewers of a poll that was just read are to be sent, if anything.
fn to_send(slot: &Slot, why: Due) -> Option<Arc<PollScore>> {
    let present = slot.last_reading()?.ok()??;
    let mut memory = slot.memory();
    let unchanged = memory.sent.as_ref().is_some_and(|sent| sent.shows_the_same_as(&present));
    if unchanged && why != Due::Beat {
        return None;
    }
    memory.sent = Some(Arc::clone(&present));
    Some(present)
}
