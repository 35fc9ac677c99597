//! One partition of the log, as the worker reads it.
//!
//! It stores no position: the ledger does, and the caller passes it to each read.

use std::time::Duration;

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{
    Attachment, ClaimOutcome, Event, Fingerprint, Installation, Log, LogId, LogIdentity, LogSeed, LogState, Page,
    Partition, Poll, PollCopy, PollId, Position, Unavailable,
};
use redis::Value;

use crate::{
    addresses::RedisAddresses,
    answers::{checked, unexpected, word},
    beginning::Steps,
    calls::run,
    cast_queue::MAX_BALLOTS_SENT,
    copies::{adoption, begun, number, read_adoption, read_polls},
    deadline::{ANSWER_TIMEOUT, Deadline},
    event_box::read_events,
    installation,
    keys::{Keys, NO_OLD_BEGINNING},
    link::Link,
    scripts::{ADD_LOST, CLAIM, LOOK, OPEN, RAISE, READ_ALL, READ_POLLS, TRIM},
    wire,
};

/// The most stream entries in one read. Each holds up to [`MAX_BALLOTS_SENT`] ballots; their number is known only after
/// the read, so this limits the size of a page.
const MAX_ENTRIES_READ: usize = 512;

/// One partition of the log on Redis, for the worker that leads it.
pub struct RedisLog {
    /// Where the logs of all partitions are: all together are the ledger's log.
    address: String,
    addresses: u16,
    partition: Partition,
    keys: Keys,
    link: Link,
    /// Reads block their connection, so they have their own.
    reading: Link,
    /// A read has begun and not ended. If this is still true when the next one begins, the caller gave up the last one,
    /// and Redis may still be blocking on that connection.
    read_under_way: bool,
    /// What the leader's scripts present: the claimed server and the leader. Empty before a claim.
    token: String,
    /// The ballots per entry in the last page that had any, rounded up.
    ballots_per_entry: usize,
}

impl RedisLog {
    /// The partition's log on its server, which need not be reachable yet.
    pub fn new(addresses: &RedisAddresses, partition: Partition) -> Self {
        Self {
            address: addresses.to_string(),
            addresses: addresses.count(),
            partition,
            keys: Keys::new(partition),
            link: Link::new(addresses, partition),
            reading: Link::new(addresses, partition),
            read_under_way: false,
            token: String::new(),
            ballots_per_entry: MAX_BALLOTS_SENT,
        }
    }

    fn steps(&self) -> Steps<'_> {
        Steps { link: &self.link, keys: &self.keys, token: &self.token }
    }

    /// Reads entries and then checks that we are attached, in this order, over one connection. If the log was emptied
    /// or claimed by another leader since the caller's last check, the result is "not attached", even if the entries
    /// are still from the old log. In the other order, new entries could pass for the old log's.
    async fn read_page(&mut self, after: Position, limit: usize, wait: Duration) -> Result<Page, Unavailable> {
        const WHAT: &str = "reading the log";
        let mut commands = redis::pipe();
        let count = (limit / self.ballots_per_entry).clamp(1, MAX_ENTRIES_READ);
        let read = commands.cmd("XREAD").arg("COUNT").arg(count);
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        // `BLOCK 0` would wait for ever.
        if wait_ms > 0 {
            read.arg("BLOCK").arg(wait_ms);
        }
        read.arg("STREAMS").arg(&self.keys.log).arg(after.to_string());
        commands.cmd("GET").arg(&self.keys.attached);
        commands.cmd("HVALS").arg(&self.keys.accepted);

        let deadline = Deadline::within(wait.saturating_add(ANSWER_TIMEOUT));
        let answers = self.reading.send(WHAT, deadline, &commands).await?;
        let [entries, attached, accepted] = <[Value; 3]>::try_from(answers).map_err(|_| unexpected(WHAT))?;
        let accepted = total(WHAT, checked(WHAT, accepted)?)?;
        let attached = match checked(WHAT, attached)? {
            Value::Nil => false,
            token => word(WHAT, token)? == self.token,
        };
        let stored = stored_entries(WHAT, checked(WHAT, entries)?)?;
        let count = stored.len();
        let mut entries = Vec::with_capacity(limit.min(count * self.ballots_per_entry));
        for entry in stored {
            wire::decode_entry(entry, &mut entries).map_err(|reason| Unavailable::failed(WHAT, reason))?;
        }
        if count > 0 {
            self.ballots_per_entry = entries.len().div_ceil(count);
        }
        Ok(Page { attached, accepted, entries })
    }
}

