//! New voters by poll and network: how many came in the last minute, from how many networks, and the limit that a poll
//! may set.
//!
//! "Anyone with the link" is open to scripts: each request without a cookie is a new voter. Nothing here distinguishes
//! a script from a person. It shows the organiser a flood, and limits one network if the organiser wants that.
//!
//! Each instance keeps it in memory, within limits; several instances together let more through.

use std::{
    collections::HashMap,
    net::IpAddr,
    num::NonZeroU16,
    time::{Duration, Instant},
};

use domain::{Poll, PollId};
use listener::client_address::limited_together;
use parking_lot::{Mutex, MutexGuard};

/// How long a new voter counts as new.
const MINUTE: Duration = Duration::from_mins(1);
const MINUTE_SECONDS: usize = 60;
/// How many polls are watched at once.
const MAX_POLLS: usize = 256;
/// How many networks of one poll have a budget of their own; the others share one.
pub(crate) const MAX_NETWORKS: usize = 1_024;
/// Stands for all networks beyond that.
const OTHERS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);

/// New voters of all polls.
pub(crate) struct NewVoters {
    begun: Instant,
    polls: Mutex<HashMap<PollId, PollFigures>>,
}

/// New voters of one poll.
struct PollFigures {
    /// New voters of each of the last 60 seconds, in a ring.
    seconds: [u32; MINUTE_SECONDS],
    /// The newest second in the ring, since the start.
    through: u64,
    networks: HashMap<IpAddr, NetworkFigures>,
}

/// One network.
#[derive(Clone, Copy)]
struct NetworkFigures {
    /// Until when it is in debt: each new voter adds an interval, and time pays it back.
    debt: Instant,
    last: Instant,
}

/// New voters of the last minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LastMinute {
    /// New voters.
    pub(crate) voters: u64,
    /// From how many networks; [`MAX_NETWORKS`] means at least so many.
    pub(crate) networks: usize,
}

impl NewVoters {
    pub(crate) fn new(now: Instant) -> Self {
        Self { begun: now, polls: Mutex::default() }
    }

    /// Takes one voter from the budget of a network, if the poll sets one. The error is the number of seconds to wait.
    pub(crate) fn admit(&self, poll: &Poll, from: IpAddr, now: Instant) -> Result<(), u32> {
        let Some(limit) = poll.new_voters_per_minute() else { return Ok(()) };
        let mut polls = self.lock();
        let Some(figures) = figures(&mut polls, poll.id(), now) else { return Ok(()) };
        let seen = figures.network(from, now);
        let full = seen.debt.max(now) + interval(limit);
        // Half an interval more, for the rounding of divisions.
        let wait = full.saturating_duration_since(now + MINUTE + interval(limit) / 2);
        if wait.is_zero() {
            seen.debt = full;
            return Ok(());
        }
        Err(u32::try_from(wait.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX).max(1))
    }

    /// Returns one voter to the budget: the ballot was not recorded.
    pub(crate) fn give_back(&self, poll: &Poll, from: IpAddr) {
        let Some(limit) = poll.new_voters_per_minute() else { return };
        if let Some(seen) =
            self.lock().get_mut(&poll.id()).and_then(|figures| figures.networks.get_mut(&limited_together(from)))
            && let Some(debt) = seen.debt.checked_sub(interval(limit))
        {
            seen.debt = debt;
        }
    }

    /// Counts a new voter.
    pub(crate) fn note(&self, poll: PollId, from: IpAddr, now: Instant) {
        let second = self.second(now);
        let mut polls = self.lock();
        let Some(figures) = figures(&mut polls, poll, now) else { return };
        figures.advance(second);
        figures.seconds[slot(second)] = figures.seconds[slot(second)].saturating_add(1);
        figures.network(from, now);
    }

    /// New voters of the last minute.
    pub(crate) fn last_minute(&self, poll: PollId, now: Instant) -> LastMinute {
        let second = self.second(now);
        let mut polls = self.lock();
        let Some(figures) = polls.get_mut(&poll) else { return LastMinute::default() };
        figures.advance(second);
        let voters = figures.seconds.iter().map(|&count| u64::from(count)).sum();
        let networks =
            figures.networks.values().filter(|seen| now.saturating_duration_since(seen.last) < MINUTE).count();
        LastMinute { voters, networks: if voters == 0 { 0 } else { networks } }
    }

    fn second(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.begun).as_secs()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PollId, PollFigures>> {
        // The map is whole after a panic: figures are replaced in one step.
        self.polls.lock()
    }
}

