//! The copies of polls: every partition of the log holds each poll. A poll's home decides its changes, in one step that
//! compares and writes; the other partitions then adopt it, by its version.
//!
//! A copy is compared and passed on as stored bytes, so that what a later release has added is not lost.

use std::sync::Arc;

use domain::{Partition, Partitions, Poll, PollCopy, PollId, Unavailable};
use futures_util::future::join_all;
use redis::Value;

use crate::{
    answers::{unexpected, word, written},
    calls::run_until,
    deadline::Deadline,
    fence::{self, Fence, Pass},
    keys::Keys,
    link::Link,
    scripts::{ADOPT, Call, PUT_POLL, READ_POLL, READ_POLLS},
    server_clock::ServerClock,
    wire,
};

/// How often a home takes over what others hold, before it is left to the next attempt.
const TAKE_OVERS: usize = 4;

/// One partition, as a holder of copies.
pub(crate) struct Holder {
    pub(crate) keys: Arc<Keys>,
    pub(crate) link: Arc<Link>,
    /// For everything except casting, which has its own fence.
    pub(crate) fence: Fence,
    /// Of the partition's server, which decides when a countdown has ended.
    pub(crate) clock: ServerClock,
}

/// A poll as a partition has it.
pub(crate) struct PollRead {
    pub(crate) copy: PollCopy,
    pub(crate) accepted: u64,
    /// What the server's clock showed then, in milliseconds since 1970.
    pub(crate) now_millis: u64,
}

impl PollRead {
    /// The poll: closed if its countdown has ended, whether or not that was written.
    pub(crate) fn poll(&self) -> Poll {
        self.copy.poll.as_of(self.now_millis)
    }
}

/// All polls as a partition has them.
pub(crate) struct PollsRead {
    pub(crate) copies: Vec<PollCopy>,
    /// What the server's clock showed then, in milliseconds since 1970.
    pub(crate) now_millis: u64,
}

/// The condition for writing a poll, checked in the same step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Precondition {
    /// The poll is still the one that was read.
    SamePoll,
    /// The same, and none of its ballots was accepted in its home.
    NoBallots,
}

/// How far a poll was spread.
#[derive(Debug)]
pub(crate) enum Spread {
    /// All partitions hold it.
    Everywhere,
    /// This failed in one partition at least.
    Partly(Unavailable),
    /// A partition holds this: a newer version, or another poll under the same version.
    Conflict(PollCopy),
}

/// All partitions of a log, as holders of copies.
pub(crate) struct Copies {
    partitions: Partitions,
    /// Indexed by partition number.
    holders: Vec<Holder>,
}

impl Copies {
    /// With a link for each partition, in their order.
    pub(crate) fn new(partitions: Partitions, links: impl IntoIterator<Item = Arc<Link>>) -> Self {
        let holder = |(partition, link)| {
            let keys = Arc::new(Keys::new(partition));
            Holder { fence: Fence::new(Arc::clone(&keys)), keys, link, clock: ServerClock::default() }
        };
        Self { partitions, holders: partitions.all().zip(links).map(holder).collect() }
    }

    pub(crate) fn partitions(&self) -> Partitions {
        self.partitions
    }

    pub(crate) fn holder(&self, partition: Partition) -> &Holder {
        &self.holders[usize::from(partition.number())]
    }

    /// All partitions but this one.
    fn others(&self, than: Partition) -> impl Iterator<Item = Partition> {
        self.partitions.all().filter(move |&partition| partition != than)
    }

    /// What the clock of any partition shows, if one has ever answered.
    pub(crate) fn any_clock_millis(&self) -> Option<u64> {
        self.holders.iter().find_map(|holder| holder.clock.now_millis())
    }

    /// The poll as its home has it.
    pub(crate) async fn at_home(
        &self,
        what: &'static str,
        deadline: Deadline,
        id: PollId,
    ) -> Result<Option<PollRead>, Unavailable> {
        self.read(self.partitions.home(id), what, deadline, id).await
    }

    /// The poll as this partition has it.
    pub(crate) async fn read(
        &self,
        partition: Partition,
        what: &'static str,
        deadline: Deadline,
        id: PollId,
    ) -> Result<Option<PollRead>, Unavailable> {
        let Holder { keys, link, clock, .. } = self.holder(partition);
        let call = READ_POLL.call(&[&keys.incarnation, &keys.polls, &keys.accepted]).arg(id.as_str());
        let Value::Array(parts) = begun(run_until(&**link, what, deadline, call).await?)? else {
            return Err(unexpected(what));
        };
        let [stored, accepted, now] = <[Value; 3]>::try_from(parts).map_err(|_| unexpected(what))?;
        let now_millis = millis(what, &now)?;
        clock.saw(now_millis);
        match stored {
            Value::Nil => Ok(None),
            Value::BulkString(stored) => {
                let (copy, accepted) = (decode(what, stored)?, number(what, &accepted)?);
                Ok(Some(PollRead { copy, accepted, now_millis }))
            }
            _ => Err(unexpected(what)),
        }
    }

