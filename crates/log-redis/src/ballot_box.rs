//! The ballot box that `vote` uses: appends ballots and poll changes to the log on Redis.
//!
//! It makes no decisions about polls and ballots. The scripts make them in the step that writes.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use domain::{
    Ballot, BallotBox, CastOutcome, ChangeOutcome, Durability, Fingerprint, Partition, Partitions, Poll, PollChange,
    PollId, SessionId, Unavailable,
};
use futures_util::future::try_join_all;
use redis::Value;

use crate::{
    answers::{checked, unexpected, word},
    calls::{run, run_until},
    cast_queue::{self, CastQueue},
    deadline::Deadline,
    fence::{self, Fence},
    fitness::{Fitness, warn_if_unchecked},
    keys::Keys,
    link::Link,
    membership::Members,
    scripts::{END_SESSION, PUT_POLL, READ_ALL, READ_POLL},
    url::RedisUrl,
    watch, wire,
};

/// How often a change is retried because another process changed the poll between read and write.
const CHANGE_ATTEMPTS: usize = 16;

/// The log on Redis, as `vote` sees it. Any number of instances, in any number of processes, can work in parallel.
///
/// Every call returns within 2 s. `Ok` means that the effect is on Redis' disk.
pub struct RedisBallotBox {
    partitions: Partitions,
    /// Indexed by partition number.
    writers: Vec<PartitionWriter>,
}

/// Writes to one partition.
struct PartitionWriter {
    /// For everything except casting, which has its own. Each partition has its own, since its server may be another
    /// one, and since a call that waits for replicas blocks its connection.
    link: Arc<Link>,
    keys: Arc<Keys>,
    /// For everything except casting, which has its own fence.
    fence: Fence,
    casting: CastQueue,
}

/// A poll as the log has it, with the stored bytes for comparison.
struct PollRead {
    json: Vec<u8>,
    poll: Poll,
    accepted: u64,
}

/// The condition for writing a poll, checked in the same step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Precondition {
    /// The poll is still the one that was read.
    SamePoll,
    /// The same, and none of its ballots was accepted.
    NoBallots,
}

impl RedisBallotBox {
    /// A ballot box on this Redis, which need not be reachable yet: it connects when needed, and reconnects after each
    /// loss. Must be called within a Tokio runtime.
    ///
    /// Sends nothing to a Redis that does not meet `durability`, or whose log belongs to an installation with another
    /// number of partitions or another `key`: then every call returns [`Unavailable::Untrusted`].
    pub fn on(url: &RedisUrl, partitions: Partitions, durability: Durability, key: Fingerprint) -> Arc<Self> {
        warn_if_unchecked(durability);
        let members = Members::new(partitions, key);
        let ballot_box = Self::with_links(partitions, |partition| {
            let fitness = Arc::new(Fitness::new(partition, durability, Some(members.member(partition))));
            [(); 2].map(|()| Link::to_fit_server(url, Arc::clone(&fitness)))
        });
        ballot_box.writers.iter().for_each(|writer| watch::keep_looking(&writer.link));
        ballot_box
    }

    /// The same without any check of the server, for tools and tests.
    pub fn new(url: &RedisUrl, partitions: Partitions) -> Arc<Self> {
        Self::with_links(partitions, |_| [Link::new(url), Link::new(url)])
    }

    /// `links` makes two for each partition: for everything except casting, and for casting.
    fn with_links(partitions: Partitions, links: impl Fn(Partition) -> [Link; 2]) -> Arc<Self> {
        let writer = |partition| {
            let keys = Arc::new(Keys::new(partition));
            let [link, casting] = links(partition).map(Arc::new);
            let (casting, sender) = CastQueue::new(Arc::clone(&keys), casting, partition);
            (PartitionWriter { link, fence: Fence::new(Arc::clone(&keys)), keys, casting }, sender)
        };
        let (writers, senders) = partitions.all().map(writer).unzip();
        cast_queue::send_all(senders).expect("the system has a thread for the log");
        Arc::new(Self { partitions, writers })
    }

    fn writer(&self, poll: PollId) -> &PartitionWriter {
        &self.writers[usize::from(self.partitions.home(poll).number())]
    }