/// The figures of a poll; they begin now if there is room.
fn figures(polls: &mut HashMap<PollId, PollFigures>, poll: PollId, now: Instant) -> Option<&mut PollFigures> {
    if polls.len() >= MAX_POLLS && !polls.contains_key(&poll) {
        polls.retain(|_, figures| figures.networks.values().any(|seen| seen.is_remembered(now)));
        if polls.len() >= MAX_POLLS {
            return None;
        }
    }
    Some(polls.entry(poll).or_insert_with(|| PollFigures {
        seconds: [0; MINUTE_SECONDS],
        through: 0,
        networks: HashMap::new(),
    }))
}

impl PollFigures {
    /// Empties the seconds since the last call.
    fn advance(&mut self, second: u64) {
        for passed in (self.through + 1..=second).rev().take(MINUTE_SECONDS) {
            self.seconds[slot(passed)] = 0;
        }
        self.through = self.through.max(second);
    }

    fn network(&mut self, from: IpAddr, now: Instant) -> &mut NetworkFigures {
        let mut key = limited_together(from);
        if self.networks.len() >= MAX_NETWORKS && !self.networks.contains_key(&key) {
            self.networks.retain(|_, seen| seen.is_remembered(now));
            if self.networks.len() >= MAX_NETWORKS {
                key = OTHERS;
            }
        }
        let seen = self.networks.entry(key).or_insert(NetworkFigures { debt: now, last: now });
        seen.last = seen.last.max(now);
        seen
    }
}

impl NetworkFigures {
    fn is_remembered(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.last) < MINUTE || self.debt > now
    }
}

fn interval(limit: NonZeroU16) -> Duration {
    MINUTE / u32::from(limit.get())
}

fn slot(second: u64) -> usize {
    usize::try_from(second % MINUTE_SECONDS as u64).expect("below 60")
}

#[cfg(test)]
mod tests {
    use domain::PollSpec;

    use super::*;

    fn ip(number: u16) -> IpAddr {
        let [high, low] = number.to_be_bytes();
        IpAddr::from([10, 0, high, low])
    }

    fn limited(limit: u16) -> Poll {
        let spec = PollSpec::simple("Tea?", ["Yes", "No"]);
        let spec = PollSpec { new_voters_per_minute: NonZeroU16::new(limit), ..spec };
        Poll::new(PollId::MAIN, spec).unwrap()
    }

    #[test]
    fn a_network_brings_as_many_a_minute_as_the_poll_allows() {
        for allowed in [1, 3, 7, 60, 999] {
            let now = Instant::now();
            let (seen, poll) = (NewVoters::new(now), limited(allowed));
            let admitted = |from, now| seen.admit(&poll, ip(from), now);
            for _ in 0..allowed {
                assert_eq!(admitted(1, now), Ok(()));
            }
            let wait = admitted(1, now).unwrap_err();
            assert!((1..=60).contains(&wait), "{wait}");
            assert_eq!(admitted(2, now), Ok(()), "another network");
            assert_eq!(admitted(1, now + Duration::from_secs(u64::from(wait))), Ok(()));
            assert!(admitted(1, now + Duration::from_secs(1)).is_err() || allowed > 30);
        }
    }

    #[test]
    fn a_place_of_a_ballot_that_was_not_recorded_is_given_back() {
        let now = Instant::now();
        let (seen, poll) = (NewVoters::new(now), limited(1));
        for _ in 0..10 {
            assert_eq!(seen.admit(&poll, ip(1), now), Ok(()));
            seen.give_back(&poll, ip(1));
        }
    }

    #[test]
    fn what_came_within_the_last_minute_is_told() {
        let now = Instant::now();
        let (seen, main) = (NewVoters::new(now), PollId::MAIN);
        assert_eq!(seen.last_minute(main, now), LastMinute::default());
        let at = |seconds| now + Duration::from_secs(seconds);
        for (from, seconds) in [(1, 0), (1, 1), (2, 30), (2, 59)] {
            seen.note(main, ip(from), at(seconds));
        }
        assert_eq!(seen.last_minute(main, at(59)), LastMinute { voters: 4, networks: 2 });
        assert_eq!(seen.last_minute(main, at(61)), LastMinute { voters: 2, networks: 1 });
        assert_eq!(seen.last_minute(main, at(1_000)), LastMinute::default());
    }

    #[test]
    fn memory_is_bounded() {
        let now = Instant::now();
        let seen = NewVoters::new(now);
        for number in 0..2 * u16::try_from(MAX_NETWORKS).unwrap() {
            seen.note(PollId::MAIN, ip(number), now);
            seen.note(PollId::parse(&format!("poll-{number}")).unwrap(), ip(1), now);
        }
        assert_eq!(seen.last_minute(PollId::MAIN, now), LastMinute { voters: 2_048, networks: MAX_NETWORKS + 1 });
        assert_eq!(seen.lock().len(), MAX_POLLS);
    }
}
