//! The queue of ballots for one partition: one script call sends the ballots of many requests to Redis.
//!
//! After each reply, the next call takes all ballots in the queue. So a single ballot is sent at once; under load,
//! hundreds share one round trip and one fsync of Redis. With several partitions, a call waits some milliseconds after
//! the last one, so that it has about as many (`spacing`). Ballots of one poll share a script call and an entry of the
//! log. The calls for several polls are sent together.
//!
//! May import: `answers`, `calls`, `deadline`, `fence`, `keys`, `link`, `memory`, `scripts`, `wire`.

mod spacing;

use std::{collections::HashMap, io, sync::Arc, thread, time::Duration};

use domain::{Ballot, CastOutcome, Partition, PollId, PollState, Position, Unavailable};
use redis::Value;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::Instant,
};
use tracing::Instrument;

use crate::{
    answers::unexpected,
    calls::run_together,
    deadline::Deadline,
    fence::{self, Fence, Pass},
    keys::Keys,
    link::Link,
    memory::RedisMemory,
    scripts::{CAST, Call},
    wire,
};
use spacing::Spacing;

/// The capacity of a partition's queue; further ballots fail with [`Unavailable::Busy`].
pub(crate) const QUEUE_BALLOTS: usize = 16_384;
/// The most ballots in one call. It limits how long a script blocks Redis, and the size of a log entry.
pub(crate) const MAX_BALLOTS_SENT: usize = 512;
/// How long a ballot may be queued. Redis has the rest of [`ANSWER_TIMEOUT`](crate::deadline::ANSWER_TIMEOUT). After
/// that time the caller gets "unknown", and Redis rejects the ballot, however late the call arrives.
const LONGEST_QUEUEING: Duration = Duration::from_millis(1_200);

const WHAT: &str = "casting a ballot";

type CastAnswer = Result<CastOutcome, Unavailable>;

struct QueuedBallot {
    ballot: Ballot,
    revision: u32,
    since: Instant,
    answer: oneshot::Sender<CastAnswer>,
}

/// The queue. When it is dropped, its sender stops after the last ballot is answered.
pub(crate) struct CastQueue {
    queue: mpsc::Sender<QueuedBallot>,
    memory: Arc<RedisMemory>,
}

/// The receiving end of a [`CastQueue`]: it sends the ballots.
pub(crate) struct CastSender {
    queue: mpsc::Receiver<QueuedBallot>,
    path: SendPath,
}

impl CastQueue {
    /// A queue for one partition, and its receiving end for [`send_all`]. Nothing else should use the link: it is used
    /// in another thread.
    pub(crate) fn new(keys: Arc<Keys>, link: Arc<Link>, partition: Partition) -> (Self, CastSender) {
        let (queue, queued) = mpsc::channel(QUEUE_BALLOTS);
        let memory = Arc::new(RedisMemory::new(partition));
        let path = SendPath { link, fence: Fence::new(Arc::clone(&keys)), keys, memory: Arc::clone(&memory) };
        (Self { queue, memory }, CastSender { queue: queued, path })
    }

    /// Casts a ballot of a voter who was shown this revision of its poll. If the caller gives up before the ballot is
    /// sent, it is not sent. If the caller gives up later, the outcome is unknown.
    ///
    /// Returns within about [`ANSWER_TIMEOUT`](crate::deadline::ANSWER_TIMEOUT): each call ends within that time of its
    /// oldest ballot, and a ballot that was queued longer than [`LONGEST_QUEUEING`] is not sent.
    pub(crate) async fn cast(&self, ballot: Ballot, revision: u32) -> CastAnswer {
        if self.memory.is_full() {
            return Err(Unavailable::Full);
        }
        let (answer, answered) = oneshot::channel();
        let queued = QueuedBallot { ballot, revision, since: Instant::now(), answer };
        self.queue.try_send(queued).map_err(|_| Unavailable::Busy)?;
        answered.await.unwrap_or_else(|_| Err(Unavailable::failed(WHAT, "the call was abandoned")))
    }
}