    /// The poll from each partition, in their order.
    pub(crate) async fn read_everywhere(
        &self,
        what: &'static str,
        deadline: Deadline,
        id: PollId,
    ) -> Result<Vec<Option<PollRead>>, Unavailable> {
        let read = self.partitions.all().map(|partition| self.read(partition, what, deadline, id));
        join_all(read).await.into_iter().collect()
    }

    /// All polls that this partition holds, by id.
    pub(crate) async fn all(
        &self,
        partition: Partition,
        what: &'static str,
        deadline: Deadline,
    ) -> Result<PollsRead, Unavailable> {
        let Holder { keys, link, clock, .. } = self.holder(partition);
        let call = READ_POLLS.call(&[&keys.incarnation, &keys.polls]);
        let read = read_polls(what, run_until(&**link, what, deadline, call).await?)?;
        clock.saw(read.now_millis);
        Ok(read)
    }

    /// Replaces `before` (`None`: no such poll) by `next` in the poll's home. Returns whether it did: false if the poll
    /// has changed since, or has ballots where it must have none. If both are equal, it only verifies that the poll is
    /// unchanged.
    pub(crate) async fn put(
        &self,
        deadline: Deadline,
        before: Option<&PollCopy>,
        next: &PollCopy,
        requires: Precondition,
    ) -> Result<bool, Unavailable> {
        const WHAT: &str = "writing a poll";
        let home = self.holder(self.partitions.home(next.poll.id()));
        // A new round or changed rules mean that nobody has voted yet; voters left by a lost log do not count either.
        let forget_voters =
            requires == Precondition::NoBallots || before.is_none_or(|found| found.poll.round() != next.poll.round());
        let same = before.filter(|found| found.poll == next.poll);
        let Keys { attached, polls, log, accepted, .. } = &*home.keys;
        let call = |pass: &Pass| {
            PUT_POLL
                .call(&[attached, polls, log, accepted, &home.keys.voters(next.poll.id())])
                .arg(next.poll.id().as_str())
                .arg(before.map_or(&[][..], |found| &found.stored))
                .arg(&same.unwrap_or(next).stored)
                .arg(wire::POLL_FIELD)
                .arg(u8::from(requires == Precondition::NoBallots))
                .arg(u8::from(forget_voters))
                .arg(&*pass.token)
        };
        home.write(WHAT, deadline, call, |answer| written(WHAT, answer)).await
    }

    /// Makes one partition hold this copy; returns what it holds instead, if that is newer, or differs in the same
    /// version.
    pub(crate) async fn adopt(
        &self,
        partition: Partition,
        deadline: Deadline,
        copy: &PollCopy,
    ) -> Result<Option<PollCopy>, Unavailable> {
        const WHAT: &str = "adopting a poll";
        let holder = self.holder(partition);
        let call = |pass: &Pass| adoption(&holder.keys, &holder.keys.attached, copy, &pass.token);
        holder.write(WHAT, deadline, call, |answer| read_adoption(WHAT, answer)).await
    }

    /// Makes all partitions but the poll's home hold this copy.
    pub(crate) async fn spread(&self, deadline: Deadline, copy: &PollCopy) -> Spread {
        let others = self.others(self.partitions.home(copy.poll.id()));
        let adopted = join_all(others.map(|partition| self.adopt(partition, deadline, copy))).await;
        let (mut newest, mut failed): (Option<PollCopy>, _) = (None, None);
        for adopted in adopted {
            match adopted {
                Ok(Some(held)) if newest.as_ref().is_none_or(|newest| newest.poll.version() < held.poll.version()) => {
                    newest = Some(held);
                }
                Ok(_) => {}
                Err(error) => failed = Some(error),
            }
        }
        match (newest, failed) {
            (Some(newest), _) => Spread::Conflict(newest),
            (None, Some(error)) => Spread::Partly(error),
            (None, None) => Spread::Everywhere,
        }
    }

    /// The home has lost changes that another partition has adopted: it takes that copy, under a version of its own
    /// that is higher than both.
    pub(crate) async fn take_over(&self, deadline: Deadline, held: &PollCopy) -> Result<(), Unavailable> {
        const WHAT: &str = "taking over a poll that another partition has";
        let before = self.at_home(WHAT, deadline, held.poll.id()).await?.map(|read| read.copy);
        let version = before.as_ref().map_or(0, |before| before.poll.version());
        // What was spread was read before a change that the other partition has been told of already.
        if version > held.poll.version() || before.as_ref().is_some_and(|before| before.stored == held.stored) {
            return Ok(());
        }
        let next = PollCopy::of(held.poll.clone().after_versions(version, held.poll.version()));
        // If the poll has changed since, the next attempt compares again.
        let done = self.put(deadline, before.as_ref(), &next, Precondition::SamePoll).await?;
        if done {
            tracing::warn!(event = "poll.taken_over", poll = %held.poll.id(), poll.version = next.poll.version(),
                "the poll's home had lost changes, and takes them from another partition");
        }
        Ok(())
    }

