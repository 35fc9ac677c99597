//! The way of a ballot into one partition: many requests' ballots in one call of a script.
//!
//! Ballots wait in a bounded queue. When a call is answered the next takes all that wait, so calls grow with the load
//! and nothing ever waits for company: alone, a ballot is sent at once; in a rush, hundreds share one round trip
//! and one write to Redis' disk. One poll's ballots in one take share a script call and an entry of the log, and the calls of
//! several polls go out together.

use std::{collections::HashMap, io, mem, sync::Arc, thread, time::Duration};

use domain::{Ballot, CastOutcome, PollId, PollState, Position, Unavailable};
use redis::Value;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::Instant,
};
use tracing::Instrument;

use crate::{
    fence::{self, Fence, Pass},
    keys::Keys,
    link::{Deadline, Link},
    memory::Memory,
    scripts::{self, CAST, Call, unexpected},
    wire,
};

/// Ballots of one partition that may wait; more are refused as [`Unavailable::Busy`].
pub(crate) const QUEUE_BALLOTS: usize = 16_384;
/// Ballots that are sent together at most. It bounds how long one script call keeps Redis from others, and what one entry of
/// the log holds.
pub(crate) const MAX_BALLOTS_SENT: usize = 512;
/// How long a ballot may wait to be sent. What is left of [`ANSWER_TIMEOUT`](crate::link::ANSWER_TIMEOUT) is for Redis;
/// when that is over the caller is told that the outcome is not known, and Redis does not cast the ballot any more,
/// however late the call reaches it.
const LONGEST_QUEUEING: Duration = Duration::from_millis(1_200);

const WHAT: &str = "casting a ballot";

type Answer = Result<CastOutcome, Unavailable>;

struct Waiting {
    ballot: Ballot,
    revision: u32,
    since: Instant,
    answer: oneshot::Sender<Answer>,
}

/// Where the ballots of one partition wait. Who sends them ends when this is dropped and the last ballot is answered.
pub(crate) struct Casting {
    queue: mpsc::Sender<Waiting>,
    memory: Arc<Memory>,
}

/// The other end of a [`Casting`]: it sends what waits there.
pub(crate) struct Sending {
    queue: mpsc::Receiver<Waiting>,
    keys: Arc<Keys>,
    memory: Arc<Memory>,
}

impl Casting {
    /// A queue for one partition, and its other end, which is for [`send_all`].
    pub(crate) fn new(keys: Arc<Keys>, memory: &Arc<Memory>) -> (Self, Sending) {
        let (queue, waiting) = mpsc::channel(QUEUE_BALLOTS);
        (Self { queue, memory: Arc::clone(memory) }, Sending { queue: waiting, keys, memory: Arc::clone(memory) })
    }

    /// Casts a ballot of a voter who was shown this revision of its poll. If the caller gives up while it waits, the
    /// ballot is not sent any more; once it was sent, whether it was cast is not known.
    ///
    /// Answers within about [`ANSWER_TIMEOUT`](crate::link::ANSWER_TIMEOUT), queue included: each call ends within that
    /// time of its oldest ballot, and whoever waited longer than [`LONGEST_QUEUEING`] for it is not sent any more.
    pub(crate) async fn cast(&self, ballot: Ballot, revision: u32) -> Answer {
        if self.memory.is_full() {
            return Err(Unavailable::Full);
        }
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting { ballot, revision, since: Instant::now(), answer };
        self.queue.try_send(waiting).map_err(|_| Unavailable::Busy)?;
        answered.await.unwrap_or_else(|_| Err(Unavailable::failed(WHAT, "the call was abandoned")))
    }
}

/// Sends the ballots of all partitions, until all queues are closed and the last ballot is answered.
///
/// On a thread of its own: among the tasks that serve requests, Redis' answer would wait until they have had their
/// turn, and every ballot behind it as well.
pub(crate) fn send_all(link: Link, sendings: Vec<Sending>, memory: Arc<Memory>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let link = Arc::new(link);
    thread::Builder::new().name("log-casting".into()).spawn(move || {
        runtime.block_on(async move {
            let mut all = JoinSet::new();
            for sending in sendings {
                all.spawn(send_as_they_come(sending, Arc::clone(&link)));
            }
            // Ends with the runtime.
            tokio::spawn(async move { memory.watch(&link).await });
            // A panic was reported when it happened, and those who waited hear that their call was abandoned.
            while all.join_next().await.is_some() {}
        });
    })?;
    Ok(())
}

async fn send_as_they_come(Sending { mut queue, keys, memory }: Sending, link: Arc<Link>) {
    let way = Arc::new(Way { fence: Fence::new(Arc::clone(&keys)), keys, link, memory });
    let mut taken = Vec::new();
    while queue.recv_many(&mut taken, MAX_BALLOTS_SENT).await > 0 {
        // For traces (`program::traces`); nobody listens otherwise.
        let span = tracing::trace_span!(target: "scrutin::trace", "log.cast", ballots = taken.len());
        let way = Arc::clone(&way);
        let taken = mem::replace(&mut taken, Vec::with_capacity(MAX_BALLOTS_SENT));
        // A task of its own, so that a panic takes one call with it and not all that come after.
        let sent = tokio::spawn(async move { send(&way, still_in_time(taken)).await }.instrument(span));
        if sent.await.is_err() {
            tracing::error!("sending ballots panicked; those in that call were told that the outcome is not known");
        }
    }
}

/// Those whose callers wait and will wait long enough. Whoever gave up was told that the outcome is not known; not to
/// cast the ballot is the better one.
fn still_in_time(taken: Vec<Waiting>) -> Vec<Waiting> {
    let (sent, overdue): (Vec<_>, Vec<_>) = taken
        .into_iter()
        .filter(|waiting| !waiting.answer.is_closed())
        .partition(|waiting| waiting.since.elapsed() < LONGEST_QUEUEING);
    tell(overdue, Err(Unavailable::Busy));
    sent
}