#[async_trait]
impl Log for RedisLog {
    fn address(&self) -> String {
        self.address.clone()
    }

    fn addresses(&self) -> u16 {
        self.addresses
    }

    async fn identity(&mut self) -> Result<LogIdentity, Unavailable> {
        installation::identity(&self.link, &self.keys).await
    }

    async fn install(&mut self, installation: &Installation) -> Result<(), Unavailable> {
        installation::install(&self.link, &self.keys, installation, self.partition).await
    }

    async fn rekey(&mut self, fingerprint: &Fingerprint) -> Result<(), Unavailable> {
        installation::rekey(&self.link, &self.keys, fingerprint).await
    }

    async fn claim(&mut self, leader: &str, state: &LogState) -> Result<ClaimOutcome, Unavailable> {
        const WHAT: &str = "claiming the log";
        let Keys { attaching, attached, incarnation, log, trimmed, accepted, old_id, old_beginning, .. } = &self.keys;
        let keys = [attaching, attached, incarnation, log, trimmed, accepted, old_id, old_beginning];
        let call = CLAIM.call(&keys.map(String::as_str)).arg(leader);
        let call = call.arg(state.log.as_ref().map_or_else(random_id, |log| Ok(log.as_str().to_owned()))?);
        let call = call.arg(state.position.to_string()).arg(NO_OLD_BEGINNING);
        let Value::Array(parts) = run(&self.link, WHAT, call).await? else { return Err(unexpected(WHAT)) };
        let Ok([_, token, before, promoted, id, found]) = <[Value; 6]>::try_from(parts) else {
            // The address may resolve to the master by now.
            self.link.give_up().await;
            return Err(Unavailable::failed(WHAT, "the server is a replica, and takes no ballots"));
        };
        let (before, id) = (word(WHAT, before)?, word(WHAT, id)?);
        let found = attachment(WHAT, id, found)?;
        let now_millis = found.now_millis;
        let log = if found.id.as_str().is_empty() { None } else { Some(found) };
        self.token = word(WHAT, token)?;
        let (server_before, leader_before) = before.split_once('/').unwrap_or_default();
        let uninterrupted = leader_before == leader;
        let same_server = self.token.split_once('/').is_some_and(|(server, _)| server == server_before);
        Ok(ClaimOutcome { log, now_millis, uninterrupted, same_server, promoted: promoted == Value::Int(1) })
    }

    async fn begin(&mut self, seed: LogSeed) -> Result<LogId, Unavailable> {
        let id = random_id()?;
        self.steps().begin(&id, &seed).await?;
        Ok(LogId::new(id))
    }

    async fn renew(&mut self, seed: LogSeed) -> Result<(), Unavailable> {
        self.steps().write("writing the ledger's polls into the log", &seed).await
    }

    async fn raise(&mut self, above: Position) -> Result<(), Unavailable> {
        let call = self.steps().step(&RAISE, &[&self.keys.log]).arg(wire::last_id_above(above));
        self.steps().run("raising the log's last id", call).await
    }

    async fn settle(&mut self, counted: &[(PollId, u64)], others: u64) -> Result<(), Unavailable> {
        self.steps().settle(counted, others).await
    }

    async fn add_lost(&mut self, ballots: u64) -> Result<(), Unavailable> {
        let call = self.steps().step(&ADD_LOST, &[&self.keys.accepted]).arg(ballots);
        self.steps().run("adding what is lost to what was accepted", call).await
    }

    async fn open(&mut self) -> Result<(), Unavailable> {
        let call = self.steps().step(&OPEN, &[&self.keys.log]);
        self.steps().run("attaching to the log", call).await
    }

    async fn look(&mut self, counted: Position) -> Result<Option<Attachment>, Unavailable> {
        const WHAT: &str = "looking for the log";
        let Keys { attached, incarnation, log, trimmed, accepted, .. } = &self.keys;
        let call = LOOK.call(&[attached, incarnation, log, trimmed, accepted]);
        match run(&self.link, WHAT, call.arg(&self.token).arg(counted.to_string())).await? {
            Value::Nil => Ok(None),
            Value::Array(parts) => {
                let [id, found] = <[Value; 2]>::try_from(parts).map_err(|_| unexpected(WHAT))?;
                attachment(WHAT, word(WHAT, id)?, found).map(Some)
            }
            _ => Err(unexpected(WHAT)),
        }
    }

