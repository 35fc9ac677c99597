//! How far the count is behind.

/// What is known of the lag of one partition. No clock: the time is handed in.
#[derive(Debug, Default)]
pub(crate) struct Lag {
    /// Ballots that the ledger accounts for: counted, rejected or missing. `None` while another worker counts.
    accounted: Option<u64>,
    /// Ballots that the log had accepted when it was last asked.
    accepted: u64,
    /// When the oldest ballot known to be uncounted was accepted, in milliseconds since 1970.
    waiting_since_millis: Option<u64>,
}

impl Lag {
    /// The ledger accounts for this many ballots.
    pub(crate) fn accounts_for(&mut self, ballots: u64) {
        self.accounted = Some(ballots);
    }

    /// The ledger accounts for this many more.
    pub(crate) fn taken(&mut self, ballots: u64) {
        self.accounted = self.accounted.map(|accounted| accounted.saturating_add(ballots));
    }

    /// How many ballots the ledger accounts for.
    pub(crate) fn accounted(&self) -> u64 {
        self.accounted.unwrap_or(0)
    }

    /// When the oldest entry was accepted that is read and not counted; `None` if everything read is counted.
    pub(crate) fn waiting_since(&mut self, millis: Option<u64>) {
        self.waiting_since_millis = millis;
    }

    /// The log has accepted this many ballots.
    pub(crate) fn accepted(&mut self, ballots: u64) {
        self.accepted = ballots;
    }

    /// The same while the ledger is unreachable. The time lag begins with the first uncounted ballot that is seen.
    pub(crate) fn accepted_without_ledger(&mut self, ballots: u64, now_millis: u64) {
        self.accepted = ballots;
        if self.ballots() > 0 {
            self.waiting_since_millis.get_or_insert(now_millis);
        }
    }

    /// Another worker counts, so nothing is known.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Whether this worker knows what the ledger accounts for.
    pub(crate) fn is_known(&self) -> bool {
        self.accounted.is_some()
    }

    /// Ballots accepted and not counted.
    pub(crate) fn ballots(&self) -> u64 {
        self.accounted.map_or(0, |accounted| self.accepted.saturating_sub(accounted))
    }

    /// How long the oldest uncounted ballot has waited, in milliseconds; 0 if none waits.
    pub(crate) fn millis(&self, now_millis: u64) -> u64 {
        self.waiting_since_millis.map_or(0, |since| now_millis.saturating_sub(since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lag_is_what_is_accepted_and_not_counted() {
        let mut lag = Lag::default();
        assert!(!lag.is_known());
        lag.accounts_for(10);
        lag.accepted(25);
        lag.waiting_since(Some(4_000));
        assert_eq!((lag.ballots(), lag.millis(5_500)), (15, 1_500));
        lag.taken(15);
        lag.waiting_since(None);
        assert_eq!((lag.ballots(), lag.millis(5_500)), (0, 0));

        // The ledger went away with nothing waiting; a ballot seen after that waits from then on.
        lag.accepted_without_ledger(25, 6_000);
        assert_eq!((lag.ballots(), lag.millis(7_000)), (0, 0));
        lag.accepted_without_ledger(27, 8_000);
        lag.accepted_without_ledger(29, 9_000);
        assert_eq!((lag.ballots(), lag.millis(9_500)), (4, 1_500));
    }
}
