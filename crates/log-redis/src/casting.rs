//! The way of a ballot into one partition: many requests' ballots in one call of a script.
//!
//! Ballots wait in a bounded queue. Whenever one of a few calls is free it takes all that wait, so calls grow with
//! the load and nothing ever waits for company: alone, a ballot is sent at once; in a rush, hundreds share one
//! round trip and one write to Redis' disk. One poll's ballots in one take share a script call, and the
//! calls of several polls go out together.

use std::{collections::HashMap, sync::Arc, time::Duration};

use domain::{Access, Ballot, Cast, PollId, PollState, Unavailable};
use redis::Value;
use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    time::Instant,
};
use tracing::Instrument;

use crate::{
    keys::Keys,
    link::{ANSWER_TIMEOUT, Deadline, Link},
    scripts::{self, CAST, Call, unexpected},
    wire,
};

/// Ballots of one partition that may wait; more are refused as [`Unavailable::Busy`].
pub(crate) const QUEUE_BALLOTS: usize = 16_384;
/// Ballots that are sent together at most. It bounds how long one script call keeps Redis from others (about 2 ms).
const MAX_BALLOTS_SENT: usize = 512;
/// Takes of one partition that may be under way. More than one, so that the next is on its way while Redis
/// writes the last to disk; few, so that takes grow under load.
const SENT_AT_ONCE: usize = 3;
/// How long a caller waits, queue included. When it is over the caller is told that the outcome is not known,
/// and from then on Redis does not cast the ballot any more, however late the call reaches it.
const CAST_TIMEOUT: Duration = ANSWER_TIMEOUT;
/// How long a ballot may wait to be sent. What is left of [`CAST_TIMEOUT`] is for Redis.
const LONGEST_QUEUEING: Duration = Duration::from_millis(1_200);

const WHAT: &str = "casting a ballot";

type Answer = Result<Cast, Unavailable>;

struct Waiting {
    ballot: Ballot,
    access: Access,
    since: Instant,
    answer: oneshot::Sender<Answer>,
}

/// Where the ballots of one partition wait. Its task ends when this is dropped and the last ballot is answered.
pub(crate) struct Casting {
    queue: mpsc::Sender<Waiting>,
}

impl Casting {
    /// Starts the task that sends the ballots. Must be called within a Tokio runtime.
    pub(crate) fn start(link: Arc<Link>, keys: Arc<Keys>) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE_BALLOTS);
        tokio::spawn(send_as_they_come(waiting, link, keys));
        Self { queue }
    }

    /// Casts a ballot. If the caller gives up while it waits, the ballot is not sent any more; once it was
    /// sent, whether it was cast is not known.
    pub(crate) async fn cast(&self, ballot: Ballot, access: Access) -> Answer {
        let (answer, answered) = oneshot::channel();
        let since = Instant::now();
        self.queue.try_send(Waiting { ballot, access, since, answer }).map_err(|_| Unavailable::Busy)?;
        match tokio::time::timeout_at(since + CAST_TIMEOUT, answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(Unavailable::failed(WHAT, "the call was abandoned")),
            Err(_) => Err(Unavailable::Timeout { what: WHAT, after: CAST_TIMEOUT }),
        }
    }
}

