//! One of several ledgers, with its last shares: while it is away, they are read from memory.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use domain::{PollId, Scoreboard, TallyShare, Unavailable};
use parking_lot::Mutex;
use tokio::{
    sync::Notify,
    time::{self, Instant},
};
use tracing::{info, warn};

use crate::scoreboard::PostgresScoreboard;

/// How often a ledger that is away is asked whether it is back.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// The most polls that are remembered.
const MAX_POLLS: usize = 10_000;
/// What was not asked for so long is forgotten first.
const FORGET_AFTER: Duration = Duration::from_mins(10);

/// A ledger, and what it said last of each poll.
#[derive(Debug)]
pub(crate) struct RememberingReader {
    /// The place of its address, from 1.
    place: usize,
    scoreboard: PostgresScoreboard,
    last: Mutex<HashMap<PollId, LastShares>>,
    is_away: AtomicBool,
    went_away: Notify,
}

/// What a ledger said of a poll.
#[derive(Clone, Debug)]
struct LastShares {
    shares: Vec<TallyShare>,
    read_at: Instant,
}

/// What is known of a ledger's shares.
pub(crate) struct ShareReading {
    /// As just read, or as remembered.
    pub(crate) shares: Vec<TallyShare>,
    /// Whether they were just read; else why not.
    pub(crate) answer: Result<(), Unavailable>,
}

impl LastShares {
    /// The same later: the last signs of life are older.
    fn aged(&self) -> impl Iterator<Item = TallyShare> + '_ {
        let age_millis = i64::try_from(self.read_at.elapsed().as_millis()).unwrap_or(i64::MAX);
        self.shares.iter().cloned().map(move |mut share| {
            share.heartbeat.age_millis = share.heartbeat.age_millis.saturating_add(age_millis);
            share
        })
    }
}

impl RememberingReader {
    pub(crate) fn new(place: usize, scoreboard: PostgresScoreboard) -> Self {
        let (last, is_away) = (Mutex::default(), AtomicBool::new(false));
        Self { place, scoreboard, last, is_away, went_away: Notify::new() }
    }

    pub(crate) fn scoreboard(&self) -> &PostgresScoreboard {
        &self.scoreboard
    }

    /// Its shares of these polls; while it is away, those of its last answers. It is not asked then: nobody waits.
    pub(crate) async fn shares(&self, polls: &[PollId]) -> ShareReading {
        if self.is_away.load(Ordering::Acquire) {
            let answer = Err(Unavailable::not_done("reading tallies", "this ledger is away"));
            return ShareReading { shares: self.remembered(polls), answer };
        }
        let read_at = Instant::now();
        match self.scoreboard.shares(polls).await {
            Ok(shares) => {
                self.remember(polls, &shares, read_at);
                ShareReading { shares, answer: Ok(()) }
            }
            Err(error) => {
                if !self.is_away.swap(true, Ordering::AcqRel) {
                    warn!(event = "shares.away", address.place = self.place, %error,
                        "one of several ledgers can't be read: its last shares are shown, and since when");
                    self.went_away.notify_one();
                }
                ShareReading { shares: self.remembered(polls), answer: Err(error) }
            }
        }
    }

    /// Returns when the ledger was away and answers again.
    pub(crate) async fn back(&self) {
        self.went_away.notified().await;
        loop {
            time::sleep(ASK_EVERY).await;
            if self.scoreboard.ready().await.is_ok() {
                self.is_away.store(false, Ordering::Release);
                info!(event = "shares.back", address.place = self.place, "this ledger answers again");
                return;
            }
        }
    }

    fn remember(&self, polls: &[PollId], shares: &[TallyShare], read_at: Instant) {
        let mut last = self.last.lock();
        if last.len() + polls.len() > MAX_POLLS {
            last.retain(|_, last| last.read_at.elapsed() < FORGET_AFTER);
        }
        for &poll in polls {
            let has_room = last.len() < MAX_POLLS;
            if has_room || last.contains_key(&poll) {
                let shares = shares.iter().filter(|share| share.poll.id() == poll).cloned().collect();
                last.insert(poll, LastShares { shares, read_at });
            }
        }
    }

    fn remembered(&self, polls: &[PollId]) -> Vec<TallyShare> {
        let last = self.last.lock();
        polls.iter().filter_map(|poll| last.get(poll)).flat_map(LastShares::aged).collect()
    }
}
