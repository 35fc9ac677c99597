//! The ballot box that `vote` uses: appends ballots and poll changes to the log on Redis.
//!
//! It makes no decisions about polls and ballots. The scripts make them in the step that writes.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use domain::{
    Ballot, BallotBox, CastOutcome, ChangeOutcome, Durability, Fingerprint, InstallationId, Partition, Partitions,
    Poll, PollChange, PollCopy, PollId, SessionId, Unavailable,
};
use futures_util::future::{join_all, try_join_all};
use redis::Value;

use crate::{
    addresses::RedisAddresses,
    answers::{checked, unexpected},
    calls::run,
    cast_queue::{self, CastQueue},
    copies::{Copies, Holder, PollRead, PollsRead, Precondition, Spread},
    deadline::Deadline,
    fence,
    fitness::{Fitness, warn_if_unchecked},
    installation,
    link::Link,
    membership::Members,
    scripts::END_SESSION,
    watch,
};

/// How often a change is retried because another process changed the poll between read and write.
pub(crate) const CHANGE_ATTEMPTS: usize = 16;
const CHANGING: &str = "changing a poll";

/// The log on Redis, as `vote` sees it. Any number of instances, in any number of processes, can work in parallel.
///
/// Calls keep to the time limits of the port. `Ok` means that the effect is on the disks that `DURABILITY` asks for.
pub struct RedisBallotBox {
    pub(crate) copies: Copies,
    /// Indexed by partition number.
    casting: Vec<CastQueue>,
}

impl RedisBallotBox {
    /// A ballot box on these servers, which need not be reachable yet: it connects when needed, and reconnects after
    /// each loss. Must be called within a Tokio runtime.
    ///
    /// Sends nothing to a Redis that does not meet `durability`, or whose log belongs to an installation with another
    /// number of partitions or another `key`: then every call returns [`Unavailable::Untrusted`].
    pub fn on(
        addresses: &RedisAddresses,
        partitions: Partitions,
        durability: Durability,
        key: Fingerprint,
    ) -> Arc<Self> {
        warn_if_unchecked(durability);
        let members = Members::new(partitions, addresses.count(), key);
        let ballot_box = Self::with_links(partitions, |partition| {
            let fitness = Arc::new(Fitness::new(partition, durability, Some(members.member(partition))));
            [(); 2].map(|()| Link::to_fit_server(addresses, Arc::clone(&fitness)))
        });
        for partition in partitions.all() {
            watch::keep_looking(&ballot_box.copies.holder(partition).link);
        }
        ballot_box
    }

    /// The same without any check of the server, for tools and tests.
    pub fn new(addresses: &RedisAddresses, partitions: Partitions) -> Arc<Self> {
        Self::with_links(partitions, |partition| [(); 2].map(|()| Link::new(addresses, partition)))
    }

    /// `links` makes two for each partition: for everything except casting, and for casting. Each partition has its
    /// own, since its server may be another one, and since a call that waits for replicas blocks its connection.
    fn with_links(partitions: Partitions, links: impl Fn(Partition) -> [Link; 2]) -> Arc<Self> {
        let (links, casting): (Vec<_>, Vec<_>) =
            partitions.all().map(|partition| links(partition).map(Arc::new).into()).unzip();
        let copies = Copies::new(partitions, links);
        let queue =
            |(partition, casting)| CastQueue::new(Arc::clone(&copies.holder(partition).keys), casting, partition);
        let (queues, senders) = partitions.all().zip(casting).map(queue).unzip();
        cast_queue::send_all(senders).expect("the system has a thread for the log");
        Arc::new(Self { copies, casting: queues })
    }

    pub(crate) fn copies(&self) -> &Copies {
        &self.copies
    }

    pub(crate) fn partitions(&self) -> Partitions {
        self.copies.partitions()
    }

    /// A partition that does not know a poll yet, which its home has, adopts it. Returns whether it has it now.
    async fn bring(&self, poll: PollId, partition: Partition) -> Result<bool, Unavailable> {
        let deadline = Deadline::usual();
        let found =
            self.copies.at_home("reading a poll", deadline, poll).await.map_err(Unavailable::before_anything)?;
        let Some(PollRead { copy, .. }) = found else { return Ok(false) };
        // What it holds instead is newer.
        self.copies.adopt(partition, deadline, &copy).await.map_err(Unavailable::before_anything).map(|_| true)
    }

    /// How many ballots of the poll all partitions have accepted.
    pub(crate) async fn accepted_everywhere(&self, deadline: Deadline, id: PollId) -> Result<u64, Unavailable> {
        const WHAT: &str = "reading how many ballots were accepted";
        let read = self.copies.read_everywhere(WHAT, deadline, id).await?;
        Ok(read.iter().flatten().map(|read| read.accepted).sum())
    }