async fn send_as_they_come(mut queue: mpsc::Receiver<Waiting>, link: Arc<Link>, keys: Arc<Keys>) {
    let free = Arc::new(Semaphore::new(SENT_AT_ONCE));
    loop {
        let sending = Arc::clone(&free).acquire_owned().await.expect("the semaphore is never closed");
        let mut taken = Vec::new();
        if queue.recv_many(&mut taken, MAX_BALLOTS_SENT).await == 0 {
            return;
        }
        let taken = still_in_time(taken);
        let (link, keys) = (Arc::clone(&link), Arc::clone(&keys));
        // For traces (`service::traces`); nobody listens otherwise.
        let span = tracing::trace_span!(target: "scrutin::trace", "log.cast", ballots = taken.len());
        let sent = async move {
            send(&link, &keys, taken).await;
            drop(sending);
        };
        tokio::spawn(sent.instrument(span));
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

/// Sends the ballots and answers each of them.
async fn send(link: &Link, keys: &Keys, taken: Vec<Waiting>) {
    let Some(first) = taken.iter().map(|waiting| waiting.since).min() else { return };
    #[expect(clippy::cast_precision_loss, reason = "at most MAX_BALLOTS_SENT")]
    metrics::histogram!("scrutin_log_ballots_per_call").record(taken.len() as f64);
    let groups = by_kind(taken);
    // The first to give up decides for all: nobody's ballot is cast after they were told that nothing is known.
    let deadline = Deadline::since(first);
    let outcome = match link.clock_at(WHAT, deadline).await {
        Ok(last) => {
            let calls = groups.iter().map(|(kind, ballots)| call(keys, *kind, last, ballots)).collect();
            scripts::run_together(link, WHAT, deadline, calls).await
        }
        Err(error) => Err(error),
    };
    match outcome {
        Ok(answers) => {
            for ((_, ballots), answer) in groups.into_iter().zip(answers) {
                let casts = answer.and_then(|answer| read(answer, ballots.len()));
                tell(ballots, casts);
            }
        }
        Err(error) => groups.into_iter().for_each(|(_, ballots)| tell(ballots, Err(error.clone()))),
    }
}

/// What the ballots of one call have in common: the poll, and what its voters took its access to be.
type Kind = (PollId, Access);

/// The ballots of each kind, in the order in which they came.
fn by_kind(taken: Vec<Waiting>) -> Vec<(Kind, Vec<Waiting>)> {
    let mut groups: Vec<(Kind, Vec<Waiting>)> = Vec::new();
    let mut index = HashMap::new();
    for waiting in taken {
        let kind = (waiting.ballot.poll, waiting.access);
        let group = *index.entry(kind).or_insert_with(|| {
            groups.push((kind, Vec::new()));
            groups.len() - 1
        });
        groups[group].1.push(waiting);
    }
    groups
}

fn call(keys: &Keys, (poll, access): Kind, last_millis: u64, ballots: &[Waiting]) -> Call {
    let call = CAST
        .call(&[&keys.id, &keys.polls, &keys.log, &keys.accepted, &keys.voters(poll)])
        .arg(poll.as_str())
        .arg(wire::BALLOT_FIELD)
        .arg(wire::VOTER_BYTES)
        .arg(last_millis)
        .arg(wire::access_word(access));
    ballots.iter().fold(call, |call, waiting| call.arg(wire::encode_ballot(&waiting.ballot)))
}

/// Reads the script's answer: what became of each of `count` ballots.
fn read(answer: Value, count: usize) -> Result<Vec<Cast>, Unavailable> {
    let Value::Array(parts) = answer else { return Err(unexpected(WHAT)) };
    let one_for_all = |cast| Ok(vec![cast; count]);
    match parts.as_slice() {
        [Value::BulkString(word)] => match word.as_slice() {
            b"too late" => Err(Unavailable::failed(WHAT, "Redis was too slow; the ballot was not cast")),
            b"not begun" => Err(Unavailable::NotBegun),
            b"unknown poll" => one_for_all(Cast::UnknownPoll),
            b"waiting" => one_for_all(Cast::NotOpen(PollState::Waiting)),
            b"closed" => one_for_all(Cast::NotOpen(PollState::Closed)),
            b"rewritten" => one_for_all(Cast::Unfit),
            _ => Err(unexpected(WHAT)),
        },
        [Value::BulkString(_), Value::BulkString(places)] => {
            let casts: Option<Vec<Cast>> = places.split(|&byte| byte == b' ').map(read_place).collect();
            casts.filter(|casts| casts.len() == count).ok_or_else(|| unexpected(WHAT))
        }
        _ => Err(unexpected(WHAT)),
    }
}

fn read_place(place: &[u8]) -> Option<Cast> {
    match place {
        b"!" => Some(Cast::Unfit),
        [b'=', id @ ..] => wire::decode_position(id).map(Cast::AlreadyCast),
        id => wire::decode_position(id).map(Cast::Recorded),
    }
}

fn tell(ballots: Vec<Waiting>, casts: Result<Vec<Cast>, Unavailable>) {
    // A caller who has gone away hears nothing; that is what it means to go away.
    match casts {
        Ok(casts) => {
            ballots.into_iter().zip(casts).for_each(|(waiting, cast)| drop(waiting.answer.send(Ok(cast))));
        }
        Err(error) => ballots.into_iter().for_each(|waiting| drop(waiting.answer.send(Err(error.clone())))),
    }
}
