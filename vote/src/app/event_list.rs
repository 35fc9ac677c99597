//! All events of the log as they were a moment ago.

use std::{sync::Arc, time::Duration};

use domain::{BallotBox, Event, Unavailable};
use web::fresh::{Fresh, LastAnswer};

/// How long an answer of the log is fresh. Whoever types wrong codes makes the log be asked this often, no more.
const FRESH_FOR: Duration = Duration::from_secs(1);

type Reading = Result<Arc<[Event]>, Unavailable>;

/// The last answer of the log.
pub(crate) struct EventList {
    ballots: Arc<dyn BallotBox>,
    last: Arc<Fresh<Reading>>,
}

impl EventList {
    /// The events of `ballots`.
    pub(crate) fn new(ballots: Arc<dyn BallotBox>) -> Self {
        Self { ballots, last: Arc::default() }
    }

    /// All events, as they were at most a second ago; older while the log does not answer.
    pub(crate) async fn get(&self) -> Reading {
        let is_fresh = |last: &LastAnswer<Reading>| last.asked_at.elapsed() < FRESH_FOR;
        let read = || read(Arc::clone(&self.ballots));
        let no_answer = || Err(Unavailable::failed("reading events", "no answer"));
        self.last.get(is_fresh, read).await.unwrap_or_else(no_answer)
    }

    /// Forgets what was read: this instance has changed an event.
    pub(crate) fn forget(&self) {
        self.last.forget();
    }
}

/// Asks the log. What is known stays while it does not answer.
async fn read(ballots: Arc<dyn BallotBox>) -> impl FnOnce(Option<Reading>) -> Reading {
    let now = ballots.events().await.map(Arc::from);
    move |known| match (now, known) {
        (Err(_), Some(Ok(known))) => Ok(known),
        (now, _) => now,
    }
}