/// Sends the ballots of all partitions until all queues are closed and the last ballot is answered.
///
/// It has its own thread. Among the tasks that serve requests, Redis' reply would wait until they have had their turn,
/// and so would every ballot in the queue.
pub(crate) fn send_all(senders: Vec<CastSender>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    thread::Builder::new().name("log-casting".into()).spawn(move || {
        runtime.block_on(async move {
            let (mut all, partitions) = (JoinSet::new(), senders.len());
            for sender in senders {
                let (memory, link) = (Arc::clone(&sender.path.memory), Arc::clone(&sender.path.link));
                // Ends with the runtime.
                tokio::spawn(async move { memory.watch(&link).await });
                all.spawn(send_as_they_come(sender, Spacing::of_one_of(partitions)));
            }
            // A panic was reported when it happened, and its callers got an error.
            while all.join_next().await.is_some() {}
        });
    })?;
    Ok(())
}

async fn send_as_they_come(CastSender { mut queue, path }: CastSender, mut spacing: Spacing) {
    let path = Arc::new(path);
    loop {
        let taken = spacing.take(&mut queue, MAX_BALLOTS_SENT).await;
        if taken.is_empty() {
            return;
        }
        // For traces (`program::traces`); otherwise it is not recorded.
        let span = tracing::trace_span!(target: "scrutin::trace", "log.cast", ballots = taken.len());
        let path = Arc::clone(&path);
        // A separate task, so that a panic ends one call and not all later ones.
        let sent = tokio::spawn(async move { send(&path, still_in_time(taken)).await }.instrument(span));
        if sent.await.is_err() {
            tracing::error!(
                event = "log.panicked",
                "sending ballots panicked. The voters of that call are told that the outcome is unknown"
            );
        }
    }
}

/// Drops ballots whose caller has given up, and answers those that were queued too long. Voters whose request timed out
/// were told that the outcome is unknown; not casting is the safer outcome.
fn still_in_time(taken: Vec<QueuedBallot>) -> Vec<QueuedBallot> {
    let (sent, overdue): (Vec<_>, Vec<_>) = taken
        .into_iter()
        .filter(|queued| !queued.answer.is_closed())
        .partition(|queued| queued.since.elapsed() < LONGEST_QUEUEING);
    tell(overdue, Err(Unavailable::Busy));
    sent
}

/// The resources for sending to the log of one partition.
struct SendPath {
    link: Arc<Link>,
    keys: Arc<Keys>,
    fence: Fence,
    memory: Arc<RedisMemory>,
}

/// Sends the ballots and answers each of them.
async fn send(path: &SendPath, taken: Vec<QueuedBallot>) {
    let Some(first) = taken.iter().map(|queued| queued.since).min() else { return };
    #[expect(clippy::cast_precision_loss, reason = "at most MAX_BALLOTS_SENT")]
    metrics::histogram!("scrutin_log_ballots_per_call").record(taken.len() as f64);
    // The earliest deadline applies to all: no ballot is cast after its voter was told that the outcome is unknown.
    let deadline = Deadline::since(first);
    let returned = send_within(path, deadline, by_kind(taken)).await;
    for Returned { group: (_, ballots), because } in send_again(path, deadline, returned).await {
        tell(ballots, Err(because));
    }
}

/// Resends ballots that Redis certainly did not take: its clock was set forward since the last reading, or another
/// leader is attaching, which takes a moment.
async fn send_again(path: &SendPath, deadline: Deadline, mut returned: Vec<Returned>) -> Vec<Returned> {
    let patience = fence::patience();
    let mut late_again = false;
    while !returned.is_empty() && !deadline.is_over() && !late_again {
        if returned.iter().any(|returned| returned.because == Unavailable::NotAttached) {
            if patience.is_over() {
                break;
            }
            tokio::time::sleep(fence::ASK_AGAIN_AFTER).await;
        } else {
            late_again = true;
        }
        returned = send_within(path, deadline, returned.into_iter().map(|returned| returned.group).collect()).await;
    }
    returned
}

