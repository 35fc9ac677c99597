//! Whether the log still holds what it has accepted.
//!
//! At each survey the log reports how many ballots it has accepted and its last position, both at one moment. Once
//! everything up to that position is counted, the ledger must account for the same number. If it accounts for fewer,
//! entries were removed before they were read (`XTRIM` or `XDEL` by hand, an eviction).

use domain::{Attachment, Entry, Position, Record};

/// Compares the log's number with the ledger's. No I/O; remembers one survey.
#[derive(Debug, Default)]
pub(crate) struct Account {
    /// Up to here both agreed, or the difference is noted.
    agreed: Position,
    /// The log's report at the survey to be compared.
    said: Option<Said>,
}

#[derive(Clone, Copy, Debug)]
struct Said {
    accepted: u64,
    last: Position,
}

/// Ballots that were accepted and are not in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MissingBallots {
    pub(crate) after: Position,
    pub(crate) through: Position,
    pub(crate) ballots: u64,
}

impl Account {
    /// Log and ledger were attached at this position.
    pub(crate) fn begin(at: Position) -> Self {
        Self { agreed: at, said: None }
    }

    /// The log's report now; kept until everything in it is counted.
    pub(crate) fn log_says(&mut self, log: &Attachment) {
        if let Some(last) = log.last.filter(|_| log.unread) {
            self.said.get_or_insert(Said { accepted: log.accepted, last });
        }
    }

    /// What will be missing once this batch is counted by a ledger that accounts for `accounted` ballots before it.
    pub(crate) fn will_miss(&mut self, batch: &[Entry], accounted: u64) -> Option<MissingBallots> {
        let last = batch.last()?.position;
        let Said { accepted, last: through } = self.said.take_if(|said| last >= said.last)?;
        let until_then = batch.iter().take_while(|entry| entry.position <= through);
        let taken = until_then.filter(|entry| !matches!(entry.record, Ok(Record::Poll(_) | Record::Event(_)))).count();
        let ballots = accepted.saturating_sub(accounted + u64::try_from(taken).unwrap_or(u64::MAX));
        let after = std::mem::replace(&mut self.agreed, through);
        (ballots > 0).then_some(MissingBallots { after, through, ballots })
    }
}

#[cfg(test)]
mod tests {
    use domain::{Ballot, Choices, LogId, PollId, UndecodableEntry, VoterId};

    use super::*;

    fn at(sequence: u64) -> Position {
        Position::new(1, sequence).unwrap()
    }

    fn ballots(positions: impl IntoIterator<Item = u64>) -> Vec<Entry> {
        let (voter, choices) = (VoterId::from_bytes([1; 16]), Choices::parse(["a"]).unwrap());
        let ballot = Ballot { poll: PollId::MAIN, voter, choices };
        let entry = |sequence| Entry { position: at(sequence), record: Ok(Record::Ballot(ballot)) };
        positions.into_iter().map(entry).collect()
    }

    fn log(last: u64, accepted: u64) -> Attachment {
        let (id, trimmed) = (LogId::new("log"), Position::ZERO);
        Attachment { id, trimmed, last: Some(at(last)), accepted, unread: true, now_millis: 0 }
    }

    #[test]
    fn what_was_accepted_and_is_not_read_is_missing_while_more_comes() {
        let mut account = Account::begin(at(0));
        account.log_says(&log(6, 106));
        assert_eq!(account.will_miss(&ballots([1, 2, 3]), 100), None, "not all of it is read");
        account.log_says(&log(9, 109));
        // Of 4 to 6 one is gone. Those after 6 were accepted after the log has said how many there are.
        let missing = account.will_miss(&ballots([4, 6, 7, 8]), 103);
        assert_eq!(missing, Some(MissingBallots { after: at(0), through: at(6), ballots: 1 }));
        account.log_says(&log(9, 109));
        assert_eq!(account.will_miss(&ballots([9]), 108), None, "the one is accounted for");
        account.log_says(&log(10, 111));
        let missing = account.will_miss(&ballots([10]), 109);
        assert_eq!(missing, Some(MissingBallots { after: at(9), through: at(10), ballots: 1 }));
    }

    #[test]
    fn what_is_set_aside_is_accounted_for_and_polls_and_events_are_no_ballots() {
        let mut entries = ballots([1, 2, 3]);
        entries[1].record = Err(UndecodableEntry { reason: String::new(), entry: String::new() });
        let mut account = Account::begin(at(0));
        account.log_says(&log(3, 3));
        assert_eq!(account.will_miss(&entries, 0), None);
        let poll = domain::Poll::new(PollId::MAIN, domain::PollSpec::simple("?", ["x", "y"])).unwrap();
        entries[1].record = Ok(Record::Poll(Box::new(poll)));
        account.log_says(&log(3, 3));
        assert_eq!(account.will_miss(&entries, 0).map(|missing| missing.ballots), Some(1));
        let spec = domain::EventSpec { title: "T".into(), polls: Vec::new() };
        let event = domain::Event::new(domain::EventId::parse("evening").unwrap(), spec).unwrap();
        entries[1].record = Ok(Record::Event(Box::new(event)));
        account.log_says(&log(3, 3));
        assert_eq!(account.will_miss(&entries, 0).map(|missing| missing.ballots), Some(1));
    }
}