    async fn find(&self, what: &'static str, deadline: Deadline, id: PollId) -> Result<Option<PollRead>, Unavailable> {
        let PartitionWriter { link, keys, .. } = self.writer(id);
        let call = READ_POLL.call(&[&keys.incarnation, &keys.polls, &keys.accepted]).arg(id.as_str());
        let Value::Array(parts) = begun(run_until(&**link, what, deadline, call).await?)? else {
            return Err(unexpected(what));
        };
        match <[Value; 2]>::try_from(parts) {
            Ok([Value::Nil, _]) => Ok(None),
            Ok([Value::BulkString(json), accepted]) => {
                let poll = wire::decode_poll(&json).map_err(|reason| Unavailable::failed(what, reason))?;
                Ok(Some(PollRead { poll, json, accepted: number(what, &accepted)? }))
            }
            _ => Err(unexpected(what)),
        }
    }

    /// Replaces `before` (`None`: no such poll) by `next`. Returns whether it did: false if the poll has changed since,
    /// or has ballots where it must have none. If both are equal, it only verifies that the poll is unchanged.
    async fn put(
        &self,
        deadline: Deadline,
        before: Option<&PollRead>,
        next: &Poll,
        requires: Precondition,
    ) -> Result<bool, Unavailable> {
        let patience = fence::patience();
        loop {
            match self.put_once(deadline, before, next, requires).await {
                // Another leader is attaching, which takes a moment.
                Err(Unavailable::NotAttached) if !patience.is_over() => {
                    self.writer(next.id()).fence.refused();
                    tokio::time::sleep(fence::ASK_AGAIN_AFTER).await;
                }
                answer => return answer,
            }
        }
    }

    async fn put_once(
        &self,
        deadline: Deadline,
        before: Option<&PollRead>,
        next: &Poll,
        requires: Precondition,
    ) -> Result<bool, Unavailable> {
        const WHAT: &str = "writing a poll";
        let PartitionWriter { link, keys, fence, .. } = self.writer(next.id());
        let pass = fence.pass(link, WHAT, deadline).await?;
        // A new round or changed rules mean that nobody has voted yet; voters left by a lost log do not count either.
        let forget_voters =
            requires == Precondition::NoBallots || before.is_none_or(|found| found.poll.round() != next.round());
        let same = before.filter(|found| found.poll == *next);
        let call = PUT_POLL
            .call(&[&keys.attached, &keys.polls, &keys.log, &keys.accepted, &keys.voters(next.id())])
            .arg(next.id().as_str())
            .arg(before.map_or(&[][..], |found| &found.json))
            .arg(same.map_or_else(|| wire::encode_poll(next).into_bytes(), |found| found.json.clone()))
            .arg(wire::POLL_FIELD)
            .arg(u8::from(requires == Precondition::NoBallots))
            .arg(u8::from(forget_voters))
            .arg(&*pass.token);
        match word(WHAT, run_until(&pass.connection, WHAT, deadline, call).await?)?.as_str() {
            "done" => Ok(true),
            "differs" => Ok(false),
            "not attached" => Err(Unavailable::NotAttached),
            _ => Err(unexpected(WHAT)),
        }
    }
}

#[async_trait]
impl BallotBox for RedisBallotBox {
    async fn cast(&self, ballot: Ballot, revision: u32) -> Result<CastOutcome, Unavailable> {
        self.writer(ballot.poll).casting.cast(ballot, revision).await
    }

    async fn poll(&self, id: PollId) -> Result<Option<Poll>, Unavailable> {
        Ok(self.find("reading a poll", Deadline::usual(), id).await?.map(|found| found.poll))
    }

    async fn polls(&self) -> Result<Vec<Poll>, Unavailable> {
        const WHAT: &str = "reading the polls";
        let asked = self.writers.iter().map(|PartitionWriter { link, keys, .. }| {
            run(link, WHAT, READ_ALL.call(&[&keys.incarnation, &keys.polls]))
        });
        let mut polls = Vec::new();
        for answer in try_join_all(asked).await? {
            polls.extend(read_polls(WHAT, answer)?);
        }
        polls.sort_unstable_by_key(Poll::id);
        Ok(polls)
    }