/// Ballots that Redis certainly did not take, and why.
struct Returned {
    group: Group,
    because: Unavailable,
}

impl Returned {
    fn not_attached(group: Group) -> Self {
        Self { group, because: Unavailable::NotAttached }
    }
}

/// Sends the ballots and answers them. Returns those that Redis certainly did not take and that may be sent again.
async fn send_within(path: &SendPath, deadline: Deadline, groups: Vec<Group>) -> Vec<Returned> {
    if groups.is_empty() {
        return Vec::new();
    }
    let pass = match path.fence.pass(&path.link, WHAT, deadline).await {
        Ok(pass) => pass,
        Err(Unavailable::NotAttached) => return groups.into_iter().map(Returned::not_attached).collect(),
        Err(error) => {
            tell_all(groups, &error);
            return Vec::new();
        }
    };
    let last = pass.connection.clock_at(deadline);
    let sent = Instant::now();
    let calls = groups.iter().map(|(kind, ballots)| call(path, &pass, *kind, last, ballots)).collect();
    let answers = match run_together(&pass.connection, WHAT, deadline, calls).await {
        Ok(answers) => answers,
        Err(error) => {
            tell_failure(groups, error, deadline);
            return Vec::new();
        }
    };
    let mut returned = Vec::new();
    let mut clock = None;
    for ((kind, ballots), answer) in groups.into_iter().zip(answers) {
        match answer.and_then(|answer| read(&answer, ballots.len())) {
            Ok((now, fate)) => {
                clock = Some(now);
                match fate {
                    Ok(casts) => tell(ballots, Ok(casts)),
                    Err(because) => {
                        if because == Unavailable::NotAttached {
                            path.fence.refused();
                        }
                        returned.push(Returned { group: (kind, ballots), because });
                    }
                }
            }
            Err(error) => tell_failure(vec![(kind, ballots)], error, deadline),
        }
    }
    if let Some(now) = clock {
        path.link.saw_clock(now, sent).await;
    }
    returned
}

/// What the ballots of one call share: the poll, and the revision that their voters were shown.
type Kind = (PollId, u32);

type Group = (Kind, Vec<QueuedBallot>);

/// Groups the ballots by kind, in order of arrival.
fn by_kind(taken: Vec<QueuedBallot>) -> Vec<Group> {
    let kind = |queued: &QueuedBallot| (queued.ballot.poll, queued.revision);
    let Some(first) = taken.first().map(kind) else { return Vec::new() };
    // Under load, nearly all ballots are for one poll.
    if taken.iter().all(|queued| kind(queued) == first) {
        return vec![(first, taken)];
    }
    let mut groups: Vec<Group> = Vec::new();
    let mut index = HashMap::new();
    for queued in taken {
        let kind = kind(&queued);
        let group = *index.entry(kind).or_insert_with(|| {
            groups.push((kind, Vec::new()));
            groups.len() - 1
        });
        groups[group].1.push(queued);
    }
    groups
}

fn call(path: &SendPath, pass: &Pass, (poll, revision): Kind, last_millis: u64, queued: &[QueuedBallot]) -> Call {
    let keys = &path.keys;
    let mut ballots = Vec::with_capacity(queued.len() * wire::BALLOT_BYTES);
    for QueuedBallot { ballot, .. } in queued {
        wire::push_ballot(ballot, &mut ballots);
    }
    CAST.call(&[&keys.attached, &keys.polls, &keys.log, &keys.accepted, &keys.voters(poll)])
        .arg(poll.as_str())
        .arg(wire::BALLOTS_FIELD)
        .arg(wire::begin_ballots(poll))
        .arg(wire::BALLOT_BYTES)
        .arg(wire::VOTER_BYTES)
        .arg(last_millis)
        .arg(revision)
        .arg(ballots)
        .arg(path.memory.most_voters())
        .arg(&*pass.token)
}