    /// Writes `next` in place of the poll that was `found` at its home, if `requires` holds, and spreads it. `None`:
    /// the home holds something else by now, and is to be read again.
    pub(crate) async fn change_to(
        &self,
        deadline: Deadline,
        found: &PollRead,
        next: Poll,
        requires: Precondition,
    ) -> Result<Option<ChangeOutcome>, Unavailable> {
        let next = if next == found.copy.poll { found.copy.clone() } else { PollCopy::of(next) };
        // Closing a closed poll changes nothing, but a log that has lost entries may wrongly report that it is closed,
        // so `put` verifies it.
        if !self.copies.put(deadline, Some(&found.copy), &next, requires).await? {
            return Ok(None);
        }
        Ok(match self.copies.spread(deadline, &next).await {
            Spread::Everywhere => Some(ChangeOutcome::Done(next.poll)),
            Spread::Partly(error) => Some(underway(next.poll, &error)),
            Spread::Conflict(held) => {
                // The poll's home holds the change already, even if it can't take over the other copy now.
                let taken_over = self.copies.take_over(deadline, &held).await;
                taken_over.map_err(|error| error.after_something(CHANGING))?;
                None
            }
        })
    }

    /// A change that is decided by what the poll's home knows. So many ballots were accepted at least, over all
    /// partitions.
    pub(crate) async fn change_at_home(
        &self,
        id: PollId,
        change: &PollChange,
        accepted: u64,
    ) -> Result<ChangeOutcome, Unavailable> {
        let deadline = Deadline::usual();
        let requires = match change {
            PollChange::Rewrite(_) => Precondition::NoBallots,
            _ => Precondition::SamePoll,
        };
        for _ in 0..CHANGE_ATTEMPTS {
            // A read changes nothing, and neither did the earlier attempts.
            let found = self.copies.at_home("reading a poll", deadline, id).await;
            let Some(found) = found.map_err(Unavailable::before_anything)? else {
                return Ok(ChangeOutcome::UnknownPoll);
            };
            let next = match found.copy.poll.after_at(found.now_millis, change, found.accepted.max(accepted)) {
                Ok(next) => next,
                Err(refused) => return Ok(ChangeOutcome::Refused(refused)),
            };
            if let Some(outcome) = self.change_to(deadline, &found, next, requires).await? {
                return Ok(outcome);
            }
        }
        // The last attempt certainly wrote nothing either.
        Err(Unavailable::Busy)
    }
}

impl RedisBallotBox {
    async fn has_ended_in(&self, partition: Partition, session: SessionId) -> Result<bool, Unavailable> {
        const WHAT: &str = "asking whether a session has ended";
        let Holder { link, keys, .. } = self.copies.holder(partition);
        let mut commands = redis::pipe();
        commands.cmd("EXISTS").arg(keys.ended(session));
        let answers = link.send(WHAT, Deadline::usual(), &commands).await?;
        let answer = answers.into_iter().next().ok_or_else(|| unexpected(WHAT))?;
        match checked(WHAT, answer)? {
            Value::Int(there) => Ok(there == 1),
            _ => Err(unexpected(WHAT)),
        }
    }
}

/// The time on this machine, in milliseconds since 1970.
fn system_millis() -> u64 {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX)
}

/// The change is decided, and the worker that leads the poll's home goes on until all partitions have it.
fn underway(poll: Poll, error: &Unavailable) -> ChangeOutcome {
    tracing::warn!(event = "poll.underway", poll = %poll.id(), poll.version = poll.version(), %error,
        "a change of a poll is decided, and not every partition could be told; a worker goes on");
    ChangeOutcome::Underway(poll)
}

#[async_trait]
impl BallotBox for RedisBallotBox {
    async fn cast(&self, ballot: Ballot, revision: u32) -> Result<CastOutcome, Unavailable> {
        let partition = self.partitions().of_voter(ballot.voter);
        let casting = &self.casting[usize::from(partition.number())];
        match casting.cast(ballot, revision).await? {
            CastOutcome::UnknownPoll
                if partition != self.partitions().home(ballot.poll) && self.bring(ballot.poll, partition).await? =>
            {
                casting.cast(ballot, revision).await
            }
            outcome => Ok(outcome),
        }
    }

    async fn poll(&self, id: PollId) -> Result<Option<Poll>, Unavailable> {
        const WHAT: &str = "reading a poll";
        let deadline = Deadline::usual();
        let home = self.partitions().home(id);
        let mut found = self.copies.read(home, WHAT, deadline, id).await;
        for partition in self.partitions().all().filter(|&partition| partition != home) {
            if found.is_ok() || deadline.is_over() {
                break;
            }
            // Another partition that has no copy does not know whether there is such a poll.
            if let Ok(Some(read)) = self.copies.read(partition, WHAT, deadline, id).await {
                found = Ok(Some(read));
            }
        }
        Ok(found?.map(|read| read.poll()))
    }

    async fn polls(&self) -> Result<Vec<Poll>, Unavailable> {
        const WHAT: &str = "reading the polls";
        let deadline = Deadline::usual();
        let mut read = Err(Unavailable::NotBegun);
        for partition in self.partitions().all() {
            read = self.copies.all(partition, WHAT, deadline).await;
            if read.is_ok() || deadline.is_over() {
                break;
            }
        }
        let PollsRead { copies, now_millis } = read?;
        Ok(copies.into_iter().map(|copy| copy.poll.as_of(now_millis)).collect())
    }