    /// Makes all partitions hold this poll as its home has it; its home takes over first what others have newer.
    pub(crate) async fn spread_from_home(&self, deadline: Deadline, id: PollId) -> Result<(), Unavailable> {
        for _ in 0..TAKE_OVERS {
            let Some(read) = self.at_home("reading a poll", deadline, id).await? else { return Ok(()) };
            match self.spread(deadline, &read.copy).await {
                Spread::Everywhere => return Ok(()),
                Spread::Partly(error) => return Err(error),
                Spread::Conflict(held) => self.take_over(deadline, &held).await?,
            }
        }
        Err(Unavailable::Busy)
    }
}

impl Holder {
    /// Runs a script that compares `attached`, and waits a moment for a leader that is attaching.
    pub(crate) async fn write<T>(
        &self,
        what: &'static str,
        deadline: Deadline,
        call: impl Fn(&Pass) -> Call,
        read: impl Fn(Value) -> Result<T, Unavailable>,
    ) -> Result<T, Unavailable> {
        let patience = fence::patience();
        loop {
            let tried = async {
                let pass = self.fence.pass(&self.link, what, deadline).await?;
                read(run_until(&pass.connection, what, deadline, call(&pass)).await?)
            };
            match tried.await {
                Err(Unavailable::NotAttached) if !patience.is_over() => {
                    self.fence.refused();
                    tokio::time::sleep(fence::ASK_AGAIN_AFTER).await;
                }
                answer => return answer,
            }
        }
    }
}

/// The call that adopts a copy, if `token` is what the key `guard` holds.
pub(crate) fn adoption(keys: &Keys, guard: &str, copy: &PollCopy, token: &str) -> Call {
    let PollCopy { poll, stored } = copy;
    ADOPT
        .call(&[guard, &keys.polls, &keys.log, &keys.voters(poll.id())])
        .arg(poll.id().as_str())
        .arg(stored)
        .arg(poll.version())
        .arg(poll.round())
        .arg(poll.revision())
        .arg(wire::POLL_FIELD)
        .arg(token)
}

/// What the partition holds instead of the copy, if it did not adopt that.
pub(crate) fn read_adoption(what: &'static str, answer: Value) -> Result<Option<PollCopy>, Unavailable> {
    let Value::Array(parts) = answer else { return Err(unexpected(what)) };
    let mut parts = parts.into_iter();
    let said = word(what, parts.next().ok_or_else(|| unexpected(what))?)?;
    match (said.as_str(), parts.next()) {
        ("done", None) => Ok(None),
        ("held", Some(Value::BulkString(stored))) => decode(what, stored).map(Some),
        ("not attached", None) => Err(Unavailable::NotAttached),
        _ => Err(unexpected(what)),
    }
}

fn decode(what: &'static str, stored: Vec<u8>) -> Result<PollCopy, Unavailable> {
    let poll: Poll = wire::decode_poll(&stored).map_err(|reason| Unavailable::failed(what, reason))?;
    Ok(PollCopy { poll, stored })
}

/// A script replies nil if the log has not begun.
pub(crate) fn begun(answer: Value) -> Result<Value, Unavailable> {
    if answer == Value::Nil { Err(Unavailable::NotBegun) } else { Ok(answer) }
}

/// Reads the values of the hash of polls, and sorts them by id.
pub(crate) fn read_polls(what: &'static str, answer: Value) -> Result<PollsRead, Unavailable> {
    let Value::Array(parts) = begun(answer)? else { return Err(unexpected(what)) };
    let Ok([Value::Array(values), now]) = <[Value; 2]>::try_from(parts) else { return Err(unexpected(what)) };
    let read = |value| match value {
        Value::BulkString(stored) => decode(what, stored),
        _ => Err(unexpected(what)),
    };
    let mut copies = values.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
    copies.sort_unstable_by_key(|copy| copy.poll.id());
    Ok(PollsRead { copies, now_millis: millis(what, &now)? })
}

/// Reads a moment of the server's clock.
fn millis(what: &'static str, value: &Value) -> Result<u64, Unavailable> {
    match value {
        Value::Int(millis) => u64::try_from(*millis).map_err(|_| unexpected(what)),
        _ => Err(unexpected(what)),
    }
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
