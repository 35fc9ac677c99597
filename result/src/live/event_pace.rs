//! When viewers are sent where their event is: whenever that changes, and never otherwise.
//!
//! It decides when to read and to send. `event_board` reads, and the caller's function sends.

use std::{future::Future, sync::Arc};

use futures_util::future::join_all;
use tokio::time::{Instant, MissedTickBehavior};

use crate::live::{
    event_board::{EventBoard, EventSlot},
    event_now::EventNow,
    pace::{Timing, until},
};

/// Keeps the viewers of all events up to date through `send`, for ever.
pub(crate) async fn keep<F, Fut>(events: &Arc<EventBoard>, timing: Timing, send: F)
where
    F: Fn(Arc<EventSlot>, EventNow) -> Fut,
    Fut: Future<Output = ()>,
{
    let mut look = tokio::time::interval_at(Instant::now() + timing.look, timing.look);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = events.moved.notified() => {}
            () = until(events.next_at()) => {}
            _ = look.tick() => {
                events.forget_idle();
                events.mark_unread(timing.look);
            }
        }
        events.refresh(&events.take_due(timing.pace)).await;
        let watched = events.watched();
        let changed = join_all(watched.iter().map(|slot| events.changed(slot))).await;
        for (slot, now) in watched.into_iter().zip(changed) {
            if let Some(now) = now {
                send(slot, now).await;
            }
        }
    }
}
