//! When which voter votes: an open arrival process, which does not wait for the server.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::{Instant, sleep_until, timeout_at},
};
use tokio_util::sync::CancellationToken;

use crate::{
    settings::Settings,
    voter::Voter,
    voting_client::{Channel, VoteAttempt, VotingClient},
};

/// How long a new voter looks at the page before they vote.
const THINKING: Duration = Duration::from_secs(1);
/// How often a burst comes.
const BURST_EVERY: Duration = Duration::from_secs(5);

/// The voters, those who are there and those to come.
pub(crate) struct Voting {
    client: Arc<VotingClient>,
    options: u8,
    may_change: bool,
    settings: Settings,
    random: fastrand::Rng,
    /// Voters who have voted and may change their mind.
    resting: Vec<Voter>,
    /// Voters who gave up or were refused.
    gone: Vec<Voter>,
    still_to_come: u32,
    visiting: u32,
    /// Bounded by the number of voters: each is in it at most once.
    back: UnboundedReceiver<Voter>,
    send_back: UnboundedSender<Voter>,
}

impl Voting {
    pub(crate) fn new(
        client: Arc<VotingClient>,
        options: u8,
        may_change: bool,
        settings: &Settings,
        seed: u64,
    ) -> Self {
        let (send_back, back) = unbounded_channel();
        let random = fastrand::Rng::with_seed(seed);
        let still_to_come = settings.voters;
        let settings = settings.clone();
        let (resting, gone) = (Vec::new(), Vec::new());
        Self {
            client,
            options,
            may_change,
            settings,
            random,
            resting,
            gone,
            still_to_come,
            visiting: 0,
            back,
            send_back,
        }
    }

    /// Sends voters until the time is over or `stop` is cancelled, and returns how long that was.
    pub(crate) async fn go_on(&mut self, stop: &CancellationToken) -> Duration {
        let start = Instant::now();
        let mut arrivals = Arrivals::new(&self.settings, start, self.random.fork());
        let until = start + self.settings.duration;
        while let Some(due) = arrivals.next(until) {
            tokio::select! {
                () = sleep_until(due) => {}
                () = stop.cancelled() => break,
            }
            while let Ok(voter) = self.back.try_recv() {
                self.welcome_back(voter);
            }
            if !self.may_change && self.still_to_come == 0 {
                break;
            }
            self.send(due);
        }
        start.elapsed()
    }

    fn send(&mut self, due: Instant) {
        let is_new = self.random.u8(0..100) >= self.settings.changes;
        let first_time = self.still_to_come > 0 && (is_new || self.resting.is_empty() || !self.may_change);
        let voter = if first_time {
            self.still_to_come -= 1;
            Voter::default()
        } else if let Some(index) = self.random.choice(0..self.resting.len()) {
            self.resting.swap_remove(index)
        } else {
            self.client.measurements.nobody_free.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            return;
        };
        let thinking = if first_time { THINKING } else { Duration::ZERO };
        let attempt = VoteAttempt {
            due: due + thinking,
            page_due: due,
            option: voter.other_choice(self.options).unwrap_or_else(|| self.first_choice()),
            channel: if self.random.u8(0..100) < self.settings.api { Channel::Api } else { Channel::Form },
        };
        self.visiting += 1;
        let (client, back) = (Arc::clone(&self.client), self.send_back.clone());
        let (mut voter, mut random) = (voter, self.random.fork());
        tokio::spawn(async move {
            client.receive(&mut voter, attempt, &mut random).await;
            // This fails only after the run was dropped.
            let _ = back.send(voter);
        });
    }

    /// The first options are more popular, so that votes put to the wrong option can't even out.
    fn first_choice(&mut self) -> u8 {
        self.random.u8(0..self.options).min(self.random.u8(0..self.options))
    }

    fn welcome_back(&mut self, voter: Voter) {
        self.visiting -= 1;
        if voter.is_satisfied() { self.resting.push(voter) } else { self.gone.push(voter) }
    }

    /// Waits for all voters and returns them. A voter without an answer after the time to settle gives up.
    pub(crate) async fn finish(mut self) -> Vec<Voter> {
        let patience = Instant::now() + THINKING + self.settings.settle;
        while self.visiting > 0 {
            match timeout_at(patience, self.back.recv()).await {
                Ok(Some(voter)) => self.welcome_back(voter),
                Ok(None) | Err(_) => break,
            }
        }
        self.client.closing.cancel();
        while self.visiting > 0 {
            // What is under way now is a page and a ballot at most, and all of their waits have limits.
            let voter = self.back.recv().await.expect("this end keeps a sender");
            self.welcome_back(voter);
        }
        self.resting.append(&mut self.gone);
        self.resting
    }
}

/// When ballots are due: one part at random intervals (a Poisson process), one part in bursts.
struct Arrivals {
    steady_per_second: f64,
    in_each_burst: u32,
    next_steady: Instant,
    next_burst: Instant,
    left_of_burst: u32,
    random: fastrand::Rng,
}

impl Arrivals {
    fn new(settings: &Settings, start: Instant, random: fastrand::Rng) -> Self {
        let burst = f64::from(settings.burst) / 100.0;
        let rate = f64::from(settings.rate);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive number of ballots")]
        let in_each_burst = (rate * burst * BURST_EVERY.as_secs_f64()).round() as u32;
        Self {
            steady_per_second: rate * (1.0 - burst),
            in_each_burst,
            next_steady: start,
            // In the middle of its time, so that also a short run has its share.
            next_burst: start + BURST_EVERY / 2,
            left_of_burst: in_each_burst,
            random,
        }
    }

    /// When the next ballot is due; `None` if that is after `until`.
    fn next(&mut self, until: Instant) -> Option<Instant> {
        let bursts = self.in_each_burst > 0;
        let steady = self.steady_per_second > 0.0;
        let due = if bursts && (!steady || self.next_burst <= self.next_steady) {
            let due = self.next_burst;
            self.left_of_burst -= 1;
            if self.left_of_burst == 0 {
                self.left_of_burst = self.in_each_burst;
                self.next_burst += BURST_EVERY;
            }
            due
        } else if steady {
            let due = self.next_steady;
            // Exponential distances are those of people who don't know of each other.
            let distance = -(1.0 - self.random.f64()).ln() / self.steady_per_second;
            self.next_steady += Duration::from_secs_f64(distance);
            due
        } else {
            return None;
        };
        (due < until).then_some(due)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn dues(arguments: &[&str]) -> Vec<Duration> {
        let settings = Settings::parse_from([&["crowd", "--duration", "20s", "--rate", "1000"], arguments].concat());
        let start = Instant::now();
        let mut arrivals = Arrivals::new(&settings, start, fastrand::Rng::with_seed(1));
        std::iter::from_fn(|| arrivals.next(start + settings.duration)).map(|due| due - start).collect()
    }

    #[test]
    fn ballots_come_at_the_rate_asked_for_with_their_bursts() {
        for burst in ["0", "10", "100"] {
            let dues = dues(&["--burst", burst]);
            assert!((19_000..21_000).contains(&dues.len()), "{burst}: {}", dues.len());
            assert!(dues.is_sorted());
        }
        let at_once = dues(&["--burst", "10"]).iter().filter(|due| **due == Duration::from_millis(2_500)).count();
        assert_eq!(at_once, 500);
    }
}