    async fn read(&mut self, after: Position, limit: usize, wait: Duration) -> Result<Page, Unavailable> {
        if self.read_under_way {
            self.reading.give_up().await;
        }
        self.read_under_way = true;
        let page = self.read_page(after, limit, wait).await;
        self.read_under_way = false;
        page
    }

    async fn trim(&mut self, through: Position) -> Result<(), Unavailable> {
        const WHAT: &str = "trimming the log";
        let Some(stays) = Position::from_i64(through.as_i64().saturating_add(1)) else { return Ok(()) };
        let call = TRIM.call(&[&self.keys.attached, &self.keys.log, &self.keys.trimmed]);
        let call = call.arg(stays.to_string()).arg(through.to_string()).arg(wire::BALLOTS_FIELD);
        let call = call.arg(wire::BALLOT_BYTES).arg(&self.token);
        self.steps().run(WHAT, call).await
    }

    async fn polls(&mut self) -> Result<Vec<Poll>, Unavailable> {
        Ok(self.copies().await?.into_iter().map(|copy| copy.poll).collect())
    }

    async fn events(&mut self) -> Result<Vec<Event>, Unavailable> {
        const WHAT: &str = "reading the events";
        let call = READ_ALL.call(&[&self.keys.incarnation, &self.keys.events]);
        read_events(WHAT, run(&self.link, WHAT, call).await?)
    }

    async fn copies(&mut self) -> Result<Vec<PollCopy>, Unavailable> {
        const WHAT: &str = "reading the polls";
        let call = READ_POLLS.call(&[&self.keys.incarnation, &self.keys.polls]);
        Ok(read_polls(WHAT, run(&self.link, WHAT, call).await?)?.copies)
    }

    async fn adopt(&mut self, copies: &[PollCopy]) -> Result<(), Unavailable> {
        const WHAT: &str = "adopting a poll";
        for copy in copies {
            let call = adoption(&self.keys, &self.keys.attaching, copy, &self.token);
            read_adoption(WHAT, run(&self.link, WHAT, call).await?)?;
        }
        Ok(())
    }

    async fn accepted(&mut self) -> Result<u64, Unavailable> {
        const WHAT: &str = "reading how many ballots were accepted";
        let call = READ_ALL.call(&[&self.keys.incarnation, &self.keys.accepted]);
        total(WHAT, begun(run(&self.link, WHAT, call).await?)?)
    }
}

/// The entries in the reply to `XREAD` of one stream.
fn stored_entries(what: &'static str, answer: Value) -> Result<Vec<Value>, Unavailable> {
    let mut streams = match answer {
        Value::Nil => return Ok(Vec::new()),
        Value::Map(streams) => streams,
        _ => return Err(unexpected(what)),
    };
    match streams.pop() {
        Some((_, Value::Array(entries))) => Ok(entries),
        _ => Err(unexpected(what)),
    }
}

/// The state of a log as the scripts report it (`scripts/state.lua`).
fn attachment(what: &'static str, id: String, found: Value) -> Result<Attachment, Unavailable> {
    let Value::Array(parts) = found else { return Err(unexpected(what)) };
    let [trimmed, last, accepted, unread, now] = <[Value; 5]>::try_from(parts).map_err(|_| unexpected(what))?;
    let (Value::Int(unread), Value::Int(now)) = (unread, now) else { return Err(unexpected(what)) };
    let last = if last == Value::BulkString(Vec::new()) { None } else { Some(position(what, &last)?) };
    Ok(Attachment {
        id: LogId::new(id),
        trimmed: position(what, &trimmed)?,
        last,
        accepted: number(what, &accepted)?,
        unread: unread > 0,
        now_millis: u64::try_from(now).map_err(|_| unexpected(what))?,
    })
}

/// The sum of all values in the hash of accepted ballots.
fn total(what: &'static str, counts: Value) -> Result<u64, Unavailable> {
    let Value::Array(counts) = counts else { return Err(unexpected(what)) };
    counts.iter().map(|count| number(what, count)).sum()
}

fn position(what: &'static str, id: &Value) -> Result<Position, Unavailable> {
    let Value::BulkString(id) = id else { return Err(unexpected(what)) };
    wire::decode_position(id).ok_or_else(|| unexpected(what))
}

/// The id of a new incarnation: 128 random bits as text.
fn random_id() -> Result<String, Unavailable> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| Unavailable::failed("choosing an id", error))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