    fn log_millis(&self, poll: PollId) -> u64 {
        let home = self.copies.holder(self.partitions().home(poll)).clock.now_millis();
        home.or_else(|| self.copies.any_clock_millis()).unwrap_or_else(system_millis)
    }

    async fn create(&self, poll: Poll) -> Result<ChangeOutcome, Unavailable> {
        let (deadline, copy) = (Deadline::usual(), PollCopy::of(poll));
        if !self.copies.put(deadline, None, &copy, Precondition::SamePoll).await? {
            return Ok(ChangeOutcome::Exists);
        }
        match self.copies.spread(deadline, &copy).await {
            Spread::Everywhere => Ok(ChangeOutcome::Done(copy.poll)),
            Spread::Partly(error) => Ok(underway(copy.poll, &error)),
            // Its home had lost it.
            Spread::Conflict(held) => {
                let taken_over = self.copies.take_over(deadline, &held).await;
                taken_over.map_err(|error| error.after_something(CHANGING))?;
                Ok(ChangeOutcome::Exists)
            }
        }
    }

    async fn change(&self, id: PollId, change: PollChange) -> Result<ChangeOutcome, Unavailable> {
        match change {
            PollChange::Rewrite(_) | PollChange::Correct(_) if self.partitions() != Partitions::ONE => {
                self.rewrite(id, &change).await
            }
            change => self.change_at_home(id, &change, 0).await,
        }
    }

    async fn change_seen(
        &self,
        id: PollId,
        version: u64,
        change: PollChange,
    ) -> Result<Option<ChangeOutcome>, Unavailable> {
        let deadline = Deadline::usual();
        let found = self.copies.at_home("reading a poll", deadline, id).await.map_err(Unavailable::before_anything)?;
        let Some(found) = found else { return Ok(Some(ChangeOutcome::UnknownPoll)) };
        if found.poll().version() != version {
            return Ok(None);
        }
        match found.copy.poll.after_at(found.now_millis, &change, found.accepted) {
            Ok(next) => self.change_to(deadline, &found, next, Precondition::SamePoll).await,
            Err(refused) => Ok(Some(ChangeOutcome::Refused(refused))),
        }
    }

    /// Every partition notes it, so that it can be asked for while any of them is away.
    async fn end_session(&self, session: SessionId, lasting: Duration) -> Result<(), Unavailable> {
        const WHAT: &str = "ending a session";
        let lasting_ms = u64::try_from(lasting.as_millis()).unwrap_or(u64::MAX).max(1);
        let note = |partition| {
            let Holder { link, keys, .. } = self.copies.holder(partition);
            run(link, WHAT, END_SESSION.call(&[&keys.ended(session)]).arg(lasting_ms))
        };
        try_join_all(self.partitions().all().map(note)).await.map(drop)
    }

    async fn has_ended(&self, session: SessionId) -> Result<bool, Unavailable> {
        let ask = |partition| self.has_ended_in(partition, session);
        let answers = join_all(self.partitions().all().map(ask)).await;
        if answers.contains(&Ok(true)) {
            return Ok(true);
        }
        // One that answers knows it: the organiser was told so only when all had noted it.
        answers.into_iter().reduce(Result::or).expect("a log has a partition")
    }

    async fn accepted(&self, id: PollId) -> Result<u64, Unavailable> {
        self.accepted_everywhere(Deadline::usual(), id).await
    }

    async fn installation(&self) -> Result<Option<InstallationId>, Unavailable> {
        let (mut read, deadline) = (Ok(None), Deadline::usual());
        for partition in self.partitions().all() {
            let holder = self.copies.holder(partition);
            let identity = installation::identity(&holder.link, &holder.keys).await;
            read = identity.map(|identity| identity.installation.map(|(installation, _)| installation.id));
            if matches!(read, Ok(Some(_))) || deadline.is_over() {
                break;
            }
        }
        read
    }

    async fn ready(&self) -> Result<(), Unavailable> {
        const WHAT: &str = "asking whether the log takes ballots";
        let deadline = Deadline::usual();
        let ask = |partition| async move {
            let holder = self.copies.holder(partition);
            let connection = holder.link.connected(WHAT, deadline).await?;
            fence::token(&connection, WHAT, deadline, &holder.keys).await
        };
        let answers = join_all(self.partitions().all().map(ask)).await;
        for (number, answer) in answers.iter().enumerate() {
            metrics::gauge!("scrutin_log_partition_ready", "partition" => number.to_string())
                .set(u8::from(answer.is_ok()));
        }
        // One is enough: an instance that is taken out of service would serve the voters of no partition.
        if answers.iter().any(Result::is_ok) {
            return Ok(());
        }
        answers.into_iter().next().expect("a log has a partition").map(drop)
    }
}
