//! What a worker has seen of a log. A log that lost something reports less than before.
//!
//! No I/O. The history is kept while another worker leads, and while log or ledger are unreachable: what was seen stays
//! true for that log.

use domain::{Attachment, LogId, Page, Position};
use tokio::time::Instant;

use crate::findings::PriorView;

/// What one worker has seen of one partition's log.
#[derive(Debug, Default)]
pub(crate) struct LogHistory {
    /// Which log the next two fields are about.
    log: Option<LogId>,
    /// The last position that it reported.
    last: Position,
    /// The most accepted ballots that it reported.
    accepted: u64,
    /// The last position that any log of this partition may have given out, by the last reading of its clock.
    given_out: Position,
    /// The log's clock, and when it was read.
    clock: Option<(u64, Instant)>,
}

impl LogHistory {
    /// The log reported this.
    pub(crate) fn saw(&mut self, log: &Attachment) {
        self.is_about(&log.id);
        self.given_out = self.given_out_by_now();
        self.clock = Some((log.now_millis, Instant::now()));
        self.saw_position(log.last.unwrap_or_default());
        self.accepted = self.accepted.max(log.accepted);
    }

    /// This was read from the log.
    pub(crate) fn read(&mut self, log: &LogId, page: &Page) {
        self.is_about(log);
        self.saw_position(page.entries.last().map_or(Position::ZERO, |entry| entry.position));
        self.accepted = self.accepted.max(page.accepted);
    }

    /// The log that was seen last has accepted this many ballots.
    pub(crate) fn has_accepted(&mut self, ballots: u64) {
        self.accepted = self.accepted.max(ballots);
    }

    /// The log may have given out positions up to this one, and must continue after it.
    pub(crate) fn may_have_given_out(&mut self, position: Position) {
        self.saw_position(position);
    }

    /// The log is repaired, and what it lacks is noted. It reports this many accepted ballots now.
    pub(crate) fn attached(&mut self, log: &LogId, ballots: u64) {
        self.is_about(log);
        self.accepted = ballots;
    }

    /// What was seen of this log.
    pub(crate) fn of(&self, log: Option<&LogId>) -> PriorView {
        let same = log.is_some() && self.log.as_ref() == log;
        PriorView {
            last: if same { self.last } else { Position::ZERO },
            given_out: self.given_out_by_now(),
            accepted: same.then_some(self.accepted),
            quiet: false,
            may_lack: false,
        }
    }

    /// Whether the last look at a log was less than `age` ago.
    pub(crate) fn is_younger_than(&self, age: std::time::Duration) -> bool {
        self.clock.is_some_and(|(_, at)| at.elapsed() < age)
    }

    fn is_about(&mut self, log: &LogId) {
        if self.log.as_ref() != Some(log) {
            (self.log, self.last, self.accepted) = (Some(log.clone()), Position::ZERO, 0);
        }
    }

    fn saw_position(&mut self, position: Position) {
        self.last = self.last.max(position);
        self.given_out = self.given_out.max(position);
    }

    /// Ballots since the last look have positions by a clock that continued.
    fn given_out_by_now(&self) -> Position {
        let Some((clock_millis, at)) = self.clock else { return self.given_out };
        let since = u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX);
        let now = Position::new(clock_millis.saturating_add(since).saturating_add(1), 0).unwrap_or_default();
        self.given_out.max(now)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn log(id: &str, last: u64, accepted: u64, now_millis: u64) -> Attachment {
        let last = Position::new(last, 0);
        Attachment { id: LogId::new(id), trimmed: Position::ZERO, last, accepted, unread: false, now_millis }
    }

    #[tokio::test(start_paused = true)]
    async fn the_most_that_a_log_said_is_kept_until_it_is_attached_again() {
        let (first, second) = (LogId::new("first"), LogId::new("second"));
        let mut history = LogHistory::default();
        assert_eq!(history.of(Some(&first)).accepted, None);
        history.saw(&log("first", 7, 25, 9));
        history.saw(&log("first", 5, 20, 9));
        let view = history.of(Some(&first));
        assert_eq!((view.last, view.accepted), (Position::new(7, 0).unwrap(), Some(25)));
        assert_eq!(history.of(Some(&second)).accepted, None);
        assert_eq!(history.of(None).accepted, None);
        history.has_accepted(26);
        history.read(&first, &Page { attached: true, accepted: 22, entries: Vec::new() });
        assert_eq!(history.of(Some(&first)).accepted, Some(26));
        history.attached(&first, 22);
        assert_eq!(history.of(Some(&first)).accepted, Some(22));
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_was_set_back_does_not_set_back_what_was_given_out() {
        let mut history = LogHistory::default();
        history.saw(&log("first", 7, 1, 1_000));
        tokio::time::advance(Duration::from_millis(500)).await;
        assert_eq!(history.of(None).given_out, Position::new(1_501, 0).unwrap());
        history.saw(&log("second", 7, 1, 100));
        tokio::time::advance(Duration::from_millis(500)).await;
        assert_eq!(history.of(None).given_out, Position::new(1_501, 0).unwrap());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(history.of(None).given_out, Position::new(1_601, 0).unwrap());
    }
}
