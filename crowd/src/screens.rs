//! All screens: whether they are connected, and whether they show the same at the end.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use tokio::time::{Instant, sleep};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::{
    host::PollTally,
    screen::{self, Frame, Screen, Watching},
    voting_client::VotingClient,
};

/// How often the screens are checked during a wait.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// All screens of the crowd.
pub(crate) struct Screens {
    watching: Arc<Watching>,
    voting_client: Arc<VotingClient>,
    all: Vec<Arc<Screen>>,
}

impl Screens {
    pub(crate) fn new(watching: Watching, voting_client: &Arc<VotingClient>) -> Self {
        Self { watching: Arc::new(watching), voting_client: Arc::clone(voting_client), all: Vec::new() }
    }

    /// Adds a screen, which connects in the background.
    pub(crate) fn add(&mut self, screen: Screen) {
        self.all.push(screen::spawn(screen, self.all.len(), &self.watching, &self.voting_client));
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.all.len()
    }

    /// Waits until each shows the poll. Returns how many don't in time.
    pub(crate) async fn all_show_something(&self, deadline: Instant) -> usize {
        self.wait(deadline, |shown| shown.is_some()).await
    }

    /// Waits until each shows this tally. Returns how many don't in time.
    pub(crate) async fn all_show(&self, wanted: &PollTally, deadline: Instant) -> usize {
        self.wait(deadline, |shown| shown.is_some_and(|shown| shown == wanted)).await
    }

    /// When the last of them showed this tally; `None` if not all do.
    pub(crate) fn all_showed(&self, wanted: &PollTally) -> Option<Instant> {
        let mut known: HashMap<Utf8Bytes, bool> = HashMap::new();
        let mut is_wanted = |frame: &Frame| {
            let read =
                |text: &Utf8Bytes| screen::tally(text, &self.watching.poll).is_some_and(|tally| tally == *wanted);
            *known.entry(frame.text.clone()).or_insert_with_key(read)
        };
        let mut last = None;
        for screen in &self.all {
            last = last.max(Some(screen.shows_since(&mut is_wanted)?));
        }
        last
    }

    /// What a screen shows that does not show this tally: one example.
    pub(crate) fn other_than(&self, wanted: &PollTally) -> Option<String> {
        let others = self.all.iter().map(|screen| match screen.frame() {
            None => Some("nothing".to_owned()),
            Some(frame) => match screen::tally(&frame, &self.watching.poll) {
                None => Some(frame.to_string()),
                Some(tally) => (tally != *wanted).then(|| format!("votes {:?}, voters {}", tally.votes, tally.voters)),
            },
        });
        others.flatten().next()
    }

    async fn wait(&self, deadline: Instant, good: impl Fn(Option<&PollTally>) -> bool) -> usize {
        loop {
            let others = self.all.len() - self.showing(&good);
            if others == 0 || Instant::now() > deadline {
                return others;
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// How many screens satisfy `good`. Ten thousand screens show few different frames; each is parsed once.
    fn showing(&self, good: &impl Fn(Option<&PollTally>) -> bool) -> usize {
        let mut known: HashMap<Option<Utf8Bytes>, bool> = HashMap::new();
        let mut is_good = |screen: &Arc<Screen>| {
            *known.entry(screen.frame()).or_insert_with_key(|frame| {
                good(frame.as_ref().and_then(|frame| screen::tally(frame, &self.watching.poll)).as_ref())
            })
        };
        self.all.iter().filter(|screen| is_good(screen)).count()
    }

    /// Disconnects all viewers.
    pub(crate) async fn close(&self, limit: Duration) {
        self.watching.closed.cancel();
        let deadline = Instant::now() + limit;
        while self.voting_client.measurements.connected.load(Relaxed) > 0 && Instant::now() < deadline {
            sleep(LOOK_EVERY).await;
        }
    }
}
