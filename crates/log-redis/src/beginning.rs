//! Creates a log, or brings one that went back up to date with its ledger. Both are done in steps, so that no single
//! call blocks Redis for long.
//!
//! The leader has already claimed the log, so nobody else writes. Each step fails if another leader has claimed the log
//! since. A new log's id is written last, so an interrupted run has no effect or is repeated.

use domain::{Event, LogSeed, PollId, PollSeed, Position, Unavailable, VoterId};

use crate::{
    answers::{unexpected, word},
    calls::run,
    keys::Keys,
    link::Link,
    scripts::{BEGIN_FIRST, BEGIN_LAST, Call, LuaScript, SETTLE, WRITE_EVENTS, WRITE_POLLS, WRITE_VOTERS},
    wire,
};

/// Polls per step. A poll has at most about 25 KB.
const POLLS_A_STEP: usize = 100;
/// Events per step. An event has at most about 6 KB.
const EVENTS_A_STEP: usize = 100;
/// Counts per step.
const COUNTS_A_STEP: usize = 1_000;
/// Voters per step.
const VOTERS_A_STEP: usize = 5_000;

/// The steps of one leader.
pub(crate) struct Steps<'a> {
    pub(crate) link: &'a Link,
    pub(crate) keys: &'a Keys,
    /// The leader's token.
    pub(crate) token: &'a str,
}

impl Steps<'_> {
    /// Creates a log with this id.
    pub(crate) async fn begin(&self, id: &str, seed: &LogSeed) -> Result<(), Unavailable> {
        const WHAT: &str = "beginning the log";
        let Keys { log, polls, events, accepted, trimmed, incarnation, .. } = self.keys;
        self.run(WHAT, self.step(&BEGIN_FIRST, &[log, polls, accepted, trimmed, events])).await?;
        self.write(WHAT, seed).await?;
        let last = self.step(&BEGIN_LAST, &[log, trimmed, incarnation]);
        let last = last.arg(id).arg(wire::last_id_above(seed.after)).arg(seed.after.to_string());
        self.run(WHAT, last).await
    }

    /// Writes the ledger's polls, counts and voters, and overwrites those in the log; and its events.
    pub(crate) async fn write(&self, what: &'static str, seed: &LogSeed) -> Result<(), Unavailable> {
        for some in seed.polls.chunks(POLLS_A_STEP) {
            self.run(what, self.polls(some)).await?;
        }
        for some in seed.events.chunks(EVENTS_A_STEP) {
            self.run(what, self.events(some)).await?;
        }
        for poll in &seed.polls {
            for some in poll.voters.chunks(VOTERS_A_STEP) {
                self.run(what, self.voters(poll, some)).await?;
            }
        }
        Ok(())
    }

    fn polls(&self, some: &[PollSeed]) -> Call {
        let voters: Vec<String> = some.iter().map(|seed| self.keys.voters(seed.poll.id())).collect();
        let mut keys = vec![&*self.keys.polls, &*self.keys.accepted];
        keys.extend(voters.iter().map(String::as_str));
        some.iter().fold(self.step(&WRITE_POLLS, &keys), |call, seed| {
            call.arg(seed.poll.id().as_str()).arg(wire::encode_poll(&seed.poll)).arg(seed.ballots)
        })
    }

    fn events(&self, some: &[Event]) -> Call {
        some.iter().fold(self.step(&WRITE_EVENTS, &[&self.keys.events]), |call, event| {
            call.arg(event.id().as_str()).arg(event.version()).arg(wire::encode_event(event))
        })
    }

    fn voters(&self, seed: &PollSeed, some: &[(VoterId, Position)]) -> Call {
        let call = self.step(&WRITE_VOTERS, &[&self.keys.voters(seed.poll.id())]);
        some.iter().fold(call, |call, (voter, position)| call.arg(voter.as_bytes()).arg(position.to_string()))
    }

    /// Writes the numbers of accepted ballots: for each poll the number counted, and `others` for ballots that will
    /// never be counted.
    pub(crate) async fn settle(&self, counted: &[(PollId, u64)], others: u64) -> Result<(), Unavailable> {
        let others = [("", others)];
        let fields: Vec<_> = counted.iter().map(|(poll, count)| (poll.as_str(), *count)).chain(others).collect();
        for (step, some) in fields.chunks(COUNTS_A_STEP).enumerate() {
            let call = self.step(&SETTLE, &[&self.keys.accepted]).arg(u8::from(step == 0));
            let call = some.iter().fold(call, |call, (field, count)| call.arg(*field).arg(*count));
            self.run("repairing how much was accepted", call).await?;
        }
        Ok(())
    }

    /// A call with the keys that every step has, plus these.
    pub(crate) fn step(&self, script: &'static LuaScript, further: &[&str]) -> Call {
        let mut keys = vec![&*self.keys.attaching, &*self.keys.attached];
        keys.extend(further);
        script.call(&keys).arg(self.token)
    }

    pub(crate) async fn run(&self, what: &'static str, call: Call) -> Result<(), Unavailable> {
        match word(what, run(self.link, what, call).await?)?.as_str() {
            "done" => Ok(()),
            "superseded" => Err(Unavailable::NotAttached),
            _ => Err(unexpected(what)),
        }
    }
}
