//! What a teller knows of its partition's log: what the log has reported, and how much of it the ledger accounts for.
//!
//! No I/O. It is kept while the log or the ledger is unreachable, and between two leads.

use std::time::Duration;

use domain::{Attachment, Entry, LogId, Page, Position};

use crate::{
    account::{Account, MissingBallots},
    findings::PriorView,
    history::LogHistory,
    lag::Lag,
};

/// How long "everything accepted is counted" stays valid without another look at the log.
const QUIET_LASTS: Duration = Duration::from_secs(5);

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct LogView {
    lag: Lag,
    history: LogHistory,
    account: Account,
    /// At the last read or look, everything that the log had accepted was counted.
    quiet: bool,
}

impl LogView {
    /// The ledger accounts for this many ballots: counted, rejected or missing.
    pub(crate) fn ledger_accounts_for(&mut self, ballots: u64) {
        self.lag.accounts_for(ballots);
    }

    /// What was seen of the log that the ledger counts.
    pub(crate) fn prior(&self, log: Option<&LogId>) -> PriorView {
        // Voters may reach a log that this worker does not.
        let quiet = self.quiet && self.history.is_younger_than(QUIET_LASTS);
        PriorView { quiet, ..self.history.of(log) }
    }

    /// The log reported this.
    pub(crate) fn saw(&mut self, log: &Attachment) {
        self.history.saw(log);
    }

    /// The log may have given out positions up to this one, and must continue after it.
    pub(crate) fn may_have_given_out(&mut self, position: Position) {
        self.history.may_have_given_out(position);
    }

    /// The log is repaired: it reports `accepted` ballots now, of which the ledger accounts for `accounted`.
    pub(crate) fn repaired(&mut self, log: &LogId, accounted: u64, accepted: u64) {
        self.lag.accounts_for(accounted);
        self.lag.accepted(accepted);
        self.history.attached(log, accepted);
    }

    /// Log and ledger are attached. Counting begins after this position.
    pub(crate) fn attached_at(&mut self, counted_through: Position) {
        self.account = Account::begin(counted_through);
    }

    /// What will be missing once this batch is counted.
    pub(crate) fn will_miss(&mut self, batch: &[Entry]) -> Option<MissingBallots> {
        self.account.will_miss(batch, self.lag.accounted())
    }

    /// This was read from the log. It may be discarded before it is counted.
    pub(crate) fn read(&mut self, log: &LogId, page: &Page) {
        self.history.read(log, page);
    }

    /// The ledger accounts for this many more ballots.
    pub(crate) fn taken(&mut self, ballots: u64) {
        self.lag.taken(ballots);
    }

    /// A batch is counted. When it was read, the log had accepted `accepted` ballots.
    pub(crate) fn counted(&mut self, accepted: u64) {
        self.quiet = accepted == self.lag.accounted();
    }

    /// This batch is counted next. When it was read, the log had accepted `accepted` ballots.
    pub(crate) fn counts_next(&mut self, batch: &[Entry], accepted: u64) {
        self.quiet &= batch.is_empty();
        self.lag.accepted(accepted);
        self.lag.waiting_since(batch.first().map(|oldest| oldest.position.millis()));
    }

    /// A survey found log and ledger as they should be. The ledger accounts for `accounted` ballots.
    pub(crate) fn surveyed(&mut self, log: &Attachment, accounted: u64) {
        self.quiet = !log.unread;
        self.account.log_says(log);
        self.lag.accounts_for(accounted);
        self.lag.accepted(log.accepted);
    }

    /// This worker leads no more: another may count.
    pub(crate) fn lead_ended(&mut self) {
        self.quiet = false;
    }

    /// Another worker counts and reports the lag.
    pub(crate) fn stands_by(&mut self) {
        self.lag.forget();
    }

    /// While the ledger is unreachable, the log has accepted this many ballots.
    pub(crate) fn accepted_without_ledger(&mut self, accepted: u64, now_millis: u64) {
        self.history.has_accepted(accepted);
        self.lag.accepted_without_ledger(accepted, now_millis);
    }

    /// How far the count is behind.
    pub(crate) fn lag(&self) -> &Lag {
        &self.lag
    }
}