    async fn create(&self, poll: Poll) -> Result<ChangeOutcome, Unavailable> {
        Ok(if self.put(Deadline::usual(), None, &poll, Precondition::SamePoll).await? {
            ChangeOutcome::Done(poll)
        } else {
            ChangeOutcome::Exists
        })
    }

    async fn change(&self, id: PollId, change: PollChange) -> Result<ChangeOutcome, Unavailable> {
        let deadline = Deadline::usual();
        let requires = match change {
            PollChange::Rewrite(_) => Precondition::NoBallots,
            _ => Precondition::SamePoll,
        };
        for _ in 0..CHANGE_ATTEMPTS {
            // A read changes nothing, and neither did the earlier attempts.
            let found = self.find("reading a poll", deadline, id).await.map_err(Unavailable::before_anything)?;
            let Some(found) = found else { return Ok(ChangeOutcome::UnknownPoll) };
            let next = match found.poll.after(&change, found.accepted) {
                Ok(next) => next,
                Err(refused) => return Ok(ChangeOutcome::Refused(refused)),
            };
            // Closing a closed poll changes nothing, but a log that has lost entries may wrongly report that it is
            // closed, so `put` verifies it.
            if self.put(deadline, Some(&found), &next, requires).await? {
                return Ok(ChangeOutcome::Done(next));
            }
        }
        // The last attempt certainly wrote nothing either.
        Err(Unavailable::Busy)
    }

    async fn end_session(&self, session: SessionId, lasting: Duration) -> Result<(), Unavailable> {
        const WHAT: &str = "ending a session";
        let lasting_ms = u64::try_from(lasting.as_millis()).unwrap_or(u64::MAX).max(1);
        let PartitionWriter { link, keys, .. } = &self.writers[0];
        let call = END_SESSION.call(&[&keys.ended(session)]).arg(lasting_ms);
        run(link, WHAT, call).await.map(drop)
    }

    async fn has_ended(&self, session: SessionId) -> Result<bool, Unavailable> {
        const WHAT: &str = "asking whether a session has ended";
        let PartitionWriter { link, keys, .. } = &self.writers[0];
        let mut commands = redis::pipe();
        commands.cmd("EXISTS").arg(keys.ended(session));
        let answers = link.send(WHAT, Deadline::usual(), &commands).await?;
        let answer = answers.into_iter().next().ok_or_else(|| unexpected(WHAT))?;
        match checked(WHAT, answer)? {
            Value::Int(there) => Ok(there == 1),
            _ => Err(unexpected(WHAT)),
        }
    }

    async fn accepted(&self, id: PollId) -> Result<u64, Unavailable> {
        let found = self.find("reading how many ballots were accepted", Deadline::usual(), id).await?;
        Ok(found.map_or(0, |found| found.accepted))
    }

    async fn ready(&self) -> Result<(), Unavailable> {
        const WHAT: &str = "asking whether the log takes ballots";
        let deadline = Deadline::usual();
        let asked = self.writers.iter().map(|PartitionWriter { link, keys, .. }| async move {
            let connection = link.connected(WHAT, deadline).await?;
            fence::token(&connection, WHAT, deadline, keys).await
        });
        try_join_all(asked).await.map(drop)
    }
}

/// A script replies nil if the log has not begun.
pub(crate) fn begun(answer: Value) -> Result<Value, Unavailable> {
    if answer == Value::Nil { Err(Unavailable::NotBegun) } else { Ok(answer) }
}

/// Reads the values of the hash of polls.
pub(crate) fn read_polls(what: &'static str, answer: Value) -> Result<Vec<Poll>, Unavailable> {
    let Value::Array(values) = begun(answer)? else { return Err(unexpected(what)) };
    let read = |value| match value {
        Value::BulkString(json) => wire::decode_poll(&json).map_err(|reason| Unavailable::failed(what, reason)),
        _ => Err(unexpected(what)),
    };
    values.into_iter().map(read).collect()
}

/// Reads a count that is stored as text; a missing one is 0.
pub(crate) fn number(what: &'static str, value: &Value) -> Result<u64, Unavailable> {
    match value {
        Value::Nil => Ok(0),
        Value::BulkString(digits) => {
            str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()).ok_or_else(|| unexpected(what))
        }
        _ => Err(unexpected(what)),
    }
}
