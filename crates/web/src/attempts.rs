//! Limits guessing: counts wrong attempts for each client address and in total, and forgets them with time.
//!
//! Right attempts are never counted and always pass, also while others guess: voting codes (44 bits) and tokens (at
//! least 16 characters) are too long to guess. After a wrong attempt beyond the budget of the address, or of all
//! addresses, the client is told to wait. So a program that guesses stops, or is noticed.
//!
//! Each instance keeps this in memory: with several instances, so many times as many guesses pass.

use std::{
    collections::HashMap,
    hash::Hash,
    net::IpAddr,
    time::{Duration, Instant},
};

use listener::client_address::limited_together;
use parking_lot::Mutex;

/// The most addresses, and the most subjects of guesses, that are stored.
const MAX_REMEMBERED: usize = 8_192;

/// How many wrong attempts pass.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// At once.
    pub burst: u32,
    /// Then one more each time this has passed.
    pub each: Duration,
}

/// Wrong attempts at a subject `S`: the poll of a code, or the organiser's token.
pub struct Attempts<S> {
    address: Budget,
    all: Budget,
    debts: Mutex<Debts<S>>,
}

/// Each attempt moves the end of a debt by [`Budget::each`] into the future.
struct Debts<S> {
    addresses: HashMap<(S, IpAddr), Instant>,
    all: HashMap<S, Instant>,
}

/// There were too many wrong attempts; so long to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany(pub Duration);

impl TooMany {
    /// In whole seconds, at least one.
    pub fn seconds(self) -> u32 {
        u32::try_from(self.0.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX).max(1)
    }
}

impl<S: Copy + Eq + Hash> Attempts<S> {
    /// Budgets for one address and for all together.
    pub fn new(address: Budget, all: Budget) -> Self {
        Self { address, all, debts: Mutex::new(Debts { addresses: HashMap::new(), all: HashMap::new() }) }
    }

    /// Counts a wrong attempt; an error, without counting it, if there were too many lately.
    pub fn wrong(&self, subject: S, address: IpAddr, now: Instant) -> Result<(), TooMany> {
        let mut debts = self.debts.lock();
        let key = (subject, limited_together(address));
        let own = debts.addresses.get(&key).copied().unwrap_or(now);
        let all = debts.all.get(&subject).copied().unwrap_or(now);
        let wait = self.address.wait(own, now).max(self.all.wait(all, now));
        if !wait.is_zero() {
            return Err(TooMany(wait));
        }
        add(&mut debts.addresses, key, self.address, now);
        add(&mut debts.all, subject, self.all, now);
        Ok(())
    }
}

impl Budget {
    /// How long until another attempt passes, with a debt until `until`.
    fn wait(self, until: Instant, now: Instant) -> Duration {
        let allowed = self.each * self.burst.saturating_sub(1);
        until.saturating_duration_since(now).saturating_sub(allowed)
    }
}

fn add<K: Eq + Hash + Copy>(debts: &mut HashMap<K, Instant>, key: K, budget: Budget, now: Instant) {
    if debts.len() >= MAX_REMEMBERED && !debts.contains_key(&key) {
        debts.retain(|_, until| *until > now);
        // Reading all entries for each new one would be too slow. The total budget still holds.
        if debts.len() > MAX_REMEMBERED / 2 {
            debts.clear();
        }
    }
    let until = debts.get(&key).copied().unwrap_or(now).max(now) + budget.each;
    debts.insert(key, until);
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: Budget = Budget { burst: 3, each: Duration::from_secs(10) };
    const ALL: Budget = Budget { burst: 5, each: Duration::from_secs(1) };

    fn ip(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn a_burst_passes_and_then_one_each_interval() {
        let (attempts, start) = (Attempts::new(ADDRESS, ALL), Instant::now());
        for _ in 0..3 {
            assert_eq!(attempts.wrong("poll", ip(1), start), Ok(()));
        }
        assert_eq!(attempts.wrong("poll", ip(1), start), Err(TooMany(Duration::from_secs(10))));
        assert_eq!(attempts.wrong("poll", ip(2), start), Ok(()), "another address");
        assert_eq!(attempts.wrong("other", ip(1), start), Ok(()), "another poll");
        let later = start + Duration::from_secs(10);
        assert_eq!(attempts.wrong("poll", ip(1), later), Ok(()));
        for _ in 0..100 {
            assert!(attempts.wrong("poll", ip(1), later).is_err());
        }
        assert_eq!(attempts.wrong("poll", ip(1), later + Duration::from_secs(10)), Ok(()), "nobody waits for ever");
    }

    #[test]
    fn the_total_budget_also_holds_for_new_addresses() {
        let (attempts, now) = (Attempts::new(ADDRESS, ALL), Instant::now());
        let let_pass = (0..100).filter(|last| attempts.wrong("poll", ip(*last), now).is_ok()).count();
        assert_eq!(let_pass, 5);
        assert_eq!(attempts.wrong("poll", ip(200), now + Duration::from_secs(1)), Ok(()));
    }

    #[test]
    fn memory_is_bounded() {
        let (attempts, now) = (Attempts::new(ADDRESS, ALL), Instant::now());
        for number in 0..3 * MAX_REMEMBERED {
            let number = u32::try_from(number).unwrap();
            attempts.wrong(number, IpAddr::from(number.to_be_bytes()), now).unwrap();
            let debts = attempts.debts.lock();
            assert!(debts.addresses.len() <= MAX_REMEMBERED && debts.all.len() <= MAX_REMEMBERED);
        }
    }

    #[test]
    fn the_wait_is_told_in_whole_seconds() {
        assert_eq!(TooMany(Duration::from_millis(1)).seconds(), 1);
        assert_eq!(TooMany(Duration::from_millis(1_001)).seconds(), 2);
    }
}