/// Reads the script's reply: the time on Redis' clock, and the outcome of each of `count` ballots, or why none was
/// taken.
fn read(answer: &Value, count: usize) -> Result<(u64, Result<Vec<CastOutcome>, Unavailable>), Unavailable> {
    let Value::Array(parts) = answer else { return Err(unexpected(WHAT)) };
    let [Value::BulkString(word), Value::Int(now), cast @ ..] = parts.as_slice() else {
        return Err(unexpected(WHAT));
    };
    let one_for_all = |cast| Ok(vec![cast; count]);
    let casts = match (word.as_slice(), cast) {
        (b"too late", []) => Err(Unavailable::not_done(WHAT, "Redis was too slow; the ballot was not cast")),
        (b"not attached", []) => Err(Unavailable::NotAttached),
        (b"full", []) => return Err(Unavailable::Full),
        (b"unknown poll", []) => one_for_all(CastOutcome::UnknownPoll),
        (b"waiting", []) => one_for_all(CastOutcome::NotOpen(PollState::Waiting)),
        (b"closed", []) => one_for_all(CastOutcome::NotOpen(PollState::Closed)),
        (b"rewritten", []) => one_for_all(CastOutcome::Rewritten),
        (b"cast", [Value::BulkString(first), Value::BulkString(fates)]) => {
            let casts = read_fates(first, fates, count).filter(|casts| casts.len() == count);
            Ok(casts.ok_or_else(|| unexpected(WHAT))?)
        }
        _ => return Err(unexpected(WHAT)),
    };
    Ok((u64::try_from(*now).map_err(|_| unexpected(WHAT))?, casts))
}

/// The outcome of each ballot, if the first one taken has the position `first`. `None` if the reply is inconsistent.
fn read_fates(first: &[u8], fates: &[u8], count: usize) -> Option<Vec<CastOutcome>> {
    let first = wire::decode_position(first);
    let mut further = 0..;
    let mut taken = || -> Option<Position> { first?.checked_add(further.next()?) };
    if fates.is_empty() {
        return (0..count).map(|_| taken().map(CastOutcome::Recorded)).collect();
    }
    let read = |fate: &[u8]| match fate {
        b"+" => taken().map(CastOutcome::Recorded),
        [b'=', id @ ..] => wire::decode_position(id).map(CastOutcome::AlreadyCast),
        _ => None,
    };
    fates.split(|&byte| byte == b' ').map(read).collect()
}

/// Answers ballots whose call failed. Answers at once if certainly nothing was done.
fn tell_failure(groups: Vec<Group>, error: Unavailable, deadline: Deadline) {
    if error.nothing_happened() {
        return tell_all(groups, &error);
    }
    // The ballots may still be on their way and be cast until the deadline. A voter who is told "unknown" earlier may
    // vote again, and the older ballot must not come after the newer one.
    tokio::spawn(async move {
        deadline.passed().await;
        tell_all(groups, &error);
    });
}

fn tell_all(groups: Vec<Group>, error: &Unavailable) {
    for (_, ballots) in groups {
        tell(ballots, Err(error.clone()));
    }
}

fn tell(ballots: Vec<QueuedBallot>, casts: Result<Vec<CastOutcome>, Unavailable>) {
    // The caller may have given up.
    match casts {
        Ok(casts) => {
            ballots.into_iter().zip(casts).for_each(|(queued, cast)| drop(queued.answer.send(Ok(cast))));
        }
        Err(error) => ballots.into_iter().for_each(|queued| drop(queued.answer.send(Err(error.clone())))),
    }
}

#[cfg(test)]
mod tests;
