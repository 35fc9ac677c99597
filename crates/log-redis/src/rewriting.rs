//! Another question, other options or rules for a poll that several partitions hold.
//!
//! It takes several steps, each of which compares and writes: ballots may come in anywhere.

use domain::{ChangeOutcome, Countdown, Poll, PollChange, PollId, Unavailable};

use crate::{
    ballot_box::{CHANGE_ATTEMPTS, RedisBallotBox},
    copies::{PollRead, Precondition},
    deadline::Deadline,
};

const REWRITING: &str = "rewriting a poll";

impl RedisBallotBox {
    /// Another question, other options or rules, or better words. With several partitions ballots may come in anywhere,
    /// so an open poll is closed for the moment in which it is rewritten.
    pub(crate) async fn rewrite(&self, id: PollId, change: &PollChange) -> Result<ChangeOutcome, Unavailable> {
        let deadline = Deadline::usual();
        let found = self.copies.at_home("reading a poll", deadline, id).await.map_err(Unavailable::before_anything)?;
        let Some(found) = found else { return Ok(ChangeOutcome::UnknownPoll) };
        let poll = found.poll();
        let accepted = self.accepted_everywhere(deadline, id).await.map_err(Unavailable::before_anything)?;
        match poll.after(change, accepted) {
            Err(refused) => Ok(ChangeOutcome::Refused(refused)),
            // A correction that is noted, whatever comes in.
            Ok(_) if accepted > 0 => self.change_at_home(id, change, accepted).await,
            Ok(_) if !found.copy.poll.is_open() => self.rewrite_closed(id, change).await,
            Ok(_) => self.close_and_rewrite(&poll, change).await,
        }
    }

    async fn close_and_rewrite(&self, poll: &Poll, change: &PollChange) -> Result<ChangeOutcome, Unavailable> {
        let id = poll.id();
        let closed = self.change_at_home(id, &PollChange::Close, 0).await?;
        let rewritten = match closed {
            ChangeOutcome::Underway(_) => Err(Unavailable::not_done(REWRITING, "not every partition can be asked")),
            _ => self.rewrite_closed(id, change).await,
        };
        if !poll.is_open() {
            // Its countdown had ended.
            return rewritten;
        }
        let until = poll.closes_at().map(|moment| PollChange::OpenFor(Countdown::Until(moment)));
        let opened = self.change_at_home(id, &until.unwrap_or(PollChange::Open), 0).await;
        // It stays closed if it can't be opened again.
        let opened = opened.map_err(|error| error.after_something(REWRITING))?;
        match (rewritten?, opened) {
            // The countdown has ended meanwhile.
            (ChangeOutcome::Done(rewritten), ChangeOutcome::Refused(_)) => Ok(ChangeOutcome::Done(rewritten)),
            (ChangeOutcome::Done(_), opened) => Ok(opened),
            (outcome, _) => Ok(outcome),
        }
    }

    /// Rewrites a poll that is closed in all partitions, if none of them has accepted a ballot. Opening it raises the
    /// version at its home, with which the last step compares.
    async fn rewrite_closed(&self, id: PollId, change: &PollChange) -> Result<ChangeOutcome, Unavailable> {
        const WHAT: &str = "reading a poll";
        let deadline = Deadline::usual();
        for _ in 0..CHANGE_ATTEMPTS {
            let everywhere = self.copies.read_everywhere(WHAT, deadline, id).await;
            let everywhere = everywhere.map_err(Unavailable::before_anything)?;
            let home = usize::from(self.partitions().home(id).number());
            let Some(found) = &everywhere[home] else { return Ok(ChangeOutcome::UnknownPoll) };
            let is_same = |read: &Option<PollRead>| read.as_ref().is_some_and(|read| read.copy == found.copy);
            if found.copy.poll.is_open() {
                return Err(Unavailable::not_done(REWRITING, "it was opened meanwhile"));
            }
            if !everywhere.iter().all(is_same) {
                // Somewhere the poll may be open still, or again.
                self.copies.spread_from_home(deadline, id).await.map_err(Unavailable::before_anything)?;
                continue;
            }
            let accepted = everywhere.iter().flatten().map(|read| read.accepted).sum();
            // With ballots it is a correction that is noted, or refused.
            let requires = if accepted == 0 { Precondition::NoBallots } else { Precondition::SamePoll };
            let next = match found.copy.poll.after_at(found.now_millis, change, accepted) {
                Ok(next) => next,
                Err(refused) => return Ok(ChangeOutcome::Refused(refused)),
            };
            if let Some(outcome) = self.change_to(deadline, found, next, requires).await? {
                return Ok(outcome);
            }
        }
        Err(Unavailable::Busy)
    }
}