/// What leads to the log of one partition.
struct Way {
    link: Arc<Link>,
    keys: Arc<Keys>,
    fence: Fence,
    memory: Arc<Memory>,
}

/// Sends the ballots and answers each of them.
async fn send(way: &Way, taken: Vec<Waiting>) {
    let Some(first) = taken.iter().map(|waiting| waiting.since).min() else { return };
    #[expect(clippy::cast_precision_loss, reason = "at most MAX_BALLOTS_SENT")]
    metrics::histogram!("scrutin_log_ballots_per_call").record(taken.len() as f64);
    // The first to give up decides for all: nobody's ballot is cast after they were told that nothing is known.
    let deadline = Deadline::since(first);
    let returned = send_within(way, deadline, by_kind(taken)).await;
    for Returned { group: (_, ballots), because } in send_again(way, deadline, returned).await {
        tell(ballots, Err(because));
    }
}

/// Sends again what Redis took nothing of. We know better now: its clock was set forward since we last knew of it; or
/// another leader is attaching, which takes a moment.
async fn send_again(way: &Way, deadline: Deadline, mut returned: Vec<Returned>) -> Vec<Returned> {
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
        returned = send_within(way, deadline, returned.into_iter().map(|returned| returned.group).collect()).await;
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

/// Sends the ballots and answers them, but for those which Redis took nothing of and that may be sent again: these are
/// given back.
async fn send_within(way: &Way, deadline: Deadline, groups: Vec<Group>) -> Vec<Returned> {
    if groups.is_empty() {
        return Vec::new();
    }
    let pass = match way.fence.pass(&way.link, WHAT, deadline).await {
        Ok(pass) => pass,
        Err(Unavailable::NotAttached) => return groups.into_iter().map(Returned::not_attached).collect(),
        Err(error) => {
            tell_all(groups, &error);
            return Vec::new();
        }
    };
    let last = pass.connection.clock_at(deadline);
    let sent = Instant::now();
    let calls = groups.iter().map(|(kind, ballots)| call(way, &pass, *kind, last, ballots)).collect();
    let answers = match scripts::run_together(&pass.connection, WHAT, deadline, calls).await {
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
                            way.fence.refused();
                        }
                        returned.push(Returned { group: (kind, ballots), because });
                    }
                }
            }
            Err(error) => tell_failure(vec![(kind, ballots)], error, deadline),
        }
    }
    if let Some(now) = clock {
        way.link.saw_clock(now, sent).await;
    }
    returned
}

/// What the ballots of one call have in common: the poll, and which revision of it their voters were shown.
type Kind = (PollId, u32);

type Group = (Kind, Vec<Waiting>);

/// The ballots of each kind, in the order in which they came.
fn by_kind(taken: Vec<Waiting>) -> Vec<Group> {
    let kind = |waiting: &Waiting| (waiting.ballot.poll, waiting.revision);
    let Some(first) = taken.first().map(kind) else { return Vec::new() };
    // In a rush it is nearly always one poll that everybody votes in.
    if taken.iter().all(|waiting| kind(waiting) == first) {
        return vec![(first, taken)];
    }
    let mut groups: Vec<Group> = Vec::new();
    let mut index = HashMap::new();
    for waiting in taken {
        let kind = kind(&waiting);
        let group = *index.entry(kind).or_insert_with(|| {
            groups.push((kind, Vec::new()));
            groups.len() - 1
        });
        groups[group].1.push(waiting);
    }
    groups
}

fn call(way: &Way, pass: &Pass, (poll, revision): Kind, last_millis: u64, waiting: &[Waiting]) -> Call {
    let keys = &way.keys;
    let mut ballots = Vec::with_capacity(waiting.len() * wire::BALLOT_BYTES);
    for Waiting { ballot, .. } in waiting {
        wire::encode_ballot(ballot, &mut ballots);
    }
    CAST.call(&[&keys.attached, &keys.polls, &keys.log, &keys.accepted, &keys.voters(poll)])
        .arg(poll.as_str())
        .arg(wire::BALLOTS_FIELD)
        .arg(wire::encode_poll_of_ballots(poll))
        .arg(wire::BALLOT_BYTES)
        .arg(wire::VOTER_BYTES)
        .arg(last_millis)
        .arg(revision)
        .arg(ballots)
        .arg(way.memory.most_voters())
        .arg(&*pass.token)
}

/// Reads the script's answer: what Redis' clock shows, and what became of each of `count` ballots, or why none was
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

/// What became of each ballot, where the `first` that was taken stands there. `None` where that makes no sense.
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

/// Tells those whose call failed; at once where it is certain that nothing was done.
fn tell_failure(groups: Vec<Group>, error: Unavailable, deadline: Deadline) {
    if error.nothing_happened() {
        return tell_all(groups, &error);
    }
    // What was sent may be on its way yet, and be cast until the deadline. Whoever hears that the outcome is not known
    // votes again, and no older ballot of theirs must come behind that.
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

fn tell(ballots: Vec<Waiting>, casts: Result<Vec<CastOutcome>, Unavailable>) {
    // A caller who has gone away hears nothing; that is what it means to go away.
    match casts {
        Ok(casts) => {
            ballots.into_iter().zip(casts).for_each(|(waiting, cast)| drop(waiting.answer.send(Ok(cast))));
        }
        Err(error) => ballots.into_iter().for_each(|waiting| drop(waiting.answer.send(Err(error.clone())))),
    }
}

#[cfg(test)]
mod tests;
